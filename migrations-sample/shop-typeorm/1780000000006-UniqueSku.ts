import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A unique constraint. */
export class UniqueSku1780000000006 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`ALTER TABLE product ADD CONSTRAINT product_sku UNIQUE (sku)`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`ALTER TABLE product DROP CONSTRAINT product_sku`);
  }
}
