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
};

type Sync = (options?: object) => Promise<unknown>;

/** What carries out the changes of the schema of an instance. */
export function schemaChangesOf(sequelize: Sequelize): SchemaChanges {
  return queryInterfaceOf(sequelize).changes;
}

/**
 * Runs Sequelize's own `sync`: the asynchronous jobs of all tables are waited for together at its end.
 *
 * @param sync - Sequelize's own
 * @throws UnsupportedFeatureError before anything is sent, when a model has a type that Aurora DSQL cannot store, or more
 *   indexes than a table may have
 */
export async function syncAll(
  sequelize: Sequelize,
  options: object | undefined,
  sync: Sync,
): Promise<unknown> {
  const { modelManager } = sequelize as unknown as {
    readonly modelManager: { readonly models: HostModel[] };
  };
  modelManager.models.forEach(check);
  await schemaChangesOf(sequelize).finishRebuilds(options);
  return schemaChangesOf(sequelize).together(options, sync);
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
      if (!changes.isTogether(options)) await changes.finishRebuilds(options);
      return changes.together(options, (own) => inherited.call(this, own));
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
