import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { useCluster } from '../cluster';

const root = path.join(__dirname, '../..');
const entities = path.join(root, 'examples/typeorm/rest-api/entities');
/** The line of TypeORM that this project tests. */
const line = require.resolve('typeorm').includes('typeorm-0.3') ? 'typeorm-0.3' : 'typeorm';
const cluster = useCluster();
let directory: string;

beforeEach(() => {
  mkdirSync(path.join(root, 'build'), { recursive: true });
  directory = mkdtempSync(path.join(root, 'build/command-line-'));
  mkdirSync(path.join(directory, 'migrations'));
  writeFileSync(
    path.join(directory, 'data-source.ts'),
    `import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
     import { Account, Branch, Card, Country, Currency, Customer, Language, Region, Transfer } from '${entities}';
     export default createDsqlDataSource({
       entities: [Region, Country, Currency, Language, Branch, Customer, Card, Account, Transfer],
       migrations: [__dirname + '/migrations/*.ts'],
     });`,
  );
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

/** TypeORM's own command line, as a project runs it. */
async function typeorm(...command: string[]): Promise<string> {
  const cli = path.join(root, 'node_modules', line, 'cli.js');
  const register = path.join(root, 'test/entry-points-register.cjs');
  const env = { ...process.env, ...(await cluster.local.env()), TYPEORM: line };
  const { stdout } = await promisify(execFile)(process.execPath, ['-r', register, cli, ...command], {
    cwd: directory,
    env,
    maxBuffer: 10 * 1024 * 1024,
  });
  return stdout;
}

const source = ['-d', 'data-source.ts'];
const outputOf = (command: Promise<string>) =>
  command.then(
    (output) => output,
    (error: unknown) => (error as { stdout: string }).stdout,
  );

it('a migration is generated or created, run, shown, reverted and faked, and nothing is left to generate in between', async () => {
  expect(await typeorm('migration:generate', 'migrations/Bank', ...source)).toMatch(/generated successfully/);
  expect(readdirSync(path.join(directory, 'migrations'))).toHaveLength(1);
  expect(await typeorm('migration:show', ...source)).toMatch(/\[ \] Bank\d+/);
  expect(await typeorm('migration:run', ...source)).toMatch(/Bank\d+ has been executed successfully/);
  expect(await typeorm('migration:show', ...source)).toMatch(/\[X\] 1 Bank\d+/);
  expect(await outputOf(typeorm('migration:generate', 'migrations/Nothing', ...source))).toMatch(
    /No changes in database schema were found/,
  );
  expect(await typeorm('schema:log', ...source)).toMatch(/schema is up to date/);
  expect(await typeorm('query', 'SELECT count(*) AS accounts FROM account', ...source)).toMatch(/accounts/);
  expect(await typeorm('migration:revert', ...source)).toMatch(/reverted successfully/);

  // By hand, in each transaction mode, and faked.
  expect(await typeorm('migration:create', 'migrations/Empty')).toMatch(/generated successfully/);
  await typeorm('migration:run', '--fake', ...source);
  expect(await typeorm('migration:show', ...source)).toMatch(/\[X\] 2 Bank\d+\n.*\[X\] 3 Empty\d+/);
  expect(await typeorm('migration:revert', '--transaction', 'all', ...source)).toMatch(/reverted/);
  expect(await typeorm('migration:run', '--transaction', 'each', ...source)).toMatch(
    /Empty\d+ has been exec/,
  );
  await typeorm('schema:drop', ...source);
});

it('a migration with a statement that is refused ends with an error, and nothing of it is done', async () => {
  writeFileSync(
    path.join(directory, 'migrations/half.ts'),
    `export class Half1760000000000 {
       async up(queryRunner) {
         await queryRunner.query('CREATE TABLE half (id integer PRIMARY KEY)');
         await queryRunner.query('CREATE EXTENSION citext');
       }
       async down() {}
     }`,
  );
  const failed = (await typeorm('migration:run', ...source).catch((error: unknown) => error)) as {
    code: number;
    stderr: string;
  };
  expect(failed.code).toBe(1);
  expect(failed.stderr).toMatch(/Declare text, and make a unique index on lower\(column\)/);
  expect(failed.stderr).toMatch(/migration "Half1760000000000" \(.*half\.ts:\d+:\d+\)/);
  expect(failed.stderr).toMatch(/Nothing of it stays/);
});
