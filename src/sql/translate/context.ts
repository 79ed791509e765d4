import type { TableName } from '../syntax/statement';
import type { EnumFacts } from '../catalogue/catalog-facts';
import type { KnownCatalogue } from './known-catalogue';
import type { StatementText } from './text/statement-text';

/**
 * Where DSQL's answer is less than the text asks for. What leaves every result as it is on PostgreSQL is done unless it is
 * refused by `false`; what changes a result is refused until it is allowed by `true`.
 */
export interface Simplifications {
  /**
   * `DESC` in an index is omitted: the index has the ascending order, and may still be read backwards.
   * @defaultValue `true`
   */
  readonly indexOrder?: boolean;
  /**
   * `USING hash` and `USING brin` become the one kind of index that there is.
   * @defaultValue `true`
   */
  readonly indexMethod?: boolean;
  /**
   * Indexes that DSQL cannot build and that only make queries faster are left out: `gin`, `gist` and `spgist` (on jsonb,
   * arrays, text search), and those that are not unique on a type that no key can have, with another operator class, or
   * over more than 8 columns.
   * @defaultValue `true`
   */
  readonly specialIndexes?: boolean;
  /**
   * `COLLATE` with another collation than C is omitted, on columns and in indexes: texts sort by their bytes.
   * @defaultValue `false`: refused
   */
  readonly collation?: boolean;
  /**
   * `EXCLUDE` constraints are left out: what they kept out is let in, unless the application looks for it.
   * @defaultValue `false`: refused
   */
  readonly exclusions?: boolean;
  /**
   * Columns of types that DSQL does not store and whose values have a text form (`inet`, `point`, ranges, `hstore` and
   * others) are kept as `text`: values stay as they are written, nothing checks them, and `=` and ORDER BY are those of text.
   * @defaultValue `false`: refused
   */
  readonly columnTypes?: boolean;
  /**
   * An ORM's queries lose `NOWAIT` and `SKIP LOCKED`: nothing waits on Aurora DSQL, and no row is ever seen to be locked.
   * (`FOR SHARE` and `FOR NO KEY UPDATE` become `FOR UPDATE` in any case, which conflicts with more.)
   * @defaultValue `false`: refused
   */
  readonly rowLocks?: boolean;
}

/** A refusal that the translation itself decides on. */
export interface OwnRefusal {
  /** A row of the refusal table, or of the capability table. */
  readonly rule: string;
  /** An offset in the text; the beginning of the statement unless given. */
  readonly at?: number;
  readonly why?: string;
  readonly instead?: string;
  /** Values for the names in braces in the message of the rule. */
  readonly parts?: Readonly<Record<string, string>>;
}

/** What all statements of a text share. */
export interface TranslationContext {
  readonly catalogue: KnownCatalogue;
  /** The enum types whose columns are text with a CHECK: those that the caller knows, and those that the text uses. */
  readonly enums: readonly EnumFacts[];
  /** The names of the domains that the text creates. */
  readonly domains: ReadonlySet<string>;
  /** The CACHE of identity columns and sequences that have none. */
  readonly identityCache: number;
  readonly simplify: Simplifications;
  /** Tables whose primary key would have been useful, by their names as JSON. */
  readonly unknownKeys: Map<string, TableName>;
  /** Whether DSQL refuses what a rule is about; an option may say that it no longer does. */
  readonly isRefused: (rule: string) => boolean;
  readonly refuse: (source: StatementText, refusal: OwnRefusal) => void;
}
