import type { ColumnType } from 'typeorm';

/** TypeORM's names of the types that Aurora DSQL keeps in columns (recorded from a cluster, 2026-09), and its own. */
const STORED: ReadonlySet<unknown> = new Set<ColumnType>([
  'int',
  'int2',
  'int4',
  'int8',
  'smallint',
  'integer',
  'bigint',
  'decimal',
  'numeric',
  'real',
  'float',
  'float4',
  'float8',
  'double precision',
  'character varying',
  'varchar',
  'character',
  'char',
  'text',
  'bytea',
  'date',
  'time',
  'time without time zone',
  'time with time zone',
  'timetz',
  'timestamp',
  'timestamp without time zone',
  'timestamp with time zone',
  'timestamptz',
  'interval',
  'bool',
  'boolean',
  'uuid',
  'json',
  'jsonb',
  'enum',
  'simple-enum',
  'simple-array',
  'simple-json',
]);

/** Whether columns of a type can be kept in Aurora DSQL: TypeORM's classes can, like `String`. */
export function isStored(type: ColumnType): boolean {
  return typeof type !== 'string' || STORED.has(type);
}

/** Whether a column of this type can be no part of a key or an index (AWS user guide, data types, 2026-09-15). */
export function isKeyless(type: ColumnType): boolean {
  return /^(?:bytea|interval|jsonb?|timetz|time with time zone)$/.test(String(type));
}

const ADVICE: readonly (readonly [pattern: RegExp, advice: string])[] = [
  [/^(?:inet|cidr|macaddr8?|xml|citext|ltree)$/, 'Declare text.'],
  [/^(?:money)$/, 'Declare numeric with a precision and a scale.'],
  [/^(?:bit|varbit|bit varying)$/, 'Declare text, or bytea.'],
  [/range$/, 'Declare two columns, one for each end.'],
  [/^(?:hstore|cube|jsonpath)$/, 'Declare jsonb.'],
  [/^(?:tsvector|tsquery)$/, 'Search outside the database, or with LIKE.'],
  [/^(?:vector|halfvec)$/, 'Keep vectors in a store that is made for them.'],
];

/** What to declare instead of a type that Aurora DSQL does not keep. */
export function insteadOf(type: string): string {
  const [, advice] = ADVICE.find(([pattern]) => pattern.test(type)) ?? [];
  return advice ?? 'Declare numbers, text or jsonb.';
}
