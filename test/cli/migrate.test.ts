import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { useCluster } from '../cluster';
import { byForm } from '../form';
import { empty, withClient } from '../migrate/database-state';
import { MigratingProcess } from '../migrate/processes';
import { outcomeOf, printed, run, start } from './run-cli';

const cluster = useCluster();
const root = path.resolve(__dirname, '../..');
let folder = '';

beforeEach(async () => {
  await empty(cluster.connection);
  mkdirSync(path.join(root, 'build'), { recursive: true });
  folder = mkdtempSync(path.join(root, 'build/migrate-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function write(name: string, text: string): void {
  mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
  writeFileSync(path.join(folder, name), text);
}

const where = async () => ({ cwd: folder, env: await cluster.local.env() });
const migrate = async (...args: readonly string[]) => run(['migrate', ...args], await where());

const query = (sql: string) =>
  withClient(cluster.connection, async (client) => (await client.query<Record<string, unknown>>(sql)).rows);

/** A migration of TypeORM. */
const typeOrmMigration = (name: string, up: string, down: string) => `
  export class ${name} {
    async up(queryRunner) { ${up} }
    async down(queryRunner) { ${down} }
  }`;

function writeTypeOrmProject(): void {
  write(
    'data-source.ts',
    `import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
     import { EntitySchema } from 'typeorm';
     const Shelf = new EntitySchema({ name: 'shelf', columns: { id: { type: 'uuid', primary: true, generated: 'uuid' }, name: { type: 'text', nullable: true } }, indices: [{ name: 'shelf_name', columns: ['name'] }] });
     export default createDsqlDataSource({ entities: [Shelf], migrations: [__dirname + '/migrations/*.ts'] });`,
  );
  write(
    'migrations/1.ts',
    typeOrmMigration(
      'Shelf1770000000001',
      'await queryRunner.query("CREATE TABLE shelf (id uuid PRIMARY KEY DEFAULT gen_random_uuid())");',
      'await queryRunner.query("DROP TABLE shelf");',
    ),
  );
  write(
    'migrations/2.ts',
    typeOrmMigration(
      'Name1770000000002',
      'await queryRunner.query("ALTER TABLE shelf ADD COLUMN name text"); await queryRunner.query("CREATE INDEX shelf_name ON shelf (name)");',
      'await queryRunner.query("ALTER TABLE shelf DROP COLUMN name");',
    ),
  );
}

const migrationFile = (up: string, down: string) => `
  export const up = async ({ context }) => { ${up} };
  export const down = async ({ context }) => { ${down} };`;

function writeUmzugProject(): void {
  write(
    'migrator.ts',
    `import { createDsqlSequelize } from 'aurora-dsql-orm/sequelize';
     import { createMigrator } from 'aurora-dsql-orm/sequelize/umzug';
     import { DataTypes } from 'sequelize';
     const sequelize = createDsqlSequelize({ logging: false });
     sequelize.define('shelf', { id: { type: DataTypes.UUID, primaryKey: true }, name: DataTypes.TEXT }, { tableName: 'shelf', timestamps: false });
     export const migrator = createMigrator(sequelize, { migrations: { glob: ['migrations/*.ts', { cwd: __dirname }] }, logger: undefined });`,
  );
  write(
    'migrations/1.ts',
    migrationFile(
      'await context.sequelize.query("CREATE TABLE shelf (id uuid PRIMARY KEY)");',
      'await context.sequelize.query("DROP TABLE shelf");',
    ),
  );
  write(
    'migrations/2.ts',
    migrationFile(
      'await context.sequelize.query("ALTER TABLE shelf ADD COLUMN name text"); await context.sequelize.query("CREATE INDEX shelf_name ON shelf (name)");',
      'await context.sequelize.query("ALTER TABLE shelf DROP COLUMN name");',
    ),
  );
}

const HOSTS = [
  {
    orm: 'TypeORM',
    writeProject: writeTypeOrmProject,
    project: ['--data-source', 'data-source.ts'],
    first: 'Shelf1770000000001',
    second: 'Name1770000000002',
    history: 'migrations',
  },
  {
    orm: 'Sequelize',
    writeProject: writeUmzugProject,
    project: ['--migrator', 'migrator.ts'],
    first: '1.ts',
    second: '2.ts',
    history: 'SequelizeMeta',
  },
] as const;

type Host = (typeof HOSTS)[number];

/** A migration whose code is given the text of a statement by `send`. */
function writeMigration({ orm }: Host, file: string, name: string, up: (send: string) => string): void {
  write(
    file,
    orm === 'TypeORM'
      ? typeOrmMigration(name, up('queryRunner.query'), '')
      : migrationFile(up('context.sequelize.query'), ''),
  );
}

const recorded = async ({ history }: Host) =>
  (await query(`SELECT name FROM "${history}" ORDER BY name DESC`)).map(({ name }) => name);

// In the short form the two hosts share what is described.
const [typeorm, sequelize] = HOSTS;

describe.each(byForm<readonly Host[]>({ short: [sequelize], long: HOSTS, soak: HOSTS }))(
  'aurora-dsql-orm migrate with $orm',
  (host) => {
    const { writeProject, project, first, second } = host;
    beforeEach(writeProject);

    it('runs up to one, says what is pending, verifies, and reverts', async () => {
      expect(await migrate('up', '--to', first, ...project)).toEqual({
        status: 0,
        stdout: `${first} was run.\n`,
        stderr: '',
      });
      expect((await migrate('status', ...project)).stdout).toBe(
        `No migration is half-done.\nPending: ${second}\n`,
      );
      const differing = await migrate('verify', ...project);
      expect(differing.status).toBe(1);
      expect(differing.stdout).toMatch(/^The schema differs from what the code says:\n {2}.*name/);
      const rest = await migrate('up', '--json', ...project);
      expect(JSON.parse(rest.stdout)).toEqual({ version: 1, action: 'up', migrations: [second] });
      expect(await migrate('verify', ...project)).toMatchObject({
        status: 0,
        stdout: 'The schema is what the code says.\n',
      });
      expect((await migrate('up', ...project)).stdout).toBe('Nothing was to be done.\n');
      expect((await migrate('down', '--to', first, ...project)).stdout).toBe(
        `${second} was reverted.\n${first} was reverted.\n`,
      );
      expect(await recorded(host)).toEqual([]);
    });
  },
);

describe.each(byForm<readonly Host[]>({ short: [typeorm], long: HOSTS, soak: HOSTS }))(
  'aurora-dsql-orm migrate, with $orm',
  (host) => {
    const { writeProject, project, first, second, history } = host;

    beforeEach(writeProject);

    it('plans each statement as it will be sent, and sends nothing', async () => {
      const { status, stdout, stderr } = await migrate('plan', ...project);
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(stdout).toContain(`${first}\n    1  [schema] CREATE TABLE shelf`);
      expect(stdout).toContain('[index build] CREATE INDEX ASYNC shelf_name ON shelf (name)');
      expect(stdout).toMatch(/2 migrations, 3 statements, 1 index builds, 0 refused\. Nothing was sent\.\n$/);
      expect(await query(`SELECT 1 FROM pg_class WHERE relname IN ('shelf', '${history}')`)).toEqual([]);
      const upPlan = await migrate('up', '--dry-run', '--to', first, '--json', ...project);
      expect(JSON.parse(upPlan.stdout)).toMatchObject({
        version: 1,
        migrations: [{ name: first, statements: [{ kind: 'ddl' }], refusals: [] }],
      });
    });

    it('plans with the rows of the tables that are there', async () => {
      await migrate('up', '--to', first, ...project);
      await query('INSERT INTO shelf SELECT gen_random_uuid() FROM generate_series(1, 1234)');
      expect((await migrate('plan', ...project)).stdout).toContain(
        '[index build, about 1,234 rows in the table] CREATE INDEX ASYNC shelf_name',
      );
      for (let more = 0; more < 3; more++)
        await query('INSERT INTO shelf SELECT gen_random_uuid() FROM generate_series(1, 3000)');
      expect(JSON.parse((await migrate('plan', '--json', ...project)).stdout)).toMatchObject({
        migrations: [{ statements: [{ kind: 'ddl' }, { kind: 'job', rows: 10_000, rowsAreLeast: true }] }],
      });
    });

    it('plans changes of enum types that an earlier process has made as they are run', async () => {
      const sending = (statements: readonly string[]) => (send: string) =>
        statements.map((sql) => `await ${send}(${JSON.stringify(sql)});`).join(' ');
      const made = [
        "CREATE TYPE mood AS ENUM ('sad', 'ok')",
        "CREATE TYPE size AS ENUM ('s', 'l')",
        'CREATE TABLE person (id int PRIMARY KEY, mood mood NOT NULL)',
      ];
      writeMigration(host, 'migrations/1.ts', first, sending(made));
      await migrate('up', '--to', first, ...project);
      // What has made them is no file of the project any more.
      rmSync(path.join(folder, 'migrations/1.ts'));
      const changes = [
        "ALTER TYPE mood ADD VALUE 'great'",
        'CREATE TABLE box (id int PRIMARY KEY, size size)',
        "ALTER TYPE size ADD VALUE 'm' BEFORE 'l'; ALTER TYPE size ADD VALUE 'xl'",
        "ALTER TYPE mood RENAME VALUE 'ok' TO 'fine'",
        'ALTER TYPE size RENAME TO extent',
      ];
      writeMigration(host, 'migrations/2.ts', second, sending(changes));
      const { migrations } = JSON.parse((await migrate('plan', '--json', ...project)).stdout) as {
        readonly migrations: readonly { readonly statements: readonly { readonly sql: string }[] }[];
      };
      expect(migrations).toMatchObject([{ refusals: [] }]);
      const trace = cluster.local.trace.start();
      expect(await migrate('up', ...project)).toMatchObject({ status: 0 });
      const sent = trace
        .stop()
        .statements.filter(({ text }) => /^(?:ALTER|CREATE|UPDATE).*\b(?:person|box)\b/.test(text));
      const plain = (sql: string) => sql.replace(/\s+(?:ASYNC\s+)?/g, ' ');
      expect(migrations.flatMap(({ statements }) => statements.map(({ sql }) => plain(sql)))).toStrictEqual(
        // A repeated one is sent until it touches nothing.
        sent.map(({ text }) => plain(text)).filter((text, at, all) => text !== all[at - 1]),
      );
      writeMigration(host, 'migrations/2.ts', second, sending(["ALTER TYPE unknown ADD VALUE 'x'"]));
      await query(`DELETE FROM "${history}" WHERE name = '${second}'`);
      expect((await migrate('plan', ...project)).stdout).toContain(
        'a change of the type unknown. Enum types are text with a CHECK here; no column has a CHECK of this one',
      );
    });

    it('stops between two statements at Ctrl-C, and continues', async () => {
      const pause =
        'process.stdout.write("half-way\\n"); await new Promise((done) => setTimeout(done, 2000));';
      writeMigration(
        host,
        'migrations/2.ts',
        'Name1770000000002',
        (send) =>
          `await ${send}("ALTER TABLE shelf ADD COLUMN name text"); if (process.env.PAUSES) { ${pause} } await ${send}("ALTER TABLE shelf ADD COLUMN place text");`,
      );
      const { cwd, env } = await where();
      const child = start(['migrate', 'up', ...project], { cwd, env: { ...env, PAUSES: 'yes' } });
      const outcome = outcomeOf(child);
      await printed(child, 'half-way');
      child.kill('SIGINT');
      const { status, stderr } = await outcome;
      expect({ status, stderr }).toEqual({
        status: 130,
        stderr: expect.stringMatching(
          /Stopping behind the statement[^]*were stopped between two statements\./,
        ) as string,
      });
      expect((await migrate('status')).stdout).toContain(`${second} is half-done: 1 statements are finished`);
      expect(await migrate('up', ...project)).toMatchObject({ status: 0, stdout: `${second} was run.\n` });
    });

    it('records a baseline without running it', async () => {
      expect((await migrate('baseline', '--to', first, ...project)).stdout).toBe(`${first} was recorded.\n`);
      expect(await recorded(host)).toEqual([first]);
      expect(await query("SELECT 1 FROM pg_class WHERE relname = 'shelf'")).toEqual([]);
    });

    it('says of a migration that was run that its code has changed', async () => {
      await migrate('up', ...project);
      writeMigration(host, 'migrations/1.ts', 'Shelf1770000000001', (send) => `await ${send}("SELECT 2");`);
      writeMigration(host, 'migrations/3.ts', 'Third1770000000003', (send) => `await ${send}("SELECT 3");`);
      const source = project[1];
      const whenChanged = `dsql: { migrations: { whenChanged: 'fail' } }, `;
      const text = readFileSync(path.join(folder, source), 'utf8');
      write(source, text.replace(/(createDsql(?:DataSource|Sequelize)\(\{ )/, `$1${whenChanged}`));
      const { status, stderr } = await migrate('up', ...project);
      expect(status).toBe(1);
      expect(stderr).toMatch(
        new RegExp(
          `Nothing was done: the code of ${first} \\(line \\d+ was ".*CREATE TABLE shelf.*" and is ".*SELECT 2.*"\\) has changed`,
        ),
      );
    });

    it('exits with 3 or 4 while another process changes the schema', async () => {
      const other = await MigratingProcess.start(cluster.local, 'halting', '30000');
      await other.says('half-way');
      const failing = await migrate('up', '--while-held', 'fail', ...project);
      expect(failing).toMatchObject({
        status: 3,
        stderr: expect.stringMatching(
          /Nothing was done: process .*`aurora-dsql-orm migrate up --steal`/,
        ) as string,
      });
      const skipping = await migrate('up', '--while-held', 'skip', ...project);
      expect(skipping).toMatchObject({
        status: 4,
        stderr: expect.stringContaining('left to process') as string,
      });
      other.child.kill('SIGKILL');
      await query('DROP TABLE shelf');
      const stealing = await migrate('up', '--while-held', 'fail', '--steal', ...project);
      expect(stealing).toMatchObject({ status: 0, stdout: `${first} was run.\n${second} was run.\n` });
    });
  },
);

describe('aurora-dsql-orm migrate repair', () => {
  it('builds an index again whose build failed, and validates a constraint', async () => {
    await query('CREATE TABLE part (id int PRIMARY KEY, code text, part_id int)');
    await query(`INSERT INTO part VALUES (1, 'a'), (2, 'a')`);
    await query('CREATE UNIQUE INDEX ASYNC part_code ON part (code)');
    await query(
      'ALTER TABLE part ADD CONSTRAINT part_part FOREIGN KEY (part_id) REFERENCES part (id) NOT VALID',
    );
    await query(`UPDATE part SET code = 'b' WHERE id = 2`).catch(() => undefined);
    const { status, stdout, stderr } = await migrate('repair');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain(
      'index "part_code" of "public"."part": DROP INDEX IF EXISTS "public"."part_code"; CREATE UNIQUE INDEX ASYNC',
    );
    expect(stdout).toMatch(/2 repaired\.\n$/);
    expect(await query("SELECT indisvalid FROM pg_index WHERE indexrelid = 'part_code'::regclass")).toEqual([
      { indisvalid: true },
    ]);
    expect(await query("SELECT convalidated FROM pg_constraint WHERE conname = 'part_part'")).toEqual([
      { convalidated: true },
    ]);
    expect((await migrate('repair')).stdout).toBe('Nothing was to be repaired.\n');
  });
});

it.each([
  [['up'], 'expected either --data-source FILE or --migrator FILE'],
  [['up', '--migrator', 'a.js', '--data-source', 'b.js'], 'expected either'],
  [['renew'], 'expected up, down, plan,'],
  [['up', '--while-held', 'now', '--migrator', 'a.js'], '--while-held: expected wait, skip, fail'],
  [['up', 'twice'], 'unexpected argument "twice"'],
])('migrate refuses %j', async (args, message) => {
  expect(await migrate(...args)).toMatchObject({
    status: 2,
    stderr: expect.stringContaining(message) as string,
  });
});
