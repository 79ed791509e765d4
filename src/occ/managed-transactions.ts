import { AfterCommitError, isAfterCommitError } from '../connection';
import type { FirstStatement } from './admission/admission-key';
import type { Admit } from './admission/admitted-transaction';
import { CommitMarkers, type RunStatement } from './commit-markers';
import type { InstanceMemory, TouchedInstances } from './instance-memory';
import { withMarker, type StatementTransaction } from './marked-statement';
import {
  resolveTransactionOptions,
  type ResolvedTransactionDefaults,
  type SplitTransactionOptions,
} from './transaction-options';
import { TransactionRunner, type Attempt } from './transaction-runner';

/** How a transaction has ended, as far as is known; nothing while it is open. */
export type TransactionOutcome = 'committed' | 'rolled back' | 'unknown' | undefined;

/** A transaction that was begun for an attempt. */
export interface OpenTransaction<Transaction, Instance extends object> {
  /** What the work is given. */
  readonly transaction: Transaction;
  readonly touched: TouchedInstances<Instance>;
  /** Whether there is something to commit. */
  readonly isUsed: boolean;
  /** Whether it changes the schema, and so cannot write rows (recorded from a cluster, 2026-09). */
  readonly hasChangedSchema: boolean;
  readonly outcome: TransactionOutcome;
  /** Runs a statement in it. */
  run(text: string, values: readonly string[]): Promise<unknown>;
  /** Sends COMMIT, and leaves to {@link complete} what is to run after it. */
  commit(): Promise<void>;
  /**
   * Runs what is to run after the commit, which is certain now.
   *
   * @throws AfterCommitError when that fails
   */
  complete(): Promise<void>;
  /** What really ended the transaction, when this was thrown. */
  reasonOf(error: unknown): unknown;
}

/**
 * Begins a transaction, runs `body` in it, and rolls back if that throws; `admit` is called before its first statement. Where the application lets the ORM find its
 * transactions by themselves, it is found in `body`.
 */
export type OpenAttempt<Transaction, Instance extends object, HostOptions extends object> = <T>(
  options: HostOptions,
  body: (open: OpenTransaction<Transaction, Instance>) => Promise<T>,
  admit: Admit,
) => Promise<T>;

/** How the attempts of one transaction are made. */
export interface AttemptsOf<Transaction, Instance extends object, HostOptions extends object> {
  readonly open: OpenAttempt<Transaction, Instance, HostOptions>;
  /** Makes an attempt, whose error may then say more. */
  readonly make: <T>(attempt: () => Promise<T>) => Promise<T>;
}

/** An instance of an ORM, as far as its managed transactions need it. */
export interface TransactionHost<Transaction, Instance extends object, HostOptions extends object, Host> {
  /** What `verifyCommitted` looks into the database with. */
  readonly host: Host;
  readonly memory: InstanceMemory<Instance>;
  /** Called once for each transaction: something may be kept from one of its attempts to the next. */
  readonly attempts: () => AttemptsOf<Transaction, Instance, HostOptions>;
  /** Runs an autocommit statement. */
  readonly runAlone: RunStatement;
}

/** An attempt that was committed. */
interface Committed<Transaction, Instance extends object, T> {
  readonly opened: OpenTransaction<Transaction, Instance>;
  readonly value: T;
}

/**
 * Runs the managed transactions of one instance of an ORM whose instances know of their own rows.
 *
 * @typeParam HostOptions - the ORM's own options of a transaction
 * @typeParam Host - what `verifyCommitted` looks into the database with
 */
export class ManagedTransactions<Transaction, Instance extends object, HostOptions extends object, Host> {
  readonly defaults: ResolvedTransactionDefaults;
  readonly runner: TransactionRunner;
  readonly #host: TransactionHost<Transaction, Instance, HostOptions, Host>;
  readonly #markers: CommitMarkers;

  constructor(
    host: TransactionHost<Transaction, Instance, HostOptions, Host>,
    defaults: ResolvedTransactionDefaults,
  ) {
    this.defaults = defaults;
    this.runner = new TransactionRunner(defaults.run);
    this.#host = host;
    this.#markers = new CommitMarkers(host.runAlone);
  }

  /**
   * Runs `work` in a transaction until that is committed, and then what is to run after the commit of that attempt.
   *
   * @throws RetryExhaustedError when the last attempt met a conflict too
   * @throws CommitOutcomeUnknownError when the answer to COMMIT was lost and cannot be found out
   * @throws AfterCommitError when the transaction was committed and something failed afterwards
   * @throws whatever ended an attempt otherwise, unchanged
   */
  async run<T>(
    work: (transaction: Transaction) => PromiseLike<T> | T,
    { host: hostOptions, own, restore }: SplitTransactionOptions<HostOptions, Host, Instance>,
  ): Promise<T> {
    type Done = Committed<Transaction, Instance, T>;
    const { host, memory, attempts } = this.#host;
    const { open, make } = attempts();
    const { run, commitMarkers, verifyCommitted } = resolveTransactionOptions(own, this.defaults);
    const snapshot = memory.snapshot(restore);
    let current: OpenTransaction<Transaction, Instance> | undefined;
    let marker: string | undefined;
    let lastError: unknown;
    const isUnknown = () => current?.outcome === 'unknown';

    /** The instances that the attempt has touched are as it has left them, but the database is not. */
    const abandon = () => {
      if (current === undefined) return;
      current.touched.abandon(lastError, snapshot.instances);
      snapshot.restore();
      current = undefined;
    };

    const attemptOnce = async (attempt: Attempt<Done>): Promise<Done> => {
      abandon();
      marker = commitMarkers ? await this.#markers.create() : undefined;
      try {
        return await open(
          hostOptions,
          async (opened) => {
            current = opened;
            const value = await opened.touched.during(() => work(opened.transaction));
            if (opened.hasChangedSchema) marker = undefined;
            if (marker !== undefined && opened.isUsed) {
              await this.#markers.write(marker, (text, values) => opened.run(text, values));
            }
            const done = { opened, value };
            attempt.returned = { value: done };
            await opened.commit();
            return done;
          },
          attempt.admit,
        );
      } catch (error) {
        // The callback has committed the transaction itself.
        if (current?.outcome === 'committed') {
          throw isAfterCommitError(error) ? error : new AfterCommitError({ cause: error });
        }
        lastError = current?.reasonOf(error) ?? error;
        // As long as the outcome is unknown it may turn out to be a success.
        if (!isUnknown()) abandon();
        throw lastError;
      }
    };

    const settle = async (): Promise<boolean | undefined> => {
      if (!isUnknown()) return undefined;
      const answer = marker === undefined ? undefined : await this.#markers.wasCommitted(marker);
      return answer ?? (await verifyCommitted?.(host));
    };

    let done: Done;
    try {
      done = await this.runner.run({ attempt: (attempt) => make(() => attemptOnce(attempt)), settle }, run);
    } catch (error) {
      if (isUnknown()) abandon();
      throw error;
    }
    const { opened, value } = done;
    if (marker !== undefined && opened.outcome === 'committed') this.#markers.release(marker);
    opened.touched.forget();
    await opened.complete();
    return value;
  }

  /**
   * Runs an autocommit statement in a transaction with a commit marker, which `begin` begins.
   *
   * @param make - makes each attempt
   */
  runMarked<T>(
    begin: () => Promise<StatementTransaction<T>>,
    label: string,
    statement: FirstStatement,
    make: (attempt: () => Promise<T>) => Promise<T>,
  ): Promise<T> {
    const marked = withMarker(this.#markers, begin);
    const attempt = async (current: Attempt<T>) => {
      await current.admit(statement);
      return make(() => marked.attempt(current));
    };
    return this.runner.run({ attempt, settle: marked.settle }, { label });
  }
}
