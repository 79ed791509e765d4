import { createDsqlSequelize } from 'aurora-dsql-orm/sequelize';
import { createMigrator } from 'aurora-dsql-orm/sequelize/umzug';
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import { DataTypes, type QueryInterface } from 'sequelize';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { useCluster } from '../cluster';
import { empty, rowsOf } from './database-state';

const cluster = useCluster();

afterEach(() => empty(cluster.connection));

const columnsOfBox = async () => {
  const columns = await rowsOf(
    cluster.connection,
    "SELECT column_name AS name FROM information_schema.columns WHERE table_name = 'box' ORDER BY 1",
  );
  return columns.map(({ name }) => name);
};

class Box1770000000001 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('CREATE TABLE box (id int PRIMARY KEY)');
    void queryRunner.query('ALTER TABLE box ADD COLUMN height int');
    void queryRunner.query('ALTER TABLE box ADD COLUMN width int');
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP TABLE box');
  }
}

it.each(['all', 'each', 'none'] as const)(
  'what a migration of TypeORM does not wait for is done before it is recorded, in the mode %s',
  async (migrationsTransactionMode) => {
    const migrations = [Box1770000000001];
    const dataSource = createDsqlDataSource({ ...cluster.orm, migrations, migrationsTransactionMode });
    await dataSource.initialize();
    await dataSource.runMigrations();
    await dataSource.destroy();
    expect(await columnsOfBox()).toStrictEqual(['height', 'id', 'width']);
  },
);

it('what a migration of Sequelize does not wait for is done before it is recorded', async () => {
  const sequelize = createDsqlSequelize({ ...cluster.orm, logging: false });
  const step = (name: string, up: (context: QueryInterface) => Promise<unknown>) => ({
    name,
    up: ({ context }: { readonly context: QueryInterface }) => up(context),
  });
  const migrator = createMigrator(sequelize, {
    migrations: [
      step('1-create', (context) => context.createTable('box', { id: { type: DataTypes.INTEGER } })),
      step('2-alter', (context) => {
        void context.addColumn('box', 'height', { type: DataTypes.INTEGER, defaultValue: 1 });
        void context.sequelize.query('ALTER TABLE box ADD COLUMN width int');
        return Promise.resolve();
      }),
    ],
    logger: undefined,
  });
  await migrator.up();
  await sequelize.close();
  expect(await columnsOfBox()).toStrictEqual(['height', 'id', 'width']);
});

/** What a migration sends, and what it fails with: nothing of it may be recorded. */
const FAILING: [what: string, sql: string, message: RegExp][] = [
  ['is refused', 'CREATE TRIGGER note AFTER INSERT ON box EXECUTE FUNCTION note()', /CREATE TRIGGER/],
  ['fails', 'INSERT INTO box VALUES (1), (1)', /duplicate key|Validation error/],
];

const caught = (work: Promise<unknown>): void => {
  work.catch(() => undefined);
};

describe.each(FAILING)('what %s although the code does not wait for it', (_, sql, message) => {
  it.each(['all', 'each', 'none'] as const)('fails a migration of TypeORM, in the mode %s', async (mode) => {
    class Fill1770000000002 implements MigrationInterface {
      up(queryRunner: QueryRunner): Promise<void> {
        caught(queryRunner.query(sql));
        return Promise.resolve();
      }

      down = () => Promise.resolve();
    }
    const migrations = [Box1770000000001, Fill1770000000002];
    const dataSource = createDsqlDataSource({ ...cluster.orm, migrations, migrationsTransactionMode: mode });
    await dataSource.initialize();
    await expect(dataSource.runMigrations()).rejects.toThrow(message);
    await expect(dataSource.runMigrations()).rejects.toThrow(message);
    await dataSource.destroy();
    expect(await rowsOf(cluster.connection, 'SELECT name FROM migrations')).toStrictEqual(
      mode === 'all' ? [] : [{ name: Box1770000000001.name }],
    );
  });

  it('fails a migration of Sequelize', async () => {
    const sequelize = createDsqlSequelize({ ...cluster.orm, logging: false });
    const up = ({ context }: { readonly context: QueryInterface }): Promise<void> => {
      caught(context.sequelize.query(sql));
      return Promise.resolve();
    };
    await sequelize.query('CREATE TABLE box (id int PRIMARY KEY)');
    const migrator = createMigrator(sequelize, { migrations: [{ name: '1-fill', up }], logger: undefined });
    await expect(migrator.up()).rejects.toThrow(message);
    await sequelize.close();
    expect(await rowsOf(cluster.connection, 'SELECT name FROM "SequelizeMeta"')).toStrictEqual([]);
  });
});
