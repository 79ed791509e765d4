import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateAccount1790000000000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(
      'CREATE TABLE account (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), balance integer NOT NULL DEFAULT 0)',
    );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP TABLE account');
  }
}
