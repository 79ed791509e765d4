/**
 * What a statement does, as a transaction sees it:
 * - `read`: takes nothing but a snapshot;
 * - `write`: changes rows, or locks them (`FOR UPDATE`, `FOR KEY SHARE`);
 * - `ddl`: changes the catalogue, so it may stand in a transaction only once and without `write`;
 * - `begin`, `commit`, `rollback`: transaction control;
 * - `session`: `SET`, `RESET`, `SHOW`, `SET CONSTRAINTS`, `DEALLOCATE`, `DISCARD`;
 * - `call`, `copy`: `CALL`, `COPY`;
 * - `other`: everything else.
 */
export type StatementKind =
  'read' | 'write' | 'ddl' | 'begin' | 'commit' | 'rollback' | 'session' | 'call' | 'copy' | 'other';

/** A table as a statement names it; without `schema` where the statement leaves that to `search_path`. */
export interface TableName {
  readonly schema?: string;
  readonly name: string;
}

/** What DSQL answers to a statement instead of running it. */
export interface Refusal {
  readonly sqlstate: string;
  readonly message: string;
  readonly detail?: string;
  /** What to do instead; DSQL itself sends no such hint. */
  readonly hint?: string;
  /** The `id` of the row of the refusal table that decided. */
  readonly rule: string;
}

/** Text that was put into a statement so that PostgreSQL does what DSQL would; offsets are those of `Statement.text`. */
export interface Insertion {
  readonly at: number;
  readonly length: number;
}

/** One statement of a query, read with PostgreSQL's own parser. */
export interface Statement {
  /** PostgreSQL's parse node: `SelectStmt`, `IndexStmt`, `TransactionStmt`…; or DSQL's `AwsIamGrantStmt`, `AwsIamRevokeStmt`. */
  readonly node: string;
  /** The node's fields as libpg-query gives them; an `IamStatement` for DSQL's own. */
  readonly tree: unknown;
  readonly kind: StatementKind;
  /** This statement alone, without its separator, ready for PostgreSQL 16: DSQL's own words are blanked with spaces. */
  readonly text: string;
  /** Index in the query where `text` begins, in UTF-16 units. */
  readonly start: number;
  /** What was inserted into `text`; empty for nearly every statement. */
  readonly insertions: readonly Insertion[];
  /** Written as `CREATE INDEX ASYNC` or `ALTER TABLE ASYNC`. */
  readonly async: boolean;
  /** The strongest row lock the statement takes anywhere; its kind is then `write`. */
  readonly locking?: 'update' | 'key share';
  /** The tables it writes or locks, those in CTEs included. */
  readonly targets: readonly TableName[];
  /** What DSQL answers instead of running it. */
  readonly refusal?: Refusal;
  /** Statements inside of functions that it calls, as far as they write. Only what knows the catalogue can tell. */
  readonly calls?: readonly Statement[];
}

/** A query string, split into statements. */
export interface ParsedQuery {
  /** The statements in order; empty for an empty query and for one with a syntax error. */
  readonly statements: readonly Statement[];
  /** The whole query with DSQL's own words blanked: what PostgreSQL must be given to report `error` in its own words. */
  readonly text: string;
  /** The first syntax error. */
  readonly error?: QuerySyntaxError;
}

/** A syntax error as PostgreSQL reports it. */
export interface QuerySyntaxError {
  /** 42601, or 54001 for a text that is nested too deeply to be read. */
  readonly sqlstate: string;
  readonly message: string;
  /** 1-based, in characters (code points), as in the `P` field of an error response. */
  readonly position?: number;
  /** The error is in DSQL's own words, so PostgreSQL cannot report it. */
  readonly ownWords: boolean;
}
