import { QueryTypes, type Sequelize, type TransactionOptions as HostOptions } from 'sequelize';
import type { Transaction } from 'sequelize/lib/transaction';
import {
  AfterCommitError,
  CommitMarkers,
  isAfterCommitError,
  resolveTransactionOptions,
  TransactionRunner,
  withMarker,
  type Attempt,
  type ResolvedTransactionDefaults,
  type StatementTransaction,
} from '../occ';
import { runAfterCommitHooks, type commitTransaction } from './commit-transaction';
import { InstanceSnapshot } from './instance-snapshot';
import type { TouchedInstances } from './touched-instances';
import type { SplitTransactionOptions } from './transaction-options';

/** A transaction that was begun for an attempt. */
export interface OpenTransaction {
  readonly transaction: Transaction;
  readonly touched: TouchedInstances;
  /** Whether there is something to commit. */
  readonly isUsed: boolean;
  /** Whether it changes the schema, and so cannot write rows. */
  readonly hasChangedSchema: boolean;
  /** COMMIT, without the `afterCommit` hooks. */
  commit(): ReturnType<typeof commitTransaction>;
  /** What really ended the transaction, when this was thrown. */
  reasonOf(error: unknown): unknown;
}

/**
 * Begins a transaction, runs `body` in it, and rolls back if that throws. Where the application uses CLS, it finds the
 * transaction there.
 */
export type OpenAttempt = <T>(
  options: HostOptions,
  body: (open: OpenTransaction) => Promise<T>,
) => Promise<T>;

/** An attempt that was committed. */
interface Committed<T> {
  readonly transaction: Transaction;
  readonly touched: TouchedInstances;
  readonly value: T;
  readonly late?: { readonly thrown: unknown } | undefined;
}

/** Runs the managed transactions of one Sequelize instance. */
export class ManagedTransactions {
  readonly defaults: ResolvedTransactionDefaults;
  readonly runner: TransactionRunner;
  readonly #sequelize: Sequelize;
  readonly #open: OpenAttempt;
  readonly #markers: CommitMarkers;

  constructor(sequelize: Sequelize, defaults: ResolvedTransactionDefaults, open: OpenAttempt) {
    this.defaults = defaults;
    this.runner = new TransactionRunner(defaults.run);
    this.#sequelize = sequelize;
    this.#open = open;
    this.#markers = new CommitMarkers(async (text, values) => {
      const options = { bind: [...values], transaction: null, raw: true, type: QueryTypes.RAW };
      const [rows] = await sequelize.query(text, options);
      return rows as Record<string, unknown>[];
    });
  }

  /**
   * Runs `work` in a transaction until that is committed, and then the `afterCommit` hooks of the attempt that was.
   *
   * @throws RetryExhaustedError when the last attempt met a conflict too
   * @throws CommitOutcomeUnknownError when the answer to COMMIT was lost and cannot be found out
   * @throws AfterCommitError when the transaction was committed and something failed afterwards
   * @throws whatever ended an attempt otherwise, unchanged
   */
  async run<T>(
    work: (transaction: Transaction) => PromiseLike<T>,
    { host, own, restore }: SplitTransactionOptions,
  ): Promise<T> {
    const { run, commitMarkers, verifyCommitted } = resolveTransactionOptions(own, this.defaults);
    const snapshot = new InstanceSnapshot(restore);
    let open: OpenTransaction | undefined;
    let marker: string | undefined;
    let lastError: unknown;

    /** The instances that the attempt has touched are as it has left them, but the database is not. */
    const abandon = () => {
      if (open === undefined) return;
      open.touched.abandon(lastError, snapshot.instances);
      snapshot.restore();
      open = undefined;
    };

    const attemptOnce = async (attempt: Attempt<Committed<T>>): Promise<Committed<T>> => {
      abandon();
      marker = commitMarkers ? await this.#markers.create() : undefined;
      try {
        return await this.#open(host, async (opened) => {
          open = opened;
          const { transaction, touched } = opened;
          const value = await touched.watch(() => work(transaction));
          if (opened.hasChangedSchema) marker = undefined;
          if (marker !== undefined && opened.isUsed) {
            await this.#markers.write(marker, (text, values) =>
              this.#sequelize.query(text, {
                bind: [...values],
                transaction,
                raw: true,
                type: QueryTypes.RAW,
              }),
            );
          }
          const committed = { transaction, touched, value };
          attempt.returned = { value: committed };
          return { ...committed, late: await opened.commit() };
        });
      } catch (error) {
        // The callback has committed the transaction itself.
        if (open?.transaction.finished === 'commit') {
          throw isAfterCommitError(error) ? error : new AfterCommitError({ cause: error });
        }
        lastError = open?.reasonOf(error) ?? error;
        // As long as the outcome is unknown it may turn out to be a success.
        if (!isUnknown()) abandon();
        throw lastError;
      }
    };

    const isUnknown = () => open?.transaction.finished === 'unknown';

    const settle = async (): Promise<boolean | undefined> => {
      if (!isUnknown()) return undefined;
      const answer = marker === undefined ? undefined : await this.#markers.wasCommitted(marker);
      return answer ?? (await verifyCommitted?.(this.#sequelize));
    };

    let committed: Committed<T>;
    try {
      committed = await this.runner.run({ work, attempt: attemptOnce, settle }, run);
    } catch (error) {
      if (isUnknown()) abandon();
      throw error;
    }
    const { transaction, touched, value, late } = committed;
    if (marker !== undefined && transaction.finished === 'commit') this.#markers.release(marker);
    transaction.finished = 'commit';
    touched.forget();
    await runAfterCommitHooks(transaction, late);
    return value;
  }

  /** Runs a statement that stands alone in a transaction with a commit marker, which `begin` begins. */
  runMarked<T>(begin: () => Promise<StatementTransaction<T>>, label: string): Promise<T> {
    const { attempt, settle } = withMarker(this.#markers, begin);
    return this.runner.run({ work: attempt, attempt, settle }, { label });
  }
}
