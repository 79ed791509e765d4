import 'reflect-metadata';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import { createDsqlSequelize } from 'aurora-dsql-orm/sequelize';
import { createMigrator } from 'aurora-dsql-orm/sequelize/umzug';
import type { QueryInterface } from 'sequelize';
import type { MigrationInterface } from 'typeorm';
import type { RunnableMigration } from 'umzug';

/*
 * The shop of `migrations-sample`, run with either ORM. As a process it runs all that is pending on the cluster of its
 * environment, with a short lease: its argument is the ORM.
 */

const folders = path.resolve(__dirname, '../../migrations-sample');

/** How the cluster is reached. */
export interface Reached {
  readonly host: string;
  readonly port?: number;
  readonly dsql: NonNullable<Parameters<typeof createDsqlDataSource>[0]['dsql']>;
}

/** What runs the sample. */
export interface Sample {
  /**
   * Runs what is pending.
   *
   * @param log - gets what is logged
   * @param upTo - how many of the migrations there are; all by default
   * @returns how many were run
   */
  up(log?: string[], upTo?: number): Promise<number>;
  /** Reverts all. */
  down(): Promise<void>;
}

/** The names of the ORMs. */
export type Orm = 'TypeORM' | 'Sequelize';

/** The sample with an ORM. */
export function sampleOf(orm: Orm, reached: Reached): Sample {
  return orm === 'TypeORM' ? withTypeOrm(reached) : withUmzug(reached);
}

/** What the files of a folder export, by their names. */
async function modulesOf(folder: string): Promise<readonly [string, Record<string, unknown>][]> {
  const modules: [string, Record<string, unknown>][] = [];
  for (const name of readdirSync(path.join(folders, folder)).sort()) {
    modules.push([name, (await import(path.join(folders, folder, name))) as Record<string, unknown>]);
  }
  return modules;
}

function withTypeOrm(reached: Reached): Sample {
  type Work<T> = (dataSource: ReturnType<typeof createDsqlDataSource>) => Promise<T>;
  const open = async <T>(log: string[], upTo: number | undefined, work: Work<T>) => {
    const modules = await modulesOf('shop-typeorm');
    const all = modules.flatMap(([, module]) => Object.values(module) as (new () => MigrationInterface)[]);
    const say = (message: unknown) => log.push(String(message));
    const ignore = () => undefined;
    const dataSource = createDsqlDataSource({
      ...reached,
      migrations: all.slice(0, upTo),
      logger: {
        logQuery: ignore,
        logQueryError: ignore,
        logQuerySlow: ignore,
        logSchemaBuild: say,
        logMigration: say,
        log: (_, message) => say(message),
      },
    });
    await dataSource.initialize();
    try {
      return await work(dataSource);
    } finally {
      await dataSource.destroy();
    }
  };
  return {
    up: (log = [], upTo) => open(log, upTo, async (dataSource) => (await dataSource.runMigrations()).length),
    down: () =>
      open([], undefined, async (dataSource) => {
        const { length } = dataSource.migrations;
        for (let undone = 0; undone < length; undone++) await dataSource.undoLastMigration();
      }),
  };
}

function withUmzug(reached: Reached): Sample {
  type Work<T> = (migrator: ReturnType<typeof createMigrator>) => Promise<T>;
  const open = async <T>(log: string[], upTo: number | undefined, work: Work<T>) => {
    const modules = await modulesOf('shop-umzug');
    const migrations = modules.map(
      ([name, { up, down }]) => ({ name, up, down }) as RunnableMigration<QueryInterface>,
    );
    const sequelize = createDsqlSequelize({ ...reached, logging: (line) => log.push(line) });
    try {
      const given = { migrations: migrations.slice(0, upTo), logger: undefined };
      return await work(createMigrator(sequelize, given));
    } finally {
      await sequelize.close();
    }
  };
  return {
    up: (log = [], upTo) => open(log, upTo, async (migrator) => (await migrator.up()).length),
    down: () =>
      open([], undefined, async (migrator) => {
        await migrator.down({ to: 0 });
      }),
  };
}

async function main(orm: Orm): Promise<void> {
  const host = process.env.CLUSTER_ENDPOINT ?? '';
  await sampleOf(orm, { host, dsql: { migrations: { leaseMs: 1000 } } }).up();
}

if (require.main === module) void main(process.argv[2] as Orm).then(() => process.exit(0));
