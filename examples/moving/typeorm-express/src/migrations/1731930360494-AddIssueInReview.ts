import type { MigrationInterface, QueryRunner } from 'typeorm';

export class AddIssueInReview1731930360494 implements MigrationInterface {
  name = 'AddIssueInReview1731930360494';

  public async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`ALTER TYPE "public"."issue_status_enum" RENAME TO "issue_status_enum_old"`);
    await queryRunner.query(
      `CREATE TYPE "public"."issue_status_enum" AS ENUM('open', 'in progress', 'in review', 'closed')`,
    );
    await queryRunner.query(`ALTER TABLE "issue" ALTER COLUMN "status" DROP DEFAULT`);
    await queryRunner.query(
      `ALTER TABLE "issue" ALTER COLUMN "status" TYPE "public"."issue_status_enum" USING "status"::"text"::"public"."issue_status_enum"`,
    );
    await queryRunner.query(`ALTER TABLE "issue" ALTER COLUMN "status" SET DEFAULT 'open'`);
    await queryRunner.query(`DROP TYPE "public"."issue_status_enum_old"`);
  }

  public async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(
      `CREATE TYPE "public"."issue_status_enum_old" AS ENUM('open', 'in progress', 'closed')`,
    );
    await queryRunner.query(`ALTER TABLE "issue" ALTER COLUMN "status" DROP DEFAULT`);
    await queryRunner.query(
      `ALTER TABLE "issue" ALTER COLUMN "status" TYPE "public"."issue_status_enum_old" USING "status"::"text"::"public"."issue_status_enum_old"`,
    );
    await queryRunner.query(`ALTER TABLE "issue" ALTER COLUMN "status" SET DEFAULT 'open'`);
    await queryRunner.query(`DROP TYPE "public"."issue_status_enum"`);
    await queryRunner.query(`ALTER TYPE "public"."issue_status_enum_old" RENAME TO "issue_status_enum"`);
  }
}
