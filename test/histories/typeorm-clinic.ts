import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A migration that is only texts, as most are. */
export function migration(
  name: string,
  up: readonly string[],
  down: readonly string[],
): new () => MigrationInterface {
  const run = async (queryRunner: QueryRunner, texts: readonly string[]) => {
    for (const text of texts) await queryRunner.query(text);
  };
  return class implements MigrationInterface {
    readonly name = name;
    up(queryRunner: QueryRunner): Promise<void> {
      return run(queryRunner, up);
    }
    down(queryRunner: QueryRunner): Promise<void> {
      return run(queryRunner, down);
    }
  };
}

/** The history of a clinic: tables are empty for a long time, and what is in them is thought over. */
export const clinic: readonly (new () => MigrationInterface)[] = [
  migration(
    'Patients1710000000001',
    [
      `CREATE EXTENSION IF NOT EXISTS "uuid-ossp"`,
      `SELECT pg_catalog.set_config('search_path', 'public', false)`,
      `CREATE TABLE "patient" ("id" BIGSERIAL PRIMARY KEY, "name" varchar(40) NOT NULL, "born" timestamp, "weight" integer)`,
    ],
    [`DROP TABLE "patient"`],
  ),
  migration(
    'LongerNames1710000000002',
    [`ALTER TABLE "patient" ALTER COLUMN "name" TYPE character varying(200)`],
    [`ALTER TABLE "patient" ALTER COLUMN "name" TYPE character varying(40)`],
  ),
  migration(
    'Born1710000000003',
    [
      `ALTER TABLE "patient" ALTER COLUMN "born" TYPE date USING "born"::date, ALTER COLUMN "born" SET NOT NULL`,
    ],
    [`ALTER TABLE "patient" ALTER COLUMN "born" DROP NOT NULL, ALTER COLUMN "born" TYPE timestamp`],
  ),
  migration(
    'SameTypes1710000000004',
    [`ALTER TABLE "patient" ALTER COLUMN "weight" TYPE int, ALTER COLUMN "weight" SET DEFAULT 70`],
    [`ALTER TABLE "patient" ALTER COLUMN "weight" DROP DEFAULT`],
  ),
  migration(
    'Exact1710000000005',
    [
      `CREATE INDEX "IDX_weight" ON "patient" ("weight")`,
      `ALTER TABLE "patient" ALTER "weight" TYPE numeric(6,2)`,
    ],
    [`ALTER TABLE "patient" ALTER "weight" TYPE integer`, `DROP INDEX "IDX_weight"`],
  ),
  migration(
    'Wards1710000000006',
    [
      `CREATE TABLE "ward" ("id" uuid PRIMARY KEY DEFAULT uuid_generate_v4(), "floor" smallint NOT NULL DEFAULT 0, UNIQUE ("floor"))`,
      `ALTER TABLE "patient" ADD "wardId" uuid`,
      `ALTER TABLE "patient" ADD CONSTRAINT "FK_ward" FOREIGN KEY ("wardId") REFERENCES "ward"("id") ON DELETE SET NULL`,
    ],
    [
      `ALTER TABLE "patient" DROP CONSTRAINT "FK_ward"`,
      `ALTER TABLE "patient" DROP COLUMN "wardId"`,
      `DROP TABLE "ward"`,
    ],
  ),
  migration(
    'Floors1710000000007',
    [`ALTER TABLE "ward" ALTER COLUMN "floor" TYPE integer`],
    [`ALTER TABLE "ward" ALTER COLUMN "floor" TYPE smallint`],
  ),
  migration(
    'Moods1710000000008',
    [
      `DO $$ BEGIN CREATE TYPE "mood" AS ENUM ('well', 'ill'); EXCEPTION WHEN duplicate_object THEN null; END $$;`,
      `ALTER TABLE "patient" ADD COLUMN "mood" "mood" DEFAULT 'ill'::"mood"`,
    ],
    [`ALTER TABLE "patient" DROP COLUMN "mood"`, `DROP TYPE "mood"`],
  ),
  migration('Worse1710000000009', [`ALTER TYPE "mood" ADD VALUE 'bad'`], []),
  migration(
    'FirstPatients1710000000010',
    [
      `INSERT INTO "ward" ("floor") VALUES (1), (2)`,
      `INSERT INTO "patient" ("name", "born", "mood") VALUES ('Ann', '2000-01-01', 'bad'), ('Bob', '1990-05-05', 'well')`,
      `UPDATE "patient" SET "wardId" = (SELECT "id" FROM "ward" WHERE "floor" = 1) WHERE "mood" = 'bad'::"mood"`,
    ],
    [`DELETE FROM "patient"`, `DELETE FROM "ward"`],
  ),
  migration(
    'Moved1710000000011',
    [
      `BEGIN; ALTER TABLE "patient" ADD "since" timestamptz NOT NULL DEFAULT now(); CREATE INDEX "IDX_since" ON "patient" ("since"); COMMIT;`,
    ],
    [`ALTER TABLE "patient" DROP COLUMN "since"`],
  ),
  migration(
    'Doctors1710000000012',
    [
      `CREATE TABLE IF NOT EXISTS "doctor" ("id" SERIAL PRIMARY KEY, "name" text COLLATE "C", "data" json)`,
      `CREATE TABLE "visit" ("doctorId" integer REFERENCES "doctor" ("id") ON DELETE CASCADE, "patientId" bigint REFERENCES "patient" ("id"), "at" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY ("doctorId", "patientId"))`,
    ],
    [`DROP TABLE "visit"`, `DROP TABLE "doctor"`],
  ),
  migration(
    'Data1710000000013',
    [
      `ALTER TABLE "doctor" ALTER COLUMN "data" TYPE jsonb USING "data"::jsonb`,
      `COMMENT ON TABLE "doctor" IS 'who heals'`,
    ],
    [`ALTER TABLE "doctor" ALTER COLUMN "data" TYPE json USING "data"::json`],
  ),
  migration(
    'Zones1710000000014',
    [`ALTER TABLE "visit" ALTER COLUMN "at" TYPE TIMESTAMP WITH TIME ZONE USING "at" AT TIME ZONE 'UTC'`],
    [`ALTER TABLE "visit" ALTER COLUMN "at" TYPE TIMESTAMP(3)`],
  ),
  migration(
    'MoodOfVisits1710000000015',
    [`ALTER TABLE "visit" ADD "before" "mood" NOT NULL DEFAULT 'ill', ADD "after" "mood"`],
    [`ALTER TABLE "visit" DROP COLUMN "before", DROP COLUMN "after"`],
  ),
  migration(
    'Better1710000000016',
    [`ALTER TYPE "mood" RENAME VALUE 'bad' TO 'worse'`],
    [`ALTER TYPE "mood" RENAME VALUE 'worse' TO 'bad'`],
  ),
  migration(
    'Indexes1710000000017',
    [
      `CREATE INDEX "IDX_text" ON "patient" ("name")`,
      `CREATE UNIQUE INDEX IF NOT EXISTS "IDX_name_born" ON "public"."patient" USING btree ("name" ASC NULLS LAST, "born")`,
    ],
    [`DROP INDEX IF EXISTS "IDX_name_born"`, `DROP INDEX "IDX_text"`],
  ),
  migration(
    'Again1710000000018',
    [
      `ALTER TABLE "patient" DROP CONSTRAINT IF EXISTS "FK_ward", ADD CONSTRAINT "FK_ward" FOREIGN KEY ("wardId") REFERENCES "ward"("id") ON DELETE CASCADE`,
    ],
    [
      `ALTER TABLE "patient" DROP CONSTRAINT "FK_ward"`,
      `ALTER TABLE "patient" ADD CONSTRAINT "FK_ward" FOREIGN KEY ("wardId") REFERENCES "ward"("id") ON DELETE SET NULL`,
    ],
  ),
  migration(
    'Plain1710000000019',
    [`ALTER TABLE "visit" ALTER COLUMN "after" TYPE text USING "after"::text`],
    [`ALTER TABLE "visit" ALTER COLUMN "after" TYPE "mood" USING "after"::"mood"`],
  ),
  migration(
    'Schema1710000000020',
    [
      `CREATE SCHEMA IF NOT EXISTS "archive"`,
      `CREATE TABLE "archive"."old" ("id" bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY)`,
    ],
    [`DROP TABLE "archive"."old"`, `DROP SCHEMA "archive"`],
  ),
];
