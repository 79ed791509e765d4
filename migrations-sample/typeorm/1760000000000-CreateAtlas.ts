import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateAtlas1760000000000 implements MigrationInterface {
  name = 'CreateAtlas1760000000000';

  public async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
            CREATE TABLE "region" (
                "id" uuid NOT NULL DEFAULT gen_random_uuid(),
                "name" character varying(64) NOT NULL,
                CONSTRAINT "UQ_8d766fc1d4d2e72ecd5f6567a02" UNIQUE ("name"),
                CONSTRAINT "PK_5f48ffc3af96bc486f5f3f3a6da" PRIMARY KEY ("id")
            )
        `);
    await queryRunner.query(`
            CREATE TABLE "currency" (
                "id" uuid NOT NULL DEFAULT gen_random_uuid(),
                "code" character(3) NOT NULL,
                "name" text NOT NULL,
                CONSTRAINT "UQ_723472e41cae44beb0763f4039c" UNIQUE ("code"),
                CONSTRAINT "PK_3cda65c731a6264f0e444cc9b91" PRIMARY KEY ("id")
            )
        `);
    await queryRunner.query(`
            CREATE TABLE "language" (
                "id" uuid NOT NULL DEFAULT gen_random_uuid(),
                "code" character(3) NOT NULL,
                "name" text NOT NULL,
                CONSTRAINT "UQ_465b3173cdddf0ac2d3fe73a33c" UNIQUE ("code"),
                CONSTRAINT "PK_cc0a99e710eb3733f6fb42b1d4c" PRIMARY KEY ("id")
            )
        `);
    await queryRunner.query(`
            CREATE TABLE "country" (
                "id" uuid NOT NULL DEFAULT gen_random_uuid(),
                "code" character(3) NOT NULL,
                "name" text NOT NULL,
                "area" double precision NOT NULL,
                "regionId" uuid NOT NULL,
                CONSTRAINT "UQ_8ff4c23dc9a3f3856555bd86186" UNIQUE ("code"),
                CONSTRAINT "FK_adda353c674d16613298959d5bc" FOREIGN KEY ("regionId") REFERENCES "region" ("id") ON DELETE NO ACTION ON UPDATE NO ACTION,
                CONSTRAINT "PK_bf6e37c231c4f4ea56dcd887269" PRIMARY KEY ("id")
            )
        `);
    await queryRunner.query(`
            CREATE TABLE "country_currency" (
                "countryId" uuid NOT NULL,
                "currencyId" uuid NOT NULL,
                CONSTRAINT "FK_5115ad2c11bf2bd0d58192d2190" FOREIGN KEY ("countryId") REFERENCES "country" ("id") ON DELETE CASCADE ON UPDATE CASCADE,
                CONSTRAINT "FK_28b4b207fd05aded4ca5d524447" FOREIGN KEY ("currencyId") REFERENCES "currency" ("id") ON DELETE CASCADE ON UPDATE CASCADE,
                CONSTRAINT "PK_9dbebb956f4979b80f5ec6aca81" PRIMARY KEY ("countryId", "currencyId")
            )
        `);
    await queryRunner.query(`
            CREATE TABLE "country_language" (
                "countryId" uuid NOT NULL,
                "languageId" uuid NOT NULL,
                CONSTRAINT "FK_be8bbc84063bece745cf804ea28" FOREIGN KEY ("countryId") REFERENCES "country" ("id") ON DELETE CASCADE ON UPDATE CASCADE,
                CONSTRAINT "FK_02924fa25ffdd015eb01ba80462" FOREIGN KEY ("languageId") REFERENCES "language" ("id") ON DELETE CASCADE ON UPDATE CASCADE,
                CONSTRAINT "PK_9bf6c3075521f2950d8c4dd1d29" PRIMARY KEY ("countryId", "languageId")
            )
        `);
    await queryRunner.query(`
            CREATE TABLE "country_border" (
                "countryId" uuid NOT NULL,
                "neighbourId" uuid NOT NULL,
                CONSTRAINT "FK_ea6da8cfeb186bb6bbd2fe87838" FOREIGN KEY ("countryId") REFERENCES "country" ("id") ON DELETE CASCADE ON UPDATE CASCADE,
                CONSTRAINT "FK_fe3d05e1098f018538cc185e690" FOREIGN KEY ("neighbourId") REFERENCES "country" ("id") ON DELETE CASCADE ON UPDATE CASCADE,
                CONSTRAINT "PK_46daabe678ea48b8bdde6d7b0f1" PRIMARY KEY ("countryId", "neighbourId")
            )
        `);
    await queryRunner.query(`
            CREATE INDEX ASYNC "IDX_5115ad2c11bf2bd0d58192d219" ON "country_currency" ("countryId")
        `);
    await queryRunner.query(`
            CREATE INDEX ASYNC "IDX_28b4b207fd05aded4ca5d52444" ON "country_currency" ("currencyId")
        `);
    await queryRunner.query(`
            CREATE INDEX ASYNC "IDX_be8bbc84063bece745cf804ea2" ON "country_language" ("countryId")
        `);
    await queryRunner.query(`
            CREATE INDEX ASYNC "IDX_02924fa25ffdd015eb01ba8046" ON "country_language" ("languageId")
        `);
    await queryRunner.query(`
            CREATE INDEX ASYNC "IDX_ea6da8cfeb186bb6bbd2fe8783" ON "country_border" ("countryId")
        `);
    await queryRunner.query(`
            CREATE INDEX ASYNC "IDX_fe3d05e1098f018538cc185e69" ON "country_border" ("neighbourId")
        `);
  }

  public async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
            DROP INDEX "public"."IDX_fe3d05e1098f018538cc185e69"
        `);
    await queryRunner.query(`
            DROP INDEX "public"."IDX_ea6da8cfeb186bb6bbd2fe8783"
        `);
    await queryRunner.query(`
            DROP INDEX "public"."IDX_02924fa25ffdd015eb01ba8046"
        `);
    await queryRunner.query(`
            DROP INDEX "public"."IDX_be8bbc84063bece745cf804ea2"
        `);
    await queryRunner.query(`
            DROP INDEX "public"."IDX_28b4b207fd05aded4ca5d52444"
        `);
    await queryRunner.query(`
            DROP INDEX "public"."IDX_5115ad2c11bf2bd0d58192d219"
        `);
    await queryRunner.query(`
            ALTER TABLE "country_border" DROP CONSTRAINT "FK_fe3d05e1098f018538cc185e690"
        `);
    await queryRunner.query(`
            ALTER TABLE "country_border" DROP CONSTRAINT "FK_ea6da8cfeb186bb6bbd2fe87838"
        `);
    await queryRunner.query(`
            DROP TABLE "country_border"
        `);
    await queryRunner.query(`
            ALTER TABLE "country_language" DROP CONSTRAINT "FK_02924fa25ffdd015eb01ba80462"
        `);
    await queryRunner.query(`
            ALTER TABLE "country_language" DROP CONSTRAINT "FK_be8bbc84063bece745cf804ea28"
        `);
    await queryRunner.query(`
            DROP TABLE "country_language"
        `);
    await queryRunner.query(`
            ALTER TABLE "country_currency" DROP CONSTRAINT "FK_28b4b207fd05aded4ca5d524447"
        `);
    await queryRunner.query(`
            ALTER TABLE "country_currency" DROP CONSTRAINT "FK_5115ad2c11bf2bd0d58192d2190"
        `);
    await queryRunner.query(`
            DROP TABLE "country_currency"
        `);
    await queryRunner.query(`
            ALTER TABLE "country" DROP CONSTRAINT "FK_adda353c674d16613298959d5bc"
        `);
    await queryRunner.query(`
            DROP TABLE "country"
        `);
    await queryRunner.query(`
            DROP TABLE "language"
        `);
    await queryRunner.query(`
            DROP TABLE "currency"
        `);
    await queryRunner.query(`
            DROP TABLE "region"
        `);
  }
}
