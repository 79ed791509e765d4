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
