import 'reflect-metadata';
import { DsqlClient, retryOnConflict } from 'aurora-dsql-orm';
import { rebuildTable, type RebuildOptions } from 'aurora-dsql-orm/migrate';
import { createDsqlSequelize } from 'aurora-dsql-orm/sequelize';
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import type { Sequelize } from 'sequelize';
import type { DataSource } from 'typeorm';
import { useCluster, type TestCluster } from '../cluster';
import { byForm } from '../form';

/** What the tests of one file work with, all of it on a cluster of their own. */
export interface Workshop {
  readonly cluster: TestCluster;
  readonly client: () => DsqlClient;
  readonly dataSource: () => DataSource;
  readonly sequelize: () => Sequelize;
  /** Runs statements one after the other, and waits for their jobs. */
  readonly run: (...statements: readonly string[]) => Promise<void>;
  readonly rows: (sql: string) => Promise<Record<string, unknown>[]>;
  /** What there is besides rows. */
  readonly schema: () => Promise<Record<string, unknown>>;
  readonly rebuild: (orm: string, options: RebuildOptions) => Promise<void>;
}

export const ORMS: readonly string[] = ['TypeORM', 'Sequelize'];

/** In the short form the two take turns. */
export function ormsOf(turn: number): readonly string[] {
  return byForm({ short: ORMS.filter((_, index) => index === turn % ORMS.length), long: ORMS, soak: ORMS });
}

export function useWorkshop(): Workshop {
  let client: DsqlClient | undefined;
  let dataSource: DataSource | undefined;
  let sequelize: Sequelize | undefined;
  // Before those of the cluster.
  afterAll(async () => {
    await dataSource?.destroy();
    await sequelize?.close();
    await client?.end();
  });
  const cluster = useCluster();
  const made = <T>(part: T | undefined): T => {
    if (part === undefined) throw new Error('It is there inside tests and hooks only.');
    return part;
  };
  beforeAll(async () => {
    client = new DsqlClient(cluster.connection);
    await client.connect();
    dataSource = await createDsqlDataSource({ ...cluster.orm }).initialize();
    sequelize = createDsqlSequelize({ ...cluster.orm, logging: false });
  });
  const rows = async (sql: string) =>
    (await retryOnConflict(() => made(client).query<Record<string, unknown>>(sql))).rows;
  return {
    cluster,
    client: () => made(client),
    dataSource: () => made(dataSource),
    sequelize: () => made(sequelize),
    rows,
    run: async (...statements) => {
      for (const sql of statements) {
        const [{ job_id: job } = {}] = await rows(sql);
        if (typeof job === 'string') await rows(`CALL sys.wait_for_job('${job}')`);
      }
    },
    schema: () => schemaOf(rows),
    rebuild: async (orm, options) => {
      if (orm === 'Sequelize') {
        await rebuildTable(made(sequelize).getQueryInterface(), options);
        return;
      }
      const queryRunner = made(dataSource).createQueryRunner();
      try {
        await rebuildTable(queryRunner, options);
      } finally {
        await queryRunner.release();
      }
    },
  };
}

async function schemaOf(rows: Workshop['rows']): Promise<Record<string, unknown>> {
  const parts = {
    columns:
      "SELECT table_name AS t, column_name AS c, data_type, character_maximum_length AS length, numeric_precision AS precision, is_nullable, column_default, is_identity, identity_generation, generation_expression FROM information_schema.columns WHERE table_schema = 'public' ORDER BY table_name, ordinal_position",
    constraints:
      "SELECT conrelid::regclass::text AS t, conname AS name, pg_get_constraintdef(oid) AS definition, convalidated AS valid FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2",
    indexes:
      "SELECT x.indexrelid::regclass::text AS name, pg_get_indexdef(x.indexrelid) AS definition, x.indisvalid AS valid FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid WHERE c.relnamespace = 'public'::regnamespace ORDER BY 1",
    comments:
      "SELECT c.relname AS t, d.objsubid AS c, d.description FROM pg_description d JOIN pg_class c ON c.oid = d.objoid AND d.classoid = 1259 WHERE c.relnamespace = 'public'::regnamespace ORDER BY 1, 2",
    grants:
      "SELECT relname AS t, relacl::text AS acl FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v') ORDER BY 1",
    views:
      "SELECT relname AS name, pg_get_viewdef(oid) AS definition, reloptions AS options, relowner::regrole::text AS owner FROM pg_class WHERE relkind = 'v' AND relnamespace = 'public'::regnamespace ORDER BY 1",
    relations:
      "SELECT relname AS name, relkind AS kind FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v') ORDER BY 1",
  };
  const found: Record<string, unknown> = {};
  for (const [name, sql] of Object.entries(parts)) found[name] = await rows(sql);
  return found;
}
