import 'reflect-metadata';
import { runInThisContext } from 'node:vm';
import { createDsqlSequelize } from 'aurora-dsql-orm/sequelize';
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import { AbstractLogger, type MigrationInterface, type QueryRunner } from 'typeorm';
import { isRepeatable } from '../../src/migrate/dry-run/repeatable-code';
import { createMigrator } from '../../src/sequelize/umzug';
import { useCluster } from '../cluster';
import { empty, rowsOf } from './database-state';

const cluster = useCluster();

afterEach(() => empty(cluster.connection));

const query = (sql: string) => rowsOf(cluster.connection, sql);

/** TypeORM says by itself that a migration has failed. */
class QuietLogger extends AbstractLogger {
  protected writeLog(): void {
    // The error says the same.
  }
}

type Body = (queryRunner: QueryRunner) => Promise<void>;

/** A class that is made of a text, as that of a file is: what it calls is all in it. */
function migrationOf(name: string, up: Body): new () => MigrationInterface {
  const text = String(up).replace(/^async \((\w+)\) =>/, 'async up($1)');
  return runInThisContext(`(class ${name} { ${text} async down() {} })`) as new () => MigrationInterface;
}

async function runTypeOrm(mode: 'all' | 'each' | 'none', ...bodies: readonly Body[]): Promise<void> {
  const dataSource = createDsqlDataSource({
    ...cluster.orm,
    migrations: bodies.map((body, at) => migrationOf(`Step177000000000${at}`, body)),
    migrationsTransactionMode: mode,
    logger: new QuietLogger(),
  });
  await dataSource.initialize();
  try {
    await dataSource.runMigrations();
  } finally {
    await dataSource.destroy();
  }
}

const columns = async (table: string) =>
  (
    await query(
      `SELECT column_name AS name FROM information_schema.columns WHERE table_name = '${table}' ORDER BY 1`,
    )
  ).map(({ name }) => name);

it.each(['all', 'each', 'none'] as const)(
  'what a dry run has made of the tables that a query runner knows is forgotten: mode %s',
  async (mode) => {
    await query('CREATE TABLE label (id int PRIMARY KEY, text text, size int)');
    await runTypeOrm(mode, async (queryRunner) => {
      await queryRunner.renameColumn('label', 'text', 'title');
      await queryRunner.dropColumn('label', 'size');
      await queryRunner.query("INSERT INTO label VALUES (1, 'a')");
    });
    expect(await columns('label')).toStrictEqual(['id', 'title']);
  },
);

it('a migration that reads in the transaction of all does not commit what those before it have done', async () => {
  await query('CREATE TABLE label (id int PRIMARY KEY, text text NOT NULL)');
  const failed = runTypeOrm(
    'all',
    async (queryRunner) => {
      await queryRunner.query("INSERT INTO label VALUES (1, 'a')");
    },
    async (queryRunner) => {
      const rows = (await queryRunner.query('SELECT id FROM label')) as { id: number }[];
      for (const { id } of rows) await queryRunner.query('INSERT INTO label VALUES ($1, NULL)', [id + 1]);
    },
  );
  await expect(failed).rejects.toMatchObject({ code: '23502' });
  expect(await query('SELECT id FROM label')).toStrictEqual([]);
});

async function runUmzug(text: string, dsql: object = {}): Promise<void> {
  const sequelize = createDsqlSequelize({
    ...cluster.orm,
    dsql: { ...cluster.orm.dsql, ...dsql },
    logging: false,
  });
  const up = runInThisContext(`(async ({ context: queryInterface }) => { ${text} })`) as () => Promise<void>;
  expect(isRepeatable(String(up))).toBe(true);
  try {
    await createMigrator(sequelize, { logger: undefined, migrations: [{ name: 'shelf', up }] }).up();
  } finally {
    await sequelize.close();
  }
}

it('with Sequelize an answer that nobody has is not taken for one, whatever the type of the query', async () => {
  await runUmzug(`
    await queryInterface.sequelize.query('CREATE TABLE shelf (id int PRIMARY KEY)');
    const rows = await queryInterface.sequelize.query('SELECT id FROM shelf', { type: 'SELECT' });
    if (rows.length > 0) await queryInterface.sequelize.query('LISTEN shelf');
    const row = await queryInterface.sequelize.query('SELECT id FROM shelf', { type: 'SELECT', plain: true });
    if (row) await queryInterface.sequelize.query('LISTEN shelf');
  `);
  expect(await columns('shelf')).toStrictEqual(['id']);
});

it('a dry run reads in the transaction in which the code reads', async () => {
  await query('CREATE TABLE label (id int PRIMARY KEY)');
  await query('INSERT INTO label VALUES (1)');
  await runUmzug(`
    await queryInterface.sequelize.transaction(async (transaction) => {
      const [rows] = await queryInterface.sequelize.query('SELECT id FROM label', { transaction });
      await queryInterface.sequelize.query('CREATE TABLE shelf (id int PRIMARY KEY)', { transaction });
      await queryInterface.bulkInsert('shelf', rows, { transaction });
    });
  `);
  expect(await query('SELECT id FROM shelf')).toStrictEqual([{ id: 1 }]);
});

it('what a dry run reads is translated as it will be', async () => {
  await query('CREATE TABLE label (id int PRIMARY KEY, tags jsonb)');
  await query(`INSERT INTO label VALUES (1, '["a"]')`);
  await runUmzug(
    `let rows = [];
     try {
       [rows] = await queryInterface.sequelize.query("SELECT id FROM label WHERE 'a' = ANY(tags)");
     } catch (error) {
       await queryInterface.sequelize.query('LISTEN label');
     }
     await queryInterface.sequelize.query('CREATE TABLE shelf (id int PRIMARY KEY)');`,
    { arrays: 'jsonb' },
  );
  expect(await columns('shelf')).toStrictEqual(['id']);
});

it('what a dry run reads may have a bigint as its value', async () => {
  await query('CREATE TABLE label (id bigint PRIMARY KEY)');
  await runUmzug(`
    await queryInterface.sequelize.query('CREATE TABLE shelf (id int PRIMARY KEY)');
    try {
      await queryInterface.sequelize.query('SELECT 1 FROM pg_class WHERE relname = $1 OR oid = $2', { bind: ['label', 1n] });
    } catch (error) {
      await queryInterface.sequelize.query('LISTEN label');
    }
  `);
  expect(await columns('shelf')).toStrictEqual(['id']);
});

it('a migration that does not await its statements is called once', async () => {
  await query('CREATE TABLE label (id int PRIMARY KEY, text text)');
  const rejections: unknown[] = [];
  const note = (reason: unknown) => rejections.push(reason);
  process.on('unhandledRejection', note);
  try {
    await runTypeOrm('none', async (queryRunner) => {
      // eslint-disable-next-line @typescript-eslint/no-misused-promises -- as people write it
      [1, 2].forEach(async (id) => {
        const [row] = (await queryRunner.query('INSERT INTO label VALUES ($1) RETURNING id', [
          id,
        ])) as object[];
        if (row === undefined) await queryRunner.query('LISTEN label');
      });
      await queryRunner.query('CREATE TABLE shelf (id int PRIMARY KEY)');
    });
  } finally {
    process.off('unhandledRejection', note);
  }
  expect(rejections).toStrictEqual([]);
  expect(await query('SELECT id FROM label ORDER BY id')).toStrictEqual([{ id: 1 }, { id: 2 }]);
});

it('a function that writes is called once', async () => {
  await query('CREATE TABLE label (id uuid PRIMARY KEY, text text)');
  await query(
    "CREATE FUNCTION to_label(text) RETURNS text LANGUAGE SQL AS 'INSERT INTO label VALUES (gen_random_uuid(), $1) RETURNING text'",
  );
  await runTypeOrm('none', async (queryRunner) => {
    await queryRunner.query("SELECT to_label('a') AS text");
    await queryRunner.query('CREATE TABLE shelf (id int PRIMARY KEY)');
  });
  await query('DROP FUNCTION to_label(text)');
  expect(await query('SELECT text FROM label')).toStrictEqual([{ text: 'a' }]);
});
