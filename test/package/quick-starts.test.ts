import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { DsqlClient } from 'aurora-dsql-orm';
import { useCluster } from '../cluster';

const root = path.join(__dirname, '../..');
const cluster = useCluster();

/** The examples of the README that are whole programs, by the section they are in. */
const programs = readFileSync(path.join(root, 'README.md'), 'utf8')
  .split(/^## /m)
  .flatMap((section): [string, string][] => {
    const [, program] = /```ts\n([^]*?void main\(\);\n)```/.exec(section) ?? [];
    return program === undefined ? [] : [[section.split('\n')[0] ?? '', program]];
  });

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'quick-start-'));
  symlinkSync(path.join(root, 'node_modules'), path.join(folder, 'node_modules'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

it.each<[string, RegExp]>([
  ['TypeORM', /^The balance is 10\.\n$/],
  ['Sequelize', /^The balance is 10\.\n$/],
  ['Without an ORM', /^Connected as admin\.\n$/],
])(
  'the program of the README under "%s" runs on the local DSQL, and ends by itself',
  async (name, output) => {
    expect(await runProgram(new Map(programs).get(name) ?? '')).toMatch(output);
  },
);

it('the steps of "Your first cluster" end with connections as the role of the application', async () => {
  const page = readFileSync(path.join(root, 'docs/getting-started.md'), 'utf8');
  const blocks = (language: string) =>
    [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, 'gm'))].map(([, text = '']) => text);
  const [setUp = ''] = blocks('sql');
  const admin = new DsqlClient(cluster.connection);
  await admin.connect();
  for (const statement of setUp.split(';').slice(0, -1)) {
    await admin.query(statement.replace(/'arn:.*'/, `'${cluster.local.roleArn}'`));
  }
  await admin.end();
  const [typeorm = '', sequelize = ''] = blocks('ts');
  expect(await runProgram(asFunction(typeorm))).toBe("[ { current_user: 'app', current_schema: 'shop' } ]\n");
  expect(await runProgram(asFunction(sequelize))).toBe('Executing (default): SELECT 1+1 AS result\n');
});

it.each([
  ['README.md', 'The local DSQL'],
  ['docs/local-dsql.md', 'Starting one'],
])(
  'the program of %s under "%s" starts a local DSQL, stops it, and ends by itself',
  async (page, heading) => {
    const [, section = ''] = readFileSync(path.join(root, page), 'utf8').split(`\n## ${heading}\n`);
    const [, program = ''] = /^```ts\n([^]*?)^```$/m.exec(section) ?? [];
    expect(program).toContain('await local.stop();');
    expect(await runProgram(asFunction(program))).toBe('');
  },
);

/** Runs a program on the local DSQL to its end, and returns what it prints. */
async function runProgram(text: string): Promise<string> {
  const file = path.join(folder, 'main.ts');
  writeFileSync(file, text);
  const register = path.join(root, 'test/typescript-register.cjs');
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['-r', register, file], {
    cwd: folder,
    env: { ...process.env, ...(await cluster.local.env()) },
  });
  expect(stderr).toBe('');
  return stdout;
}

/** An example with `await` outside of a function, for CommonJS. */
function asFunction(text: string): string {
  const [imports = '', ...body] = text.split(/\n\n/);
  return `${imports}\nvoid (async () => {\n${body.join('\n\n')}\n})();\n`;
}
