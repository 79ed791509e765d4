import type { DataSource, Logger } from 'typeorm';
import { globFiles, loadedEntities, planTypeOrmMigrations } from '../../check';
import { enumTypesOfMigrations } from '../../migrate/for-orms';
import { quotedTable } from '../../sql';
import { ArgumentError } from '../command';
import type { Load, MigrationProject, RunOptions } from './project';

/** What a data source of ours takes beside TypeORM's own options. */
type RunMigrations = (options: {
  readonly fake?: boolean;
  readonly dsql: RunOptions;
}) => Promise<readonly { readonly name: string }[]>;

/**
 * The migrations of a data source, which is opened as TypeORM's own command line opens it.
 *
 * @param file - of the data source
 * @param load - loads what its patterns name, where Node.js does not by itself
 * @throws ArgumentError for a data source that does not reach Aurora DSQL
 */
export async function typeOrmProject(
  dataSource: DataSource,
  file: string,
  load: Load | undefined,
): Promise<MigrationProject> {
  if (dataSource.driver.constructor.name !== 'DsqlDriver') {
    throw new ArgumentError('--data-source: make the data source with createDsqlDataSource');
  }
  const quiet = { subscribers: [], synchronize: false, migrationsRun: false, dropSchema: false };
  const loaded = load === undefined ? {} : await loadedClasses(dataSource, load);
  dataSource.setOptions({ ...quiet, ...loaded });
  await dataSource.initialize();
  const runMigrations = dataSource.runMigrations.bind(dataSource) as unknown as RunMigrations;
  const namesOf = async (run: ReturnType<RunMigrations>) => (await run).map(({ name }) => name);
  const names = () => dataSource.migrations.map(({ name, constructor }) => name ?? constructor.name);
  const executed = () => executedNames(dataSource);
  const query = (sql: string): Promise<Record<string, unknown>[]> => dataSource.query(sql);
  const { schema } = dataSource.options as { readonly schema?: string };
  return {
    pending: async () => {
      const done = await executed();
      return names()
        .filter((name) => !done.includes(name))
        .sort((one, other) => Number(one.slice(-13)) - Number(other.slice(-13)));
    },
    up: (options) => namesOf(runMigrations({ dsql: options })),
    baseline: (options) => namesOf(runMigrations({ fake: true, dsql: options })),
    down: async ({ to, ...options }) => {
      const done = await executed();
      const last = to === undefined ? 0 : done.indexOf(to);
      if (last < 0) throw new ArgumentError(`--to: ${String(to)} was not run`);
      const undo: (options: object) => Promise<void> = dataSource.undoLastMigration.bind(dataSource);
      const reverted: string[] = [];
      for (const name of done.slice(0, last + 1)) {
        await undo({ dsql: options });
        reverted.push(name);
      }
      return reverted;
    },
    plan: async (pending) => {
      const enums = await enumTypesOfMigrations(query, schema);
      return planTypeOrmMigrations(dataSource, file, pending, { enums, query });
    },
    query,
    differences: async () => {
      const { upQueries } = await dataSource.driver.createSchemaBuilder().log();
      return upQueries.map(({ query }) => query);
    },
    beforeLogging: (before) => {
      // Without it only migrations are told, when they are recorded.
      const { logging = false } = dataSource.options;
      if (logging !== false) dataSource.logger = announced(dataSource.logger, before);
    },
    close: () => dataSource.destroy(),
  };
}

/** A logger of which each method calls something first. */
function announced(logger: Logger, before: () => void): Logger {
  return new Proxy(logger, {
    get: (target, key) => {
      const method: unknown = Reflect.get(target, key);
      if (typeof method !== 'function') return method;
      return (...args: unknown[]): unknown => {
        before();
        return Reflect.apply(method, target, args);
      };
    },
  });
}

/** SQLSTATE of a table that does not exist. */
const UNDEFINED_TABLE = '42P01';

/** Those that were run, the last one first. TypeORM's own way makes the table where it is missed. */
async function executedNames(dataSource: DataSource): Promise<readonly string[]> {
  const { migrationsTableName = 'migrations', schema } = dataSource.options as {
    migrationsTableName?: string;
    schema?: string;
  };
  const table = quotedTable({ schema, name: migrationsTableName });
  try {
    const rows: readonly { readonly name: string }[] = await dataSource.query(
      `SELECT name FROM ${table} ORDER BY id DESC`,
    );
    return rows.map(({ name }) => name);
  } catch (error) {
    const { driverError } = error as { readonly driverError?: { readonly code?: unknown } };
    if (driverError?.code === UNDEFINED_TABLE) return [];
    throw error;
  }
}

/** TypeORM by itself reads no TypeScript. */
async function loadedClasses(dataSource: DataSource, load: Load): Promise<object> {
  const listed: readonly unknown[] = Object.values(dataSource.options.migrations ?? []);
  const migrations: unknown[] = [];
  for (const each of listed) {
    if (typeof each !== 'string') migrations.push(each);
    else {
      for (const file of globFiles(each)) {
        migrations.push(...Object.values(await load(file)).filter((value) => typeof value === 'function'));
      }
    }
  }
  return { migrations: [...new Set(migrations)], entities: await loadedEntities(dataSource, load) };
}
