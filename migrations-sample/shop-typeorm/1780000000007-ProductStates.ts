import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A value that is added to an enum, and one that is renamed; PostgreSQL has no way to take one away. */
export class ProductStates1780000000007 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`ALTER TYPE product_state ADD VALUE IF NOT EXISTS 'sold out'`);
    await queryRunner.query(`ALTER TYPE product_state RENAME VALUE 'draft' TO 'planned'`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`ALTER TYPE product_state RENAME VALUE 'planned' TO 'draft'`);
  }
}
