import type { Model, Sequelize } from 'sequelize';
import { fieldsOf } from '../../connection';
import type { FindIdentityColumn } from '../../schema';
import { modelOf, type ColumnAttribute } from '../schema/column-types';

type Row = Readonly<Record<string, unknown>>;

/** What Sequelize's types leave out of a model, as far as it is used here. */
interface CountingModel {
  readonly tableName: string;
  readonly autoIncrementAttribute?: string | null;
  readonly rawAttributes: Readonly<Record<string, ColumnAttribute | undefined>>;
  getTableName(): string | object;
}

/** Finds the identity columns of the tables that the models of an instance are stored in. */
export function identityColumnsOf(sequelize: Sequelize): FindIdentityColumn {
  return ({ tableName, schema = 'public' }) => {
    const model = modelOf(sequelize, { tableName, schema }) as CountingModel | undefined;
    const attribute = model?.autoIncrementAttribute ?? undefined;
    if (model === undefined || attribute === undefined) return undefined;
    const column = model.rawAttributes[attribute]?.field ?? attribute;
    return { table: JSON.stringify([schema, tableName]), column };
  };
}

/**
 * The rows that an INSERT has returned, as Sequelize hands them on.
 *
 * @param instance - where what was returned is written into one
 */
export function insertedRows(result: unknown, instance: Model | null | undefined): readonly Row[] {
  if (instance) return [storedValues(instance)];
  const [first] = Array.isArray(result) ? (result as unknown[]) : [];
  for (const rows of [result, first]) {
    if (fieldsOf(rows) !== undefined) return rows as readonly Row[];
  }
  return [];
}

/** The values of an instance by the names of their columns. */
function storedValues(instance: Model): Row {
  const { rawAttributes } = instance.constructor as unknown as CountingModel;
  const values = Object.entries(instance.dataValues as Row);
  return Object.fromEntries(values.map(([name, value]) => [rawAttributes[name]?.field ?? name, value]));
}
