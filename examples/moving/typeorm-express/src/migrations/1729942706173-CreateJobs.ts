import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateJobs1729942706173 implements MigrationInterface {
  name = 'CreateJobs1729942706173';

  public async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(
      `DO $$ BEGIN
        CREATE TYPE "public"."job_status_enum" AS ENUM('queued', 'running', 'done');
      EXCEPTION WHEN duplicate_object THEN null;
      END $$`,
    );
    await queryRunner.query(
      `CREATE TABLE "job" ("id" SERIAL NOT NULL, "kind" character varying NOT NULL, "payload" jsonb NOT NULL, "status" "public"."job_status_enum" NOT NULL DEFAULT 'queued', "attempts" integer NOT NULL DEFAULT '0', CONSTRAINT "PK_98ab1c14ff8d1cf80d18703b92f" PRIMARY KEY ("id"))`,
    );
    await queryRunner.query(
      `CREATE TABLE "audit_event" ("id" SERIAL NOT NULL, "action" character varying NOT NULL, "details" jsonb NOT NULL, "createdAt" TIMESTAMP NOT NULL DEFAULT now(), CONSTRAINT "PK_481efbe8b0a403efe3f47a6528f" PRIMARY KEY ("id"))`,
    );
  }

  public async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`DROP TABLE "audit_event"`);
    await queryRunner.query(`DROP TABLE "job"`);
    await queryRunner.query(`DROP TYPE "public"."job_status_enum"`);
  }
}
