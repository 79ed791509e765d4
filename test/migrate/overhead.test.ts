import 'reflect-metadata';
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { useCluster } from '../cluster';
import { empty } from './database-state';

const cluster = useCluster();

beforeEach(() => empty(cluster.connection));

/** How many round trips a migration of some statements takes. */
async function roundTrips(statementOf: (index: number) => string, statements: number): Promise<number> {
  class Many1770000000001 implements MigrationInterface {
    async up(queryRunner: QueryRunner): Promise<void> {
      await queryRunner.query('CREATE TABLE box (id int PRIMARY KEY)');
      for (let index = 0; index < statements; index++) await queryRunner.query(statementOf(index));
    }
    down(): Promise<void> {
      return Promise.resolve();
    }
  }
  await empty(cluster.connection);
  const { dsql, ...orm } = cluster.orm;
  const dataSource = createDsqlDataSource({
    ...orm,
    migrations: [Many1770000000001],
    // However slow the machine is, the lease is not renewed meanwhile.
    dsql: { ...dsql, migrations: { leaseMs: 3_600_000 } },
  });
  await dataSource.initialize();
  const trace = cluster.local.trace.start();
  await dataSource.runMigrations();
  trace.stop();
  await dataSource.destroy();
  return trace.roundTrips.length;
}

it.each<[string, (index: number) => string]>([
  ['a DDL statement', (index) => `CREATE TABLE shelf_${index} (id int PRIMARY KEY)`],
  ['a change of data', (index) => `INSERT INTO box VALUES (${index})`],
])('the journal of %s takes two round trips', async (_, statementOf) => {
  const few = await roundTrips(statementOf, 2);
  const many = await roundTrips(statementOf, 12);
  expect((many - few) / 10).toBe(3);
});
