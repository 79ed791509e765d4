import type { EnumFacts, KnownColumn, KnownConstraint, KnownIndex, KnownTable, TableName } from '../../sql';
import type { Place } from '../sources/sql-text';

/** A table as the texts so far have made it, on PostgreSQL. */
export interface DeclaredTable extends KnownTable {
  readonly columns: readonly DeclaredColumn[];
  readonly constraints: readonly DeclaredConstraint[];
  /** Those of its keys among them, which have their names. */
  readonly indexes: readonly KnownIndex[];
  readonly place: Place;
}

/** A column as it was declared for PostgreSQL. */
export interface DeclaredColumn extends KnownColumn {
  /** The enum type that it has. */
  readonly enum?: EnumFacts;
  readonly isArray: boolean;
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

/** A constraint, with the place of its declaration. */
export interface DeclaredConstraint extends KnownConstraint {
  readonly place: Place;
}

/** A sequence with a name of its own. */
export interface Sequence extends TableName, Omit<ColumnSequence, 'kind'> {}

/** Two names are one table when they are in one schema; what has none is in `public`. */
export function keyOf({ schema = 'public', name }: TableName): string {
  return `${schema}.${name}`;
}

/** The indexes that CREATE INDEX has made: a key's own has the name of its constraint. */
export function ownIndexes({ indexes, constraints }: DeclaredTable): readonly KnownIndex[] {
  const keys = new Set(constraints.filter(isKey).map(({ name }) => name));
  return indexes.filter(({ name }) => !keys.has(name));
}

/** Whether a constraint has an index of its own. */
export function isKey({ type }: KnownConstraint): boolean {
  return type === 'p' || type === 'u';
}
