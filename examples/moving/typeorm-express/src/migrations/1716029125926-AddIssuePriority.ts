import type { MigrationInterface, QueryRunner } from 'typeorm';

export class AddIssuePriority1716029125926 implements MigrationInterface {
  name = 'AddIssuePriority1716029125926';

  public async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`ALTER TABLE "issue" ADD "priority" integer NOT NULL DEFAULT '0'`);
    await queryRunner.query(`CREATE INDEX "IDX_issue_status_priority" ON "issue" ("status", "priority") `);
  }

  public async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`DROP INDEX "public"."IDX_issue_status_priority"`);
    await queryRunner.query(`ALTER TABLE "issue" DROP COLUMN "priority"`);
  }
}
