import type { FirstStatement } from '../admission/admission-key';
import { CommitMarkers } from './commit-markers';
import { ManagedTransaction, type Committed } from './managed-transaction';
import type { TransactionHost } from './transaction-host';
import { withMarker, type StatementTransaction } from './marked-statement';
import {
  resolveTransactionOptions,
  type ResolvedTransactionDefaults,
  type SplitTransactionOptions,
} from '../transaction-options';
import { TransactionRunner, type Attempt } from '../transaction-runner';

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
    options: SplitTransactionOptions<HostOptions, Host, Instance>,
  ): Promise<T> {
    const resolved = resolveTransactionOptions(options.own, this.defaults);
    const managed = new ManagedTransaction(this.#host, this.#markers, work, { ...options, ...resolved });
    let done: Committed<Transaction, Instance, T>;
    try {
      done = await this.runner.run(managed, resolved.run);
    } catch (error) {
      managed.giveUp();
      throw error;
    }
    await managed.complete(done);
    return done.value;
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
