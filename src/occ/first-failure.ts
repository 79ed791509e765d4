import { isTransactionRolledBackError, TransactionRolledBackError } from '../connection';
import { isOccConflict, sqlStateOf } from './conflict';

/** PostgreSQL's answer to a statement in a transaction in which another one has failed: it says nothing of why. */
const IN_FAILED_TRANSACTION = '25P02';

/** The first error of the server in a transaction: all later ones follow from it. */
export class FirstFailure {
  #error: unknown;

  /** The error, where it was a conflict. */
  get conflict(): unknown {
    return isOccConflict(this.#error) ? this.#error : undefined;
  }

  /** A statement has failed in the transaction. */
  note(error: unknown): void {
    if (sqlStateOf(error) !== undefined) this.#error ??= error;
  }

  /** What really ended the transaction, where a later error came of an earlier one that was caught. */
  reasonOf(error: unknown): unknown {
    const first = this.#error;
    if (first === undefined || first === error) return error;
    if (sqlStateOf(error) === IN_FAILED_TRANSACTION) return first;
    if (
      isTransactionRolledBackError(error) &&
      error.circumstance === 'aborted' &&
      error.cause === undefined
    ) {
      return isOccConflict(first) ? first : new TransactionRolledBackError('aborted', { cause: first });
    }
    return error;
  }
}
