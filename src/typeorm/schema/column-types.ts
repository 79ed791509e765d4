import type { ColumnType } from 'typeorm';
import { hasTextForm, type Simplifications } from '../../sql';

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
export function isStored(type: ColumnType, simplify: Simplifications): boolean {
  return typeof type !== 'string' || STORED.has(type) || isKeptAsText(type, simplify);
}

/** Whether columns of a type are text in Aurora DSQL, and go on having their type in TypeORM. */
export function isKeptAsText(type: unknown, { columnTypes }: Simplifications): boolean {
  return columnTypes === true && typeof type === 'string' && hasTextForm(type);
}

/** Whether a column of this type can be no part of a key or an index (AWS user guide, data types, 2026-09-15). */
export function isKeyless(type: ColumnType): boolean {
  return /^(?:bytea|interval|jsonb?|timetz|time with time zone)$/.test(String(type));
}
