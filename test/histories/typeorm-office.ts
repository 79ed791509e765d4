import type { MigrationInterface } from 'typeorm';
import { migration } from './typeorm-clinic';

/** The history of an office: raw SQL as people write it over the years, several statements in one text, changes of types, and arrays. */
export const office: readonly (new () => MigrationInterface)[] = [
  migration(
    'Start1740000000001',
    [
      `CREATE TABLE "staff" (
         "id" BIGSERIAL PRIMARY KEY,
         "login" varchar(40) NOT NULL,
         "name" text,
         "tags" text[] NOT NULL DEFAULT '{}',
         "rooms" integer[],
         "boss" bigint REFERENCES "staff" ("id") ON DELETE SET NULL ON UPDATE CASCADE,
         "settings" jsonb NOT NULL DEFAULT '{"mail": true, "lang": "en"}'::jsonb,
         "since" timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
         "left_at" timestamp
       );
       -- one more; with a semicolon
       CREATE UNIQUE INDEX "staff_login" ON "staff" ("login");
       /* a comment; too */
       INSERT INTO "staff" ("login", "name", "tags", "rooms") VALUES
         ('ann', 'Ann; the first', '{lead,night}', '{1,2}'), ('bob', E'Bob\\'s', ARRAY['day'], NULL), ('cy', $n$Cy; $1 $n$, '{}', '{3}');`,
    ],
    ['DROP TABLE "staff"'],
  ),
  migration(
    'Bosses1740000000002',
    [
      `UPDATE staff SET boss = b.id FROM staff b WHERE b.login = 'ann' AND staff.login <> 'ann'`,
      `UPDATE staff SET tags = array_append(tags, 'staff') WHERE boss IS NOT NULL`,
      `UPDATE staff SET tags = array_remove(tags, 'night'), rooms = rooms || 9 WHERE 'lead' = ANY(tags)`,
      `UPDATE staff SET rooms = array_cat(rooms, ARRAY[4,5]) WHERE rooms[1] = 3 AND cardinality(rooms) = 1`,
    ],
    [`UPDATE staff SET boss = NULL`],
  ),
  migration(
    'Tags1740000000003',
    [
      `CREATE TABLE tag (name text PRIMARY KEY, uses integer NOT NULL DEFAULT 0)`,
      `INSERT INTO tag (name) SELECT DISTINCT unnest(tags) FROM staff ON CONFLICT (name) DO NOTHING`,
      `WITH used AS (SELECT t AS name, count(*)::int AS n FROM staff, unnest(staff.tags) AS t GROUP BY t) UPDATE tag SET uses = used.n FROM used WHERE used.name = tag.name`,
      `DELETE FROM tag USING staff WHERE staff.login = 'bob' AND tag.name = ANY(staff.tags) AND tag.uses < 2`,
      `ALTER TABLE tag ADD CONSTRAINT tag_uses CHECK (uses >= 0), ADD COLUMN colour varchar(7) NOT NULL DEFAULT '#ffffff', ALTER COLUMN uses DROP DEFAULT`,
    ],
    [`DROP TABLE tag`],
  ),
  migration(
    'Rename1740000000004',
    [
      `ALTER TABLE staff RENAME COLUMN name TO full_name`,
      `ALTER INDEX staff_login RENAME TO ux_staff_login`,
      `ALTER TABLE staff RENAME CONSTRAINT staff_boss_fkey TO fk_staff_boss`,
      `ALTER TABLE tag RENAME TO label; ALTER TABLE label RENAME CONSTRAINT tag_pkey TO label_pkey`,
    ],
    [
      `ALTER TABLE label RENAME CONSTRAINT label_pkey TO tag_pkey`,
      `ALTER TABLE label RENAME TO tag`,
      `ALTER TABLE staff RENAME CONSTRAINT fk_staff_boss TO staff_boss_fkey`,
      `ALTER INDEX ux_staff_login RENAME TO staff_login`,
      `ALTER TABLE staff RENAME COLUMN full_name TO name`,
    ],
  ),
  migration(
    'Desks1740000000005',
    [
      `CREATE SCHEMA IF NOT EXISTS "house"`,
      `CREATE TABLE "house"."floor" ("no" smallint, "wing" char(1) NOT NULL, "label" text GENERATED ALWAYS AS ("wing" || "no"::int) STORED, PRIMARY KEY ("no", "wing"))`,
      `CREATE TABLE "house"."desk" (
         "id" integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
         "floor" smallint NOT NULL, "wing" char(1) NOT NULL,
         "owner" bigint UNIQUE,
         "kind" varchar(20) NOT NULL DEFAULT 'plain' CHECK ("kind" IN ('plain', 'high')),
         CONSTRAINT "desk_floor" FOREIGN KEY ("floor", "wing") REFERENCES "house"."floor" ("no", "wing") ON DELETE CASCADE,
         CONSTRAINT "desk_owner" FOREIGN KEY ("owner") REFERENCES "staff" ("id"))`,
      `CREATE INDEX "desk_where" ON "house"."desk" ("floor", lower("wing")) WHERE "owner" IS NOT NULL`,
      `INSERT INTO "house"."floor" ("no", "wing") SELECT n, w FROM generate_series(1, 3) n CROSS JOIN (VALUES ('a'), ('b')) AS v(w)`,
      `INSERT INTO "house"."desk" ("floor", "wing", "owner") SELECT 1, 'a', id FROM staff ORDER BY id`,
      `INSERT INTO staff (login, full_name) VALUES ('ann', 'Ann Again') ON CONFLICT (login) DO UPDATE SET full_name = excluded.full_name || ' (' || staff.login || ')'`,
    ],
    [`DROP TABLE "house"."desk"`, `DROP TABLE "house"."floor"`, `DROP SCHEMA "house"`],
  ),
  migration(
    'Circle1740000000006',
    [
      `CREATE TABLE team (id serial PRIMARY KEY, title text NOT NULL COLLATE "C", speaker integer)`,
      `CREATE TABLE member (id serial PRIMARY KEY, team integer NOT NULL REFERENCES team (id) DEFERRABLE INITIALLY DEFERRED, nick text)`,
      `ALTER TABLE team ADD CONSTRAINT team_speaker FOREIGN KEY (speaker) REFERENCES member (id) ON DELETE SET NULL`,
      `CREATE UNIQUE INDEX member_nick ON member (team, nick) NULLS NOT DISTINCT`,
      `INSERT INTO team (title) VALUES ('x'); INSERT INTO member (team, nick) SELECT id, NULL FROM team; UPDATE team SET speaker = (SELECT min(id) FROM member)`,
    ],
    [`ALTER TABLE team DROP CONSTRAINT team_speaker; DROP TABLE member; DROP TABLE team;`],
  ),
  migration(
    'View1740000000007',
    [
      `CREATE VIEW staff_list AS SELECT id, login, array_to_string(tags, ', ') AS tags, settings->>'lang' AS lang FROM staff WHERE left_at IS NULL`,
      `DROP VIEW staff_list; ALTER TABLE staff ALTER COLUMN login TYPE varchar(80), ALTER COLUMN left_at TYPE timestamptz USING left_at AT TIME ZONE 'UTC'; CREATE VIEW staff_list AS SELECT id, login FROM staff`,
    ],
    [
      `DROP VIEW IF EXISTS staff_list`,
      `ALTER TABLE staff ALTER COLUMN login TYPE varchar(40), ALTER COLUMN left_at TYPE timestamp USING left_at AT TIME ZONE 'UTC'`,
    ],
  ),
  migration(
    'Rights1740000000008',
    [
      `DROP VIEW staff_list`,
      `CREATE TYPE "right_enum" AS ENUM ('read', 'write')`,
      `ALTER TABLE staff ADD "right" "right_enum" NOT NULL DEFAULT 'read'`,
      `UPDATE staff SET "right" = 'write' WHERE login = 'ann'`,
      `ALTER TYPE "right_enum" ADD VALUE IF NOT EXISTS 'admin'`,
      `ALTER TYPE "right_enum" RENAME VALUE 'write' TO 'change'`,
      `ALTER TABLE staff ALTER COLUMN "right" DROP DEFAULT, ALTER COLUMN "right" TYPE varchar(10) USING "right"::text, ALTER COLUMN "right" SET DEFAULT 'read'`,
      `DROP TYPE "right_enum"`,
    ],
    [`ALTER TABLE staff DROP COLUMN "right"`, `CREATE VIEW staff_list AS SELECT id, login FROM staff`],
  ),
  migration(
    'Many1740000000009',
    [
      `CREATE TABLE reading (id bigserial PRIMARY KEY, at timestamp NOT NULL DEFAULT now(), value double precision, note varchar)`,
      `INSERT INTO reading (value) SELECT n FROM generate_series(1, 2500) n`,
      `INSERT INTO reading (value) SELECT n FROM generate_series(2501, 4200) n`,
      `ALTER TABLE reading ADD COLUMN unit text NOT NULL DEFAULT 'V', ALTER COLUMN note SET DEFAULT 'none'`,
      `ALTER TABLE reading ALTER COLUMN value TYPE numeric(10,2) USING round(value::numeric, 2)`,
    ],
    [`DROP TABLE reading`],
  ),
  migration(
    'Copy1740000000010',
    [
      `CREATE TABLE old_label (LIKE label INCLUDING DEFAULTS INCLUDING CONSTRAINTS)`,
      `INSERT INTO old_label SELECT * FROM label`,
      `CREATE TABLE reading_archive (LIKE reading INCLUDING DEFAULTS)`,
      `INSERT INTO reading_archive (value, unit) VALUES (1.5, 'A')`,
      `ALTER TABLE label DROP CONSTRAINT tag_uses, DROP COLUMN colour, ADD COLUMN rank integer`,
      `COMMENT ON TABLE label IS 'what people are called; by others'; COMMENT ON COLUMN label.rank IS NULL`,
    ],
    [
      `ALTER TABLE label DROP COLUMN rank, ADD COLUMN colour varchar(7) NOT NULL DEFAULT '#ffffff', ADD CONSTRAINT tag_uses CHECK (uses >= 0)`,
      `DROP TABLE reading_archive; DROP TABLE old_label`,
    ],
  ),
];
