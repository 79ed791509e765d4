import { DsqlError } from '../connection';

/**
 * An attempt that is known not to have been committed and is to be made again although the server reported no conflict:
 * its outcome was unknown at first, or it failed by what an earlier attempt has left behind. What the host reported is the
 * cause; as it does not say how the transaction ended, `isOccConflict` and `classifyError` do not look at it.
 */
export class NotCommitted extends DsqlError {
  override readonly name = 'NotCommitted';

  constructor(options: { readonly cause: unknown }) {
    super(
      'The attempt was not committed, whatever its cause says. Run the whole transaction again.',
      options,
    );
  }
}

/** Whether `error` is a {@link NotCommitted}. */
export function isNotCommitted(error: unknown): error is NotCommitted {
  return error instanceof NotCommitted;
}

/** No attempt that was allowed could be committed, because of conflicts; nothing of the transaction was done. */
export class RetryExhaustedError extends DsqlError {
  override readonly name = 'RetryExhaustedError';
  /** SQLSTATE of a conflict. */
  readonly code = '40001';

  /**
   * @param attempts - how often the transaction was run
   * @param elapsedMs - time from the start of the first attempt to the end of the last, in milliseconds
   */
  constructor(
    readonly attempts: number,
    readonly elapsedMs: number,
    { cause, lastWasConflict = true }: { readonly cause: unknown; readonly lastWasConflict?: boolean },
  ) {
    const ms = Math.round(elapsedMs);
    super(
      !lastWasConflict || isNotCommitted(cause)
        ? `The last of ${attempts} attempts (${ms} ms) failed, and the transaction was not committed. Run it again, or allow more attempts with maxAttempts and deadlineMs.`
        : `The transaction conflicted on all ${attempts} attempts (${ms} ms) and was not committed. Spread the rows that are written at the same time, or allow more with maxAttempts and deadlineMs.`,
      { cause },
    );
  }
}

/** Whether `error` is a {@link RetryExhaustedError}. */
export function isRetryExhaustedError(error: unknown): error is RetryExhaustedError {
  return error instanceof RetryExhaustedError;
}

/** Why a transaction with `serializeBy` was not begun. */
export type NotBegunReason = 'deadline' | 'deadlock';

const notBegun: Readonly<Record<NotBegunReason, string>> = {
  deadline:
    'others with its key in `serializeBy` took their turns until its deadline had passed. Run it again, make the others shorter, or allow more time with deadlineMs.',
  deadlock:
    'the one that has its key in `serializeBy` waits for a key that is held around this one, so both would wait for ever. Let transactions that run inside others take their keys in one order everywhere.',
};

/** A transaction with `serializeBy` did not get its turn: its callback was not called, and nothing was sent. */
export class NotBegunError extends DsqlError {
  override readonly name = 'NotBegunError';

  /**
   * @param reason - `deadline`: it has waited for its turn until its deadline; `deadlock`: it would have waited for ever
   * @param label - what the transaction is called
   */
  constructor(
    readonly reason: NotBegunReason,
    label: string | undefined,
  ) {
    const transaction = label === undefined ? 'The transaction' : `The transaction ${label}`;
    super(`${transaction} was not begun: ${notBegun[reason]}`);
  }
}

/** Whether `error` is a {@link NotBegunError}. */
export function isNotBegunError(error: unknown): error is NotBegunError {
  return error instanceof NotBegunError;
}

/** A transaction was begun inside another one. Aurora DSQL has no savepoints, so the inner one could not be undone alone. */
export class NestedTransactionError extends DsqlError {
  override readonly name = 'NestedTransactionError';

  constructor() {
    super(
      'A transaction was begun inside another one, and nothing was sent: Aurora DSQL has no savepoints, so the inner one could not be rolled back by itself. Pass the outer transaction on and use it.',
    );
  }
}

/** Whether `error` is a {@link NestedTransactionError}. */
export function isNestedTransactionError(error: unknown): error is NestedTransactionError {
  return error instanceof NestedTransactionError;
}

/** DSQL lacks what was requested; nothing was sent. */
export class UnsupportedFeatureError extends DsqlError {
  override readonly name = 'UnsupportedFeatureError';

  /**
   * @param feature - what was requested
   * @param instead - what to do instead, as a sentence
   */
  constructor(
    readonly feature: string,
    readonly instead: string,
  ) {
    super(`Aurora DSQL does not support ${feature}. ${instead}`);
  }
}

/** Whether `error` is an {@link UnsupportedFeatureError}. */
export function isUnsupportedFeatureError(error: unknown): error is UnsupportedFeatureError {
  return error instanceof UnsupportedFeatureError;
}

/**
 * A transaction was taken apart at its changes of the schema, a part of it had been committed, and then it met what would
 * let it be run again: it must not be, or that part would be done twice. What ended it is the cause; as that does not say
 * how much was committed, `isOccConflict` and `classifyError` do not look at it.
 */
export class PartlyCommittedError extends DsqlError {
  override readonly name = 'PartlyCommittedError';

  /**
   * @param remains - what was committed, and what to do about it, as sentences
   * @param options - what ended the transaction
   */
  constructor(remains: string, options: { readonly cause: unknown }) {
    const { cause } = options;
    super(`${cause instanceof Error ? cause.message : String(cause)}\n${remains}`, options);
  }
}

/** Whether `error` is a {@link PartlyCommittedError}. */
export function isPartlyCommittedError(error: unknown): error is PartlyCommittedError {
  return error instanceof PartlyCommittedError;
}
