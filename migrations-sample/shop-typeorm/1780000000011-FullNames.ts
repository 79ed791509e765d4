import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A column with another name. */
export class FullNames1780000000011 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.renameColumn('customer', 'name', 'full_name');
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.renameColumn('customer', 'full_name', 'name');
  }
}
