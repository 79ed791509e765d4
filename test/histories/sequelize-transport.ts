import { text } from './sequelize-club';
import type { SequelizeMigration } from './sequelize-shop';

/** A migration that is only texts. */
const raw = (up: readonly string[], down: readonly string[]): SequelizeMigration => ({
  up: text(...up),
  down: text(...down),
});

/** The history of a haulage company: raw SQL that was written for PostgreSQL, one text in a transaction of its own. */
export const history: Readonly<Record<string, SequelizeMigration>> = {
  '001-trucks': raw(
    [
      'CREATE EXTENSION IF NOT EXISTS btree_gin',
      `CREATE TABLE trucks (id serial PRIMARY KEY, plate varchar(12) NOT NULL UNIQUE, axles smallint DEFAULT 2, bought date, notes text[])`,
    ],
    ['DROP TABLE trucks'],
  ),
  '002-drivers': raw(
    [
      `CREATE TABLE drivers (id bigserial PRIMARY KEY, name text NOT NULL, truck_id int REFERENCES trucks (id) ON DELETE SET NULL, CHECK (name <> ''))`,
      'CREATE INDEX drivers_truck ON drivers (truck_id)',
    ],
    ['DROP TABLE drivers CASCADE'],
  ),
  '003-licences': raw(
    [
      `CREATE TYPE licence AS ENUM ('b', 'c', 'ce')`,
      `ALTER TABLE drivers ADD COLUMN licence licence NOT NULL DEFAULT 'b'`,
    ],
    ['ALTER TABLE drivers DROP COLUMN licence', 'DROP TYPE licence'],
  ),
  '004-first-rows': raw(
    [
      `INSERT INTO trucks (plate) VALUES ('A 1'), ('A 2')`,
      `INSERT INTO drivers (name, truck_id) SELECT 'Driver of ' || plate, id FROM trucks`,
    ],
    ['DELETE FROM drivers', 'DELETE FROM trucks'],
  ),
  '005-rename-licence': raw(
    [`ALTER TYPE licence RENAME VALUE 'ce' TO 'c+e'`, `ALTER TYPE licence RENAME TO licence_class`],
    [`ALTER TYPE licence_class RENAME TO licence`, `ALTER TYPE licence RENAME VALUE 'c+e' TO 'ce'`],
  ),
  '006-tours': raw(
    [
      `CREATE TABLE tours (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), driver_id bigint NOT NULL, begins timestamptz NOT NULL DEFAULT now(), stops jsonb NOT NULL DEFAULT '[]'::jsonb)`,
      'ALTER TABLE tours ADD CONSTRAINT tours_driver FOREIGN KEY (driver_id) REFERENCES drivers (id) ON UPDATE CASCADE',
      'CREATE INDEX tours_stops_left_out ON tours USING gin (stops)',
      'CREATE INDEX tours_begins ON tours (begins DESC NULLS LAST)',
    ],
    ['DROP TABLE tours'],
  ),
  '007-weights': raw(
    [
      'ALTER TABLE tours ADD COLUMN weight integer NOT NULL DEFAULT 0, ADD COLUMN height numeric(5,2)',
      'ALTER TABLE tours ADD CONSTRAINT weight_known CHECK (weight >= 0)',
    ],
    ['ALTER TABLE tours DROP CONSTRAINT weight_known, DROP COLUMN height, DROP COLUMN weight'],
  ),
  '008-wider-weights': raw(
    [
      'ALTER TABLE tours ALTER COLUMN weight TYPE bigint',
      'ALTER TABLE tours ALTER COLUMN height SET DEFAULT 3.5',
    ],
    [
      'ALTER TABLE tours ALTER COLUMN height DROP DEFAULT',
      'ALTER TABLE tours ALTER COLUMN weight TYPE integer',
    ],
  ),
  '009-plan': raw([`INSERT INTO tours (driver_id, weight) SELECT id, 7 FROM drivers`], ['DELETE FROM tours']),
  '010-unique-driver': raw(
    [
      'ALTER TABLE drivers ADD CONSTRAINT one_driver UNIQUE (name, truck_id)',
      'CREATE UNIQUE INDEX CONCURRENTLY lower_names ON drivers (lower(name))',
    ],
    ['DROP INDEX CONCURRENTLY lower_names', 'ALTER TABLE drivers DROP CONSTRAINT one_driver'],
  ),
  '011-required': raw(
    [
      `UPDATE trucks SET bought = '2020-01-01' WHERE bought IS NULL`,
      'ALTER TABLE trucks ALTER COLUMN bought SET NOT NULL',
    ],
    ['ALTER TABLE trucks ALTER COLUMN bought DROP NOT NULL'],
  ),
  '012-several': raw(
    [
      `BEGIN;
       ALTER TABLE trucks ADD COLUMN colour text;
       UPDATE trucks SET colour = 'red';
       ALTER TABLE trucks ALTER COLUMN colour SET DEFAULT 'red';
       COMMIT;`,
    ],
    ['ALTER TABLE trucks DROP COLUMN IF EXISTS colour'],
  ),
  '013-depots': raw(
    [
      `CREATE TABLE IF NOT EXISTS depots (code char(3) PRIMARY KEY, name text) WITH (fillfactor = 70)`,
      `ALTER TABLE trucks ADD COLUMN depot char(3) REFERENCES depots`,
    ],
    ['ALTER TABLE trucks DROP COLUMN depot', 'DROP TABLE depots'],
  ),
  '014-guarded': raw(
    [
      `DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = 'depot_code') THEN ALTER TABLE depots ADD CONSTRAINT depot_code CHECK (code <> '   '); END IF; END $$`,
    ],
    ['ALTER TABLE depots DROP CONSTRAINT depot_code'],
  ),
  '015-comments': raw(
    [`COMMENT ON TABLE depots IS 'where trucks stand'`, `COMMENT ON INDEX drivers_truck IS 'for joins'`],
    [`COMMENT ON INDEX drivers_truck IS NULL`, `COMMENT ON TABLE depots IS NULL`],
  ),
  '016-renames': raw(
    [
      'ALTER TABLE tours RENAME TO trips',
      'ALTER TABLE trips RENAME COLUMN begins TO starts',
      'ALTER TABLE trips RENAME CONSTRAINT weight_known TO trip_weight_known',
    ],
    [
      'ALTER TABLE trips RENAME CONSTRAINT trip_weight_known TO weight_known',
      'ALTER TABLE trips RENAME COLUMN starts TO begins',
      'ALTER TABLE trips RENAME TO tours',
    ],
  ),
  '017-sequence': raw(
    ['CREATE SEQUENCE bill_numbers START WITH 100', `ALTER TABLE trips ADD COLUMN bill bigint`],
    ['ALTER TABLE trips DROP COLUMN bill', 'DROP SEQUENCE bill_numbers'],
  ),
  '018-view': raw(
    ['CREATE OR REPLACE VIEW heavy AS SELECT id, weight FROM trips WHERE weight > 5'],
    ['DROP VIEW heavy'],
  ),
  '019-empty-table': raw(
    [
      'CREATE TABLE fuel (id serial PRIMARY KEY, litres int NOT NULL, at timestamp)',
      "ALTER TABLE fuel ALTER COLUMN litres TYPE numeric(8,2), ALTER COLUMN at TYPE timestamptz USING at AT TIME ZONE 'UTC'",
    ],
    ['DROP TABLE fuel'],
  ),
  '020-empty': raw([`TRUNCATE fuel, trips RESTART IDENTITY`], []),
};
