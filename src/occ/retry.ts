import {
  callback,
  checkOptionNames,
  ConfigurationError,
  elapsedMs as clock,
  isObject,
  numberThat,
  refusalIn,
  resolveOptions,
  sleep,
  text,
  valueThat,
  wholeNumber,
  type OptionDescriptor,
  type OptionsOf,
  type ResolvedOptionsOf,
} from '../connection';
import { findInChain, isOccConflict, isSchemaConflict } from './conflict';
import { transactionChannels, type TransactionMessage } from './diagnostics';
import { RetryExhaustedError } from './errors';

/** What `onRetry` is told before the wait for the next attempt. Frozen. */
export interface RetryContext {
  /** The attempt that met the conflict; 1 for the first. */
  readonly attempt: number;
  /** How many attempts are left. */
  readonly attemptsLeft: number;
  /** The wait before the next attempt, in milliseconds. */
  readonly delayMs: number;
  /** Since the first attempt began, in milliseconds. */
  readonly elapsedMs: number;
  /** The conflict, as the host reported it. */
  readonly error: unknown;
}

/** An Aurora DSQL transaction ends after 300 seconds (AWS user guide, quotas, 2026-09-15). */
const MAX_DEADLINE_MS = 300_000;

const delayMs = numberThat((value) => value >= 0, '0 or more milliseconds');

/** The options of {@link retryOnConflict}; {@link RetryOptions} has the types that follow from them. */
export const retryOptions = {
  /**
   * How often the transaction is run at the most, 1 or more.
   * @defaultValue 100
   */
  maxAttempts: { kind: wholeNumber(1, Infinity), meaning: 'attempts at the most', defaultValue: 100 },
  /**
   * The ceiling of the first random delay, in milliseconds; it doubles with each attempt.
   * @defaultValue 2
   */
  baseDelayMs: { kind: delayMs, meaning: 'ceiling of the first random delay', defaultValue: 2 },
  /**
   * The ceiling that the delays grow to, in milliseconds.
   * @defaultValue 50
   */
  maxDelayMs: { kind: delayMs, meaning: 'ceiling that the delays grow to', defaultValue: 50 },
  /**
   * How long after the first attempt began another one may begin, in milliseconds, up to 300,000: a transaction of
   * Aurora DSQL ends after 5 minutes, and no caller should wait longer for one.
   * @defaultValue 60000
   */
  deadlineMs: {
    kind: numberThat(
      (value) => value > 0 && value <= MAX_DEADLINE_MS,
      `over 0 and at most ${MAX_DEADLINE_MS} milliseconds`,
    ),
    meaning: 'time from the first attempt to the last',
    defaultValue: 60_000,
  },
  /** Ends the waiting between two attempts; the attempt that is under way is never cut. */
  signal: {
    kind: valueThat<AbortSignal>(isObject, 'an AbortSignal'),
    meaning: 'an `AbortSignal`: ends the waiting, never an attempt',
  },
  /** Called with every conflict that is going to be retried. What it throws ends the retrying. */
  onRetry: { kind: callback<(context: RetryContext) => void>(), meaning: 'called before each wait' },
  /** What the transaction is called in diagnostics. */
  label: { kind: text(), meaning: 'what the transaction is called in diagnostics' },
} as const satisfies Record<string, OptionDescriptor>;

/** How a transaction that met a conflict is run again. */
export type RetryOptions = OptionsOf<typeof retryOptions>;

/** A session's catalogue takes a moment to follow a schema change, so the first delay after one is longer. */
const SCHEMA_CONFLICT_BASE_DELAY_MS = 100;

/** A cluster that is waking up takes seconds (AWS's starter kit waits 1, 2, 4, 8 and 15 s, 2026-10). */
const WAKING_BASE_DELAY_MS = 1_000;

function leastBaseDelayMs(error: unknown): number {
  if (isSchemaConflict(error)) return SCHEMA_CONFLICT_BASE_DELAY_MS;
  const isAsleep = findInChain(error, (inner) => refusalIn(inner) === 'asleep') !== undefined;
  return isAsleep ? WAKING_BASE_DELAY_MS : 0;
}

/** {@link RetryOptions}, checked and completed. */
export type ResolvedRetryOptions = ResolvedOptionsOf<typeof retryOptions>;

/**
 * Checks {@link RetryOptions} and completes them.
 *
 * @throws ConfigurationError naming the first option that has a wrong value
 */
export function resolveRetryOptions(options: RetryOptions = {}): ResolvedRetryOptions {
  return resolveOptions(retryOptions, options);
}

/** A random delay between nothing and a ceiling that doubles with each attempt ("full jitter"), in milliseconds. */
export function fullJitterMs(attempt: number, baseDelayMs: number, maxDelayMs: number): number {
  return Math.random() * Math.min(maxDelayMs, baseDelayMs * 2 ** (attempt - 1));
}

/**
 * Refuses work that is no function, which is found out late otherwise, or never.
 *
 * @param call - how it is called rightly
 * @throws ConfigurationError naming `work`
 */
export function checkWork(work: unknown, call: string): void {
  if (typeof work !== 'function') throw new ConfigurationError('work', `must be a function: ${call}.`);
}

/**
 * Runs a transaction, and runs it again as long as the server reports a conflict.
 *
 * Only a conflict that the server reported (SQLSTATE 40001) is retried: then nothing of the transaction was done. A
 * lost connection is not: whether it was done is unknown.
 *
 * @param work - the whole transaction, from BEGIN to COMMIT; it runs once per attempt, so its effects outside the
 *   database must tolerate repetition
 * @returns what the attempt that was committed returned
 * @throws RetryExhaustedError when the last attempt met a conflict too, or the deadline has passed
 * @throws ConfigurationError naming the first option that is unknown or has a wrong value
 */
export async function retryOnConflict<T>(
  work: (attempt: number) => Promise<T>,
  options?: RetryOptions,
): Promise<T> {
  checkWork(work, 'retryOnConflict(work, options)');
  if (options !== undefined) checkOptionNames(options, retryOptions);
  return retry(work, resolveRetryOptions(options), isOccConflict);
}

/** What differs from {@link retryOnConflict} where something is run again. */
export interface Retrying {
  /** Of what nothing is told in {@link transactionChannels}. */
  readonly untold?: readonly (keyof typeof transactionChannels)[];
  /** When the first attempt began, where that was made before. */
  readonly startedAt?: number;
}

/** The loop of {@link retryOnConflict}, for callers that know of more that may be run again. */
export async function retry<T>(
  work: (attempt: number) => Promise<T>,
  { maxAttempts, baseDelayMs, maxDelayMs, deadlineMs, signal, onRetry, label }: ResolvedRetryOptions,
  isRetryable: (error: unknown) => boolean,
  { untold = [], startedAt = clock() }: Retrying = {},
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    const tell = (channel: keyof typeof transactionChannels, more?: Partial<TransactionMessage>) => {
      const { [channel]: listeners } = transactionChannels;
      if (!listeners.hasSubscribers || untold.includes(channel)) return;
      const elapsedMs = clock() - startedAt;
      listeners.publish({ label, attempt, elapsedMs, ...more } satisfies TransactionMessage);
    };
    tell('attempt');
    try {
      const result = await work(attempt);
      tell('commit');
      return result;
    } catch (error) {
      if (!isRetryable(error)) throw error;
      tell('conflict', { error });
      const elapsedMs = clock() - startedAt;
      const baseMs = Math.max(baseDelayMs, leastBaseDelayMs(error));
      const delayMs = fullJitterMs(attempt, baseMs, Math.max(maxDelayMs, baseMs));
      if (attempt >= maxAttempts || elapsedMs + delayMs >= deadlineMs) {
        tell('giveUp', { error });
        throw new RetryExhaustedError(attempt, elapsedMs, {
          cause: error,
          lastWasConflict: isOccConflict(error),
        });
      }
      tell('retry', { error, delayMs });
      onRetry?.(Object.freeze({ attempt, attemptsLeft: maxAttempts - attempt, delayMs, elapsedMs, error }));
      await sleep(delayMs, undefined, { signal });
    }
  }
}
