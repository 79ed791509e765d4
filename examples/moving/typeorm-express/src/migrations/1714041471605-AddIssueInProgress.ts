import type { MigrationInterface, QueryRunner } from 'typeorm';

export class AddIssueInProgress1714041471605 implements MigrationInterface {
  name = 'AddIssueInProgress1714041471605';
  // PostgreSQL does not use a new value in the transaction that adds it.
  transaction = false;

  public async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(
      `ALTER TYPE "public"."issue_status_enum" ADD VALUE IF NOT EXISTS 'in progress' AFTER 'open'`,
    );
  }

  public async down(): Promise<void> {
    // A value of an enum type cannot be taken away.
  }
}
