import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateIssues1708078508642 implements MigrationInterface {
  name = 'CreateIssues1708078508642';

  public async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`CREATE TYPE "public"."issue_status_enum" AS ENUM('open', 'closed')`);
    await queryRunner.query(
      `CREATE TABLE "issue" ("id" SERIAL NOT NULL, "number" integer NOT NULL, "title" character varying(200) NOT NULL, "body" text NOT NULL DEFAULT '', "status" "public"."issue_status_enum" NOT NULL DEFAULT 'open', "createdAt" TIMESTAMP NOT NULL DEFAULT now(), "updatedAt" TIMESTAMP NOT NULL DEFAULT now(), "projectId" integer NOT NULL, "reporterId" uuid NOT NULL, "assigneeId" uuid, CONSTRAINT "PK_f80e086c249b9f3f3ff2fd321b7" PRIMARY KEY ("id"))`,
    );
    await queryRunner.query(`CREATE INDEX "IDX_issue_reporter" ON "issue" ("reporterId") `);
    await queryRunner.query(`CREATE INDEX "IDX_issue_assignee" ON "issue" ("assigneeId") `);
    await queryRunner.query(
      `ALTER TABLE "issue" ADD CONSTRAINT "FK_be30b91466b730c5e25f1181f79" FOREIGN KEY ("projectId") REFERENCES "project"("id") ON DELETE CASCADE ON UPDATE NO ACTION`,
    );
    await queryRunner.query(
      `ALTER TABLE "issue" ADD CONSTRAINT "FK_668ba5ace621b4afbb808f2af48" FOREIGN KEY ("reporterId") REFERENCES "user"("id") ON DELETE NO ACTION ON UPDATE NO ACTION`,
    );
    await queryRunner.query(
      `ALTER TABLE "issue" ADD CONSTRAINT "FK_d92e4c455673ad050d998bb2c56" FOREIGN KEY ("assigneeId") REFERENCES "user"("id") ON DELETE SET NULL ON UPDATE NO ACTION`,
    );
  }

  public async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`DROP TABLE "issue"`);
    await queryRunner.query(`DROP TYPE "public"."issue_status_enum"`);
  }
}
