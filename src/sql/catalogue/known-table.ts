import type { TableName } from '../syntax/statement';

/**
 * What is known of a table: read from the catalogue of Aurora DSQL, which is a `CatalogTable`, or said by the statements
 * that make it.
 */
export interface KnownTable extends TableName {
  readonly columns: readonly KnownColumn[];
  readonly constraints: readonly KnownConstraint[];
  /**
   * Whether it may have more columns and constraints than these: `CREATE TABLE … AS`, `LIKE` and `INHERITS` do not name
   * all of them, and `IF NOT EXISTS` may find another table.
   * @defaultValue `false`
   */
  readonly isPartial?: boolean;
}

/** A column of a {@link KnownTable}. */
export interface KnownColumn {
  readonly name: string;
  /** As `format_type()` gives it: `character varying(255)`. Absent for a type that is not PostgreSQL's own. */
  readonly type?: string;
  /** Declared NOT NULL; a validated `CHECK (column IS NOT NULL)` says as much. */
  readonly notNull: boolean;
  /** Whether it is an identity, or a `serial`, which is one on Aurora DSQL. */
  readonly identity: boolean;
}

/** A constraint of a {@link KnownTable}; a letter of `type`, `onUpdate` and `onDelete` means what it does in `pg_constraint`. */
export interface KnownConstraint {
  readonly name: string;
  readonly type: 'p' | 'u' | 'f' | 'c';
  /** In the order of the key. */
  readonly columns: readonly string[];
  readonly validated: boolean;
  /** As `pg_get_constraintdef()` gives it; absent where a statement declares the constraint in its own words. */
  readonly definition?: string;
  /** For a foreign key. */
  readonly target?: ReferencedColumns | null;
  readonly onUpdate?: string;
  readonly onDelete?: string;
}

/** What a foreign key refers to. */
export interface ReferencedColumns extends TableName {
  /** Empty where a statement names none, and means the primary key. */
  readonly columns: readonly string[];
}

/** An index; it is in the schema of its table. */
export interface KnownIndex {
  readonly name: string;
  readonly primary: boolean;
  readonly unique: boolean;
  readonly partial: boolean;
  /** Without the columns that are only included; `null` for an expression. */
  readonly keys: readonly { readonly column: string | null; readonly descending: boolean }[];
}

/** The actions of a foreign key, by the letters of `pg_constraint`. */
export const REFERENTIAL_ACTIONS: Readonly<Record<string, string>> = {
  a: 'NO ACTION',
  r: 'RESTRICT',
  c: 'CASCADE',
  n: 'SET NULL',
  d: 'SET DEFAULT',
};

/** The type that Aurora DSQL keeps a column in: an identity of any type is bigint there. */
export function storedTypeOf({ type, identity }: KnownColumn): string | undefined {
  return identity ? 'bigint' : type;
}

/** The primary key, in its order; empty where none is known. */
export function primaryKeyOf({ constraints }: KnownTable): readonly string[] {
  return constraints.find(({ type }) => type === 'p')?.columns ?? [];
}

/** The foreign keys, with what they refer to. */
export function foreignKeysOf<Constraint extends KnownConstraint>({
  constraints,
}: {
  readonly constraints: readonly Constraint[];
}): readonly (Constraint & { readonly target: ReferencedColumns })[] {
  return constraints.filter(
    (constraint): constraint is Constraint & { readonly target: ReferencedColumns } =>
      constraint.target !== undefined && constraint.target !== null,
  );
}

/** Whether an index of all rows begins with these columns, in any order. */
export function isIndexed(indexes: readonly KnownIndex[], columns: readonly string[]): boolean {
  return indexes.some(({ partial, keys }) => {
    const first = keys.slice(0, columns.length).map(({ column }) => column);
    return !partial && columns.every((column) => first.includes(column));
  });
}
