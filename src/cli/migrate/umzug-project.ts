import type { Model, ModelStatic, QueryInterface, Sequelize } from 'sequelize';
import type { Umzug } from 'umzug';
import { planUmzugMigrations } from '../../check';
import { enumTypesOfMigrations } from '../../migrate/for-orms';
import { ArgumentError } from '../command';
import type { MigrationProject, RunOptions } from './project';

type Named = readonly { readonly name: string }[];

/** What a migrator of ours takes beside umzug's own options. */
type Run = (options: { readonly to?: string | undefined; readonly dsql: RunOptions }) => Promise<Named>;

/**
 * The migrations of a migrator.
 *
 * @param file - of the migrator
 * @throws ArgumentError for one that is not of `createMigrator`
 */
export function umzugProject(umzug: Umzug, file: string): MigrationProject {
  if (umzug.constructor.name !== 'MigratorOnDsql') {
    throw new ArgumentError(
      '--migrator: make the migrator with createMigrator of aurora-dsql-orm/sequelize/umzug',
    );
  }
  const { context } = umzug.options as { readonly context?: unknown };
  const queryInterface = context as QueryInterface;
  const { sequelize } = queryInterface;
  const namesOf = (all: Named) => all.map(({ name }) => name);
  const pending = async () => namesOf(await umzug.pending());
  const run = async (way: 'up' | 'down', { to, ...dsql }: RunOptions) => {
    const call = umzug[way].bind(umzug) as unknown as Run;
    const known = namesOf(way === 'up' ? await umzug.pending() : await umzug.executed());
    if (to !== undefined && !known.includes(to)) {
      throw new ArgumentError(`--to: ${to} ${way === 'up' ? 'is not pending' : 'was not run'}`);
    }
    return namesOf(await call({ ...(to !== undefined && { to }), dsql }));
  };
  const query = async (sql: string) => {
    const [rows] = await sequelize.query(sql, { raw: true, logging: false });
    return rows as Record<string, unknown>[];
  };
  return {
    pending,
    up: (options) => run('up', options),
    down: (options) => run('down', options),
    baseline: async ({ to }) => {
      const names = await pending();
      const last = to === undefined ? names.length : names.indexOf(to) + 1;
      if (last === 0 && to !== undefined) throw new ArgumentError(`--to: ${to} is not pending`);
      const recorded = names.slice(0, last);
      for (const name of recorded)
        await umzug.options.storage?.logMigration({ name, context: queryInterface });
      return recorded;
    },
    plan: async (names) => {
      const { schema } = umzug as Umzug & { readonly schema?: string };
      const enums = await enumTypesOfMigrations(query, schema);
      return planUmzugMigrations(umzug, file, names, { enums, query });
    },
    query,
    differences: () => differencesOf(sequelize, queryInterface),
    beforeLogging: (before) => {
      const { options } = sequelize as unknown as { readonly options: { logging?: unknown } };
      // `true` is an old way to ask for console.log, of which Sequelize warns.
      const { logging } = options;
      if (typeof logging !== 'function') return;
      const print = logging as (...args: unknown[]) => unknown;
      options.logging = (...args: unknown[]) => {
        before();
        return print(...args);
      };
    },
    close: () => sequelize.close(),
  };
}

/** What the models say, table by table: which tables and columns there are, and which take no NULL. */
async function differencesOf(
  sequelize: Sequelize,
  queryInterface: QueryInterface,
): Promise<readonly string[]> {
  const { models } = (sequelize as unknown as { modelManager: { models: ModelStatic<Model>[] } })
    .modelManager;
  const differences: string[] = [];
  for (const model of models) {
    const table = model.getTableName();
    const name = typeof table === 'string' ? table : `${table.schema}.${table.tableName}`;
    if (!(await queryInterface.tableExists(table))) {
      differences.push(`table ${name} is not there`);
      continue;
    }
    const columns = await queryInterface.describeTable(table);
    const attributes = Object.entries(model.getAttributes()).filter(([, { type }]) => !isVirtual(type));
    for (const [attribute, { field = attribute, allowNull = true, primaryKey = false }] of attributes) {
      const column = columns[field];
      if (column === undefined) differences.push(`column ${name}.${field} is not there`);
      else if (column.allowNull !== (allowNull && !primaryKey)) {
        differences.push(`column ${name}.${field} ${column.allowNull ? 'takes NULL' : 'takes no NULL'}`);
      }
    }
    const known = attributes.map(([attribute, { field = attribute }]) => field);
    for (const column of Object.keys(columns).filter((each) => !known.includes(each))) {
      differences.push(`column ${name}.${column} is in no model`);
    }
  }
  return differences;
}

function isVirtual(type: unknown): boolean {
  return String((type as { readonly key?: unknown } | undefined)?.key) === 'VIRTUAL';
}
