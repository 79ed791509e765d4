import type { MigrationInterface, QueryRunner } from 'typeorm';

/** As it was written for PostgreSQL. */
export class CreateCustomer1780000000001 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(
      `CREATE TABLE customer (id SERIAL PRIMARY KEY, email varchar(100) NOT NULL, name text, created_at timestamp NOT NULL DEFAULT now())`,
    );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`DROP TABLE customer`);
  }
}
