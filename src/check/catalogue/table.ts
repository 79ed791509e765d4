import type { EnumFacts, TableName } from '../../sql';
import type { Place } from '../sources/sql-text';

/** A table as the texts so far have made it. */
export interface Table extends TableName {
  /** Absent for a table whose columns no text names, such as CREATE TABLE … AS. */
  readonly columns?: readonly Column[];
  readonly primaryKey?: Key;
  readonly uniques: readonly Key[];
  readonly checks: readonly { readonly name: string }[];
  readonly foreignKeys: readonly ForeignKey[];
  readonly indexes: readonly Index[];
  readonly place: Place;
}

/** A column as it was declared for PostgreSQL. */
export interface Column {
  readonly name: string;
  /** As `format_type()` gives it; absent for types that are not PostgreSQL's own. */
  readonly type?: string;
  /** The enum type that it has. */
  readonly enum?: EnumFacts;
  readonly isArray: boolean;
  readonly notNull: boolean;
  /** What generates its values. */
  readonly sequence?: ColumnSequence;
  /** The function that gives its default: `now`, `gen_random_uuid`. */
  readonly defaultFunction?: string;
  readonly place: Place;
}

/** The sequence behind a column. */
export interface ColumnSequence {
  /** `serial` and `identity` come with the column; `named` is one that its default names. */
  readonly kind: 'serial' | 'identity' | 'named';
  readonly cache?: number;
  readonly start?: bigint;
  readonly increment?: bigint;
}

/** A primary key or a unique constraint. */
export interface Key {
  readonly name: string;
  readonly columns: readonly string[];
}

/** A foreign key. */
export interface ForeignKey extends Key {
  readonly references: TableName;
  /** Empty for the primary key of the table that it references. */
  readonly referencedColumns: readonly string[];
  readonly onDelete: string;
  readonly onUpdate: string;
  readonly place: Place;
}

/** An index. */
export interface Index {
  readonly name: string;
  readonly table: TableName;
  /** Its key, in order; `undefined` stands for an expression. */
  readonly columns: readonly (string | undefined)[];
  readonly isUnique: boolean;
  readonly isPartial: boolean;
}

/** A sequence with a name of its own. */
export interface Sequence extends TableName, Omit<ColumnSequence, 'kind'> {}

/** Two names are one table when they are in one schema; what has none is in `public`. */
export function keyOf({ schema = 'public', name }: TableName): string {
  return `${schema}.${name}`;
}
