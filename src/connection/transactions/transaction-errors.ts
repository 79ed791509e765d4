import { DsqlError } from '../errors';

/** How it came that COMMIT did not commit. */
type RollBackCircumstance = 'aborted' | 'absent' | 'joined';

const rollBackMessages: Readonly<Record<RollBackCircumstance, string>> = {
  aborted:
    'The transaction was rolled back although COMMIT was sent: a statement in it had failed, and that error was caught. Nothing was committed. Let the error end the transaction.',
  absent:
    'COMMIT was called outside a transaction, so it committed nothing: the transaction that it was meant for had already ended. Run the whole transaction again, not only its COMMIT.',
  joined:
    'The transaction was rolled back instead of committed: a transaction inside it had failed or was refused, and that error was caught. Nothing was committed, because Aurora DSQL has no savepoints to undo a part. Let the error end the transaction.',
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
 * COMMIT, or a writing statement outside a transaction, was sent and its answer never came, so it may have been committed
 * or not. It is never run again by itself: that could do everything twice.
 */
export class CommitOutcomeUnknownError extends DsqlError {
  override readonly name = 'CommitOutcomeUnknownError';

  /** @param subject - what was sent: `COMMIT`, or an autocommit `statement` */
  constructor(
    options: { readonly cause: unknown },
    readonly subject: 'COMMIT' | 'statement' = 'COMMIT',
  ) {
    super(
      `${subject === 'COMMIT' ? 'COMMIT' : 'A statement outside a transaction'} was sent, but its outcome is unknown: the connection was lost, the wait timed out, or the server was unavailable. Check whether it took effect before you retry.`,
      options,
    );
  }
}

/** Whether `error` is a {@link CommitOutcomeUnknownError}. */
export function isCommitOutcomeUnknownError(error: unknown): error is CommitOutcomeUnknownError {
  return error instanceof CommitOutcomeUnknownError;
}

const consequences: Readonly<Record<NotSentError['subject'], string>> = {
  COMMIT: 'Nothing of the transaction was committed: run all of it again on another connection.',
  ROLLBACK: 'The server rolls back what was open on the connection.',
  statement:
    'It had no effect: run it again on another connection, with all of its transaction if it was in one.',
};

/**
 * The connection had ended before a statement or COMMIT was written to it, so nothing of that was done. A transaction that
 * was open on the connection is rolled back by the server. Running the whole transaction again cannot do anything twice.
 */
export class NotSentError extends DsqlError {
  override readonly name = 'NotSentError';

  /** @param subject - what was not sent */
  constructor(
    readonly subject: 'COMMIT' | 'ROLLBACK' | 'statement',
    options?: { readonly cause: unknown },
  ) {
    const { cause } = options ?? {};
    const reason = cause instanceof Error ? ` (${cause.message})` : '';
    super(
      `${subject === 'statement' ? 'The statement' : subject} was not sent, because the connection had ended${reason}. ${consequences[subject]}`,
      options,
    );
  }
}

/** Whether `error` is a {@link NotSentError}. */
export function isNotSentError(error: unknown): error is NotSentError {
  return error instanceof NotSentError;
}

/**
 * A statement that travelled with others was not carried out, because one of them has failed: the server skips what comes
 * behind an error (PostgreSQL's protocol), and where one cannot be sent none is. A `logger` of the ORM gets it; the caller
 * gets the error of the statement that has failed.
 */
export class SkippedStatementError extends DsqlError {
  override readonly name = 'SkippedStatementError';

  /** @param options - what the other statement has failed with */
  constructor(options: { readonly cause: unknown }) {
    const { cause } = options;
    super(
      `The statement was not carried out, because another one that travels with it has failed${cause instanceof Error ? ` (${cause.message})` : ''}.`,
      options,
    );
  }
}

/** Whether `error` is a {@link SkippedStatementError}. */
export function isSkippedStatementError(error: unknown): error is SkippedStatementError {
  return error instanceof SkippedStatementError;
}

/**
 * A statement was not sent, because Aurora DSQL reads no message of more than 10 MiB: it ends the connection without an
 * error, so what became of the statement could not be told (AWS, observed on a cluster, 2026-10-01).
 */
export class MessageTooLargeError extends DsqlError {
  override readonly name = 'MessageTooLargeError';

  /**
   * @param bytes - the size of the message
   * @param maxBytes - the largest size that can be sent
   */
  constructor(
    readonly bytes: number,
    readonly maxBytes: number,
  ) {
    super(
      `The statement was not sent: its message has ${bytes} bytes, and Aurora DSQL reads at most ${maxBytes}. Send fewer rows or smaller values in one statement (\`batch: true\` or inBatches does that for lists of rows).`,
    );
  }
}

/** Whether `error` is a {@link MessageTooLargeError}. */
export function isMessageTooLargeError(error: unknown): error is MessageTooLargeError {
  return error instanceof MessageTooLargeError;
}

/**
 * A statement was not sent, because PostgreSQL's protocol counts the parameters of a statement in 16 bits: with more of them
 * the server would read something else than was meant.
 */
export class TooManyParametersError extends DsqlError {
  override readonly name = 'TooManyParametersError';

  /**
   * @param parameters - how many the statement has
   * @param maxParameters - the most that can be sent
   */
  constructor(
    readonly parameters: number,
    readonly maxParameters: number,
  ) {
    super(
      `The statement was not sent: it has ${parameters} parameters, and PostgreSQL's protocol allows at most ${maxParameters}. Send fewer rows in one statement (\`batch: true\` or inBatches does that for lists of rows), or one array per column.`,
    );
  }
}

/** Whether `error` is a {@link TooManyParametersError}. */
export function isTooManyParametersError(error: unknown): error is TooManyParametersError {
  return error instanceof TooManyParametersError;
}

/**
 * The transaction, or an autocommit statement, was committed, but what came after the commit failed. Running it
 * again would do it twice, so neither this package nor `isOccConflict` takes the `cause` for a failure of the transaction.
 */
export class AfterCommitError extends DsqlError {
  override readonly name = 'AfterCommitError';

  constructor(options: { readonly cause: unknown }) {
    super(
      'The transaction was committed, but what came after the commit failed; the cause says why. Do not run the transaction again.',
      options,
    );
  }
}

/** Whether `error` is an {@link AfterCommitError}. */
export function isAfterCommitError(error: unknown): error is AfterCommitError {
  return error instanceof AfterCommitError;
}
