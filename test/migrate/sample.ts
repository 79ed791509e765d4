import 'reflect-metadata';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import type { createMigrator } from 'aurora-dsql-orm/sequelize/umzug';
import type { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import type { QueryInterface } from 'sequelize';
import type { MigrationInterface } from 'typeorm';
import type { RunnableMigration } from 'umzug';

/*
 * The shop of `migrations-sample`, run with either ORM. As a process it runs all that is pending on the cluster of its
 * environment: its argument is the ORM, and it waits for a line that says how many of the migrations there are.
 */

const folders = path.resolve(__dirname, '../../migrations-sample');

/** How the cluster is reached. */
export interface Reached {
  readonly host: string;
  readonly port?: number;
  readonly dsql: NonNullable<Parameters<typeof createDsqlDataSource>[0]['dsql']>;
}

/** How the sample is run. */
export interface SampleOptions {
  /** Gets what is logged. */
  readonly log?: string[];
  /** How many of the migrations there are; all by default. */
  readonly upTo?: number | undefined;
  /** Takes the lease from a process that is dead. */
  readonly steal?: boolean;
}

/** What runs the sample. */
export interface Sample {
  /** Loads what it runs with, and only that: a process of its own waits for nothing then. */
  load(): Promise<unknown>;
  /** Runs what is pending; returns how many that were. */
  up(options?: SampleOptions): Promise<number>;
  /** Reverts all, or only the last one of `upTo`. */
  down(options?: SampleOptions): Promise<void>;
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

/** Our part of what a call takes. */
function how({ steal }: SampleOptions) {
  return { dsql: { steal } };
}

function withTypeOrm(reached: Reached): Sample {
  type Work<T> = (dataSource: ReturnType<typeof createDsqlDataSource>) => Promise<T>;
  const load = () => Promise.all([modulesOf('shop-typeorm'), import('aurora-dsql-orm/typeorm')]);
  const open = async <T>({ log = [], upTo }: SampleOptions, work: Work<T>) => {
    const [modules, { createDsqlDataSource }] = await load();
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
    load,
    up: (options = {}) =>
      open(options, async (dataSource) => {
        return (await dataSource.runMigrations(how(options))).length;
      }),
    down: (options = {}) =>
      open(options, async (dataSource) => {
        const { upTo } = options;
        const length = upTo === undefined ? dataSource.migrations.length : 1;
        for (let undone = 0; undone < length; undone++) await dataSource.undoLastMigration(how(options));
      }),
  };
}

function withUmzug(reached: Reached): Sample {
  type Work<T> = (migrator: ReturnType<typeof createMigrator>) => Promise<T>;
  const load = () =>
    Promise.all([
      modulesOf('shop-umzug'),
      import('aurora-dsql-orm/sequelize'),
      import('aurora-dsql-orm/sequelize/umzug'),
    ]);
  const open = async <T>({ log = [], upTo }: SampleOptions, work: Work<T>) => {
    const [modules, { createDsqlSequelize }, { createMigrator }] = await load();
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
    load,
    up: (options = {}) =>
      open(options, async (migrator) => {
        return (await migrator.up(how(options))).length;
      }),
    down: (options = {}) =>
      open(options, async (migrator) => {
        await migrator.down({ ...(options.upTo === undefined && { to: 0 }), ...how(options) });
      }),
  };
}

async function main(orm: Orm): Promise<void> {
  const host = process.env.CLUSTER_ENDPOINT ?? '';
  const sample = sampleOf(orm, { host, dsql: {} });
  await sample.load();
  const [line] = (await once(process.stdin, 'data')) as [Buffer];
  await sample.up({ upTo: Number(line.toString()) });
}

if (require.main === module) void main(process.argv[2] as Orm).then(() => process.exit(0));
