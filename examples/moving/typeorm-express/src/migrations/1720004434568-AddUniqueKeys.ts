import type { MigrationInterface, QueryRunner } from 'typeorm';

export class AddUniqueKeys1720004434568 implements MigrationInterface {
  name = 'AddUniqueKeys1720004434568';

  public async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(
      `ALTER TABLE "membership" ADD CONSTRAINT "UQ_membership_user_team" UNIQUE ("userId", "teamId")`,
    );
    await queryRunner.query(
      `ALTER TABLE "issue" ADD CONSTRAINT "UQ_issue_project_number" UNIQUE ("projectId", "number")`,
    );
  }

  public async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`ALTER TABLE "issue" DROP CONSTRAINT "UQ_issue_project_number"`);
    await queryRunner.query(`ALTER TABLE "membership" DROP CONSTRAINT "UQ_membership_user_team"`);
  }
}
