import type { MigrationParams } from 'umzug';
import type { Sequelize } from 'sequelize';

/** Countries and what they share. Each statement is a transaction of its own, as Aurora DSQL wants it for DDL. */
export async function up({ context: sequelize }: MigrationParams<Sequelize>): Promise<void> {
  await sequelize.query(`CREATE TABLE regions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name varchar(64) NOT NULL UNIQUE
  )`);
  await sequelize.query(`CREATE TABLE countries (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    code char(3) NOT NULL UNIQUE,
    name text NOT NULL,
    area double precision NOT NULL,
    region_id uuid NOT NULL REFERENCES regions (id)
  )`);
  await sequelize.query(`CREATE INDEX ASYNC countries_region ON countries (region_id)`);
  await sequelize.query(`CREATE TABLE currencies (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    code char(3) NOT NULL UNIQUE,
    name text NOT NULL
  )`);
  await sequelize.query(`CREATE TABLE languages (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    code char(3) NOT NULL UNIQUE,
    name text NOT NULL
  )`);
  await sequelize.query(`CREATE TABLE country_currencies (
    country_id uuid NOT NULL REFERENCES countries (id) ON DELETE CASCADE,
    currency_id uuid NOT NULL REFERENCES currencies (id) ON DELETE CASCADE,
    PRIMARY KEY (country_id, currency_id)
  )`);
  await sequelize.query(`CREATE TABLE country_languages (
    country_id uuid NOT NULL REFERENCES countries (id) ON DELETE CASCADE,
    language_id uuid NOT NULL REFERENCES languages (id) ON DELETE CASCADE,
    PRIMARY KEY (country_id, language_id)
  )`);
  await sequelize.query(`CREATE TABLE country_borders (
    country_id uuid NOT NULL REFERENCES countries (id) ON DELETE CASCADE,
    neighbour_id uuid NOT NULL REFERENCES countries (id) ON DELETE CASCADE,
    PRIMARY KEY (country_id, neighbour_id)
  )`);
}

export async function down({ context: sequelize }: MigrationParams<Sequelize>): Promise<void> {
  for (const table of [
    'country_borders',
    'country_languages',
    'country_currencies',
    'languages',
    'currencies',
    'countries',
    'regions',
  ]) {
    await sequelize.query(`DROP TABLE ${table}`);
  }
}
