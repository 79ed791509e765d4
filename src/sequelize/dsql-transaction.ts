import type { Model, Sequelize } from 'sequelize';
import { Transaction } from 'sequelize/lib/transaction';
import { TransactionRolledBackError } from '../connection';
import { FirstFailure, isOccConflict, type TouchedInstances } from '../occ';
import { commitTransaction, endConnection, runAfterCommitHooks } from './commit-transaction';
import { modelMemory } from './model-memory';

/** Why a transaction must not be committed although nothing in it has failed on the server. */
interface Doom {
  /** What failed, if something did. */
  readonly error?: unknown;
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
  /** Whether this package runs the transaction, and sees to what a failure leaves in memory. */
  readonly #isManaged: boolean;
  readonly #firstFailure = new FirstFailure();
  #doom: Doom | undefined;
  #isUsed = false;
  /** What a query hook threw after COMMIT was answered. */
  #late: { readonly thrown: unknown } | undefined;
  #hasWritten = false;
  #hasChangedSchema = false;

  constructor(sequelize: Sequelize, options: object, isManaged: boolean) {
    super(sequelize, options);
    this.#isManaged = isManaged;
    this.touched = this.root === this ? modelMemory.watch() : this.root.touched;
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

  /** Whether a statement in it has written rows. */
  get hasWritten(): boolean {
    return this.root.#hasWritten;
  }

  /** Whether a statement in it has changed the schema. */
  get hasChangedSchema(): boolean {
    return this.root.#hasChangedSchema;
  }

  override async begin(): Promise<void> {
    if (this.#hasJoined) return;
    await super.begin();
    // By BEGIN alone it is not.
    this.#isUsed = false;
  }

  /**
   * @throws CommitOutcomeUnknownError when the answer was lost
   * @throws TransactionRolledBackError when the transaction could not be committed, because something in it had failed and
   *   that error was caught
   * @throws AfterCommitError when it was committed, and an `afterCommit` hook failed
   */
  override async commit(): Promise<void> {
    await this.commitAlone();
    if (!this.#hasJoined) await this.complete();
  }

  /** {@link DsqlTransaction.commit} without the `afterCommit` hooks. */
  async commitAlone(): Promise<void> {
    if (this.#hasJoined) {
      this.#expectUnfinished('committed');
      this.finished = 'commit';
      return;
    }
    try {
      if (this.#doom !== undefined && this.finished === undefined) {
        await this.#rollBack().catch(() => undefined);
        const { error } = this.#doom;
        throw isOccConflict(error) ? error : new TransactionRolledBackError('joined', { cause: error });
      }
      this.#late = await commitTransaction(this, { state: 'unsent' });
    } catch (error) {
      const reason = this.reasonOf(error);
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
    await runAfterCommitHooks(this, this.#late);
  }

  override async rollback(): Promise<void> {
    this.#expectUnfinished('rolled back');
    if (this.#hasJoined) {
      this.finished = 'rollback';
      this.doom({});
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
  doom(doom: Doom): void {
    this.root.#doom ??= doom;
  }

  /** A statement is about to be run in the transaction. */
  noteStatement(text: string, instance: Model | null | undefined): void {
    this.root.#isUsed = true;
    if (/^\s*(?:INSERT|UPDATE|DELETE)\b/i.test(text)) this.root.#hasWritten = true;
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

  async #rollBack(): Promise<void> {
    if (this.connection === undefined) {
      throw new Error('Transaction cannot be rolled back because it never started');
    }
    try {
      await this.sequelize.getQueryInterface().rollbackTransaction(this, this.options);
      this.cleanup();
    } catch (error) {
      await endConnection(this);
      throw error;
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
