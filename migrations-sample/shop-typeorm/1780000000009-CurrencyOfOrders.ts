import { inBatches } from 'aurora-dsql-orm/migrate';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A column that is filled for 20,000 rows. */
export class CurrencyOfOrders1780000000009 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`ALTER TABLE orders ADD COLUMN currency char(3)`);
    await inBatches(queryRunner, { table: 'orders', where: 'currency IS NULL', batchRows: 2900 }, (batch) =>
      queryRunner.query(`UPDATE orders SET currency = 'EUR' WHERE ${batch.condition}`),
    );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`ALTER TABLE orders DROP COLUMN currency`);
  }
}
