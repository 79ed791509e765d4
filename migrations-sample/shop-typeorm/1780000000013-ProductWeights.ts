import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Several statements in one text, as PostgreSQL takes them. */
export class ProductWeights1780000000013 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      ALTER TABLE product ADD COLUMN weight real DEFAULT 0;
      CREATE INDEX product_by_price ON product USING btree (price);
      COMMENT ON TABLE product IS 'What is sold';
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(
      `DROP INDEX product_by_price; ALTER TABLE product DROP COLUMN weight; COMMENT ON TABLE product IS NULL`,
    );
  }
}
