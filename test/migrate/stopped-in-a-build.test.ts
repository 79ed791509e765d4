import 'reflect-metadata';
import { DsqlClient } from 'aurora-dsql-orm';
import { startLocalDsql, type LocalDsql } from 'aurora-dsql-orm/local';
import { isMigrationsStoppedError, type MigrationProgress } from 'aurora-dsql-orm/migrate';
import { createDsqlSequelize } from 'aurora-dsql-orm/sequelize';
import { createMigrator } from 'aurora-dsql-orm/sequelize/umzug';
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import type { QueryInterface } from 'sequelize';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { rowsOf } from './database-state';

let local: LocalDsql;

beforeAll(async () => {
  local = await startLocalDsql({ jobDurationMs: 1500 });
});
afterAll(() => local.stop());

const connection = () => {
  const { host, port, hostaddr, ca, credentials } = local;
  return { host, port, dsql: { hostaddr, ca, credentials } };
};
const rows = (sql: string) => {
  const { dsql, ...where } = connection();
  return rowsOf({ ...where, ...dsql }, sql);
};

const STATEMENTS = [
  'CREATE TABLE shelf (id int PRIMARY KEY, label text)',
  'CREATE UNIQUE INDEX shelf_label ON shelf (label)',
  "INSERT INTO shelf VALUES (1, 'top')",
  'ALTER TABLE shelf ADD COLUMN width int',
];

interface Call {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: MigrationProgress) => void;
}

const HOSTS: Readonly<Record<string, (call?: Call) => Promise<unknown>>> = {
  async TypeORM(call) {
    class Shelf1770000000001 implements MigrationInterface {
      async up(queryRunner: QueryRunner): Promise<void> {
        for (const sql of STATEMENTS) await queryRunner.query(sql);
      }

      down(): Promise<void> {
        return Promise.resolve();
      }
    }
    const dataSource = createDsqlDataSource({
      ...connection(),
      migrations: [Shelf1770000000001],
      logger: 'debug',
    });
    await dataSource.initialize();
    try {
      return await dataSource.runMigrations({ dsql: { ...call } });
    } finally {
      await dataSource.destroy();
    }
  },

  async Sequelize(call) {
    const sequelize = createDsqlSequelize({ ...connection(), logging: false });
    const up = async ({ context }: { readonly context: QueryInterface }) => {
      for (const sql of STATEMENTS) await context.sequelize.query(sql);
    };
    const migrator = createMigrator(sequelize, { migrations: [{ name: 'm', up }], logger: undefined });
    try {
      return await migrator.up({ dsql: { ...call } });
    } finally {
      await sequelize.close();
    }
  },
};

it.each(Object.entries(HOSTS))(
  'a migration of %s that is stopped while an index is built goes on with that build in the next run',
  async (_, migrate) => {
    const { dsql, ...where } = connection();
    const client = new DsqlClient({ ...where, ...dsql });
    await client.connect();
    for (const table of ['shelf', 'migrations', '"SequelizeMeta"'])
      await client.query(`DROP TABLE IF EXISTS ${table}`);
    await client.end();
    const builds = async () =>
      (await rows("SELECT job_id FROM sys.jobs WHERE job_type = 'INDEX_BUILD'")).map(({ job_id: id }) => id);
    const before = await builds();

    const stop = new AbortController();
    const onProgress = ({ step }: MigrationProgress) => {
      if (step === 'job started') stop.abort();
    };
    const stopped: unknown = await migrate({ signal: stop.signal, onProgress }).catch(
      (error: unknown) => error,
    );
    expect([stopped, (stopped as { readonly cause?: unknown }).cause].some(isMigrationsStoppedError)).toBe(
      true,
    );

    await migrate();
    expect(await rows('SELECT * FROM shelf')).toStrictEqual([{ id: 1, label: 'top', width: null }]);
    expect(
      await rows("SELECT indisvalid AS valid FROM pg_index WHERE indexrelid = 'shelf_label'::regclass"),
    ).toStrictEqual([{ valid: true }]);
    expect((await builds()).filter((id) => !before.includes(id))).toHaveLength(1);
  },
);
