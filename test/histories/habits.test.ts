import 'reflect-metadata';
import { createDsqlSequelize } from 'aurora-dsql-orm/sequelize';
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import { createMigrator } from 'aurora-dsql-orm/sequelize/umzug';
import { Client } from 'pg';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { useDatabases } from './use-databases';

const databases = useDatabases();
const dsql = () =>
  ({
    ...databases.cluster.orm,
    dsql: { ...databases.cluster.orm.dsql, arrays: 'jsonb', rebuild: { dropOld: true } },
  }) as const;

type Run = (statements: readonly string[]) => Promise<void>;

const RUNNERS: Readonly<Record<string, Run>> = {
  TypeORM: async (statements) => {
    class Habit1770000000000 implements MigrationInterface {
      async up(queryRunner: QueryRunner): Promise<void> {
        for (const sql of statements) await queryRunner.query(sql);
      }
      down(): Promise<void> {
        return Promise.resolve();
      }
    }
    const dataSource = createDsqlDataSource({ ...dsql(), migrations: [Habit1770000000000] });
    await dataSource.initialize();
    try {
      await dataSource.runMigrations();
      // The table itself is no part of the history.
      await dataSource.query('DROP TABLE migrations');
    } finally {
      await dataSource.destroy();
    }
  },
  Sequelize: async (statements) => {
    const sequelize = createDsqlSequelize({ ...dsql(), logging: false });
    const up = async () => {
      for (const sql of statements) await sequelize.query(sql);
    };
    try {
      await createMigrator(sequelize, { logger: undefined, migrations: [{ name: 'habit', up }] }).up();
      await sequelize.query('DROP TABLE "SequelizeMeta"');
    } finally {
      await sequelize.close();
    }
  },
};

const MAKE = [
  'CREATE TABLE post (id bigserial PRIMARY KEY, title text NOT NULL, views integer)',
  "INSERT INTO post (title, views) VALUES ('one', 1), ('two', 2)",
];

/** What people write into migrations, and that the histories of this folder have none of. */
const HABITS: readonly (readonly [name: string, statements: readonly string[]])[] = [
  [
    'a serial that is one no more, and is one again',
    [
      ...MAKE,
      'ALTER TABLE "post" ALTER COLUMN "id" DROP DEFAULT',
      'DROP SEQUENCE "post_id_seq"',
      "INSERT INTO post (id, title) VALUES (100, 'with an id')",
      'CREATE SEQUENCE IF NOT EXISTS "post_id_seq" OWNED BY "post"."id"',
      `ALTER TABLE "post" ALTER COLUMN "id" SET DEFAULT nextval('"post_id_seq"')`,
      "SELECT setval('post_id_seq', (SELECT max(id) FROM post))",
      "INSERT INTO post (title) VALUES ('without')",
    ],
  ],
  [
    'the sequence of a serial goes on where it was when the column takes no number of it any more',
    [
      ...MAKE,
      'ALTER TABLE post ALTER id DROP DEFAULT',
      "INSERT INTO post (id, title) SELECT nextval('post_id_seq'), 'next'",
    ],
  ],
  [
    'the default that a serial has already',
    [
      ...MAKE,
      `ALTER TABLE post ALTER COLUMN id SET DEFAULT nextval('public.post_id_seq'::regclass)`,
      "INSERT INTO post (title) VALUES ('next')",
    ],
  ],
  [
    'a serial that takes its values from elsewhere',
    [
      ...MAKE,
      'CREATE SEQUENCE numbers START 50',
      `ALTER TABLE post ALTER COLUMN id SET DEFAULT nextval('numbers')`,
      "INSERT INTO post (title) VALUES ('next')",
      'DROP SEQUENCE post_id_seq',
    ],
  ],
  [
    'a serial that becomes a uuid in one statement',
    [
      ...MAKE,
      `ALTER TABLE post ALTER id DROP DEFAULT, ALTER id TYPE uuid USING uuid_generate_v4(), ALTER id SET DEFAULT uuid_generate_v4()`,
      'DROP SEQUENCE IF EXISTS post_id_seq',
      "INSERT INTO post (title) VALUES ('next')",
    ],
  ],
  [
    'a dump in one text, with the key behind the table',
    [
      `SET statement_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SET default_table_access_method = heap;`,
      `CREATE TABLE public.items (
    id bigint NOT NULL,
    name character varying(255) NOT NULL
);

ALTER TABLE public.items OWNER TO CURRENT_USER;

--
-- Name: items_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.items_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.items_id_seq OWNED BY public.items.id;
ALTER TABLE ONLY public.items ALTER COLUMN id SET DEFAULT nextval('public.items_id_seq'::regclass);
ALTER TABLE ONLY public.items
    ADD CONSTRAINT items_pkey PRIMARY KEY (id);
CREATE INDEX index_items_on_name ON public.items USING btree (name);`,
      "SELECT pg_catalog.setval('public.items_id_seq', 42, true)",
      "INSERT INTO public.items (name) VALUES ('next')",
    ],
  ],
  [
    'what keeps the tables in order',
    [...MAKE, 'ANALYZE post', 'VACUUM', 'VACUUM ANALYZE post', 'ANALYZE', 'VACUUM FULL post'],
  ],
  [
    'rows that meet a unique index which was made right before',
    [
      ...MAKE,
      'CREATE UNIQUE INDEX post_title ON post (title)',
      "INSERT INTO post (title, views) VALUES ('one', 5) ON CONFLICT (title) DO UPDATE SET views = excluded.views",
      'ALTER TABLE post ADD COLUMN uid uuid',
      "INSERT INTO post (title, uid) VALUES ('two', uuid_generate_v4()) ON CONFLICT (title) DO NOTHING",
    ],
  ],
  [
    'jsonb that becomes json, and a text',
    [
      `CREATE TABLE note (id int PRIMARY KEY, meta jsonb DEFAULT '{}'::jsonb)`,
      `INSERT INTO note VALUES (1, '{"a": 1}'), (2, NULL)`,
      'ALTER TABLE note ALTER COLUMN meta DROP DEFAULT',
      'ALTER TABLE note ALTER COLUMN meta TYPE json USING meta::json',
      'ALTER TABLE note ALTER COLUMN meta TYPE text USING meta::text',
    ],
  ],
  [
    'values of a function of uuid-ossp',
    ['CREATE TABLE tag (id uuid PRIMARY KEY, name text)', "INSERT INTO tag VALUES (uuid_generate_v4(), 'a')"],
  ],
  [
    'rows that move to a table like theirs',
    [
      ...MAKE,
      'CREATE TABLE archive (LIKE post INCLUDING ALL)',
      'WITH moved AS (DELETE FROM post WHERE views < 2 RETURNING *) INSERT INTO archive SELECT * FROM moved',
    ],
  ],
  [
    'values that are made anew in a column whose type stays',
    [
      ...MAKE,
      'ALTER TABLE post ALTER COLUMN title TYPE text USING upper(title)',
      'ALTER TABLE post ALTER COLUMN views TYPE integer USING views * 10',
      'ALTER TABLE post ALTER COLUMN views TYPE integer USING views + 1',
    ],
  ],
  [
    'a flag that becomes an enum type, and a flag again',
    [
      'CREATE TABLE host (id int PRIMARY KEY, blocked boolean NOT NULL DEFAULT false)',
      'INSERT INTO host VALUES (1, true), (2, false)',
      `CREATE TYPE "public"."host_state" AS ENUM('open', 'shut', 'gone')`,
      'ALTER TABLE host RENAME COLUMN blocked TO state',
      'ALTER TABLE host ALTER COLUMN state DROP DEFAULT',
      `ALTER TABLE host ALTER COLUMN state TYPE "public"."host_state" USING (
         CASE state WHEN true THEN 'shut'::host_state ELSE 'open'::host_state END)`,
      `ALTER TABLE host ALTER COLUMN state SET DEFAULT 'open'`,
      'INSERT INTO host (id) VALUES (3)',
      'ALTER TABLE host ADD was host_state',
      'UPDATE host SET was = state',
      'ALTER TABLE host ALTER COLUMN was TYPE boolean USING was <> \'open\'::"public"."host_state"',
    ],
  ],
  [
    'an enum type whose values become those of another one',
    [
      `CREATE TYPE "task_method_enum" AS ENUM('HTTP', 'MAIL')`,
      `CREATE TABLE task (id int PRIMARY KEY, method task_method_enum NOT NULL DEFAULT 'HTTP')`,
      "INSERT INTO task VALUES (1, 'HTTP'), (2, 'MAIL')",
      `ALTER TYPE "public"."task_method_enum" RENAME TO "task_method_enum_old"`,
      `CREATE TYPE "public"."task_method_enum" AS ENUM('URL', 'MAIL')`,
      'ALTER TABLE task ALTER COLUMN method DROP DEFAULT',
      `ALTER TABLE task ALTER COLUMN method TYPE "public"."task_method_enum"
         USING replace(method::text, 'HTTP', 'URL')::"public"."task_method_enum"`,
      `ALTER TABLE task ALTER COLUMN method SET DEFAULT 'URL'`,
      `DROP TYPE "public"."task_method_enum_old"`,
    ],
  ],
  [
    'a cast that lets one enum type take the values of another',
    [
      `CREATE TYPE seen AS ENUM('all', 'friends')`,
      'CREATE TABLE profile (id int PRIMARY KEY, seen_by seen NOT NULL)',
      "INSERT INTO profile VALUES (1, 'friends')",
      `CREATE TYPE followed AS ENUM('all', 'friends', 'none')`,
      'CREATE CAST (seen AS followed) WITH INOUT AS ASSIGNMENT',
      `ALTER TABLE profile ADD followed_by followed NOT NULL DEFAULT 'all'`,
      'UPDATE profile SET followed_by = seen_by',
      'DROP CAST (seen AS followed)',
    ],
  ],
  [
    'arrays of an enum type whose labels change',
    [
      `CREATE TYPE event AS ENUM('a', 'b')`,
      `CREATE TABLE hook (id int PRIMARY KEY, "on" event[] NOT NULL DEFAULT '{b}', first event)`,
      "INSERT INTO hook VALUES (1, '{a,b}', 'a')",
      `ALTER TYPE event ADD VALUE 'c'`,
      `INSERT INTO hook VALUES (2, '{c}', 'c')`,
      `ALTER TYPE event RENAME VALUE 'b' TO 'd'`,
      'INSERT INTO hook (id) VALUES (3)',
      `ALTER TYPE "public"."event" RENAME TO "event_old"`,
      `CREATE TYPE "public"."event" AS ENUM('a', 'c', 'd', 'e')`,
      'ALTER TABLE hook ALTER COLUMN "on" DROP DEFAULT',
      'ALTER TABLE hook ALTER COLUMN "on" TYPE "public"."event"[] USING "on"::text::"public"."event"[]',
      `ALTER TABLE hook ALTER COLUMN "on" SET DEFAULT '{}'`,
      'ALTER TABLE hook ALTER COLUMN first TYPE "public"."event" USING first::text::"public"."event"',
      'DROP TYPE event_old',
      `INSERT INTO hook VALUES (4, '{e,a}', 'e')`,
      `ALTER TABLE hook ALTER COLUMN first TYPE event[] USING CASE WHEN first IS NULL THEN '{}' ELSE ARRAY[first] END`,
      `ALTER TYPE event ADD VALUE 'f'`,
      `UPDATE hook SET first = array_append(first, 'f') WHERE id = 4`,
      'ALTER TABLE hook ALTER COLUMN "on" DROP DEFAULT',
      'ALTER TABLE hook ALTER COLUMN "on" TYPE text[] USING "on"::text[]',
      `UPDATE hook SET "on" = '{any}' WHERE id = 1`,
      'ALTER TABLE hook ALTER COLUMN first TYPE text[] USING first::text[]',
    ],
  ],
  [
    'columns of which the long names begin alike',
    [
      'CREATE TABLE count_of_active_members (id int PRIMARY KEY)',
      'INSERT INTO count_of_active_members VALUES (1)',
      ...['Week', 'Month', 'Year'].map(
        (span) =>
          `ALTER TABLE count_of_active_members ADD "temporary_registeredWithin${span}" integer NOT NULL DEFAULT 0`,
      ),
      'ALTER TABLE count_of_active_members ALTER "temporary_registeredWithinMonth" DROP NOT NULL',
      'INSERT INTO count_of_active_members VALUES (2, 0, NULL, 0)',
    ],
  ],
  [
    'a column of arrays that is one no more',
    [
      "CREATE TABLE chart (id int PRIMARY KEY, users varchar[] NOT NULL DEFAULT '{}', pages text[])",
      "INSERT INTO chart VALUES (1, '{a,b}', '{x}')",
      'ALTER TABLE chart DROP COLUMN users',
      'ALTER TABLE chart ADD users bigint NOT NULL DEFAULT 7',
      'UPDATE chart SET users = 5 WHERE users > 6',
      'ALTER TABLE chart ALTER COLUMN pages TYPE integer USING array_length(pages, 1)',
      'UPDATE chart SET pages = pages + 1 WHERE pages > 0',
      'ALTER TABLE chart ALTER COLUMN pages TYPE integer[] USING ARRAY[pages, 9]',
      'UPDATE chart SET pages = array_append(pages, 4) WHERE 9 = ANY(pages)',
      'DROP TABLE chart',
      'CREATE TABLE chart (id int PRIMARY KEY, pages integer)',
      'INSERT INTO chart VALUES (1, 2)',
      'UPDATE chart SET pages = 3 WHERE pages = 2',
    ],
  ],
  [
    'a block that asks for rows that the migration has written',
    [
      ...MAKE,
      'UPDATE post SET views = views + 1',
      `DO $$ BEGIN
         IF (SELECT sum(views) FROM post) = 5 THEN
           ALTER TABLE post ADD COLUMN counted boolean;
         END IF;
       END $$`,
    ],
  ],
  [
    'what is for replication, and for indexes on parts of JSON',
    [
      `CREATE TABLE word (id int PRIMARY KEY, flags jsonb NOT NULL DEFAULT '{}', value text)`,
      'ALTER TABLE word REPLICA IDENTITY FULL',
      `CREATE INDEX word_flags_left_out ON word ((flags->'shown'), value)`,
      `CREATE INDEX word_shown ON word (((flags->>'shown')::boolean))`,
    ],
  ],
];

describe.each(Object.entries(RUNNERS))('with %s', (_, run) => {
  it.each(HABITS)('%s: as on PostgreSQL', async (_name, statements) => {
    await run(statements);
    const plain = new Client(databases.plain);
    await plain.connect();
    await plain.query('CREATE EXTENSION IF NOT EXISTS "uuid-ossp"');
    for (const sql of statements) await plain.query(sql);
    await plain.end();
    const state = await databases.schemas();
    expect(state.dsql).toStrictEqual(state.plain);
  });
});
