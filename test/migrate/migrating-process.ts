import 'reflect-metadata';
import { createDsqlSequelize } from 'aurora-dsql-orm/sequelize';
import { createMigrator } from 'aurora-dsql-orm/sequelize/umzug';
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import type { QueryInterface } from 'sequelize';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import type { RunnableMigration } from 'umzug';
import { typeormHistory } from './typeorm-history';

/*
 * A process that migrates the cluster of its environment: `history` runs that of the tests; `halting`, or `halting-umzug`,
 * makes a table, says so, waits for a line on its standard input, and makes another one.
 */

async function halt(query: (sql: string) => Promise<unknown>): Promise<void> {
  await query('CREATE TABLE shelf (id int PRIMARY KEY)');
  if (process.argv[2]?.startsWith('halting') === true) {
    process.stdout.write('half-way\n');
    await new Promise((resolve) => process.stdin.once('data', resolve));
  }
  await query('CREATE TABLE box (id int PRIMARY KEY)');
}

/** The same for umzug. */
export const haltingMigration: RunnableMigration<QueryInterface> = {
  name: 'halting',
  up: ({ context }) => halt((sql) => context.sequelize.query(sql)),
};

export class Halting1770000000009 implements MigrationInterface {
  up(queryRunner: QueryRunner): Promise<void> {
    return halt((sql) => queryRunner.query(sql));
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP TABLE box');
    await queryRunner.query('DROP TABLE shelf');
  }
}

async function migrate(host: string, leaseMs: number): Promise<string[]> {
  const dataSource = createDsqlDataSource({
    host,
    migrations: process.argv[2] === 'halting' ? [Halting1770000000009] : typeormHistory,
    logger: 'debug',
    dsql: { migrations: { leaseMs } },
  });
  await dataSource.initialize();
  try {
    return (await dataSource.runMigrations()).map(({ name }) => name);
  } finally {
    await dataSource.destroy();
  }
}

async function migrateWithUmzug(host: string, leaseMs: number): Promise<string[]> {
  const sequelize = createDsqlSequelize({ host, logging: false, dsql: { migrations: { leaseMs } } });
  try {
    const migrator = createMigrator(sequelize, { migrations: [haltingMigration], logger: undefined });
    return (await migrator.up()).map(({ name }) => name);
  } finally {
    await sequelize.close();
  }
}

async function main(leaseMs: number): Promise<void> {
  const host = process.env.CLUSTER_ENDPOINT ?? '';
  const run = process.argv[2] === 'halting-umzug' ? migrateWithUmzug : migrate;
  try {
    process.stdout.write(`ran ${(await run(host, leaseMs)).join(' ')}\n`);
  } catch (error) {
    process.stdout.write(`failed ${namesOf(error).join(' ')}\n`);
  }
}

/** That of an error, and those of its causes. */
function namesOf(error: unknown): string[] {
  return error instanceof Error ? [error.name, ...namesOf(error.cause)] : [];
}

if (require.main === module) void main(Number(process.argv[3])).then(() => process.exit(0));
