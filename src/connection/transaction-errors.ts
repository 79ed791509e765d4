import { DsqlError } from './errors';

/** How it came that COMMIT did not commit. */
type RollBackCircumstance = 'aborted' | 'absent' | 'joined';

const rollBackMessages: Readonly<Record<RollBackCircumstance, string>> = {
  aborted:
    'The transaction was rolled back although COMMIT was sent: a statement in it had failed, and that error was caught. Nothing was written. Let the error end the transaction.',
  absent:
    'COMMIT was sent outside a transaction, so it committed nothing: the transaction that it was meant for has ended before. Run the whole transaction again, not its COMMIT.',
  joined:
    'The transaction was rolled back instead of committed: work that had joined it had failed, and that error was caught. Nothing was written, because Aurora DSQL has no savepoints to undo a part. Let the error end the transaction.',
};

/**
 * COMMIT did not commit: an error inside the transaction had aborted it and was swallowed, or there was no transaction.
 * PostgreSQL reports neither as an error, so without this one the writes would be missing in silence.
 */
export class TransactionRolledBackError extends DsqlError {
  override readonly name = 'TransactionRolledBackError';

  /**
   * @param circumstance - `aborted`: COMMIT was answered with ROLLBACK; `absent`: there was no transaction to commit;
   *   `joined`: an inner transaction that had joined this one had failed
   * @param options - the error that was swallowed, where it is known
   */
  constructor(
    readonly circumstance: RollBackCircumstance,
    options?: { readonly cause?: unknown },
  ) {
    super(rollBackMessages[circumstance], options);
  }
}

/** Whether `error` is a {@link TransactionRolledBackError}. */
export function isTransactionRolledBackError(error: unknown): error is TransactionRolledBackError {
  return error instanceof TransactionRolledBackError;
}

/**
 * COMMIT, or a writing statement that stood alone, was sent and its answer never came, so it may have been committed or
 * not. It is never run again by itself: that could do everything twice.
 */
export class CommitOutcomeUnknownError extends DsqlError {
  override readonly name = 'CommitOutcomeUnknownError';

  /** @param subject - what was sent: `COMMIT`, or a `statement` that commits itself */
  constructor(
    options: { readonly cause: unknown },
    readonly subject: 'COMMIT' | 'statement' = 'COMMIT',
  ) {
    super(
      `${subject === 'COMMIT' ? 'COMMIT' : 'A statement outside a transaction'} was sent, but its outcome is unknown: the connection was lost or the server was unavailable. Look in the database whether it was done before you run it again.`,
      options,
    );
  }
}

/** Whether `error` is a {@link CommitOutcomeUnknownError}. */
export function isCommitOutcomeUnknownError(error: unknown): error is CommitOutcomeUnknownError {
  return error instanceof CommitOutcomeUnknownError;
}
