import type { Model, ModelStatic, Sequelize } from 'sequelize';
import type { Transaction } from 'sequelize/lib/transaction';
import { isAfterCommitError, isCommitOutcomeUnknownError } from '../connection';
import { adaptRowLocks, ReusedIdentityKeys, type ResolvedMapping } from '../schema';
import { summarizeText } from '../sql';
import {
  canBeMarked,
  findInChain,
  isTooLargeToSend,
  NestedTransactionError,
  refusalToEndWith,
  resolveTransactionOptions,
  statementLabel,
  type FirstStatement,
  type OpenTransaction,
  type StatementTransaction,
} from '../occ';
import { tellsOfStatements } from './transactions/application-code';
import type { ReadForPlan } from '../migrate/for-orms';
import { ambientTransaction, clsOf } from './transactions/cls';
import { outcomeOf } from './transactions/commit-transaction';
import { DsqlTransaction, type TransactionAttempt } from './transactions/dsql-transaction';
import { replaceFindOrCreate } from './writes/find-or-create';
import { identityColumnsOf } from './writes/inserted-keys';
import {
  manageTransactions,
  runStatement,
  type SequelizeAttempts,
  type SequelizeTransactions,
} from './transactions/managed-transactions';
import { runningMigration } from './migrations/running-migration';
import { modelMemory } from './transactions/model-memory';
import { noTransaction } from './transactions/no-transaction';
import type { ResolvedSequelizeOptions } from './options/options';
import type { StatementOptions } from './statement';
import { replaceSync, schemaChangesOf } from './schema/sync';
import { splitOptions, type SequelizeTransactionOptions } from './transactions/transaction-options';

/** Sequelize's own `query`. */
type HostQuery = (sql: unknown, options?: object) => Promise<unknown>;

/** What an instance does in the place of Sequelize's own `query` and `transaction`. */
export class DsqlInstance {
  readonly #sequelize: Sequelize;
  readonly #hostQuery: HostQuery;
  readonly #mapping: ResolvedMapping;
  /** What runs the transactions of the instance. */
  readonly transactions: SequelizeTransactions;

  /** @param hostQuery - the instance's own `query`, which sends a statement once */
  constructor(
    sequelize: Sequelize,
    { transactions, mapping }: ResolvedSequelizeOptions,
    hostQuery: HostQuery,
  ) {
    this.#sequelize = sequelize;
    this.#hostQuery = hostQuery;
    this.#mapping = mapping;
    this.transactions = manageTransactions(sequelize, transactions, () => this.#attempts());
  }

  /** Runs a statement of the user's; one that changes the schema is translated, and row locks are those of DSQL. */
  async query(written: unknown, options: StatementOptions = {}): Promise<unknown> {
    const migration = runningMigration(this.#sequelize);
    const asked = this.#query(written, options);
    migration?.note(asked);
    return asked;
  }

  async #query(written: unknown, options: StatementOptions): Promise<unknown> {
    const sql = withText(written, (text) => adaptRowLocks(text, this.#mapping));
    const changes = schemaChangesOf(this.#sequelize);
    // What ends a transaction, or is done between two parts of one, is sent as it is.
    const isAsItIs = options.completesTransaction === true;
    return typeof sql === 'string' && !isAsItIs && changes.handles(sql, options)
      ? changes.run(sql, options)
      : this.send(sql, options);
  }

  /** Runs a statement as it is: an autocommit statement is sent again after a conflict. In a migration it is journalled. */
  async send(sql: unknown, options: StatementOptions = {}): Promise<unknown> {
    const migration = runningMigration(this.#sequelize);
    const text = textOf(sql);
    const { controlsTransaction } = summarizeText(text);
    if (migration === undefined || options.completesTransaction || controlsTransaction) {
      // Not one of Sequelize's own, which has its transaction with it.
      if (migration?.isDryRun && controlsTransaction && !options.transaction) return migration.endDryRun();
      return this.#send(sql, options);
    }
    const plan = (read: ReadForPlan) =>
      schemaChangesOf(this.#sequelize).planRows(text, options, { migration, read });
    return migration.query(text, options, plan, ({ journalled, ...more }, instead) => {
      const sent = { ...options, ...more, journalled };
      const written = withText(sql, () => instead);
      // What is answered by the journal is not sent, and needs no attempts.
      return journalled !== undefined && 'kept' in journalled
        ? this.#hostQuery(written, sent)
        : this.#send(written, sent);
    });
  }

  async #send(sql: unknown, options: StatementOptions): Promise<unknown> {
    const { transaction = ambientTransaction(this.#sequelize) } = options;
    if (transaction === noTransaction) return this.#sendAutocommit(sql, { ...options, transaction: null });
    if (transaction) return this.#sendIn(transaction, sql, { ...options, transaction });
    return this.#sendAutocommit(sql, options);
  }

  async #sendIn(transaction: unknown, sql: unknown, options: StatementOptions): Promise<unknown> {
    const { completesTransaction, instance } = options;
    // What is repeated alone in a transaction that has failed hides why it has failed.
    const once = { ...options, retry: { max: 1 } };
    if (!(transaction instanceof DsqlTransaction) || completesTransaction) {
      return this.#hostQuery(sql, once);
    }
    const text = textOf(sql);
    const refusal = refusalToEndWith(text);
    if (refusal !== undefined) {
      // Even if the error is caught: what it was to end goes on.
      transaction.markRollbackOnly({ error: refusal });
      throw refusal;
    }
    try {
      await transaction.enter(statementOf(sql, text, options), instance);
      return await transaction.send(text, () => this.#hostQuery(sql, once), this.transactions.defaults.run);
    } catch (error) {
      transaction.noteFailure(error);
      throw findInChain(error, isTooLargeToSend) ?? error;
    }
  }

  #sendAutocommit(sql: unknown, options: StatementOptions): Promise<unknown> {
    const { transactions } = this;
    const text = textOf(sql);
    const send = (own: StatementOptions) =>
      this.#hostQuery(sql, own).catch((error: unknown) => {
        // What became of it is what the error is to say, not that Sequelize has wrapped one of ours.
        throw findInChain(error, saysWhatBecame) ?? error;
      });
    const { controlsTransaction, onlyReads, firstWord } = summarizeText(text);
    if (controlsTransaction) return send(options);
    const label = statementLabel(text, options);
    const statement = statementOf(sql, text, options);
    if (!onlyReads && transactions.defaults.commitMarkers && canBeMarked(text)) {
      const reusedKeys = new ReusedIdentityKeys(identityColumnsOf(this.#sequelize));
      const begin = () => this.#beginFor(sql, options, reusedKeys);
      return transactions.runMarked(begin, label, statement, (attempt) => reusedKeys.attempt(attempt));
    }
    return transactions.runner.runStatement({
      first: statement,
      send: firstWord === 'INSERT' ? this.#withKeys(options, send) : () => send(options),
      // Its outcome is unknown when its answer is lost.
      returned: { value: undefined },
      label,
      // What reads alone waits for nobody.
      mayWait: !onlyReads,
      callsApplication: tellsOfStatements(this.#sequelize, options),
    });
  }

  /** Sends an INSERT with the keys that an earlier attempt was given. */
  #withKeys(
    options: StatementOptions,
    send: (own: StatementOptions) => Promise<unknown>,
  ): () => Promise<unknown> {
    const reusedKeys = new ReusedIdentityKeys(identityColumnsOf(this.#sequelize));
    return () => reusedKeys.attempt(() => send({ ...options, reusedKeys }));
  }

  async transaction(
    first?: SequelizeTransactionOptions | ((transaction: Transaction) => PromiseLike<unknown>),
    second?: (transaction: Transaction) => PromiseLike<unknown>,
  ): Promise<unknown> {
    const [options, work] = typeof first === 'function' ? [{}, first] : [first ?? {}, second];
    // `findOrCreate` begins a transaction of its own, with its own options. In the caller's it needs none.
    const isForFindOrCreate = work === undefined && 'where' in options;
    if (isForFindOrCreate && options.transaction) return options.transaction;
    const split = splitOptions(isForFindOrCreate ? pickLogging(options) : options);
    const parent = this.#parentOf(options);
    if (parent !== undefined) {
      const { nested } = resolveTransactionOptions(split.own, this.transactions.defaults);
      if (nested === 'throw') {
        const error = new NestedTransactionError();
        // Even if the error is caught: the inner work is missing.
        parent.markRollbackOnly({ error });
        throw error;
      }
      return this.#join(parent, split.host, work);
    }
    if (work !== undefined) return this.transactions.run(work, split);
    resolveTransactionOptions(split.own, this.transactions.defaults);
    const transaction = new DsqlTransaction(this.#sequelize, split.host, false);
    await transaction.prepareEnvironment(false);
    return transaction;
  }

  /** A transaction for one statement and its marker. */
  async #beginFor(
    sql: unknown,
    options: StatementOptions,
    reusedKeys: ReusedIdentityKeys,
  ): Promise<StatementTransaction<unknown>> {
    const transaction = new DsqlTransaction(this.#sequelize, {}, true, { reusedKeys });
    await transaction.prepareEnvironment(false);
    const within = { ...options, transaction, retry: { max: 1 } };
    return {
      send: () => this.#hostQuery(sql, within),
      commitWith: async (text, values) => {
        await this.#hostQuery(text, { bind: [...values], transaction, raw: true });
        await transaction.commitOnly();
      },
      rollback: async () => {
        if (transaction.finished === undefined) await transaction.rollback();
      },
    };
  }

  /** The attempts of one transaction: what they insert is inserted under the same keys. */
  #attempts(): SequelizeAttempts {
    const reusedKeys = new ReusedIdentityKeys(identityColumnsOf(this.#sequelize));
    return {
      open: (options, body, admit) => this.#openAttempt(options, body, { admit, reusedKeys }),
      make: (attempt) => reusedKeys.attempt(attempt),
    };
  }

  #openAttempt<T>(
    options: object,
    body: (open: OpenTransaction<Transaction, Model>) => Promise<T>,
    attempt: TransactionAttempt,
  ): Promise<T> {
    const transaction = new DsqlTransaction(this.#sequelize, options, true, attempt);
    const migration = runningMigration(this.#sequelize);
    const begun = migration?.reached;
    return clsOf(this.#sequelize)._clsRun(async () => {
      await transaction.prepareEnvironment(true);
      try {
        return await body({
          transaction,
          touched: transaction.touched,
          get isUsed() {
            return transaction.isUsed;
          },
          get hasChangedSchema() {
            return transaction.hasChangedSchema;
          },
          get outcome() {
            return outcomeOf(transaction);
          },
          run: (text, values) => runStatement(this.#sequelize, text, values, transaction),
          commit: () => transaction.commitOnly(),
          complete: () => transaction.complete(),
          reasonOf: (error) => transaction.reasonOf(error),
        });
      } catch (error) {
        // The first error is the one to report.
        if (transaction.finished === undefined) await transaction.rollback().catch(() => undefined);
        throw migration === undefined || begun === undefined ? error : migration.rolledBack(begun, error);
      }
    });
  }

  /** The transaction that a new one would join. */
  #parentOf({ transaction }: SequelizeTransactionOptions): DsqlTransaction | undefined {
    if (transaction === null) return undefined;
    const parent: unknown = transaction ?? ambientTransaction(this.#sequelize);
    if (!(parent instanceof DsqlTransaction)) {
      if (transaction !== undefined) throw new NestedTransactionError();
      return undefined;
    }
    const isAmbient = transaction === undefined;
    return isAmbient && (parent.finished !== undefined || parent.sequelize !== this.#sequelize)
      ? undefined
      : parent;
  }

  async #join(
    parent: DsqlTransaction,
    options: object,
    work: ((transaction: Transaction) => PromiseLike<unknown>) | undefined,
  ): Promise<unknown> {
    if (parent.root.finished !== undefined) {
      throw new Error(
        `Transaction cannot be joined because it has been finished with state: ${parent.root.finished}`,
      );
    }
    const joined = new DsqlTransaction(this.#sequelize, { ...options, transaction: parent }, true);
    if (work === undefined) {
      await joined.prepareEnvironment(false);
      return joined;
    }
    return clsOf(this.#sequelize)._clsRun(async () => {
      try {
        await joined.prepareEnvironment(true);
        const value = await work(joined);
        await joined.commit();
        return value;
      } catch (error) {
        joined.finished = 'rollback';
        joined.markRollbackOnly({ error });
        throw error;
      }
    });
  }
}

/** Where an instance keeps its models: each is added when it is defined, whatever hooks there are. */
export interface HostModelManager {
  readonly models: readonly ModelStatic<Model>[];
  addModel(model: ModelStatic<Model>): ModelStatic<Model>;
}

/**
 * Sees to the models of an instance, from the moment each is defined.
 *
 * @param manager - no model is defined yet
 * @returns what takes the place of its `addModel`
 */
export function superviseModels(manager: HostModelManager): HostModelManager['addModel'] {
  const addModel = manager.addModel.bind(manager);
  return (model) => {
    modelMemory.trackChanges(model.prototype as object);
    replaceFindOrCreate(model);
    replaceSync(model);
    return addModel(model);
  };
}

function saysWhatBecame(error: object): boolean {
  return isCommitOutcomeUnknownError(error) || isAfterCommitError(error) || isTooLargeToSend(error);
}

function pickLogging({ logging, benchmark }: SequelizeTransactionOptions): SequelizeTransactionOptions {
  return { ...(logging !== undefined && { logging }), ...(benchmark !== undefined && { benchmark }) };
}

/** What is sent, for the admission of its transaction. */
function statementOf(sql: unknown, text: string, { bind, replacements }: StatementOptions): FirstStatement {
  const inSql = (sql ?? {}) as { readonly bind?: unknown; readonly values?: unknown };
  const values = bind ?? replacements ?? inSql.bind ?? inSql.values;
  return { text, values: typeof values === 'object' && values !== null ? Object.values(values) : undefined };
}

/** The same query with another text, which it may have as an object. */
function withText(sql: unknown, change: (text: string) => string): unknown {
  const text = textOf(sql);
  const changed = change(text);
  if (changed === text) return sql;
  return typeof sql === 'string' ? changed : { ...(sql as object), query: changed };
}

function textOf(sql: unknown): string {
  const text = typeof sql === 'object' && sql !== null ? (sql as { readonly query?: unknown }).query : sql;
  return typeof text === 'string' ? text : '';
}
