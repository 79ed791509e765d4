import { summarizeText } from '../../sql';
import { COMMIT_MARKER_TABLE, type CommitMarkers, type RunStatement } from './commit-markers';
import type { RunnableTransaction } from '../transaction-runner';

/** A transaction that was begun for one statement and its marker. */
export interface StatementTransaction<T> {
  /** Runs the statement. */
  send(): Promise<T>;
  /** Runs another one in the same transaction, and commits it. */
  commitWith(text: string, values: readonly string[]): Promise<unknown>;
  rollback(): Promise<unknown>;
}

/**
 * Whether an autocommit statement can be given a marker: one that writes rows. DDL cannot be in one transaction with a row,
 * and of a text with several statements it is not known where the transactions in it end.
 */
export function canBeMarked(text: string): boolean {
  const { statements, writesRows } = summarizeText(text);
  return statements === 1 && writesRows && !text.includes(COMMIT_MARKER_TABLE);
}

/**
 * An autocommit statement, in a transaction with a commit marker.
 *
 * @param begin - begins a transaction for one attempt
 * @param run - runs an autocommit statement, where a connection is held already
 */
export function withMarker<T>(
  markers: CommitMarkers,
  begin: () => Promise<StatementTransaction<T>>,
  run?: RunStatement,
): Pick<RunnableTransaction<T>, 'attempt' | 'settle'> {
  let written: string | undefined;
  return {
    attempt: async (attempt) => {
      written = undefined;
      const id = await markers.create(run);
      const transaction = await begin();
      try {
        const value = await transaction.send();
        await markers.write(id, (text, values) => {
          written = id;
          attempt.returned = { value };
          return transaction.commitWith(text, values);
        });
        markers.release(id);
        return value;
      } catch (error) {
        // The first error is the one to report.
        await transaction.rollback().catch(() => undefined);
        throw error;
      }
    },
    settle: () => (written === undefined ? Promise.resolve(undefined) : markers.wasCommitted(written, run)),
  };
}
