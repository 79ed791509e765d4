import type { Model, ModelStatic, Sequelize } from 'sequelize';
import { tableIn } from './declarations';
import type { Declarations } from './declarations';
import type { Recording } from './recording';
import { recordingSequelize } from './sequelize-recorder';
import type { SequelizePackage } from './sequelize-recorder';
import type { Location } from '../sources/sql-text';

/** What Sequelize's types leave out of a model, as far as it is used here. */
type AnyModel = ModelStatic<Model> & {
  readonly tableAttributes: Readonly<Record<string, { readonly field?: string; readonly type: unknown }>>;
  readonly _indexes: readonly object[];
};

/** Whether a value is an instance of Sequelize, of whatever copy of it. */
export function isSequelize(value: unknown): value is Sequelize {
  if (typeof value !== 'object' || value === null) return false;
  const { modelManager, getQueryInterface } = value as Record<string, unknown>;
  return typeof modelManager === 'object' && typeof getQueryInterface === 'function';
}

/** Whether an entry point of this package translates what the instance sends; the project may have a copy of its own. */
export function isOurSequelize(sequelize: Sequelize): boolean {
  const { dialect } = sequelize as unknown as { readonly dialect: object };
  return dialect.constructor.name === 'DsqlDialect';
}

/** Records what `sync` would send to an empty database. */
export async function recordModels(
  project: SequelizePackage,
  sequelize: Sequelize,
  recording: Recording,
): Promise<void> {
  const { queryInterface } = recordingSequelize(project, recording);
  for (const model of inOrder(sequelize)) {
    const table = model.getTableName();
    await recording.call('createTable', async () => {
      // The fourth parameter, which brings the model's unique keys, is not in Sequelize's types.
      const createTable = queryInterface.createTable.bind(queryInterface) as unknown as (
        ...args: unknown[]
      ) => Promise<void>;
      await createTable(table, model.tableAttributes, { ...model.options }, model);
    });
    for (const index of model._indexes) {
      await recording.call('addIndex', () =>
        queryInterface.addIndex(table as string, { ...model.options, ...index } as never),
      );
    }
  }
}

/** As `sync` has them: those that others reference first, where there is such an order. */
function inOrder(sequelize: Sequelize): readonly AnyModel[] {
  const { modelManager } = sequelize as unknown as {
    readonly modelManager: {
      readonly models: readonly AnyModel[];
      getModelsTopoSortedByForeignKey(): readonly AnyModel[] | null;
    };
  };
  const sorted = modelManager.getModelsTopoSortedByForeignKey();
  return sorted ? [...sorted].reverse() : modelManager.models;
}

/** Finds the attribute that a text of `sync` is about. */
export function modelDeclarations(
  sequelize: Sequelize,
  declarations: Declarations,
): (sql: string, column: string) => Location | undefined {
  return (sql, column) => {
    const models = inOrder(sequelize);
    const table = tableIn(sql);
    for (const model of models) {
      const attributes = Object.entries(model.tableAttributes);
      const isEnumOf = ([name, { field = name }]: (typeof attributes)[number]) =>
        sql.includes(`"enum_${model.tableName}_${field}"`);
      const attribute =
        model.tableName === table
          ? attributes.find(([name, { field = name }]) => field === column)
          : table === '' && attributes.find(isEnumOf);
      if (!attribute && model.tableName !== table) continue;
      return declarations.find(model, [model.name, model.tableName], attribute ? attribute[0] : '');
    }
    return undefined;
  };
}
