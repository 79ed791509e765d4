import type { Model, ModelStatic, Sequelize } from 'sequelize';
import type { BigintColumn } from '../../schema';
import { isWholeNumber, modelOf, type ColumnAttribute } from '../schema/column-types';
import { mayBeText } from './text-parsers';

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

/** What makes of the text that a value arrives as the value that it is on PostgreSQL; nothing where it is a text there. */
export type ReaderOf = (type: unknown) => ((text: string) => unknown) | undefined;

/**
 * By the columns of a model: the types of those whose values may arrive as other texts than on PostgreSQL, by their names as
 * columns and as attributes. A cache: Sequelize replaces the object whenever the columns change, and a property on it would
 * be a column.
 */
const typesOf = new WeakMap<object, ReadonlyMap<string, unknown>>();

/**
 * Makes of what a query has given the values that it gives on PostgreSQL.
 *
 * @param rows - changed
 * @param isAsked - which of the columns matter, beside whole numbers
 */
export function readModelValues(
  rows: readonly Row[],
  { model, includeMap, attributes }: ReadAttributes,
  readerOf: ReaderOf,
  isAsked: (column: string) => boolean = () => true,
): void {
  const [first] = rows;
  if (model === undefined || first === undefined) return;
  const aliases = aliasesOf(attributes);
  for (const column of Object.keys(first)) {
    const source = aliases.get(column) ?? column;
    // What is computed and has the name of an attribute is counted like it, and is else of a type of its own.
    const isComputed = typeof source !== 'string';
    const type = typeAt((isComputed ? column : source).split('.'), model, includeMap);
    const isRead = isWholeNumber(type) || (!isComputed && isAsked(column));
    const read = isRead && type !== undefined ? readerOf(type) : undefined;
    if (read === undefined) continue;
    for (const row of rows) {
      const value = row[column];
      if (typeof value === 'string') row[column] = read(value);
    }
  }
}

/** @returns nothing for a type whose values are what they are on PostgreSQL */
export const readWholeNumber: ReaderOf = (type) => (isWholeNumber(type) ? wholeNumber : undefined);

/**
 * An attribute that is INTEGER to Sequelize is bigint on Aurora DSQL where it counts by itself, or refers to one that does.
 * What JavaScript cannot count is left as it is.
 */
function wholeNumber(text: string): unknown {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : text;
}

/** @param path - the names of included models, and of the attribute at last */
function typeAt(path: readonly string[], model: ReadModel, includeMap: IncludeMap | undefined): unknown {
  const [name = '', ...rest] = path;
  if (rest.length === 0) return readTypes(model).get(name);
  const included = includeMap?.[name];
  return included && typeAt(rest, included.model, included.includeMap);
}

function readTypes({ fieldRawAttributesMap: columns }: ReadModel): ReadonlyMap<string, unknown> {
  let types = typesOf.get(columns);
  if (types === undefined) {
    types = new Map(
      Object.entries(columns).flatMap(([column, { type, fieldName = column }]): [string, unknown][] =>
        isWholeNumber(type) || mayBeText(type)
          ? [
              [column, type],
              [fieldName, type],
            ]
          : [],
      ),
    );
    typesOf.set(columns, types);
  }
  return types;
}

/** What the query itself has named, by these names: `attributes: [['id', 'number'], [fn('now'), 'time']]`. */
function aliasesOf(attributes: unknown): ReadonlyMap<unknown, unknown> {
  const given = Array.isArray(attributes) ? (attributes as unknown[]) : [];
  return new Map(given.flatMap((each) => (Array.isArray(each) ? [[each[1], each[0]]] : [])));
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
