import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateLabels1710066162963 implements MigrationInterface {
  name = 'CreateLabels1710066162963';

  public async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(
      `CREATE TABLE "label" ("id" SERIAL NOT NULL, "name" character varying(40) NOT NULL, CONSTRAINT "UQ_972f95f212512a35e838562ea30" UNIQUE ("name"), CONSTRAINT "PK_5692ac5348861d3776eb5843672" PRIMARY KEY ("id"))`,
    );
    await queryRunner.query(
      `CREATE TABLE "issue_labels" ("issueId" integer NOT NULL, "labelId" integer NOT NULL, CONSTRAINT "PK_08cb62907e6e166fd35af96a538" PRIMARY KEY ("issueId", "labelId"))`,
    );
    await queryRunner.query(`CREATE INDEX "IDX_f0bd8cdd207e9aec69162259e8" ON "issue_labels" ("issueId") `);
    await queryRunner.query(`CREATE INDEX "IDX_b00b99744de61204ad18a22fb2" ON "issue_labels" ("labelId") `);
    await queryRunner.query(
      `ALTER TABLE "issue_labels" ADD CONSTRAINT "FK_f0bd8cdd207e9aec69162259e8c" FOREIGN KEY ("issueId") REFERENCES "issue"("id") ON DELETE CASCADE ON UPDATE CASCADE`,
    );
    await queryRunner.query(
      `ALTER TABLE "issue_labels" ADD CONSTRAINT "FK_b00b99744de61204ad18a22fb2a" FOREIGN KEY ("labelId") REFERENCES "label"("id") ON DELETE CASCADE ON UPDATE CASCADE`,
    );
    await queryRunner.query(`INSERT INTO "label" ("name") VALUES ('bug'), ('feature'), ('question')`);
  }

  public async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`DROP TABLE "issue_labels"`);
    await queryRunner.query(`DROP TABLE "label"`);
  }
}
