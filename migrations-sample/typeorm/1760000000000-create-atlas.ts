import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Countries and what they share. Each statement is a transaction of its own, as Aurora DSQL wants it for DDL. */
export class CreateAtlas1760000000000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`CREATE TABLE region (
      id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
      name varchar(64) NOT NULL UNIQUE
    )`);
    await queryRunner.query(`CREATE TABLE country (
      id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
      code char(3) NOT NULL UNIQUE,
      name text NOT NULL,
      area double precision NOT NULL,
      "regionId" uuid NOT NULL REFERENCES region (id)
    )`);
    await queryRunner.query(`CREATE INDEX ASYNC country_region ON country ("regionId")`);
    await queryRunner.query(`CREATE TABLE currency (
      id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
      code char(3) NOT NULL UNIQUE,
      name text NOT NULL
    )`);
    await queryRunner.query(`CREATE TABLE language (
      id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
      code char(3) NOT NULL UNIQUE,
      name text NOT NULL
    )`);
    await queryRunner.query(`CREATE TABLE country_currency (
      "countryId" uuid NOT NULL REFERENCES country (id) ON DELETE CASCADE,
      "currencyId" uuid NOT NULL REFERENCES currency (id) ON DELETE CASCADE,
      PRIMARY KEY ("countryId", "currencyId")
    )`);
    await queryRunner.query(`CREATE TABLE country_language (
      "countryId" uuid NOT NULL REFERENCES country (id) ON DELETE CASCADE,
      "languageId" uuid NOT NULL REFERENCES language (id) ON DELETE CASCADE,
      PRIMARY KEY ("countryId", "languageId")
    )`);
    await queryRunner.query(`CREATE TABLE country_border (
      "countryId" uuid NOT NULL REFERENCES country (id) ON DELETE CASCADE,
      "neighbourId" uuid NOT NULL REFERENCES country (id) ON DELETE CASCADE,
      PRIMARY KEY ("countryId", "neighbourId")
    )`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    for (const table of [
      'country_border',
      'country_language',
      'country_currency',
      'language',
      'currency',
      'country',
      'region',
    ]) {
      await queryRunner.query(`DROP TABLE ${table}`);
    }
  }
}
