import type { MigrationInterface, QueryRunner } from 'typeorm';

export class ColorLabels1725967397531 implements MigrationInterface {
  name = 'ColorLabels1725967397531';

  public async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`ALTER TABLE "label" ADD "color" character varying(7)`);
    await queryRunner.query(
      `UPDATE "label" SET "color" = CASE "name" WHEN 'bug' THEN '#d73a4a' ELSE '#cccccc' END WHERE "color" IS NULL`,
    );
    await queryRunner.query(`ALTER TABLE "label" ALTER COLUMN "color" SET NOT NULL`);
  }

  public async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`ALTER TABLE "label" DROP COLUMN "color"`);
  }
}
