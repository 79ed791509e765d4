import type { TypeName } from 'libpg-query';
import { asNode, strings } from '../syntax/parse-tree';

/** PostgreSQL's own names of types, where they differ from the SQL name that messages show. */
const DISPLAY_NAMES: Readonly<Record<string, string>> = {
  int2: 'smallint',
  int4: 'integer',
  int8: 'bigint',
  float4: 'real',
  float8: 'double precision',
  bool: 'boolean',
  varchar: 'character varying',
  bpchar: 'character',
  varbit: 'bit varying',
  time: 'time without time zone',
  timetz: 'time with time zone',
  timestamp: 'timestamp without time zone',
  timestamptz: 'timestamp with time zone',
  char: '"char"',
};

/** The types of PostgreSQL that can be neither column nor array element on DSQL, by PostgreSQL's own names. */
const REFUSED_TYPES = new Set(
  (
    'money xml inet cidr macaddr macaddr8 point line lseg box path polygon circle tsvector tsquery bit varbit ' +
    'int4range int8range numrange tsrange tstzrange daterange int4multirange int8multirange nummultirange ' +
    'tsmultirange tstzmultirange datemultirange pg_lsn pg_snapshot txid_snapshot jsonpath oid name char xid xid8 ' +
    'cid tid int2vector oidvector refcursor aclitem regclass regcollation regconfig regdictionary regnamespace ' +
    'regoper regoperator regproc regprocedure regrole regtype'
  ).split(' '),
);

/** The types that DSQL stores (recorded from a cluster, 2026-09), by PostgreSQL's own names. */
const COLUMN_TYPES = new Set(
  (
    'int2 int4 int8 float4 float8 numeric bpchar varchar text date time timetz timestamp timestamptz interval ' +
    'bool bytea uuid json jsonb'
  ).split(' '),
);

const SERIAL_TYPES = new Set(['serial', 'serial2', 'serial4', 'serial8', 'bigserial', 'smallserial']);

const GEOMETRIC_TYPES = new Set(['point', 'line', 'lseg', 'box', 'path', 'polygon', 'circle']);

/** The name of a type when it is one of PostgreSQL's own: as written alone, or in `pg_catalog`. */
export function builtinTypeName(type: TypeName | undefined): string | undefined {
  const names = strings(type?.names);
  return names.length === 1 || (names.length === 2 && names[0] === 'pg_catalog') ? names.at(-1) : undefined;
}

/** The name by which messages call a type, without its modifiers: `integer` for `int4`, `text[]` for `_text`. */
export function displayName(name: string, isArray: boolean): string {
  return (DISPLAY_NAMES[name] ?? name) + (isArray ? '[]' : '');
}

/** The name of a type that DSQL cannot store in a column, as its message shows it; `undefined` for every other type. */
export function refusedColumnType(type: TypeName | undefined): string | undefined {
  const name = builtinTypeName(type);
  if (name === undefined) return undefined;
  const known = (candidate: string) => COLUMN_TYPES.has(candidate) || REFUSED_TYPES.has(candidate);
  // Arrays also go by the name of their element with an underscore before it.
  const element = name.startsWith('_') && known(name.slice(1)) ? name.slice(1) : undefined;
  if (element !== undefined) return displayName(element, true);
  // An array of a type that is not PostgreSQL's own is for the catalogue to judge.
  if (type?.arrayBounds) return known(name) ? displayName(name, true) : undefined;
  return REFUSED_TYPES.has(name) ? displayName(name, false) : undefined;
}

/** The `n` of `char(n)` or `varchar(n)`; 0 for another type, and where there is none. */
export function declaredLength(type: TypeName | undefined, name: 'bpchar' | 'varchar'): number {
  if (builtinTypeName(type) !== name) return 0;
  const length = asNode(type?.typmods?.[0], 'A_Const');
  // A number that is too large for an integer is a Float.
  return length?.ival?.ival ?? Number(length?.fval?.fval ?? 0);
}

/** Whether a type is one of PostgreSQL's own, or an array of one; not one that somebody has made. */
export function isBuiltinType(type: TypeName): boolean {
  const name = builtinTypeName(type);
  if (name === undefined) return false;
  return COLUMN_TYPES.has(name) || SERIAL_TYPES.has(name) || refusedColumnType(type) !== undefined;
}

/** The serial type that a column is declared with; to DSQL these names are unknown. */
export function serialType(type: TypeName | undefined): string | undefined {
  const names = strings(type?.names);
  const name = names.at(-1);
  return names.length === 1 && name !== undefined && SERIAL_TYPES.has(name) ? name : undefined;
}

/** The name of a geometric type, which DSQL refuses even in a cast. */
export function geometricType(type: TypeName | undefined): string | undefined {
  const name = builtinTypeName(type);
  return name !== undefined && isGeometricType(name)
    ? displayName(name, type?.arrayBounds !== undefined)
    : undefined;
}

/** Whether this is the name of one of PostgreSQL's geometric types, and so of the functions that make them. */
export function isGeometricType(name: string): boolean {
  return GEOMETRIC_TYPES.has(name);
}

/** The name of a type that an identity column cannot have: any of PostgreSQL's own but `bigint`. */
export function nonBigintType(type: TypeName | undefined): string | undefined {
  const name = builtinTypeName(type);
  if (name === undefined || name === 'int8' || !COLUMN_TYPES.has(name)) return undefined;
  return displayName(name, type?.arrayBounds !== undefined);
}
