import type { MigrationInterface } from 'typeorm';
import { migration } from './typeorm-clinic';

/** The history of a forum: arrays, search indexes, guarded blocks, and enum types that grow. */
export const forum: readonly (new () => MigrationInterface)[] = [
  migration(
    'Extensions1720000000001',
    [
      `CREATE EXTENSION IF NOT EXISTS "uuid-ossp"`,
      `CREATE SCHEMA IF NOT EXISTS "board"`,
      `SET statement_timeout = 0`,
      `SET lock_timeout = 0`,
      `SET client_min_messages TO warning`,
    ],
    [`DROP SCHEMA IF EXISTS "board"`],
  ),
  migration(
    'Topics1720000000002',
    [
      `CREATE TYPE "public"."topic_state_enum" AS ENUM('open', 'closed')`,
      `CREATE TABLE "topic" ("id" uuid NOT NULL DEFAULT uuid_generate_v4(), "title" character varying(200) NOT NULL, "tags" text array NOT NULL DEFAULT '{}', "state" "public"."topic_state_enum" NOT NULL DEFAULT 'open', "votes" integer NOT NULL DEFAULT 0, "data" jsonb NOT NULL DEFAULT '{}', "created" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(), CONSTRAINT "PK_topic" PRIMARY KEY ("id"))`,
    ],
    [`DROP TABLE "topic"`, `DROP TYPE "public"."topic_state_enum"`],
  ),
  migration(
    'SearchTopics1720000000003',
    [
      `CREATE INDEX "topic_tags_left_out" ON "topic" USING gin ("tags")`,
      `CREATE INDEX "topic_data_left_out" ON "topic" USING gin ("data" jsonb_path_ops)`,
      `CREATE INDEX "topic_words_left_out" ON "topic" USING gin (to_tsvector('english', "title"))`,
      `CREATE INDEX "topic_created" ON "topic" ("created" DESC NULLS LAST)`,
      `CREATE INDEX "topic_votes" ON "topic" USING hash ("votes")`,
    ],
    [
      `DROP INDEX "topic_votes"`,
      `DROP INDEX "public"."topic_created"`,
      `DROP INDEX "topic_words_left_out"`,
      `DROP INDEX "public"."topic_data_left_out"`,
      `DROP INDEX "topic_tags_left_out"`,
    ],
  ),
  migration(
    'FirstTopics1720000000004',
    [
      `INSERT INTO "topic" ("title", "tags") VALUES ('One', '{}'), ('Two', ARRAY['a', 'b']), ('Three', '{c}'::text[])`,
      `UPDATE "topic" SET "tags" = ARRAY['x'], "state" = 'closed'::"public"."topic_state_enum" WHERE "title" = 'Three'`,
    ],
    [`DELETE FROM "topic"`],
  ),
  migration(
    'MoreTags1720000000005',
    [
      `ALTER TABLE "topic" ADD "labels" character varying(20) array NOT NULL DEFAULT ARRAY[]::varchar[]`,
      `ALTER TABLE "topic" ADD COLUMN IF NOT EXISTS "scores" integer[]`,
      `UPDATE "topic" SET "scores" = '{1,2}' WHERE "title" = 'One'`,
      `ALTER TABLE "topic" ALTER COLUMN "labels" SET DEFAULT '{new}'`,
    ],
    [`ALTER TABLE "topic" DROP COLUMN "scores"`, `ALTER TABLE "topic" DROP COLUMN "labels"`],
  ),
  migration(
    'Posts1720000000006',
    [
      `CREATE TABLE "post" ("id" BIGSERIAL NOT NULL, "topicId" uuid NOT NULL, "body" text NOT NULL, "replyTo" bigint, CONSTRAINT "PK_post" PRIMARY KEY ("id"))`,
      `ALTER TABLE "post" ADD CONSTRAINT "FK_post_topic" FOREIGN KEY ("topicId") REFERENCES "topic"("id") ON DELETE CASCADE ON UPDATE NO ACTION`,
      `ALTER TABLE "post" ADD CONSTRAINT "FK_post_reply" FOREIGN KEY ("replyTo") REFERENCES "post"("id") ON DELETE SET NULL`,
      `CREATE INDEX IF NOT EXISTS "post_topic" ON "post" ("topicId")`,
    ],
    [`DROP TABLE "post"`],
  ),
  migration(
    'GuardedColumn1720000000007',
    [
      `DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM information_schema.columns WHERE table_name = 'post' AND column_name = 'edited') THEN ALTER TABLE "post" ADD COLUMN "edited" boolean NOT NULL DEFAULT false; END IF; END $$`,
      `DO $$ BEGIN ALTER TABLE "post" ADD CONSTRAINT "CHK_post_body" CHECK ("body" <> ''); EXCEPTION WHEN duplicate_object THEN NULL; END $$;`,
    ],
    [`ALTER TABLE "post" DROP CONSTRAINT "CHK_post_body"`, `ALTER TABLE "post" DROP COLUMN "edited"`],
  ),
  migration(
    'StickyTopics1720000000008',
    [`ALTER TYPE "public"."topic_state_enum" ADD VALUE IF NOT EXISTS 'sticky' BEFORE 'closed'`],
    [],
  ),
  migration(
    'Archive1720000000009',
    [
      `ALTER TYPE "public"."topic_state_enum" RENAME TO "topic_state_enum_old"`,
      `CREATE TYPE "public"."topic_state_enum" AS ENUM('open', 'sticky', 'closed', 'archived')`,
      `ALTER TABLE "topic" ALTER COLUMN "state" DROP DEFAULT`,
      `ALTER TABLE "topic" ALTER COLUMN "state" TYPE "public"."topic_state_enum" USING "state"::"text"::"public"."topic_state_enum"`,
      `ALTER TABLE "topic" ALTER COLUMN "state" SET DEFAULT 'open'`,
      `DROP TYPE "public"."topic_state_enum_old"`,
    ],
    [],
  ),
  migration(
    'Users1720000000010',
    [
      `CREATE TABLE "board"."user" ("id" SERIAL PRIMARY KEY, "name" varchar NOT NULL UNIQUE, "email" varchar NOT NULL, "roles" text[] DEFAULT '{"member"}')`,
      `ALTER TABLE "board"."user" ADD CONSTRAINT "UQ_user_email" UNIQUE ("email")`,
      `INSERT INTO "board"."user" ("name", "email") VALUES ('ann', 'a@x.test'), ('bob', 'b@x.test')`,
    ],
    [`DROP TABLE "board"."user"`],
  ),
  migration(
    'Authors1720000000011',
    [
      `ALTER TABLE "post" ADD "authorId" integer`,
      `ALTER TABLE "post" ADD CONSTRAINT "FK_post_author" FOREIGN KEY ("authorId") REFERENCES "board"."user"("id") ON DELETE SET NULL ON UPDATE NO ACTION`,
    ],
    [`ALTER TABLE "post" DROP CONSTRAINT "FK_post_author"`, `ALTER TABLE "post" DROP COLUMN "authorId"`],
  ),
  migration(
    'LongerTitles1720000000012',
    [
      `ALTER TABLE "post" ALTER COLUMN "body" TYPE text`,
      `ALTER TABLE "topic" RENAME COLUMN "votes" TO "points"`,
    ],
    [`ALTER TABLE "topic" RENAME COLUMN "points" TO "votes"`],
  ),
  migration(
    'Pinned1720000000013',
    [
      `ALTER TABLE "topic" ADD "pinned" boolean`,
      `UPDATE "topic" SET "pinned" = ("state" = 'sticky')`,
      `ALTER TABLE "topic" ALTER COLUMN "pinned" SET NOT NULL, ALTER COLUMN "pinned" SET DEFAULT false`,
    ],
    [`ALTER TABLE "topic" DROP COLUMN "pinned"`],
  ),
  migration(
    'Hits1720000000014',
    [
      `CREATE UNLOGGED TABLE "hit" ("topicId" uuid PRIMARY KEY REFERENCES "topic" ("id"), "count" bigint NOT NULL DEFAULT 0)`,
    ],
    [`DROP TABLE IF EXISTS "hit"`],
  ),
  migration(
    'CountHits1720000000015',
    [
      `INSERT INTO "hit" ("topicId") SELECT "id" FROM "topic"`,
      `INSERT INTO "hit" ("topicId", "count") SELECT "id", 5 FROM "topic" WHERE "title" = 'One' ON CONFLICT ("topicId") DO UPDATE SET "count" = EXCLUDED."count"`,
    ],
    [`TRUNCATE TABLE "hit" CASCADE`],
  ),
  migration(
    'Popular1720000000016',
    [`CREATE OR REPLACE VIEW "popular" AS SELECT "topicId", "count" FROM "hit" WHERE "count" > 3`],
    [`DROP VIEW "popular"`],
  ),
  migration(
    'Comments1720000000017',
    [`COMMENT ON TABLE "topic" IS 'what people talk about'`, `COMMENT ON COLUMN "topic"."tags" IS 'words'`],
    [`COMMENT ON COLUMN "topic"."tags" IS NULL`, `COMMENT ON TABLE "topic" IS NULL`],
  ),
  migration(
    'RenameIndex1720000000018',
    [
      `ALTER INDEX "topic_data_left_out" RENAME TO "topic_json_left_out"`,
      `ALTER INDEX "topic_created" RENAME TO "topic_newest"`,
    ],
    [
      `ALTER INDEX "topic_newest" RENAME TO "topic_created"`,
      `ALTER INDEX "topic_json_left_out" RENAME TO "topic_data_left_out"`,
    ],
  ),
  migration(
    'Empty1720000000019',
    [
      `CREATE TABLE "draft" ("id" SERIAL PRIMARY KEY, "size" integer)`,
      `ALTER TABLE "draft" ALTER COLUMN "size" TYPE text USING "size"::text`,
    ],
    [`DROP TABLE "draft"`],
  ),
  migration(
    'Watchers1720000000020',
    [
      `CREATE TABLE "watcher" ("topicId" uuid NOT NULL, "userId" integer NOT NULL, PRIMARY KEY ("topicId", "userId"))`,
      `ALTER TABLE "watcher" ADD CONSTRAINT "FK_watcher" FOREIGN KEY ("topicId") REFERENCES "topic" ("id") ON DELETE CASCADE`,
      `SELECT set_config('row_security', 'off', false)`,
    ],
    [`DROP TABLE "watcher"`],
  ),
];
