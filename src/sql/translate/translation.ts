import type { TableName } from '../syntax/statement';

/**
 * What a translated statement is to its runner:
 * - `ddl`: one change of the catalogue, a transaction of its own;
 * - `job`: DDL whose row carries a `job_id`; wait for that job before the next statement. An index that is made
 *   `IF NOT EXISTS` answers without a row when it is there;
 * - `validate`: a `job` that checks existing rows against a constraint: it fails if one of them violates it;
 * - `dml`: reads or writes rows; with {@link DsqlStatement.repeat}, again and again;
 * - `transaction`: `BEGIN`, `COMMIT`, `ROLLBACK`;
 * - `session`: `SET`, `RESET`, `SHOW` and the like.
 */
export type DsqlStatementKind = 'ddl' | 'job' | 'validate' | 'dml' | 'transaction' | 'session';

/** One statement for DSQL. */
export interface DsqlStatement {
  /** The statement alone, without a separator. */
  readonly sql: string;
  readonly kind: DsqlStatementKind;
  /** What a person should know: what is different from PostgreSQL, what was omitted. */
  readonly notes: readonly string[];
  /** How often to run it; absent for once. */
  readonly repeat?: RepeatedWrite;
  /** Where the statement that it comes from begins in the source, in UTF-16 units; its comments are part of it. */
  readonly start: number;
  /** Where that statement ends, without its separator. */
  readonly end: number;
}

/** A statement that comes from no source. */
export function statementOf(sql: string, kind: DsqlStatementKind = 'ddl'): DsqlStatement {
  return { sql, kind, notes: [], start: 0, end: sql.length };
}

/**
 * A write to more rows than a transaction may change. Each run is a transaction of its own, and the write is over when a
 * run touches no row: after an interruption the same statement goes on where it stopped.
 */
export interface RepeatedWrite {
  /** The most rows that one run may touch. */
  readonly maxRows: 3000;
  readonly table: TableName;
  /**
   * The columns by which the statement takes its rows. Empty when the table's key is unknown or it has none: the
   * statement then takes all rows at once, and fails with SQLSTATE 54000 if they are more than `maxRows`. Give the
   * primary key as a {@link CatalogFacts | catalogue fact} and translate again.
   */
  readonly key: readonly string[];
}

/** Something in the source that DSQL has no equivalent for. */
export interface TranslationRefusal {
  /** The rule that decided: an id of the {@link capabilities} table. */
  readonly rule: string;
  /** What is refused, as one would write it in general. */
  readonly what: string;
  /** Where it begins in the source, in UTF-16 units. */
  readonly start: number;
  /** Where its statement ends. */
  readonly end: number;
  /** 1-based. */
  readonly line: number;
  /** 1-based, in UTF-16 units. */
  readonly column: number;
  readonly why: string;
  /** How that is known, and since when: `recorded from a cluster, 2026-09`. */
  readonly since: string;
  readonly instead?: string;
  /** What DSQL answers if the statement is sent as it is. */
  readonly sqlstate: string;
  readonly message: string;
}

/** A statement of the source that has nothing to do on DSQL. */
export interface OmittedStatement {
  readonly start: number;
  readonly end: number;
  readonly why: string;
}

/** A statement of which something is refused, with all else in it translated. */
export interface PartialTranslation {
  readonly sql: string;
  readonly start: number;
  readonly end: number;
}

/** What {@link translate} makes of a text. */
export interface Translation {
  /** What to run, in order. Run it only if `refusals` is empty: what was refused is missing here. */
  readonly statements: readonly DsqlStatement[];
  readonly refusals: readonly TranslationRefusal[];
  /**
   * What the refused CREATE TABLE statements would be without what is refused of them, which stays as it is written. DSQL
   * takes none of them: they are for a person to go on with.
   */
  readonly partial: readonly PartialTranslation[];
  readonly omitted: readonly OmittedStatement[];
  /** The tables whose primary key would turn a write to all rows into batches; see {@link RepeatedWrite.key}. */
  readonly unknownKeys: readonly TableName[];
}
