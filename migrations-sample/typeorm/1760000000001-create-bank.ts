import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Accounts and the transfers between them. */
export class CreateBank1760000000001 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`CREATE TABLE account (
      id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
      owner text NOT NULL,
      balance integer NOT NULL CHECK (balance >= 0)
    )`);
    await queryRunner.query(`CREATE TABLE transfer (
      id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
      "fromId" uuid NOT NULL REFERENCES account (id),
      "toId" uuid NOT NULL REFERENCES account (id),
      amount integer NOT NULL CHECK (amount > 0)
    )`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`DROP TABLE transfer`);
    await queryRunner.query(`DROP TABLE account`);
  }
}
