import { AfterCommitError, isAfterCommitError } from '../../connection';
import type { CommitMarkers } from './commit-markers';
import type { InstanceMemory, InstanceSnapshot } from './instance-memory';
import type { AttemptsOf, OpenTransaction, TransactionHost } from './transaction-host';
import type { ResolvedTransactionOptions, SplitTransactionOptions } from '../transaction-options';
import type { Attempt, RunnableTransaction } from '../transaction-runner';

/** An attempt that was committed. */
export interface Committed<Transaction, Instance extends object, T> {
  readonly opened: OpenTransaction<Transaction, Instance>;
  readonly value: T;
}

/** Its options, the ORM's own and ours. */
type ManagedOptions<Instance extends object, HostOptions extends object, Host> = Pick<
  SplitTransactionOptions<HostOptions, Host, Instance>,
  'host' | 'restore'
> &
  Pick<ResolvedTransactionOptions<Host>, 'commitMarkers' | 'verifyCommitted'>;

/** One managed transaction: what its attempts share, and what is put back between them. */
export class ManagedTransaction<
  Transaction,
  Instance extends object,
  HostOptions extends object,
  Host,
  T,
> implements RunnableTransaction<Committed<Transaction, Instance, T>> {
  readonly #host: Host;
  readonly #attempts: AttemptsOf<Transaction, Instance, HostOptions>;
  readonly #markers: CommitMarkers;
  readonly #work: (transaction: Transaction) => PromiseLike<T> | T;
  readonly #options: ManagedOptions<Instance, HostOptions, Host>;
  readonly #memory: InstanceMemory<Instance>;
  #snapshot: InstanceSnapshot<Instance> | undefined;
  #current: OpenTransaction<Transaction, Instance> | undefined;
  #marker: string | undefined;
  #lastError: unknown;

  constructor(
    { host, memory, attempts }: TransactionHost<Transaction, Instance, HostOptions, Host>,
    markers: CommitMarkers,
    work: (transaction: Transaction) => PromiseLike<T> | T,
    options: ManagedOptions<Instance, HostOptions, Host>,
  ) {
    this.#host = host;
    this.#attempts = attempts();
    this.#markers = markers;
    this.#work = work;
    this.#options = options;
    this.#memory = memory;
  }

  get #isUnknown(): boolean {
    return this.#current?.outcome === 'unknown';
  }

  /** The instances that the attempt has touched are as it has left them, but the database is not. */
  #abandon(): void {
    if (this.#current === undefined) return;
    this.#current.touched.abandon(this.#lastError, this.#snapshot?.instances);
    this.#snapshot?.restore();
    this.#current = undefined;
  }

  /** Others may have changed the instances while it waited for its turn. */
  readonly begin = (): void => {
    this.#snapshot = this.#memory.snapshot(this.#options.restore);
  };

  /** Runs the transaction once. */
  readonly attempt = (
    attempt: Attempt<Committed<Transaction, Instance, T>>,
  ): Promise<Committed<Transaction, Instance, T>> => this.#attempts.make(() => this.#attempt(attempt));

  async #attempt(
    attempt: Attempt<Committed<Transaction, Instance, T>>,
  ): Promise<Committed<Transaction, Instance, T>> {
    this.#abandon();
    this.#marker = this.#options.commitMarkers ? await this.#markers.create() : undefined;
    try {
      return await this.#attempts.open(
        this.#options.host,
        (opened) => this.#carryOut(opened, attempt),
        attempt.admit,
      );
    } catch (error) {
      // The callback has committed the transaction itself.
      if (this.#current?.outcome === 'committed') {
        throw isAfterCommitError(error) ? error : new AfterCommitError({ cause: error });
      }
      this.#lastError = this.#current?.reasonOf(error) ?? error;
      // As long as the outcome is unknown it may turn out to be a success.
      if (!this.#isUnknown) this.#abandon();
      throw this.#lastError;
    }
  }

  async #carryOut(
    opened: OpenTransaction<Transaction, Instance>,
    attempt: Attempt<Committed<Transaction, Instance, T>>,
  ): Promise<Committed<Transaction, Instance, T>> {
    this.#current = opened;
    const value = await opened.touched.during(() => this.#work(opened.transaction));
    if (opened.hasChangedSchema) this.#marker = undefined;
    if (this.#marker !== undefined && opened.isUsed) {
      await this.#markers.write(this.#marker, (text, values) => opened.run(text, values));
    }
    const done = { opened, value };
    attempt.returned = { value: done };
    await opened.commit();
    return done;
  }

  /** Finds out whether an attempt of unknown outcome was committed. */
  readonly settle = async (): Promise<boolean | undefined> => {
    if (!this.#isUnknown) return undefined;
    const answer = this.#marker === undefined ? undefined : await this.#markers.wasCommitted(this.#marker);
    return answer ?? (await this.#options.verifyCommitted?.(this.#host));
  };

  /** There is no further attempt. */
  giveUp(): void {
    if (this.#isUnknown) this.#abandon();
  }

  /** Runs what is to run after the commit. */
  async complete({ opened }: Committed<Transaction, Instance, T>): Promise<void> {
    if (this.#marker !== undefined && opened.outcome === 'committed') this.#markers.release(this.#marker);
    opened.touched.forget();
    await opened.complete();
  }
}
