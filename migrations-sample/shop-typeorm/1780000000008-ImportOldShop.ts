import { inBatches } from 'aurora-dsql-orm/migrate';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** More rows than a transaction takes, in parts that are each the same on every run. */
export class ImportOldShop1780000000008 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(
      `INSERT INTO customer (id, email, name) SELECT n, 'customer' || n || '@example.com', 'Customer ' || n FROM generate_series(1, 500) AS n`,
    );
    for (let part = 0; part < 10; part++) {
      await queryRunner.query(
        `INSERT INTO orders (customer_id, placed_at, total) SELECT 1 + n % 500, '2025-01-01', n FROM generate_series($1::int, $2::int) AS n`,
        [part * 2000 + 1, (part + 1) * 2000],
      );
    }
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await inBatches(queryRunner, { table: 'orders', batchRows: 2900 }, (batch) =>
      queryRunner.query(`DELETE FROM orders WHERE ${batch.condition}`),
    );
    await queryRunner.query(`DELETE FROM customer WHERE id <= 500`);
  }
}
