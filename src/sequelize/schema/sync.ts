import type { Model, ModelStatic, Sequelize } from 'sequelize';
import { MAX_INDEXES, tooManyIndexes, unsupportedChanges } from '../../schema';
import type { ColumnAttribute } from './column-types';
import type { DsqlQueryInterface } from './dsql-query-interface';
import type { SchemaChanges } from './schema-changes';

type HostModel = ModelStatic<Model> & {
  readonly sequelize: Sequelize;
  readonly tableAttributes: Readonly<Record<string, ColumnAttribute>>;
  readonly uniqueKeys?: object;
  readonly primaryKeyField?: string;
  readonly _indexes?: readonly { readonly using?: string }[];
  readonly options: object;
  runHooks(name: 'beforeSync' | 'afterSync', options: object): Promise<void>;
};

type Sync = (options?: object) => Promise<unknown>;

interface SyncOptions {
  readonly force?: boolean;
}

/** What carries out the changes of the schema of an instance. */
export function schemaChangesOf(sequelize: Sequelize): SchemaChanges {
  return queryInterfaceOf(sequelize).changes;
}

/**
 * Runs Sequelize's own `sync`: the asynchronous jobs of all tables are waited for together at its end. One process does so
 * at a time: where a table is to be changed, what is to be done is found out again when it has the lease of migrations.
 *
 * @param sync - Sequelize's own
 * @throws UnsupportedFeatureError before anything is sent, when a model has a type that Aurora DSQL cannot store, or more
 *   indexes than a table may have
 * @throws LeaseHeldError while another process changes the schema, where `dsql.migrations.whileHeld` says `fail`
 */
export async function syncAll(
  sequelize: Sequelize,
  options: object | undefined,
  sync: Sync,
): Promise<unknown> {
  const { modelManager, options: defaults } = sequelize as unknown as {
    readonly modelManager: { readonly models: HostModel[] };
    readonly options: SyncOptions & { readonly sync?: SyncOptions };
  };
  modelManager.models.forEach(check);
  const { force = false }: SyncOptions = { ...defaults, ...defaults.sync, ...options };
  await schemaChangesOf(sequelize).together(options, sync, force);
  return sequelize;
}

/** Lets a model's `sync` wait for the jobs of its table together, unless it is one of many. */
export function replaceSync(model: ModelStatic<Model>): void {
  // Sequelize's own, or that of a class between it and the model.
  const inherited = model.sync as Sync;
  Object.defineProperty(model, 'sync', {
    configurable: true,
    writable: true,
    async value(this: HostModel, options?: object): Promise<unknown> {
      check(this);
      const changes = schemaChangesOf(this.sequelize);
      await changes.together(options, async (together) => {
        // The rest may be done twice.
        const given: { readonly hooks?: unknown } = { ...this.options, ...together };
        const hooks = given.hooks === undefined || Boolean(given.hooks);
        const own = { ...given, hooks };
        if (hooks) await this.runHooks('beforeSync', own);
        await changes.asPartOf(own, () => inherited.call(this, { ...own, hooks: false }));
        if (hooks) await this.runHooks('afterSync', own);
      });
      return this;
    },
  });
}

/** With `force`, what cannot be created anew must not be dropped. */
function check(model: HostModel): void {
  const { tableName, primaryKeyField, uniqueKeys = {}, _indexes: indexes = [] } = model;
  const built = indexes.filter(({ using = 'btree' }) => /^(?:btree|hash|brin)$/i.test(using));
  const count = (primaryKeyField === undefined ? 0 : 1) + Object.keys(uniqueKeys).length + built.length;
  if (count > MAX_INDEXES) throw unsupportedChanges([tooManyIndexes(tableName, count)]);
  const { queryGenerator } = queryInterfaceOf(model.sequelize);
  for (const [name, attribute] of Object.entries(model.tableAttributes)) {
    queryGenerator.columnType(attribute, { column: attribute.field ?? name, table: model.tableName });
  }
}

function queryInterfaceOf(sequelize: Sequelize): DsqlQueryInterface {
  return sequelize.getQueryInterface() as unknown as DsqlQueryInterface;
}
