import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigurationError } from '../connection';
import { isOccConflict, isSchemaConflict } from './conflict';
import { RetryExhaustedError } from './errors';

/** What `onRetry` is told before the wait for the next attempt. Frozen. */
export interface RetryContext {
  /** The attempt that met the conflict; 1 for the first. */
  readonly attempt: number;
  /** How many attempts are left. */
  readonly attemptsLeft: number;
  /** The wait before the next attempt, in milliseconds. */
  readonly delayMs: number;
  /** The conflict, as the host reported it. */
  readonly error: unknown;
}

/** How a transaction that met a conflict is run again. */
export interface RetryOptions {
  /**
   * How often the transaction is run at the most, 1 or more.
   * @defaultValue 20
   */
  readonly maxAttempts?: number | undefined;
  /**
   * The ceiling of the first random delay, in milliseconds; it doubles with each attempt.
   * @defaultValue 10
   */
  readonly baseDelayMs?: number | undefined;
  /**
   * The ceiling that the delays grow to, in milliseconds.
   * @defaultValue 1000
   */
  readonly maxDelayMs?: number | undefined;
  /** Ends the waiting between two attempts; the attempt that is under way is never cut. */
  readonly signal?: AbortSignal | undefined;
  /** Told of every conflict that is going to be retried. What it throws ends the retrying. */
  readonly onRetry?: ((context: RetryContext) => void) | undefined;
}

/** A session's catalogue takes a moment to follow a schema change, so the first delay after one is longer. */
const SCHEMA_CONFLICT_BASE_DELAY_MS = 100;

/** A random delay between nothing and a ceiling that doubles with each attempt ("full jitter"), in milliseconds. */
export function fullJitterMs(
  attempt: number,
  baseDelayMs: number,
  maxDelayMs: number,
  random = Math.random(),
): number {
  return random * Math.min(maxDelayMs, baseDelayMs * 2 ** (attempt - 1));
}

/**
 * Runs a transaction, and runs it again as long as the server reports a conflict.
 *
 * Only a conflict that the server reported (SQLSTATE 40001) is retried: then nothing of the transaction was done. A
 * lost connection is not: whether it was done is unknown.
 *
 * @param work - the whole transaction, from BEGIN to COMMIT; it runs once per attempt, so its effects outside the
 *   database must bear repetition
 * @returns what the attempt that was committed returned
 * @throws {@link RetryExhaustedError} when the last attempt met a conflict too
 */
export async function retryOnConflict<T>(
  work: (attempt: number) => Promise<T>,
  { maxAttempts = 20, baseDelayMs = 10, maxDelayMs = 1000, signal, onRetry }: RetryOptions = {},
): Promise<T> {
  if (!Number.isInteger(maxAttempts) || maxAttempts < 1) {
    throw new ConfigurationError('maxAttempts', `must be a whole number of 1 or more, got ${maxAttempts}.`);
  }
  const startedAt = performance.now();
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    try {
      return await work(attempt);
    } catch (error) {
      if (!isOccConflict(error)) throw error;
      if (attempt >= maxAttempts) {
        throw new RetryExhaustedError(attempt, performance.now() - startedAt, { cause: error });
      }
      const baseMs = isSchemaConflict(error)
        ? Math.max(baseDelayMs, SCHEMA_CONFLICT_BASE_DELAY_MS)
        : baseDelayMs;
      const delayMs = fullJitterMs(attempt, baseMs, Math.max(maxDelayMs, baseMs));
      onRetry?.(Object.freeze({ attempt, attemptsLeft: maxAttempts - attempt, delayMs, error }));
      await sleep(delayMs, undefined, { signal });
    }
  }
}
