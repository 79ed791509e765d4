import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateProjects1706090854321 implements MigrationInterface {
  name = 'CreateProjects1706090854321';

  public async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(
      `CREATE TABLE "project" ("id" SERIAL NOT NULL, "key" character varying(10) NOT NULL, "name" character varying NOT NULL, "teamId" integer NOT NULL, CONSTRAINT "UQ_2db22c052f9ffdd51a6c113b37b" UNIQUE ("key"), CONSTRAINT "PK_4d68b1358bb5b766d3e78f32f57" PRIMARY KEY ("id"))`,
    );
    await queryRunner.query(
      `ALTER TABLE "project" ADD CONSTRAINT "FK_d0474b642dc0ae63660dd8e2ac0" FOREIGN KEY ("teamId") REFERENCES "team"("id") ON DELETE NO ACTION ON UPDATE NO ACTION`,
    );
  }

  public async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`DROP TABLE "project"`);
  }
}
