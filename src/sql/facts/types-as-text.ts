import type { TypeName } from 'libpg-query';
import { strings } from '../syntax/parse-tree';
import { builtinTypeName, displayName } from './column-types';

/** The types of PostgreSQL that DSQL cannot store and whose values have a text form, by PostgreSQL's own names. */
const BUILTIN = new Set(
  (
    'money xml inet cidr macaddr macaddr8 bit varbit tsvector tsquery jsonpath pg_lsn point line lseg box path ' +
    'polygon circle int4range int8range numrange tsrange tstzrange daterange int4multirange int8multirange ' +
    'nummultirange tsmultirange tstzmultirange datemultirange'
  ).split(' '),
);

/**
 * The same of extensions, which have the name of their type. Not `citext`, whose `=` would silently be another one, nor
 * PostGIS and pgvector, whose values are made and read by functions.
 */
const OF_EXTENSIONS = new Set(['hstore', 'ltree', 'cube']);

/** The types that well-known extensions bring. */
const EXTENSION_TYPES = new Set(
  'citext hstore geometry geography raster vector halfvec sparsevec ltree lquery cube seg isbn ean13'.split(
    ' ',
  ),
);

/** What allows a column of such a type to be kept as text, as a part of a sentence. */
const ALLOWED_BY = 'simplify: { columnTypes: true }';

/** What else can be done about a column of a type that DSQL does not store, as a sentence. */
export const TYPES_AS_TEXT_ADVICE = `Columns of types with a text form are kept as text with ${ALLOWED_BY}.`;

/**
 * Whether a column of this type can be kept as text, with the values as they were written.
 *
 * @param name - PostgreSQL's own or the SQL name, without a schema and modifiers: `varbit` or `bit varying`
 */
export function hasTextForm(name: string): boolean {
  return name === 'bit varying' || BUILTIN.has(name) || OF_EXTENSIONS.has(name);
}

/** Whether only an extension brings a type of this name; some have the name of their type. */
export function isExtensionType(name: string): boolean {
  return EXTENSION_TYPES.has(name);
}

/** Whether an extension only brings a type that can be kept as text, and what belongs to it. */
export function bringsTypeWithTextForm(extension: string): boolean {
  return OF_EXTENSIONS.has(extension);
}

/**
 * The name of a type that can be kept as text, as messages show it; nothing for every other type, and for an array.
 * A type of an extension may be in any schema.
 */
export function typeWithTextForm(type: TypeName | undefined): string | undefined {
  if (type === undefined || type.arrayBounds !== undefined || type.setof === true) return undefined;
  const builtin = builtinTypeName(type);
  if (builtin !== undefined && BUILTIN.has(builtin)) return displayName(builtin, false);
  const name = strings(type.names).at(-1) ?? '';
  return OF_EXTENSIONS.has(name) ? name : undefined;
}

const ADVICE: readonly (readonly [pattern: RegExp, advice: string])[] = [
  [/^(?:inet|cidr|macaddr8?|xml|pg_lsn)$/, 'Declare text.'],
  [/^ltree$/, 'Declare text, and find what is below a path with path = … OR starts_with(path, …).'],
  [
    /^citext$/,
    'Declare text, and make a unique index on lower(column): of text, = tells upper from lower case.',
  ],
  [/^money$/, 'Declare numeric with a precision and a scale.'],
  [/^(?:bit|varbit|bit varying)$/, 'Declare text, or bytea.'],
  [/range$/, 'Declare two columns, one for each end.'],
  [/^(?:hstore|cube|jsonpath)$/, 'Declare jsonb.'],
  [/^(?:tsvector|tsquery)$/, 'Search outside the database, or with LIKE.'],
  [/^(?:geometry|geography)$/, 'Declare numbers for coordinates, or jsonb for GeoJSON.'],
  [/^(?:vector|halfvec|sparsevec)$/, 'Keep vectors in a store that is made for them.'],
];

/**
 * What to declare instead of a type that DSQL does not store, and whether such columns can be kept as text.
 *
 * @param name - as for {@link hasTextForm}
 */
export function insteadOfType(name: string): string {
  const [, advice = 'Declare numbers, text or jsonb.'] = ADVICE.find(([pattern]) => pattern.test(name)) ?? [];
  return hasTextForm(name) ? `${advice} Or have it kept as text with ${ALLOWED_BY}.` : advice;
}
