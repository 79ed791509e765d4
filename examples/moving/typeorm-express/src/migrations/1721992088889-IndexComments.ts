import type { MigrationInterface, QueryRunner } from 'typeorm';

export class IndexComments1721992088889 implements MigrationInterface {
  name = 'IndexComments1721992088889';
  transaction = false;

  public async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(
      `CREATE INDEX CONCURRENTLY IF NOT EXISTS "IDX_comment_issue" ON "comment" ("issueId")`,
    );
  }

  public async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`DROP INDEX CONCURRENTLY "IDX_comment_issue"`);
  }
}
