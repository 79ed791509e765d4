import type { KnownColumn, KnownConstraint, KnownIndex, KnownTable } from './known-table';

/** A table as the catalogue describes it. */
export interface CatalogTable extends KnownTable {
  readonly schema: string;
  readonly columns: readonly CatalogColumn[];
  readonly constraints: readonly CatalogConstraint[];
  readonly indexes: readonly CatalogIndex[];
}

/** A column of a {@link CatalogTable}. */
export interface CatalogColumn extends KnownColumn {
  readonly type: string;
  /** The same without its length or precision; of a domain, the type below it. */
  readonly baseType: string;
  /** The length of a text, where it has one. */
  readonly length: number | null;
  /** Of an identity: its sequence, qualified. */
  readonly sequence: string | null;
  readonly default: string | null;
  readonly comment: string | null;
}

/** A constraint of a {@link CatalogTable}. */
export interface CatalogConstraint extends KnownConstraint {
  readonly definition: string;
  readonly deferrable: boolean;
  readonly deferred: boolean;
  readonly target: {
    readonly schema: string;
    readonly name: string;
    readonly columns: readonly string[];
  } | null;
  readonly onUpdate: string;
  readonly onDelete: string;
}

/** An index of a {@link CatalogTable}. */
export interface CatalogIndex extends KnownIndex {
  /** Its oid, which is the `object_id` of its job. */
  readonly id: string;
  /** Built; one that is not may be on its way, or what a failed build has left. */
  readonly valid: boolean;
  /** The job that builds it, while it is on its way. */
  readonly buildJobId: string | null;
  readonly indkey: string;
  /** As `pg_get_indexdef()` gives it. */
  readonly definition: string;
}

/** Whether an index is what a build has left that failed, or was given up. */
export function isBroken({ valid, buildJobId }: CatalogIndex): boolean {
  return !valid && buildJobId === null;
}
