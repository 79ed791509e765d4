import { DataTypes, Utils } from 'sequelize';
import type PostgresQueryGenerator from 'sequelize/lib/dialects/postgres/query-generator';
import { FEWEST_ROWS_FOR_ARRAYS } from '../../occ';
import { columnArray, selectOfArrays, type ArrayKind, type ColumnArray } from '../../sql';

/** A column of a model, as far as its values are written. */
export interface WrittenAttribute {
  readonly type?: DataType;
  readonly autoIncrement?: boolean;
}

/** A data type of Sequelize's. */
interface DataType {
  readonly key?: string;
  readonly bindParam?: unknown;
  readonly stringify?: unknown;
  readonly _bindParam?: unknown;
  readonly _stringify?: unknown;
}

/** The columns of a model, by their names in the table. */
export type WrittenAttributes = Readonly<Record<string, WrittenAttribute | undefined>>;

type Row = Readonly<Record<string, unknown>>;

/** What else could be put into the text, or before it. */
interface InsertOptions {
  readonly bind?: unknown;
  readonly replacements?: unknown;
  readonly searchPath?: unknown;
}

/** What is needed of Sequelize's query generator; its types leave out some of it. */
interface Generator {
  readonly options: { readonly timezone?: string };
  readonly typeValidation?: boolean;
  bulkInsertQuery(table: unknown, rows: readonly Row[], options: object, attributes: object): string;
  format(
    value: unknown,
    field: WrittenAttribute,
    options: { readonly context: 'INSERT' },
    bindParam: (value: unknown) => unknown,
  ): unknown;
}

/** What the values of a column are, by the key of its type. Not HSTORE: Sequelize doubles quotes in its values, as for a literal. */
const KINDS: Readonly<Record<string, ArrayKind>> = {
  BIGINT: 'integer',
  BLOB: 'bytea',
  BOOLEAN: 'boolean',
  CHAR: 'text',
  CIDR: 'text',
  DATE: 'timestamptz',
  DATEONLY: 'date',
  DECIMAL: 'number',
  'DOUBLE PRECISION': 'number',
  ENUM: 'text',
  FLOAT: 'number',
  INET: 'text',
  INTEGER: 'integer',
  JSON: 'json',
  JSONB: 'jsonb',
  MACADDR: 'text',
  MEDIUMINT: 'integer',
  RANGE: 'text',
  REAL: 'number',
  SMALLINT: 'integer',
  STRING: 'text',
  TEXT: 'text',
  TINYINT: 'integer',
  TSVECTOR: 'text',
  UUID: 'uuid',
};

interface NamedArray extends ColumnArray {
  /** Of the column. */
  readonly name: string;
}

/** An INSERT for `sequelize.query`. */
export interface ArrayInsert {
  readonly query: string;
  readonly bind: readonly string[];
}

/**
 * The INSERT of `bulkInsert` with one array per column in the place of VALUES.
 *
 * @param options - handed on to Sequelize, which writes the rest of the statement
 * @returns nothing for few rows, and where a value may mean something else in an array
 */
export function arrayInsert(
  queryGenerator: PostgresQueryGenerator,
  [table, rows, options, attributes]: [unknown, readonly Row[], InsertOptions, WrittenAttributes],
): ArrayInsert | undefined {
  const { bind, replacements, searchPath } = options;
  const isExpanded = (bind ?? replacements ?? searchPath) !== undefined;
  if (rows.length < FEWEST_ROWS_FOR_ARRAYS || isExpanded) return undefined;
  const generator = queryGenerator as unknown as Generator;
  const arrays: NamedArray[] = [];
  for (const name of namesIn(rows)) {
    const attribute = attributes[name];
    const kind = KINDS[attribute?.type?.key ?? ''];
    if (attribute === undefined || kind === undefined) return undefined;
    const given = rows.map((row) => row[name] ?? null);
    if (attribute.autoIncrement === true) {
      // The database makes them: of all rows, or of those alone that have none.
      if (given.every((value) => value === null)) continue;
      if (given.includes(null)) return undefined;
    }
    if (given.some((value) => value instanceof Utils.SequelizeMethod)) return undefined;
    // Of what is no range Sequelize makes an expression with a cast.
    const isRange = attribute.type?.key === 'RANGE';
    if (isRange && given.some((value) => value !== null && !Array.isArray(value))) return undefined;
    const array = columnArray(kind, formatted(given, attribute, generator));
    if (array === undefined) return undefined;
    arrays.push({ name, ...array });
  }
  if (arrays.length === 0) return undefined;
  return written(generator, arrays, [table, options, attributes]);
}

function namesIn(rows: readonly Row[]): ReadonlySet<string> {
  const names = new Set<string>();
  for (const row of rows) for (const name of Object.keys(row)) names.add(name);
  return names;
}

/** The values of a column as Sequelize hands them to node-postgres; where it is known what it does, without asking it. */
function formatted(
  values: readonly unknown[],
  attribute: WrittenAttribute,
  generator: Generator,
): readonly unknown[] {
  const { type } = attribute;
  const isKnown = (stringify?: unknown) =>
    type !== undefined && generator.typeValidation !== true && isHandedOn(type, stringify);
  if (isKnown()) return values;
  const isInstant = isKnown(postgres.DATE.prototype._stringify) && generator.options.timezone === '+00:00';
  return values.map((value) => {
    if (value === null) return null;
    const instant = isInstant && value instanceof Date ? textOfInstant(value) : undefined;
    return instant ?? generator.format(value, attribute, { context: 'INSERT' }, asItIs);
  });
}

/** What Sequelize's types leave out of its own. */
const { ABSTRACT, postgres } = DataTypes as unknown as {
  readonly ABSTRACT: { readonly prototype: DataType };
  readonly postgres: { readonly DATE: { readonly prototype: DataType } };
};

/** Whether Sequelize does nothing to the values of a type but what `stringify` does. */
function isHandedOn(type: DataType, stringify?: unknown): boolean {
  return (
    type.bindParam === ABSTRACT.prototype.bindParam &&
    type.stringify === ABSTRACT.prototype.stringify &&
    type._bindParam === undefined &&
    type._stringify === stringify
  );
}

/** The same moment as Sequelize's text of it, which a library for calendars makes. */
function textOfInstant(date: Date): string | undefined {
  const year = date.getUTCFullYear();
  return year >= 1 && year <= 9999 ? date.toISOString() : undefined;
}

function asItIs(value: unknown): unknown {
  return value;
}

/** Sequelize writes the statement for one row of NULLs, and the arrays take their place. */
function written(
  generator: Generator,
  arrays: readonly NamedArray[],
  [table, options, attributes]: [unknown, object, WrittenAttributes],
): ArrayInsert | undefined {
  const row = Object.fromEntries(arrays.map(({ name }) => [name, null]));
  const text = generator.bulkInsertQuery(table, [row], options, attributes);
  const isNumbered = ({ name }: NamedArray) => attributes[name]?.autoIncrement === true;
  const values = `VALUES (${arrays.map((array) => (isNumbered(array) ? 'DEFAULT' : 'NULL')).join(',')})`;
  const at = text.indexOf(values);
  // Sequelize takes a dollar for a parameter, be it in a name.
  if (at < 0 || text.includes('$')) return undefined;
  const select = selectOfArrays(arrays, (_, index) => `$${index + 1}`);
  return {
    query: text.slice(0, at) + select + text.slice(at + values.length),
    bind: arrays.map(({ literal }) => literal),
  };
}
