import type { DsqlStatementKind } from '../../sql';

/** What became of a statement. One that was `started` may have taken effect or not. */
export type StatementState = 'planned' | 'started' | 'done' | 'failed';

/**
 * A statement that a migration has sent, or is to send: a row of the journal. One call of the migration's code may be
 * carried out by several; these have the same position.
 */
export interface RecordedStatement {
  /** The place of the call among those of the migration, counted from 1. */
  readonly position: number;
  /** The place of the statement among those of the call, counted from 1. */
  readonly step: number;
  /** That of the call: its text and its parameters. */
  readonly hash: string;
  /**
   * `batches`: the call itself is the first step, each batch is one of the next ones, and what it has reached is its
   * result.
   */
  readonly kind: DsqlStatementKind | 'read' | 'repeated' | 'batches';
  /** What was sent; of what is not sent again, only the beginning. */
  readonly sql: string;
  readonly state: StatementState;
  /** How often it was begun. */
  readonly attempt: number;
  /** Of an asynchronous job that it began. */
  readonly jobId: string | null;
  /** What it answered, as a text of {@link resultText}. */
  readonly result: string | null;
  /** Why it failed. */
  readonly error: string | null;
}

/** How much of a text is kept that is not sent again. */
const LABEL_LENGTH = 500;

/** The beginning of a text, for people. */
export function labelOf(sql: string): string {
  const text = sql.trim();
  return text.length <= LABEL_LENGTH ? text : `${text.slice(0, LABEL_LENGTH)}…`;
}

/** The longest text that is kept: a value of Aurora DSQL has at most 1 MiB (AWS, observed on a cluster, 2026-10-01). */
export const MAX_TEXT_LENGTH = 250_000;
