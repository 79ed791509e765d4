import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
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
    const file = path.join(folder, 'main.ts');
    writeFileSync(file, new Map(programs).get(name) ?? '');
    const register = path.join(root, 'test/typescript-register.cjs');
    const { stdout, stderr } = await promisify(execFile)(process.execPath, ['-r', register, file], {
      cwd: folder,
      env: { ...process.env, ...(await cluster.local.env()) },
    });
    expect(stderr).toBe('');
    expect(stdout).toMatch(output);
  },
);
