import 'reflect-metadata';
import type { CutFault } from 'aurora-dsql-orm/local';
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { useCluster } from '../cluster';
import { empty, withClient } from './database-state';

const cluster = useCluster();

const BEFORE = [
  `CREATE TABLE room (id int PRIMARY KEY)`,
  `CREATE TABLE shelf (id int PRIMARY KEY, label text NOT NULL DEFAULT 'all', depth int DEFAULT 1, code uuid, CONSTRAINT shelf_deep CHECK (depth > 0))`,
  `COMMENT ON TABLE shelf IS 'What holds boxes'`,
  `CREATE VIEW labels AS SELECT label FROM shelf WHERE id > 0`,
];

beforeEach(async () => {
  await empty(cluster.connection);
  await withClient(cluster.connection, async (client) => {
    for (const statement of BEFORE) await client.query(statement);
  });
});

/** Runs a migration of one statement, which fails where a connection is cut. */
async function migrate(statement: string): Promise<void> {
  class Change1770000000001 implements MigrationInterface {
    async up(queryRunner: QueryRunner): Promise<void> {
      await queryRunner.query(statement);
    }

    down(): Promise<void> {
      return Promise.resolve();
    }
  }
  const { dsql, ...orm } = cluster.orm;
  const migrations = { patienceMs: 0 };
  const dataSource = createDsqlDataSource({
    ...orm,
    migrations: [Change1770000000001],
    logger: 'debug',
    dsql: { ...dsql, migrations },
  });
  await dataSource.initialize();
  try {
    await dataSource.runMigrations({ dsql: { steal: true } });
  } finally {
    await dataSource.destroy();
  }
}

/** Cuts the connection once, runs the migration again, and counts how often the server did the statement. */
async function timesDone(statement: string, cut: Partial<CutFault>): Promise<number> {
  const { faults, trace } = cluster.local;
  const fault = faults.cutConnection({ at: 'statement', ...cut });
  const recording = trace.start();
  await expect(migrate(statement)).rejects.toThrow(/outcome is unknown|terminated/);
  fault.remove();
  await migrate(statement);
  const isIt = ({ text, cut: place }: (typeof recording.statements)[number]) =>
    text === statement && place === undefined;
  return recording.stop().statements.filter(isIt).length;
}

/** Where the journal is told that the statement is done: it does not come to know. */
const BEHIND_IT = { text: 'INTO "aurora_dsql_orm_migration_statement"', nth: 2 };

const STATEMENTS = [
  `COMMENT ON TABLE shelf IS 'Where things are'`,
  `COMMENT ON TABLE shelf IS NULL`,
  `COMMENT ON COLUMN public.shelf.depth IS 'It''s in cm'`,
  `ALTER TABLE shelf ALTER COLUMN label SET DEFAULT 'none'`,
  `ALTER TABLE shelf ALTER COLUMN code SET DEFAULT gen_random_uuid()`,
  `ALTER TABLE shelf ALTER COLUMN depth SET DEFAULT -20`,
  `ALTER TABLE shelf ALTER COLUMN depth DROP DEFAULT`,
  `ALTER TABLE shelf ALTER COLUMN label DROP NOT NULL`,
  `ALTER TABLE shelf DROP CONSTRAINT IF EXISTS shelf_deep`,
  `ALTER TABLE shelf ADD COLUMN IF NOT EXISTS width int`,
  `ALTER TABLE shelf DROP CONSTRAINT IF EXISTS shelf_deep, ADD CONSTRAINT shelf_deep CHECK (false) NOT VALID`,
  `ALTER TABLE shelf DROP CONSTRAINT IF EXISTS shelf_room, ADD CONSTRAINT shelf_room FOREIGN KEY (depth) REFERENCES public.room (id) ON DELETE CASCADE NOT VALID`,
  `CREATE OR REPLACE VIEW labels AS SELECT label FROM shelf`,
  `CREATE OR REPLACE VIEW public.labels AS SELECT "label", "depth" FROM "public"."shelf" UNION ALL SELECT "label", "depth" FROM "public"."shelf" WHERE false`,
  `CREATE SCHEMA IF NOT EXISTS attic`,
  `CREATE SEQUENCE IF NOT EXISTS numbers CACHE 1`,
] as const;

it.each(STATEMENTS)(
  '%s is not sent again where its answer was lost, and the catalogue shows it',
  async (statement) => {
    expect(await timesDone(statement, BEHIND_IT)).toBe(1);
  },
);

it.each(STATEMENTS)('%s is sent again where it was not done', async (statement) => {
  expect(await timesDone(statement, { text: statement })).toBe(1);
});

it.each([
  `CREATE OR REPLACE VIEW labels AS SELECT label FROM shelf WHERE label IN ('a', 'b')`,
  `ALTER TABLE shelf ALTER COLUMN label SET DEFAULT upper('none')`,
])('%s does the same when it is sent again, as the catalogue does not tell', async (statement) => {
  expect(await timesDone(statement, BEHIND_IT)).toBe(2);
});
