import type { Model, ModelStatic, Sequelize } from 'sequelize';
import type { BigintColumn } from '../../schema';
import { isWholeNumber, modelOf, type ColumnAttribute } from '../schema/column-types';

/** The part of a model that is about its columns; the map is another one after each change of them. */
export type ReadModel = ModelStatic<Model> & {
  readonly fieldRawAttributesMap: Readonly<Record<string, ColumnAttribute>>;
};

/** The models that a query includes, by the names that they have in it. */
type IncludeMap = Readonly<Record<string, { readonly model: ReadModel; readonly includeMap?: IncludeMap }>>;

/** What of a query's options tells which of its columns are which attributes. */
export interface ReadAttributes {
  readonly model?: ReadModel | undefined;
  readonly includeMap?: IncludeMap | undefined;
  readonly attributes?: unknown;
}

type Row = Record<string, unknown>;

/**
 * By the columns of a model: the names of its whole numbers, as columns and as attributes. A cache: Sequelize replaces the
 * object whenever the columns change, and a property on it would be a column.
 */
const namesOf = new WeakMap<object, ReadonlySet<string>>();

/**
 * Makes numbers of the texts that whole numbers arrive as: an attribute that is INTEGER to Sequelize is bigint on Aurora
 * DSQL where it counts by itself, or refers to one that does. Those that JavaScript cannot count are left as they are.
 *
 * @param rows - changed
 */
export function readWholeNumbers(
  rows: readonly Row[],
  { model, includeMap, attributes }: ReadAttributes,
): void {
  const [first] = rows;
  if (model === undefined || first === undefined) return;
  const aliases = aliasesOf(attributes);
  const columns = Object.keys(first).filter((column) =>
    isWhole((aliases.get(column) ?? column).split('.'), model, includeMap),
  );
  for (const row of rows) {
    for (const column of columns) row[column] = wholeNumber(row[column]);
  }
}

function wholeNumber(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** @param path - the names of included models, and of the attribute at last */
function isWhole(path: readonly string[], model: ReadModel, includeMap: IncludeMap | undefined): boolean {
  const [name = '', ...rest] = path;
  if (rest.length === 0) return wholeNames(model).has(name);
  const included = includeMap?.[name];
  return included !== undefined && isWhole(rest, included.model, included.includeMap);
}

function wholeNames({ fieldRawAttributesMap: columns }: ReadModel): ReadonlySet<string> {
  let names = namesOf.get(columns);
  if (names === undefined) {
    names = new Set(
      Object.entries(columns).flatMap(([column, { type, fieldName = column }]) =>
        isWholeNumber(type) ? [column, fieldName] : [],
      ),
    );
    namesOf.set(columns, names);
  }
  return names;
}

/** The columns that the query itself has named: `attributes: [['id', 'number']]`. */
function aliasesOf(attributes: unknown): ReadonlyMap<string, string> {
  const pairs = (Array.isArray(attributes) ? (attributes as unknown[]) : []).filter(
    (each): each is [string, string] =>
      Array.isArray(each) && typeof each[0] === 'string' && typeof each[1] === 'string',
  );
  return new Map(pairs.map(([column, alias]) => [alias, column]));
}

/** What a model says of a column of its table; without one, what counts by itself is a number, and what refers to that. */
export function isNumberKey(
  sequelize: Sequelize,
  { schema, tableName, name, isIdentity, refersToIdentity }: BigintColumn,
): boolean {
  const model = modelOf(sequelize, { schema, tableName }) as ReadModel | undefined;
  const type = model?.fieldRawAttributesMap[name]?.type;
  return type === undefined ? isIdentity || refersToIdentity : isWholeNumber(type);
}
