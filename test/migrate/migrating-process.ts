import 'reflect-metadata';
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { typeormHistory } from './typeorm-history';

/*
 * A process that migrates the cluster of its environment: `history` runs that of the tests; `halting` makes a table, says
 * so, waits for a line on its standard input, and makes another one.
 */

export class Halting1770000000009 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('CREATE TABLE shelf (id int PRIMARY KEY)');
    if (process.argv[2] === 'halting') {
      process.stdout.write('half-way\n');
      await new Promise((resolve) => process.stdin.once('data', resolve));
    }
    await queryRunner.query('CREATE TABLE box (id int PRIMARY KEY)');
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP TABLE box');
    await queryRunner.query('DROP TABLE shelf');
  }
}

async function main(leaseMs: number): Promise<void> {
  const dataSource = createDsqlDataSource({
    host: process.env.CLUSTER_ENDPOINT ?? '',
    migrations: process.argv[2] === 'halting' ? [Halting1770000000009] : typeormHistory,
    logger: 'debug',
    dsql: { migrations: { leaseMs } },
  });
  await dataSource.initialize();
  try {
    const ran = await dataSource.runMigrations();
    process.stdout.write(`ran ${ran.map(({ name }) => name).join(' ')}\n`);
  } catch (error) {
    process.stdout.write(`failed ${(error as Error).name}\n`);
  }
  await dataSource.destroy();
}

if (require.main === module) void main(Number(process.argv[3])).then(() => process.exit(0));
