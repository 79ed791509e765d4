import type { MigrationInterface, QueryRunner } from 'typeorm';

export class LargerColumns1727955051852 implements MigrationInterface {
  name = 'LargerColumns1727955051852';

  public async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`ALTER TABLE "attachment" ALTER COLUMN "size" TYPE bigint`);
    await queryRunner.query(`ALTER TABLE "user" ALTER COLUMN "name" TYPE character varying(120)`);
    await queryRunner.query(
      `DO $$ BEGIN
        IF NOT EXISTS (SELECT 1 FROM information_schema.columns WHERE table_name = 'membership' AND column_name = 'isOwner') THEN
          ALTER TABLE "membership" ADD "isOwner" boolean NOT NULL DEFAULT false;
        END IF;
      END $$`,
    );
    await queryRunner.query(`ALTER TABLE "user" ADD "isActive" boolean NOT NULL DEFAULT true`);
  }

  public async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`ALTER TABLE "user" DROP COLUMN "isActive"`);
    await queryRunner.query(`ALTER TABLE "membership" DROP COLUMN "isOwner"`);
  }
}
