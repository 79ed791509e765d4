import {
  IsolationLevel,
  Transaction,
  type AbstractConnection,
  type Model,
  type Sequelize,
  type TransactionOptions,
} from '@sequelize/core';
import type { PostgresConnection } from '@sequelize/postgres';
import {
  isCommitOutcomeUnknownError,
  isTransactionRolledBackError,
  TransactionRolledBackError,
} from '../connection';
import {
  AfterCommitError,
  findInChain,
  FirstFailure,
  isOccConflict,
  sqlStateOf,
  UnsupportedFeatureError,
  type TouchedInstances,
  type TransactionOutcome,
} from '../occ';
import type { CommitProgress } from './dsql-query';
import { modelMemory } from './model-memory';

type Hook = Parameters<Transaction['afterCommit']>[0];

/** Why a transaction must not be committed although nothing in it has failed on the server. */
interface Doom {
  /** What failed, if something did. */
  readonly error?: unknown;
}

/** @throws UnsupportedFeatureError for an isolation level that Aurora DSQL has not */
export function checkIsolationLevel(level: IsolationLevel | null | undefined): void {
  if (level && level !== IsolationLevel.REPEATABLE_READ) {
    throw new UnsupportedFeatureError(
      `isolation level ${level}`,
      'Every transaction is REPEATABLE READ: leave the level out.',
    );
  }
}

/**
 * Sequelize's `Transaction`, on Aurora DSQL. Its state is its own: that of the host's class is private, and calls a
 * transaction committed whose COMMIT failed.
 *
 * One that has a parent has joined it: there are no savepoints, so it begins and ends nothing on the server. If it fails,
 * so does its parent.
 */
export class DsqlTransaction extends Transaction {
  /** Of this transaction and all that have joined it. */
  readonly touched: TouchedInstances<Model>;
  /** Whether this package runs the transaction, and sees to what a failure leaves in memory. */
  readonly #isManaged: boolean;
  readonly #joined: DsqlTransaction[] = [];
  readonly #hooks = { commit: new Set<Hook>(), rollback: new Set<Hook>(), end: new Set<Hook>() };
  #connection: PostgresConnection | undefined;
  #finished: 'commit' | 'rollback' | 'unknown' | undefined;
  readonly #firstFailure = new FirstFailure();
  #doom: Doom | undefined;
  #isUsed = false;
  #hasChangedSchema = false;
  /** What a query hook threw after COMMIT was answered. */
  #late: { readonly thrown: unknown } | undefined;

  constructor(sequelize: Sequelize, options: TransactionOptions, isManaged: boolean) {
    checkIsolationLevel(options.isolationLevel);
    super(sequelize, options);
    this.#isManaged = isManaged;
    this.touched = this.root === this ? modelMemory.watch() : this.root.touched;
    if (this.parent instanceof DsqlTransaction) this.parent.#joined.push(this);
  }

  /** The transaction on the server. */
  get root(): DsqlTransaction {
    return this.parent instanceof DsqlTransaction ? this.parent.root : this;
  }

  get #hasJoined(): boolean {
    return this.root !== this;
  }

  /** Whether a statement was run in it. */
  get isUsed(): boolean {
    return this.root.#isUsed;
  }

  /** Whether a statement in it has changed the schema. */
  get hasChangedSchema(): boolean {
    return this.root.#hasChangedSchema;
  }

  get outcome(): TransactionOutcome {
    return (
      this.#finished &&
      ({ commit: 'committed', rollback: 'rolled back', unknown: 'unknown' } as const)[this.#finished]
    );
  }

  /** Sequelize knows no `'unknown'`: that of a COMMIT whose answer was lost. */
  override get finished(): 'commit' | 'rollback' | undefined {
    return this.#finished as 'commit' | 'rollback' | undefined;
  }

  override getConnection(): AbstractConnection {
    const connection = this.getConnectionIfExists();
    if (connection === undefined) throw new Error('This transaction is not bound to a connection.');
    return connection;
  }

  override getConnectionIfExists(): AbstractConnection | undefined {
    return this.root.#connection;
  }

  /** Takes a connection and begins. */
  override async prepareEnvironment(): Promise<void> {
    if (this.#hasJoined) return;
    const { readOnly, constraintChecking } = this.options;
    const connection = (await this.sequelize.pool.acquire({
      type: readOnly ? 'read' : 'write',
    })) as PostgresConnection;
    connection.uuid = this.id;
    this.#connection = connection;
    const { queryInterface } = this.sequelize;
    try {
      await queryInterface._startTransaction(this, { ...this.options, transactionName: this.id });
      if (constraintChecking !== undefined) {
        await queryInterface.deferConstraints(constraintChecking, { transaction: this });
      }
    } catch (error) {
      await this.rollback().catch(() => undefined);
      throw error;
    }
    // By BEGIN alone it is not.
    this.#isUsed = false;
  }

  /** @throws UnsupportedFeatureError for another level than REPEATABLE READ, which every transaction has anyway */
  // eslint-disable-next-line @typescript-eslint/require-await -- the host's is asynchronous
  override async setIsolationLevel(level: IsolationLevel): Promise<void> {
    checkIsolationLevel(level);
  }

  /**
   * @throws CommitOutcomeUnknownError when the answer was lost
   * @throws TransactionRolledBackError when the transaction could not be committed, because something in it had failed and
   *   that error was caught
   * @throws AfterCommitError when it was committed, and an `afterCommit` or `afterTransaction` hook failed
   */
  override async commit(): Promise<void> {
    await this.commitAlone();
    if (!this.#hasJoined) await this.complete();
  }

  /** {@link DsqlTransaction.commit} without the hooks. */
  async commitAlone(): Promise<void> {
    this.#expectUnfinished('committed');
    if (this.#hasJoined) {
      this.#finished = 'commit';
      return;
    }
    try {
      if (this.#doom !== undefined) {
        await this.#rollBack().catch(() => undefined);
        const { error } = this.#doom;
        throw isOccConflict(error) ? error : new TransactionRolledBackError('joined', { cause: error });
      }
      await this.#sendCommit({ state: 'unsent' });
    } catch (error) {
      const reason = this.reasonOf(error);
      if (this.outcome === 'rolled back') await this.#run('rollback', 'end').catch(() => undefined);
      if (!this.#isManaged) this.touched.abandon(reason);
      throw reason;
    } finally {
      this.#finishJoined();
    }
  }

  /**
   * The transaction is known to be committed: runs the hooks.
   *
   * @throws AfterCommitError when one of them fails, or a query hook did after COMMIT
   */
  async complete(): Promise<void> {
    this.#finished = 'commit';
    this.touched.forget();
    try {
      await this.#run('commit', 'end');
      if (this.#late !== undefined) throw this.#late.thrown;
    } catch (cause) {
      throw new AfterCommitError({ cause });
    }
  }

  override async rollback(): Promise<void> {
    this.#expectUnfinished('rolled back');
    if (this.#hasJoined) {
      this.#finished = 'rollback';
      this.doom({});
      return;
    }
    await this.#rollBack();
    // Who rolls back because of a conflict is going to try again, with the same instances.
    if (!this.#isManaged) {
      if (this.#firstFailure.conflict !== undefined) this.touched.abandon(this.#firstFailure.conflict);
      else this.touched.forget();
    }
    await this.#run('rollback', 'end');
  }

  /** Runs `hook` after the commit of the transaction on the server; never if that fails. */
  override afterCommit(hook: Hook): this {
    return this.#addHook('commit', hook);
  }

  /** Runs `hook` when the transaction on the server was rolled back, by a COMMIT that failed, too: once per attempt. */
  override afterRollback(hook: Hook): this {
    return this.#addHook('rollback', hook);
  }

  /** Runs `hook` after either. */
  override afterTransaction(hook: Hook): this {
    return this.#addHook('end', hook);
  }

  /** From now on the transaction cannot be committed, because work that had joined it has failed. */
  doom(doom: Doom): void {
    this.root.#doom ??= doom;
  }

  /** Work that had joined its parent has failed. */
  failJoined(error: unknown): void {
    this.#finished ??= 'rollback';
    this.doom({ error });
  }

  /** A statement is about to be run in the transaction. */
  noteStatement(instance: Model | null | undefined): void {
    this.root.#isUsed = true;
    if (instance) this.touched.add(instance);
  }

  /** A change of the schema is about to be run in the transaction. */
  noteSchemaChange(): void {
    this.root.#hasChangedSchema = true;
  }

  /** A statement has failed in the transaction. */
  noteFailure(error: unknown): void {
    this.root.#firstFailure.note(error);
  }

  /** What really ended the transaction, where a later error came of an earlier one that was caught. */
  reasonOf(error: unknown): unknown {
    return this.root.#firstFailure.reasonOf(error);
  }

  /** Sends COMMIT once, and leaves the transaction and its connection in the state that they are really in. */
  async #sendCommit(progress: CommitProgress): Promise<void> {
    this.#finished = 'commit';
    try {
      const options = {
        ...this.options,
        // A second COMMIT would find no transaction, and succeed.
        retry: { max: 1 },
        commitProgress: progress,
      };
      await this.sequelize.queryInterface._commitTransaction(this, options);
      this.#release();
    } catch (error) {
      if (progress.state === 'done') {
        this.#late = { thrown: error };
        this.#release();
        return;
      }
      const unknown = findInChain(error, isCommitOutcomeUnknownError);
      this.#finished = unknown === undefined ? 'rollback' : 'unknown';
      const rolledBack = findInChain(error, isTransactionRolledBackError);
      // After an answer the server is idle again, so the connection is good.
      const isAnswered = rolledBack !== undefined || sqlStateOf(error) !== undefined;
      if (unknown === undefined && isAnswered) this.#release();
      else await this.#endConnection();
      throw unknown ?? rolledBack ?? error;
    }
  }

  async #rollBack(): Promise<void> {
    if (this.#connection === undefined) {
      throw new Error('Transaction cannot be rolled back because it never started');
    }
    this.#finished = 'rollback';
    try {
      await this.sequelize.queryInterface._rollbackTransaction(this, this.options);
      this.#release();
    } catch (error) {
      await this.#endConnection();
      throw error;
    } finally {
      this.#finishJoined();
    }
  }

  #release(): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#connection = undefined;
    this.sequelize.pool.release(connection);
    connection.uuid = undefined;
  }

  /** Whatever goes wrong here is not the error to report. */
  async #endConnection(): Promise<void> {
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#connection = undefined;
    connection.uuid = undefined;
    await this.sequelize.pool.destroy(connection).catch(() => undefined);
  }

  /** Their connection is another's now. */
  #finishJoined(): void {
    for (const joined of this.#joined) {
      joined.#finished ??= this.#finished;
      joined.#finishJoined();
    }
  }

  #addHook(event: 'commit' | 'rollback' | 'end', hook: Hook): this {
    if (typeof hook !== 'function') throw new TypeError('"callback" must be a function');
    this.root.#hooks[event].add(this.#hasJoined ? () => hook(this) : hook);
    return this;
  }

  async #run(...events: readonly ('commit' | 'rollback' | 'end')[]): Promise<void> {
    for (const event of events) {
      for (const hook of this.#hooks[event]) await hook.call(this, this);
    }
  }

  #expectUnfinished(verb: string): void {
    if (this.#finished === undefined) return;
    throw new Error(
      `Transaction cannot be ${verb} because it has been finished with state: ${this.#finished}`,
    );
  }
}
