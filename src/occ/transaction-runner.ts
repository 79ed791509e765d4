import {
  elapsedMs,
  flag,
  isCommitOutcomeUnknownError,
  isNotSentError,
  refusalIn,
  resolveGiven,
  resolveOptions,
  valueThat,
  type OptionDescriptor,
  type OptionsOf,
  type ResolvedOptionsOf,
} from '../connection';
import { Admission } from './admission/admission';
import {
  AdmittedTransaction,
  takeAtOnce,
  type Admit,
  type EarlierAttempt,
} from './admission/admitted-transaction';
import type { FirstStatement } from './admission/admission-key';
import { isSerializationKey, Turns, type SerializationKey } from './admission/turns';
import { findInChain, isOccConflict } from './conflict';
import { ConflictLog, type EndedAttempt } from './conflict-report';
import { transactionChannels } from './diagnostics';
import { isNotCommitted, NotCommitted, RetryExhaustedError } from './errors';
import { retry, retryOptions } from './retry';

/** The options of one run; {@link RunOptions} has the types that follow from them. */
export const runOptions = {
  ...retryOptions,
  /**
   * Whether the number of transactions with the same first statement that run at once is limited while they conflict.
   * @defaultValue `true`
   */
  admission: {
    kind: flag(),
    meaning: 'whether conflicting attempts are admitted a few at a time, as below',
    defaultValue: true,
  },
  /**
   * `false` runs the transaction once: a conflict surfaces as the host reports it.
   * @defaultValue `true`
   */
  retry: {
    kind: flag(),
    meaning: "`false` runs it once; the conflict is the host's own error",
    defaultValue: true,
  },
  /**
   * A key: transactions of one data source, or one Sequelize instance, with the same key run one after the other, in the
   * order in which they were called, and do not fight each other. A transaction that waits for its turn holds no connection;
   * `signal` ends the wait, and `deadlineMs` counts from its beginning. The turn lasts until the transaction has ended, its
   * further attempts included. A list is one key of several parts, and parts are compared as texts.
   *
   * It is a value and not a function of the work's arguments, because the work has none but the transaction, and the key has
   * to be known before that begins.
   *
   * Inside a transaction that has the key, another one with it does not wait.
   */
  serializeBy: {
    kind: valueThat<SerializationKey>(
      isSerializationKey,
      'a string, a number or a bigint, or a list of at least one of them',
    ),
    meaning: 'a key: transactions with the same one take turns, see below',
  },
} as const satisfies Record<string, OptionDescriptor>;

/** How a transaction is run. */
export type RunOptions = OptionsOf<typeof runOptions>;

/** One attempt, as the runner and its host share it. */
export interface Attempt<T> {
  /** 1 for the first. */
  readonly number: number;
  /** Called by the host before it sends the first statement of the attempt. */
  readonly admit: Admit;
  /**
   * What the work returned; the host notes it before it sends COMMIT, in case the answer to that is lost. Unless it is
   * noted, an unknown outcome is taken for one that the work has met elsewhere.
   */
  returned?: { readonly value: T } | undefined;
}

/** A transaction, as a host hands it to the runner. */
export interface RunnableTransaction<T> {
  /** Called when its turn has come, before the first attempt; before `run` returns where there is nothing to wait for. */
  readonly begin?: (() => void) | undefined;
  /** Everything from BEGIN to COMMIT, once. */
  readonly attempt: (attempt: Attempt<T>) => Promise<T>;
  /**
   * Finds out whether an attempt was committed whose outcome is unknown.
   *
   * @returns nothing when that cannot be found out
   */
  readonly settle?: ((attempt: Attempt<T>) => Promise<boolean | undefined>) | undefined;
  /**
   * Whether code of the application may run in an attempt, which might begin another transaction.
   * @defaultValue `true`
   */
  readonly callsApplication?: boolean;
}

/** An autocommit statement, as a host hands it to the runner. */
export interface RunnableStatement<T> {
  readonly first: FirstStatement;
  /** Sends it, once. */
  readonly send: () => Promise<T>;
  /** What is returned of one whose outcome is unknown, if that is counted. */
  readonly returned?: { readonly value: T };
  readonly label: string | undefined;
  /** Whether it may have to wait until it is admitted. */
  readonly mayWait: boolean;
  /** Whether code of the application may be called while it is sent, which might begin a transaction. */
  readonly callsApplication: boolean;
}

/** What a runner has done so far. */
export interface TransactionCounters {
  /** Attempts begun. */
  attempts: number;
  /** Attempts committed. */
  commits: number;
  /** Attempts that ended in a conflict. */
  conflicts: number;
  /** Attempts begun after a conflict. */
  retries: number;
  /** Attempts whose outcome stayed unknown. */
  unknown: number;
}

/** Runs the transactions of one data source or one Sequelize instance. */
export class TransactionRunner {
  readonly counters: TransactionCounters = { attempts: 0, commits: 0, conflicts: 0, retries: 0, unknown: 0 };
  readonly #defaults: ResolvedOptionsOf<typeof runOptions>;
  readonly #admission = new Admission();
  readonly #turns = new Turns();
  /** Which of its transactions have met conflicts. */
  readonly conflicts = new ConflictLog();

  /** @param defaults - what holds for every transaction that does not say otherwise */
  constructor(defaults: RunOptions = {}) {
    this.#defaults = resolveOptions(runOptions, defaults);
  }

  /**
   * Runs a transaction until it is committed.
   *
   * @throws RetryExhaustedError when the last attempt met a conflict too, or the deadline has passed
   * @throws CommitOutcomeUnknownError when the answer to COMMIT was lost and cannot be found out
   * @throws NotBegunError when the turn that `serializeBy` asks for has not come
   * @throws whatever ended an attempt otherwise, unchanged
   */
  async run<T>(transaction: RunnableTransaction<T>, options: RunOptions = {}): Promise<T> {
    const resolved = { ...this.#defaults, ...resolveGiven(runOptions, options) };
    const { serializeBy, deadlineMs } = resolved;
    if (serializeBy === undefined) return this.#run(transaction, resolved);
    return this.#turns.take(serializeBy, resolved, (waitedMs) =>
      this.#run(transaction, { ...resolved, deadlineMs: Math.max(0, deadlineMs - waitedMs) }),
    );
  }

  /**
   * Runs an autocommit statement until it is committed. Where nobody listens it is sent without preparations for what comes
   * after a conflict.
   *
   * @throws what {@link TransactionRunner.run} throws
   */
  async runStatement<T>(statement: RunnableStatement<T>): Promise<T> {
    const { first, send, returned, label, mayWait, callsApplication } = statement;
    const options: RunOptions = { label, ...(!mayWait && { admission: false }) };
    const { serializeBy, signal, admission, retry: isRetried } = this.#defaults;
    const isPlain =
      !callsApplication && !areAttemptsTold() && serializeBy === undefined && signal === undefined;
    const limits = mayWait && admission && isRetried ? this.#admission : undefined;
    const place = isPlain ? takeAtOnce(limits, first) : undefined;
    const attempt = (current: Attempt<T>) => {
      current.returned = returned;
      return send();
    };
    if (place === undefined) {
      const admitted = async (current: Attempt<T>) => {
        await current.admit(first);
        return attempt(current);
      };
      return this.run({ attempt: admitted, callsApplication }, options);
    }
    const startedAt = elapsedMs();
    try {
      const value = await this.#attempt({ attempt }, { number: 1, admit: isAdmitted }, label, first);
      place.leave('committed');
      return value;
    } catch (error) {
      place.leave(isOccConflict(error) ? 'conflict' : 'failed');
      return this.#runAgain({ attempt, callsApplication }, options, {
        error,
        statement: first,
        since: startedAt,
      });
    }
  }

  /** Goes on after a first attempt that has failed. */
  async #runAgain<T>(
    transaction: RunnableTransaction<T>,
    options: RunOptions,
    earlier: EarlierAttempt & { readonly error: unknown },
  ): Promise<T> {
    const resolved = { ...this.#defaults, ...resolveGiven(runOptions, options) };
    const { error, since, statement } = earlier;
    if (!resolved.retry) return unwrapNotCommitted(error, elapsedMs() - since);
    const admitted = new AdmittedTransaction(
      resolved.admission ? this.#admission : undefined,
      resolved,
      earlier,
    );
    return retry(
      (number) =>
        number === 1
          ? Promise.reject(error as Error)
          : admitted.attempt(
              (admit) => this.#attempt(transaction, { number, admit }, resolved.label, statement),
              transaction.callsApplication,
            ),
      resolved,
      mayRunAgain,
      { startedAt: since },
    );
  }

  #run<T>(transaction: RunnableTransaction<T>, resolved: ResolvedOptionsOf<typeof runOptions>): Promise<T> {
    transaction.begin?.();
    const { admission, retry: isRetried, label } = resolved;
    const { callsApplication } = transaction;
    if (!isRetried) {
      const startedAt = elapsedMs();
      const once = new AdmittedTransaction().attempt(
        (admit) => this.#attempt(transaction, { number: 1, admit }, label),
        callsApplication,
      );
      return once.catch((error: unknown) => unwrapNotCommitted(error, elapsedMs() - startedAt));
    }
    const admitted = new AdmittedTransaction(admission ? this.#admission : undefined, resolved);
    return retry(
      (number) =>
        admitted.attempt((admit) => this.#attempt(transaction, { number, admit }, label), callsApplication),
      resolved,
      mayRunAgain,
    );
  }

  /**
   * Makes an attempt, and notes for the report on conflicts how it ended.
   *
   * @param known - its first statement, where that is known before it is admitted
   */
  async #attempt<T>(
    { attempt: runOnce, settle }: RunnableTransaction<T>,
    { number, admit }: Attempt<T>,
    label: string | undefined,
    known?: FirstStatement,
  ): Promise<T> {
    const startedAt = elapsedMs();
    let first = known;
    const attempt: Attempt<T> = {
      number,
      admit: (statement, giveBack) => {
        first ??= statement;
        return admit(statement, giveBack);
      },
    };
    const note = (outcome: EndedAttempt['outcome']) => {
      this.conflicts.note({ label, first, outcome, ms: elapsedMs() - startedAt });
    };
    this.counters.attempts++;
    if (number > 1) this.counters.retries++;
    try {
      const value = await runOnce(attempt).catch((error: unknown) => this.#settle(error, attempt, settle));
      this.counters.commits++;
      note('committed');
      return value;
    } catch (error) {
      note(isOccConflict(error) ? 'conflict' : 'failed');
      throw error;
    }
  }

  /**
   * What an attempt that failed has come to.
   *
   * @returns what its work had returned, where it was committed all the same
   * @throws what is to be reported of it otherwise
   */
  async #settle<T>(
    error: unknown,
    attempt: Attempt<T>,
    settle: RunnableTransaction<T>['settle'],
  ): Promise<T> {
    const { counters } = this;
    if (isOccConflict(error)) counters.conflicts++;
    const unknown = findInChain(error, isCommitOutcomeUnknownError);
    // Before its work had returned, what is unknown is the outcome of something else that the work did.
    if (unknown === undefined || attempt.returned === undefined) throw error;
    // The error to report is that of the transaction, not that of looking for its outcome.
    const committed = await settle?.(attempt).catch(() => undefined);
    if (committed === true) return attempt.returned.value;
    if (committed === false) throw new NotCommitted({ cause: error });
    counters.unknown++;
    throw unknown;
  }
}

/** That of an attempt which has its place. */
const isAdmitted: Admit = () => Promise.resolve(false);

/** Whether somebody is told of attempts that meet no conflict. */
function areAttemptsTold(): boolean {
  return transactionChannels.attempt.hasSubscribers || transactionChannels.commit.hasSubscribers;
}

/** Whether nothing of an attempt was committed: the server has said so, was asleep, or was sent nothing. */
function mayRunAgain(error: unknown): boolean {
  if (findInChain(error, isCommitOutcomeUnknownError) !== undefined) return false;
  return isOccConflict(error) || isNotCommitted(error) || findInChain(error, wasNeverUsed) !== undefined;
}

/** Whether the connection of an attempt was never used: nothing was sent on it, or a cluster that slept has refused that. */
export function wasNeverUsed(error: object): boolean {
  return isNotSentError(error) || refusalIn(error) === 'asleep';
}

/** What is thrown of a transaction that is not to be run again. */
function unwrapNotCommitted(error: unknown, elapsed: number): never {
  if (!isNotCommitted(error)) throw error;
  const wasUnknown = findInChain(error.cause, isCommitOutcomeUnknownError) !== undefined;
  throw wasUnknown ? new RetryExhaustedError(1, elapsed, { cause: error }) : error.cause;
}
