/** A table as the catalogue describes it. */
export interface CatalogTable {
  readonly schema: string;
  readonly name: string;
  readonly columns: readonly CatalogColumn[];
  readonly constraints: readonly CatalogConstraint[];
  readonly indexes: readonly CatalogIndex[];
}

/** A column of a {@link CatalogTable}. */
export interface CatalogColumn {
  readonly name: string;
  /** As `format_type()` gives it: `character varying(255)`. */
  readonly type: string;
  /** The same without its length or precision; of a domain, the type below it. */
  readonly baseType: string;
  /** The length of a text, where it has one. */
  readonly length: number | null;
  /** Declared NOT NULL; a validated `CHECK (column IS NOT NULL)` says as much. */
  readonly notNull: boolean;
  readonly identity: boolean;
  /** Of an identity: its sequence, qualified. */
  readonly sequence: string | null;
  readonly default: string | null;
  readonly comment: string | null;
}

/** A constraint of a {@link CatalogTable}; a letter of `type`, `onUpdate` and `onDelete` means what it does in `pg_constraint`. */
export interface CatalogConstraint {
  readonly name: string;
  readonly type: 'p' | 'u' | 'f' | 'c';
  readonly validated: boolean;
  /** As `pg_get_constraintdef()` gives it. */
  readonly definition: string;
  /** In the order of the key. */
  readonly columns: readonly string[];
  readonly deferrable: boolean;
  readonly deferred: boolean;
  /** For a foreign key. */
  readonly target: {
    readonly schema: string;
    readonly name: string;
    readonly columns: readonly string[];
  } | null;
  readonly onUpdate: string;
  readonly onDelete: string;
}

/** An index of a {@link CatalogTable}; it is in the schema of its table. */
export interface CatalogIndex {
  /** Its oid, which is the `object_id` of its job. */
  readonly id: string;
  readonly name: string;
  readonly primary: boolean;
  readonly unique: boolean;
  /** Built; one that is not may be on its way, or what a failed build has left. */
  readonly valid: boolean;
  /** The job that builds it, while it is on its way. */
  readonly buildJobId: string | null;
  readonly partial: boolean;
  readonly indkey: string;
  /** As `pg_get_indexdef()` gives it. */
  readonly definition: string;
  /** Without the columns that are only included; `null` for an expression. */
  readonly keys: readonly { readonly column: string | null; readonly descending: boolean }[];
}

/**
 * Whether an index of some columns begins with these, in any order.
 *
 * @param index - its columns; an expression is none
 */
export function beginsWith(
  index: readonly (string | null | undefined)[],
  columns: readonly string[],
): boolean {
  const first = index.slice(0, columns.length);
  return columns.every((column) => first.includes(column));
}
