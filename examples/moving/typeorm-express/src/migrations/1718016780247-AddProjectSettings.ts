import type { MigrationInterface, QueryRunner } from 'typeorm';

export class AddProjectSettings1718016780247 implements MigrationInterface {
  name = 'AddProjectSettings1718016780247';

  public async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`ALTER TABLE "project" ADD "settings" jsonb NOT NULL DEFAULT '{}'`);
    await queryRunner.query(`ALTER TABLE "project" ADD "issueCount" integer NOT NULL DEFAULT '0'`);
    await queryRunner.query(
      `UPDATE "project" SET "issueCount" = (SELECT COUNT(*) FROM "issue" WHERE "issue"."projectId" = "project"."id")`,
    );
  }

  public async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`ALTER TABLE "project" DROP COLUMN "issueCount"`);
    await queryRunner.query(`ALTER TABLE "project" DROP COLUMN "settings"`);
  }
}
