import { QueryTypes, type Model, type Sequelize } from 'sequelize';
import { Transaction } from 'sequelize/lib/transaction';
import type { Client } from 'pg';
import { DsqlClient, isNotSentError, TransactionRolledBackError } from '../../connection';
import {
  classifyError,
  findInChain,
  FirstFailure,
  FirstStatementSender,
  isOccConflict,
  PartlyCommittedError,
  type Admit,
  type FirstStatement,
  type RunOptions,
  type TouchedInstances,
} from '../../occ';
import type { ReusedIdentityKeys } from '../../schema';
import { summarizeText } from '../../sql';
import type { TransactionEntries } from '../../migrate/for-orms';
import { log } from '../log';
import { migrationAround, ours } from '../migrations/own-statements';
import { commitTransaction, endConnection, runAfterCommitHooks } from './commit-transaction';
import { modelMemory } from './model-memory';

const TAKEN_APART =
  'A transaction changes the schema. Aurora DSQL takes one DDL statement in a transaction and no data with it, so each of them is a transaction of its own, and so are the changes of data between them.';

/** Of what is said of a transaction that was taken apart. */
const AND_STAYS = 'had been committed before and will stay';

/** Why a transaction must not be committed although nothing in it has failed on the server. */
interface RollbackOnly {
  /** What failed, if something did. */
  readonly error?: unknown;
}

/** What one of several attempts of a transaction is given. */
export interface TransactionAttempt {
  /** Asked before the first statement, where the number of transactions in flight is limited. */
  readonly admit?: Admit | undefined;
  /** What earlier attempts were given as keys. */
  readonly reusedKeys?: ReusedIdentityKeys | undefined;
}

/**
 * Sequelize's `Transaction`, on Aurora DSQL.
 *
 * One that has a parent has joined it: there are no savepoints, so it begins and ends nothing on the server. If it fails,
 * so does its parent.
 */
export class DsqlTransaction extends Transaction {
  /** Of this transaction and all that have joined it. */
  readonly touched: TouchedInstances<Model>;
  /** What it has done of a migration, to be noted in it before it is committed. */
  entries: TransactionEntries | undefined;
  /** Whether this package runs the transaction, and sees to what a failure leaves in memory. */
  readonly #isManaged: boolean;
  readonly #firstFailure = new FirstFailure();
  #rollbackOnly: RollbackOnly | undefined;
  readonly #admit: Admit | undefined;
  readonly #reusedKeys: ReusedIdentityKeys | undefined;
  /** The wait for {@link DsqlTransaction.#admit}, once it has begun. */
  #admission: Promise<void> | undefined;
  #connection: Client | undefined;
  #commitHasFailed = false;
  #isUsed = false;
  /** What a query hook threw after COMMIT was answered. */
  #late: { readonly thrown: unknown } | undefined;
  #hasWritten = false;
  #hasChangedSchema = false;
  /** Statements that have written rows since it was begun, or begun anew. */
  #pending = 0;
  /** Statements that were committed where it was taken apart. */
  #committed = 0;
  readonly #first = new FirstStatementSender();
  /** Ends when what was asked for outside of it is done. */
  #turn: Promise<unknown> = Promise.resolve();

  /**
   * @param isManaged - whether this package runs it, and sees to what a failure leaves in memory
   * @param attempt - where it is one of several attempts
   */
  constructor(sequelize: Sequelize, options: object, isManaged: boolean, attempt: TransactionAttempt = {}) {
    super(sequelize, options);
    this.#isManaged = isManaged;
    this.#admit = attempt.admit;
    this.#reusedKeys = attempt.reusedKeys;
    this.touched = this.root === this ? modelMemory.watch() : this.root.touched;
  }

  /** The transaction on the server. */
  get root(): DsqlTransaction {
    return this.parent instanceof DsqlTransaction ? this.parent.root : this;
  }

  /** All that have joined a transaction use its connection, also when that is another one than at first. */
  override get connection(): Client | undefined {
    return this.root.#connection;
  }

  override set connection(connection: Client | undefined) {
    if (!this.#hasJoined) this.#connection = connection;
  }

  get #hasJoined(): boolean {
    return this.root !== this;
  }

  /** What earlier attempts were given as keys, where it can be run again. */
  get reusedKeys(): ReusedIdentityKeys | undefined {
    return this.root.#reusedKeys;
  }

  /** Whether it is run again by itself where it was not committed. */
  get isRepeatable(): boolean {
    return this.root.#isManaged;
  }

  /** Whether a statement was run in it. */
  get isUsed(): boolean {
    return this.root.#isUsed;
  }

  /** Whether a statement in it has written rows. */
  get hasWritten(): boolean {
    return this.root.#hasWritten;
  }

  /** Whether a statement in it has changed the schema. */
  get hasChangedSchema(): boolean {
    return this.root.#hasChangedSchema;
  }

  /**
   * Lets changes of the schema wait for each other, and the statements of the transaction for them.
   *
   * @param work - its own statements are sent with `completesTransaction`, so that they wait for nothing
   */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const { root } = this;
    const done = root.#turn.then(work);
    root.#turn = done.catch(() => undefined);
    return done;
  }

  /**
   * Commits what the transaction holds, does something outside of it on its connection, and begins it anew.
   *
   * @param work - is told to call `committed` after each statement that stays
   * @throws TransactionRolledBackError when it cannot be committed, because something in it had failed
   */
  async outside<T>(work: (committed: () => void) => Promise<T>): Promise<T> {
    const { root } = this;
    root.#expectUnfinished('taken apart');
    if (!root.#hasChangedSchema) log(root.sequelize, TAKEN_APART, root.options);
    root.#hasChangedSchema = true;
    await root.#commitSoFar();
    try {
      const result = await work(() => root.#committed++);
      await root.begin();
      return result;
    } catch (error) {
      // There is nothing that its rollback would have to undo; the first error is the one to report.
      await root.begin().catch(() => undefined);
      throw error;
    }
  }

  /**
   * Runs a transaction on the connection of this one, which is taken apart now.
   *
   * @param work - its own statements are sent with `completesTransaction`
   */
  async between<T>(work: () => Promise<T>): Promise<T> {
    const { root } = this;
    await root.begin();
    try {
      const result = await work();
      await root.#commit();
      return result;
    } catch (error) {
      // After COMMIT there is nothing to roll back; the first error is the one to report.
      await root.#end('ROLLBACK;').catch(() => undefined);
      throw error;
    }
  }

  /** Commits the transaction on the server, and ends nothing of it here. */
  async #commit(): Promise<void> {
    const { command } = await this.#end('COMMIT;');
    if (command === 'ROLLBACK')
      throw new TransactionRolledBackError('aborted', { cause: this.reasonOf(undefined) });
  }

  async #end(sql: string): Promise<{ readonly command?: string }> {
    const options = { ...this.options, type: QueryTypes.RAW, raw: true, transaction: this };
    const once = { supportsSearchPath: false, completesTransaction: true, retry: { max: 1 } };
    const query = this.sequelize.query(sql, { ...options, ...once } as object);
    const [, result] = (await query) as unknown as [unknown, { readonly command?: string }];
    return result;
  }

  /** Past what waits for the transaction to be whole: it may be about to be taken apart. */
  async #noteEntries(): Promise<void> {
    const options = { transaction: this, completesTransaction: true, type: QueryTypes.RAW, raw: true };
    await this.entries?.note(async (text, values) => {
      const [rows] = await ours(() => this.sequelize.query(text, { ...options, bind: [...values] }));
      return rows as Record<string, unknown>[];
    });
  }

  async #commitSoFar(): Promise<void> {
    await this.#noteEntries();
    await this.#commit();
    this.entries?.committed();
    this.#committed += this.#pending;
    this.#pending = 0;
    this.#hasWritten = false;
  }

  override async begin(): Promise<void> {
    if (!this.#hasJoined) await super.begin();
  }

  /**
   * @throws CommitOutcomeUnknownError when the answer was lost
   * @throws TransactionRolledBackError when the transaction could not be committed, because something in it had failed and
   *   that error was caught
   * @throws AfterCommitError when it was committed, and an `afterCommit` hook failed
   */
  override async commit(): Promise<void> {
    await this.commitOnly();
    if (!this.#hasJoined) await this.complete();
  }

  /** {@link DsqlTransaction.commit} without the `afterCommit` hooks. */
  async commitOnly(): Promise<void> {
    this.#expectUnfinished('committed');
    if (this.#hasJoined) {
      this.finished = 'commit';
      return;
    }
    try {
      if (this.#rollbackOnly !== undefined) {
        const { error } = this.#rollbackOnly;
        throw isOccConflict(error) ? error : new TransactionRolledBackError('joined', { cause: error });
      }
      await this.#first.whenAnswered();
      await this.#noteEntries();
      this.#late = await commitTransaction(this, { state: 'unsent' });
      this.entries?.committed();
    } catch (error) {
      this.#commitHasFailed = true;
      // What goes before COMMIT has failed, and nobody rolls back what a commit has failed of.
      if (this.finished === undefined) await this.#rollBack().catch(() => undefined);
      const reason = this.reasonOf(error);
      migrationAround(this.sequelize)?.noteFailure(reason);
      if (!this.#isManaged && this.finished !== 'commit') this.touched.abandon(reason);
      throw reason;
    } finally {
      this.#finishJoined();
    }
  }

  /**
   * The transaction is known to be committed: runs the `afterCommit` hooks.
   *
   * @throws AfterCommitError when one of them fails, or a query hook did after COMMIT
   */
  async complete(): Promise<void> {
    this.finished = 'commit';
    this.touched.forget();
    try {
      await runAfterCommitHooks(this, this.#late);
    } catch (error) {
      this.#commitHasFailed = true;
      throw error;
    }
  }

  /** Rolls the transaction back. After a `commit()` that failed there is nothing to do: that error is the one to report. */
  override async rollback(): Promise<void> {
    if (this.root.#commitHasFailed) return;
    this.#expectUnfinished('rolled back');
    if (this.#hasJoined) {
      this.finished = 'rollback';
      this.markRollbackOnly({});
      return;
    }
    await this.#rollBack();
    // Who rolls back because of a conflict is going to try again, with the same instances.
    if (this.#isManaged) return;
    if (this.#firstFailure.conflict !== undefined) this.touched.abandon(this.#firstFailure.conflict);
    else this.touched.forget();
  }

  /** Runs `hook` after the commit of the transaction on the server; never if that fails. */
  override afterCommit(hook: (transaction: this) => void | Promise<void>): void {
    if (!this.#hasJoined || typeof hook !== 'function') super.afterCommit(hook);
    else this.root.afterCommit(() => hook(this));
  }

  /** From now on the transaction cannot be committed, because work that had joined it has failed. */
  markRollbackOnly(reason: RollbackOnly): void {
    this.root.#rollbackOnly ??= reason;
  }

  /** A statement is about to be run in the transaction: the first one may have to wait until there is room for it. */
  async enter(statement: FirstStatement, instance: Model | null | undefined): Promise<void> {
    const { root } = this;
    if (instance) this.touched.add(instance);
    const { verb, writesRows, changesSchema } = summarizeText(statement.text);
    if (verb !== undefined) return;
    await root.#turn;
    // What was sent past Sequelize, through the connection, must not be given back with it.
    const { connection } = root;
    const mayWait =
      root.#admission !== undefined || !(connection instanceof DsqlClient) || connection.hasUnsentBegin;
    if (root.#admit !== undefined && mayWait) {
      await (root.#admission ??= root.#awaitAdmission(root.#admit, statement));
    }
    root.#isUsed = true;
    root.#hasWritten ||= writesRows;
    if (writesRows) root.#pending++;
    root.#hasChangedSchema ||= changesSchema;
  }

  /**
   * Sends a statement that has entered. The first one of a transaction that only its caller could run again is sent again
   * after a conflict, and no other one overtakes it meanwhile.
   *
   * @param text - of the statement
   * @param options - how transactions are run again
   */
  async send<T>(text: string, statement: () => Promise<T>, options: RunOptions): Promise<T> {
    const { root } = this;
    if (summarizeText(text).verb !== undefined) return statement();
    while (root.#first.isUnderWay) await root.#first.whenAnswered();
    const isFirst = root.#client?.hasUnsentBegin === true;
    // One of which a part is committed is run again by nobody.
    const isRunAgain = root.#isManaged && root.#committed === 0;
    if (isRunAgain || !isFirst || migrationAround(root.sequelize) !== undefined) return statement();
    return root.#first.send(text, statement, () => root.#client, options);
  }

  /** Its connection, until it is ended. */
  get #client(): DsqlClient | undefined {
    const connection = this.#connection;
    return this.finished === undefined && connection instanceof DsqlClient ? connection : undefined;
  }

  /** A statement has failed in the transaction. */
  noteFailure(error: unknown): void {
    this.root.#firstFailure.note(error);
    this.#addRemains(error);
  }

  /**
   * What really ended the transaction, where a later error came of an earlier one that was caught; where a part of it was
   * committed, nothing that would let it be run again.
   */
  reasonOf(error: unknown): unknown {
    const reason = this.root.#firstFailure.reasonOf(error);
    const remains = this.#remains;
    if (remains !== undefined && classifyError(reason).isRetryable) {
      return new PartlyCommittedError(remains, { cause: reason });
    }
    this.#addRemains(reason);
    return reason;
  }

  get #remains(): string | undefined {
    const committed = this.root.#committed;
    if (committed === 0) return undefined;
    const statements = committed === 1 ? 'One statement' : `${committed} statements`;
    return `${statements} of the transaction ${AND_STAYS}: Aurora DSQL cannot roll a change of the schema back with what follows it. Undo them before you run it again, or let them do nothing the second time.`;
  }

  #addRemains(error: unknown): void {
    const remains = this.#remains;
    if (remains === undefined || !(error instanceof Error) || error.message.includes(AND_STAYS)) return;
    error.message = `${error.message}\n${remains}`;
  }

  /** The connection is not held meanwhile: those that are admitted may wait for one. */
  async #awaitAdmission(admit: Admit, statement: FirstStatement): Promise<void> {
    const { connectionManager } = this.sequelize;
    const hasWaited = await admit(statement, () => {
      const { connection } = this;
      this.connection = undefined;
      if (connection !== undefined)
        connectionManager.releaseConnection(Object.assign(connection, { uuid: undefined }));
      return Promise.resolve();
    });
    if (!hasWaited) return;
    if (this.finished !== undefined) {
      throw new Error(
        'A statement was not sent, because its transaction had ended: a promise was not awaited. Await every operation before the callback returns.',
      );
    }
    const options: object = { uuid: this.id };
    const connection = (await connectionManager.getConnection(options as never)) as Client;
    this.connection = Object.assign(connection, { uuid: this.id });
    await this.begin();
  }

  async #rollBack(): Promise<void> {
    await this.#first.whenAnswered();
    this.entries?.forget();
    if (this.connection === undefined && this.#admission !== undefined) {
      // It was given back while the first statement waited, and nothing was sent.
      this.finished = 'rollback';
      this._clearCls();
      return;
    }
    if (this.connection === undefined) {
      throw new Error('Transaction cannot be rolled back because it never started');
    }
    try {
      await this.sequelize.getQueryInterface().rollbackTransaction(this, this.options);
      this.cleanup();
    } catch (error) {
      await endConnection(this);
      // The server rolls back what has lost its connection.
      if (findInChain(error, isNotSentError) === undefined) throw error;
    } finally {
      this.#finishJoined();
    }
  }

  /** Their connection is another's now. */
  #finishJoined(): void {
    for (const joined of this.savepoints) {
      joined.finished ??= this.finished;
      if (joined instanceof DsqlTransaction) joined.#finishJoined();
    }
  }

  #expectUnfinished(verb: string): void {
    if (this.finished === undefined) return;
    throw new Error(
      `Transaction cannot be ${verb} because it has been finished with state: ${this.finished}`,
    );
  }
}
