import type { RangeVar } from 'libpg-query';
import type { TableName } from '../syntax/statement';
import type { KnownTable } from './known-table';

/** What is known of a database, as far as a translation can use it; everything may be omitted. */
export interface CatalogFacts {
  readonly tables?: readonly KnownTable[];
  /**
   * The enum types that the text uses. Their columns become text with a CHECK, and a CREATE TYPE of such a type has
   * nothing to do: give a type here if its columns come in other texts.
   */
  readonly enums?: readonly EnumFacts[];
  /** The columns that are jsonb and were declared as arrays, where arrays are kept so. */
  readonly arrays?: readonly ArrayColumn[];
}

/** A column that was declared as an array, and is jsonb. */
export interface ArrayColumn {
  readonly table: TableName;
  readonly column: string;
  /** Whether its members are numbers in JSON, too. */
  readonly isOfNumbers: boolean;
  /** The type of its members, as SQL; `text` where DSQL has another name for it. */
  readonly type: string;
  /** Which column of its table it is, counted from 0, where that is known. */
  readonly place?: number;
  /** Only that it is jsonb is known: it is taken for an array where PostgreSQL would take nothing else. */
  readonly isGuessed?: true;
}

/** An enum type. */
export interface EnumFacts {
  readonly schema?: string;
  readonly name: string;
  /** In the order of the type. */
  readonly labels: readonly string[];
}

/** Names without a schema are taken to be in the schema that the others name: texts rarely use one name twice. */
export function isSameName(one: TableName, other: TableName): boolean {
  if (one.name !== other.name) return false;
  return one.schema === undefined || other.schema === undefined || one.schema === other.schema;
}

/** Whether two names are written the same: both with that schema, or both without one. */
export function isNamedAlike(one: TableName, other: TableName): boolean {
  return one.name === other.name && one.schema === other.schema;
}

/**
 * The last that a name means: without a schema it may be several, of which the one in `public` is meant, with which a
 * search_path usually begins.
 */
export function lastNamed<Named extends TableName>(
  name: TableName,
  all: readonly Named[],
): Named | undefined {
  const same = all.filter((each) => isSameName(each, name));
  return (
    same.findLast((each) => isNamedAlike(each, name)) ??
    same.findLast(({ schema = 'public' }) => schema === (name.schema ?? 'public')) ??
    same.at(-1)
  );
}

/** What the parts of a name say, as a parse tree has them: with or without a schema before it. */
export function nameOfParts(parts: readonly string[]): TableName {
  const [name = '', schema] = [...parts].reverse();
  return { ...(schema !== undefined && { schema }), name };
}

/** The name of a table in a parse tree. */
export function tableNameOf(relation: RangeVar | undefined): TableName {
  const { schemaname, relname = '' } = relation ?? {};
  return { ...(schemaname !== undefined && { schema: schemaname }), name: relname };
}
