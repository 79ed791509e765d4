import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Client } from 'pg';
import { DsqlClient } from 'aurora-dsql-orm';
import { emptyDatabase } from 'aurora-dsql-orm/local';
import { launchPostgres, type PostgresServer } from '../../src/local/postgres';
import { findBinaries } from '../../src/local/postgres/binaries';
import { outcomeOf, type Outcome } from '../cli/run-cli';
import { useCluster } from '../cluster';
import { blocks, codeOf, textUnder, wayOf, type Block } from './blocks';
import { makeProject, resetProject } from './project-folder';
import { projects } from './projects';

const cluster = useCluster();
let folder: string;

beforeAll(() => {
  folder = makeProject();
});
beforeEach(async () => {
  resetProject(folder);
  await asAdmin(emptyDatabase);
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function asAdmin(work: (client: DsqlClient) => Promise<unknown>): Promise<void> {
  const client = new DsqlClient(cluster.connection);
  await client.connect();
  await work(client);
  await client.end();
}

const write = (file: string, text: string) => {
  mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
  writeFileSync(path.join(folder, file), text);
};

/** What a block of commands finds, beyond the project and a cluster in the environment. */
interface Surroundings {
  readonly files?: Readonly<Record<string, string>>;
  readonly replaced?: readonly (readonly [string, string])[];
  /** What is typed. */
  readonly input?: string;
  /** Looks at what the commands have left. */
  readonly then?: string;
  readonly printed?: RegExp;
  /** The highest status of a command that the page is right about. */
  readonly status?: number;
}

/** A psql that is older than 16 does not know the roots of the system. */
const rootsOfPsql = [
  ['sslrootcert=system', 'sslrootcert=$PGSSLROOTCERT'],
  ['PGSSLROOTCERT=system', ''],
] as const;

const tested = { printed: /tested as admin/ };
const surroundings: Readonly<Record<string, () => Surroundings>> = {
  'README.md Try it': () => ({
    files: { 'main.ts': textUnder('README.md', 'TypeORM', 'ts') },
    printed: /^The balance is 10\.\n$/,
  }),
  'README.md Checking before it fails': () => ({ printed: /0 errors, 0 warnings/ }),
  'README.md The local DSQL': () => tested,
  // It finds something in the file that the last command fixes.
  'docs/check.md check': () => ({
    files: { 'schema.sql': 'CREATE TABLE shop (id serial PRIMARY KEY);\n' },
    printed: /42704: type "serial" does not exist[^]*0 errors/,
    status: 1,
  }),
  'docs/command-line.md The command line': () => ({ printed: /^Usage[^]*--fix[^]*\d+\.\d+\.\d+\n$/ }),
  'docs/command-line.md token': () => ({
    replaced: rootsOfPsql,
    input: 'SELECT current_user;\n',
    printed: /admin/,
  }),
  'docs/connecting.md Lambda': () => ({
    files: { 'handler.ts': textUnder('docs/connecting.md', 'Lambda', 'ts') },
    then: 'node --check handler.js && echo bundled',
    printed: /^bundled\n$/,
  }),
  'docs/getting-started.md 3. Make a role for the application': () => ({
    replaced: rootsOfPsql,
    input: textUnder('docs/getting-started.md', '3. Make a role for the application', 'sql'),
    printed: /CREATE ROLE[^]*CREATE SCHEMA[^]*GRANT/,
  }),
  'docs/local-dsql.md Starting one': () => ({ printed: /tested as admin|^$/ }),
  'docs/local-dsql.md Where PostgreSQL comes from': () => ({
    replaced: [
      ['postgres://superuser:password@host:port/database', `"${urlOfServer()}"`],
      ['/usr/lib/postgresql/16/bin', path.dirname(findBinaries(undefined).postgres)],
    ],
    printed: /tested as admin[^]*tested as admin/,
  }),
  'docs/local-dsql.md Several Regions': () => ({ printed: /us-east-2/ }),
  'docs/migrations.md The command line': () => ({
    printed: /CREATE TABLE account[^]*1-create-book\.js was run/,
  }),
  'docs/moving-from-postgresql.md 1. See what DSQL would refuse': () => ({ printed: /0 errors/ }),
  'docs/moving-from-postgresql.md 2. Change the entry point': () => ({ printed: /0 errors/ }),
  'docs/moving-from-postgresql.md 3. Run the tests on the local DSQL': () => tested,
  'docs/moving-from-postgresql.md 4. Decide about the history': () => ({
    files: filesUnder('docs/moving-from-postgresql.md', '2. Change the entry point'),
    printed: /has been executed successfully[^]*create-shelf: migrated|Baseline.* has been generated/,
  }),
  'docs/typeorm.md Raw SQL in migrations': () => ({
    printed: /AddCard.*generated successfully[^]*has been executed successfully/,
  }),
};

const filesUnder = (page: string, heading: string): Record<string, string> =>
  Object.fromEntries(
    blocks
      .filter((block) => block.page === page && block.heading === heading)
      .flatMap((block) => {
        return block.file === undefined ? [] : [[block.file, codeOf(block)] as const];
      }),
  );

/** A server that a reader runs: what is a local DSQL's own of it is taken away. */
let server: PostgresServer | undefined;
const urlOfServer = () =>
  `postgres://${server?.superuser ?? ''}:password@localhost/empty?host=${encodeURIComponent(server?.directory ?? '')}`;
beforeAll(async () => {
  server = await launchPostgres();
  const client = new Client({ host: server.directory, user: server.superuser, database: 'postgres' });
  await client.connect();
  await client.query('CREATE DATABASE empty TEMPLATE template0');
  await client.query('DROP OWNED BY admin CASCADE');
  await client.query('DROP ROLE admin');
  await client.end();
});
afterAll(() => server?.stop());

/** A local DSQL that stays up is stopped by Ctrl-C, once it has said where it is. */
const STOPPED = `{ npx aurora-dsql-orm local > started & local=$!
  until grep -q CLUSTER_ENDPOINT started; do sleep 0.1; done; kill -INT $local; wait $local || true; }`;

function scriptOf({ text }: Block, { replaced = [], status = 0, then = '' }: Surroundings): string {
  const lines = text
    .split('\n')
    // What they install is here: documents.test.ts compares the versions.
    .filter((line) => !line.startsWith('npm install '))
    .map((line) => line.replace(/^npx aurora-dsql-orm local *(?:#.*)?$/, STOPPED))
    .map((line) =>
      status === 0 || line === '' ? line : `${line.replace(/ +#.*$/, '')} || [ $? -le ${status} ]`,
    );
  return replaced.reduce((script, [from, to]) => script.replaceAll(from, to), [...lines, then].join('\n'));
}

async function shell(script: string, input = ''): Promise<Outcome> {
  const child = spawn('sh', ['-ec', script], {
    cwd: folder,
    env: {
      ...process.env,
      // The test runner's.
      NODE_ENV: undefined,
      // What starts a local DSQL of its own needs no other.
      ...(script.startsWith('DSQL_LOCAL_PG') ? {} : await cluster.local.env()),
      PATH: `${path.join(folder, 'node_modules/.bin')}:${process.env.PATH ?? ''}`,
    },
  });
  // Few commands read what is typed, and a pipe may end before it is written.
  child.stdin.on('error', () => undefined).end(input);
  return outcomeOf(child);
}

const commands = blocks.filter((block) => wayOf(block) === 'as a command');
// PostgreSQL's own client is no package of npm, so it is not there everywhere.
const hasPsql = spawnSync('psql', ['--version']).status === 0;
const isForPsql = ({ text }: Block) => /\bpsql /.test(text);

describe('the commands of', () => {
  const expectDone = async (block: Block) => {
    const { files = {}, ...rest } = surroundings[`${block.page} ${block.heading}`]?.() ?? {};
    for (const [file, text] of Object.entries(files)) write(file, text);
    const { status, stdout, stderr } = await shell(scriptOf(block, rest), rest.input);
    expect(stderr).not.toMatch(/ERROR/);
    expect({ status, stderr, stdout }).toEqual({
      status: 0,
      stderr: status === 0 ? stderr : '',
      stdout: expect.stringMatching(rest.printed ?? /./) as string,
    });
  };

  it.each(commands.filter((block) => !isForPsql(block)))('$page, line $line, do what it says', (block) =>
    expectDone(block),
  );

  (hasPsql ? it : it.skip).each(commands.filter(isForPsql))('$page, line $line, do so with psql', (block) =>
    expectDone(block),
  );
});

it.each(projects)('the files under "$heading" of $page work in a project', async (project) => {
  const { page, heading, files, printed } = project;
  for (const [file, text] of Object.entries({ ...files, ...filesUnder(page, heading) })) write(file, text);
  const { status, stdout, stderr } = await shell(project.commands.join('\n'));
  expect({ status, output: stdout + stderr }).toEqual({
    status: 0,
    output: expect.stringMatching(printed) as string,
  });
  project.then?.(stdout);
});

/** Credentials and addresses of the local DSQL. */
const DIFFERS_HERE = [
  ['ASIA…7QZK with a session token', '…'],
  ['… is 10.0.1.17', '…'],
  [':5432 accepts connections, after 3 ms', ':… accepts connections, after … ms'],
] as const;

it.each(blocks.filter((block) => wayOf(block) === 'compared with what is printed'))(
  '$page, line $line, shows what is printed',
  async ({ text }) => {
    write('schema.sql', 'CREATE TABLE "user" (id serial PRIMARY KEY, name text);\n');
    await asAdmin((client) => client.query('CREATE ROLE app WITH LOGIN'));
    const [command = '', ...shown] = text.trimEnd().split('\n');
    const { stdout } = await shell(`${command.replace(/^\$ /, '')} || true`);
    const lines = DIFFERS_HERE.reduce((all, [from, to]) => all.replaceAll(from, to), shown.join('\n'))
      .split('\n')
      .map((line) =>
        line
          .split('…')
          .map((part) => part.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`))
          .join('.*'),
      );
    expect(stdout).toMatch(new RegExp(lines.map((line) => `^${line}$`).join('[^]*'), 'm'));
  },
);

it('what check --fix makes of a statement is what docs/check.md shows', async () => {
  const [block] = blocks.filter(({ page, heading }) => page === 'docs/check.md' && heading === '--fix');
  if (block === undefined) throw new Error('docs/check.md shows no statement that is fixed.');
  const migration = (side: '+' | '-') =>
    `export class Index1 { async up(queryRunner) { ${codeOf(block, side).trim()} } async down() {} }\n`;
  write('fixed/1-index.js', migration('-'));
  await shell('npx aurora-dsql-orm check --fix fixed || true');
  expect((await shell('cat fixed/1-index.js')).stdout).toBe(migration('+'));
});
