/** What the values of a column are, as far as it decides how they are written in an array. */
export type ArrayKind =
  | 'boolean'
  | 'bytea'
  | 'date'
  | 'integer'
  | 'interval'
  | 'json'
  | 'jsonb'
  | 'number'
  | 'text'
  | 'timestamp'
  | 'timestamptz'
  | 'uuid';

/** The values of a column in some rows, as one parameter. */
export interface ColumnArray {
  /** The type of the array. */
  readonly type: string;
  /** The parameter: the array as PostgreSQL reads it. */
  readonly literal: string;
}

/** A value as PostgreSQL reads it in an array; nothing for one that has to go some other way. */
type WriteElement = (value: unknown) => string | undefined;

const INTEGER = /^[+-]?\d+$/;
const NUMBER = /^[+-]?\d+(?:\.(\d*))?(?:e([+-]?\d+))?$/i;
const DATE = /^\d{4}-\d\d-\d\d$/;
/** Without an offset, or with that of UTC. */
const TIMESTAMP = /^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?(?: ?(?:Z|\+00(?::?00)?))?$/;
const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/;
/** The largest precision that PostgreSQL knows. */
const MAX_PRECISION = 1000;

/** What cannot be between quotes as it is. */
const SPECIAL = /["\\\0]/;
/** What JSON writes otherwise than PostgreSQL reads it in an array: control characters, and half of a pair. */
const OTHERWISE_IN_JSON = /[^\x20-\ud7ff\ue000-\uffff]/;

const quotedText: WriteElement = (value) => {
  if (typeof value !== 'string') return undefined;
  if (!SPECIAL.test(value)) return `"${value}"`;
  // The same, and much faster.
  if (!OTHERWISE_IN_JSON.test(value)) return JSON.stringify(value);
  return value.includes('\0') ? undefined : `"${value.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
};

const matching =
  (pattern: RegExp): WriteElement =>
  (value) =>
    typeof value === 'string' && pattern.test(value) ? `"${value}"` : undefined;

const matchingNumber =
  (pattern: RegExp): WriteElement =>
  (value) => {
    const text = typeof value === 'number' || typeof value === 'bigint' ? String(value) : value;
    return typeof text === 'string' && pattern.test(text) ? text : undefined;
  };

const timestamp: WriteElement = (value) => {
  if (!(value instanceof Date)) return matching(TIMESTAMP)(value);
  const year = value.getUTCFullYear();
  // With another offset it would depend on the type of the column whether that is kept, as it does in VALUES.
  const isPlain = value.getTimezoneOffset() === 0 && year >= 1 && year <= 9999;
  return isPlain ? `"${value.toISOString()}"` : undefined;
};

const elements: Readonly<Record<ArrayKind, WriteElement>> = {
  boolean: (value) => (typeof value === 'boolean' ? String(value) : undefined),
  bytea: (value) => (Buffer.isBuffer(value) ? String.raw`"\\x${value.toString('hex')}"` : undefined),
  date: matching(DATE),
  integer: matchingNumber(INTEGER),
  interval: quotedText,
  json: quotedText,
  jsonb: quotedText,
  number: matchingNumber(NUMBER),
  text: quotedText,
  timestamp,
  timestamptz: timestamp,
  uuid: matching(UUID),
};

/**
 * Writes the values of a column as one array, so that inserting them does exactly what it does with VALUES. The types are
 * wide: it is the column that says how long a text may be, and how a number is rounded, whatever the model says of it.
 *
 * @param values - as node-postgres is given them
 * @returns nothing where a value may mean something else in an array
 */
export function columnArray(kind: ArrayKind, values: readonly unknown[]): ColumnArray | undefined {
  const write = elements[kind];
  const written: string[] = [];
  for (const value of values) {
    const element = value === null ? 'NULL' : write(value);
    if (element === undefined) return undefined;
    written.push(element);
  }
  const type = typeOf(kind, written);
  return type === undefined ? undefined : { type: `${type}[]`, literal: `{${written.join(',')}}` };
}

function typeOf(kind: ArrayKind, written: readonly string[]): string | undefined {
  if (kind === 'integer') return 'bigint';
  if (kind !== 'number') return kind;
  let scale = 0;
  let digits = 0;
  for (const text of written) {
    const [, fraction = '', exponent = '0'] = NUMBER.exec(text) ?? [];
    scale = Math.max(scale, fraction.length - Number(exponent));
    digits = Math.max(digits, text.length + Math.max(0, Number(exponent)));
  }
  // Without a scale it may be rounded to six decimals, as a column of DSQL is (verified on a cluster, 2026-10-03).
  return scale + digits > MAX_PRECISION ? undefined : `numeric(${MAX_PRECISION},${scale})`;
}

/**
 * The rows that arrays of columns make, for the place of VALUES.
 *
 * @param parameter - makes a parameter of what PostgreSQL is to read as an array
 */
export function selectOfArrays(
  arrays: readonly ColumnArray[],
  parameter: (literal: string, index: number) => string,
): string {
  const casts = arrays.map(({ type, literal }, index) => `CAST(${parameter(literal, index)} AS ${type})`);
  return `SELECT * FROM unnest(${casts.join(', ')})`;
}
