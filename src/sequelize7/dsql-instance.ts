import { AsyncLocalStorage } from 'node:async_hooks';
import {
  QueryTypes,
  TransactionNestMode,
  type ManagedTransactionOptions,
  type Model,
  type QueryRawOptions,
  type Sequelize,
  type Transaction,
  type TransactionOptions,
} from '@sequelize/core';
import {
  assertTransactionIsCompatibleWithOptions,
  COMPLETES_TRANSACTION,
  normalizeTransactionOptions,
} from '@sequelize/core/_non-semver-use-at-your-own-risk_/transaction.js';
import { hasTransactionControl, oneConnectionPerWaiter } from '../connection';
import {
  canBeMarked,
  ManagedTransactions,
  NestedTransactionError,
  resolveTransactionOptions,
  splitTransactionOptions,
  statementLabel,
  type Attempt,
  type OpenAttempt,
  type StatementTransaction,
} from '../occ';
import type { DsqlConnectionManager } from './dsql-connection-manager';
import { DsqlTransaction } from './dsql-transaction';
import { retryFindOrCreate } from './find-or-create';
import { modelMemory } from './model-memory';
import type { ResolvedOptions } from './options';
import { SchemaChanges } from './schema-changes';
import type { StatementOptions } from './statement';
import type { SequelizeTransactionOptions } from './transaction-options';

type Work = (transaction: Transaction) => unknown;

/** The methods of a `Sequelize` that are replaced on an instance of ours, as far as its types go. */
type QueryRaw = (sql: string, options?: QueryRawOptions) => Promise<unknown>;

const instances = new WeakMap<object, DsqlInstance>();

/** What an instance of Sequelize does on Aurora DSQL; nothing for one with another dialect. */
export function dsqlInstanceOf(sequelize: object): DsqlInstance | undefined {
  return instances.get(sequelize);
}

/**
 * One instance of Sequelize on Aurora DSQL. Its own methods are replaced, and nobody else's: statements that stand alone
 * and managed transactions are run again after a conflict.
 */
export class DsqlInstance {
  readonly transactions: ManagedTransactions<Transaction, Model, TransactionOptions, Sequelize>;
  readonly #sequelize: Sequelize;
  readonly #manager: DsqlConnectionManager;
  readonly #schema: SchemaChanges;
  /** Sequelize's own, or that of a class between it and the instance. */
  readonly #queryRaw: QueryRaw;
  readonly #cls = new AsyncLocalStorage<DsqlTransaction>();

  /** @param sequelize - whose constructor is running: it has its raw options, and nothing else yet */
  constructor(
    sequelize: Sequelize,
    manager: DsqlConnectionManager,
    { transactions, mapping }: ResolvedOptions,
  ) {
    this.#sequelize = sequelize;
    this.#manager = manager;
    this.#queryRaw = (sequelize.queryRaw as QueryRaw).bind(sequelize);
    this.#schema = new SchemaChanges(mapping, (sql, options) => this.#send(sql, options));
    const runAlone = async (text: string, values: readonly string[]) => {
      const [rows] = (await sequelize.query(text, {
        bind: [...values],
        transaction: null,
        type: QueryTypes.RAW,
      })) as [Record<string, unknown>[], unknown];
      return rows;
    };
    this.transactions = new ManagedTransactions(
      { host: sequelize, memory: modelMemory, open: this.#openAttempt, runAlone },
      transactions,
    );
    instances.set(sequelize, this);
    this.#takeOver();
  }

  #takeOver(): void {
    const methods = {
      queryRaw: (sql: string, options?: QueryRawOptions) => this.query(sql, options),
      transaction: (first: SequelizeTransactionOptions | Work, second?: Work) =>
        typeof first === 'function' ? this.run({}, first) : this.run(first, second),
      startUnmanagedTransaction: (options?: TransactionOptions) => this.#startUnmanaged(options),
      getCurrentClsTransaction: () => this.#cls.getStore(),
    } satisfies Partial<Record<keyof Sequelize, unknown>>;
    for (const [name, value] of Object.entries(methods)) {
      Object.defineProperty(this.#sequelize, name, { configurable: true, writable: true, value });
    }
    // Sequelize makes its pool when the dialect is there.
    Object.defineProperty(this.#sequelize, 'pool', {
      configurable: true,
      enumerable: true,
      set: (pool: Sequelize['pool']) => {
        this.#adoptPool(pool);
      },
    });
    this.#sequelize.hooks.addListener('afterDefine', (model) => {
      if (model.sequelize !== this.#sequelize) return;
      modelMemory.trackChanges(model.prototype);
      retryFindOrCreate(model, (options, work) => this.run(options, work));
    });
  }

  /** A token is worth more than 10 seconds, and a connection that is too old goes when it is given back. */
  #adoptPool(pool: Sequelize['pool']): void {
    const { idle } = this.#sequelize.rawOptions.pool ?? {};
    for (const each of [pool.write, pool.read]) {
      if (each === null) continue;
      Object.assign(each, { idleTimeoutMillis: idle ?? IDLE_TIMEOUT_MS });
      oneConnectionPerWaiter(each);
    }
    const release = pool.release.bind(pool);
    const value = (client: Parameters<typeof release>[0]) => {
      if (this.#manager.mayBeUsedAgain(client as never)) release(client);
      else void pool.destroy(client);
    };
    Object.defineProperty(pool, 'release', { configurable: true, writable: true, value });
    Object.defineProperty(this.#sequelize, 'pool', {
      configurable: true,
      enumerable: true,
      writable: true,
      value: pool,
    });
  }

  /**
   * What the instance does in the place of Sequelize's own `queryRaw`.
   *
   * @param author - who has written the statement: what is refused of a user's is left to the server
   */
  async query(
    sql: string,
    options: StatementOptions = {},
    author: 'ORM' | 'user' = 'user',
  ): Promise<unknown> {
    const transaction = this.#transactionOf(options) ?? null;
    if (transaction === null && options.connection !== undefined) return this.#queryRaw(sql, options);
    const found = { ...options, transaction };
    return this.#schema.concern(sql, options) ? this.#schema.run(sql, found, author) : this.#send(sql, found);
  }

  #send(sql: string, options: StatementOptions): Promise<unknown> {
    const { transaction } = options;
    return transaction ? this.#runInside(transaction, sql, options) : this.#runAlone(sql, options);
  }

  /** As Sequelize finds it. */
  #transactionOf({ transaction, connection }: StatementOptions): Transaction | undefined {
    const ambient = this.#cls.getStore();
    const mayBeAmbient =
      connection === undefined ? transaction === undefined : ambient?.getConnectionIfExists() === connection;
    return transaction ?? (mayBeAmbient ? ambient : undefined);
  }

  async #runInside(transaction: Transaction, sql: string, options: StatementOptions): Promise<unknown> {
    // What is repeated alone in a transaction that has failed hides why it has failed.
    const once = { ...options, retry: { max: 1 } };
    const isControl =
      (options as { readonly [COMPLETES_TRANSACTION]?: boolean })[COMPLETES_TRANSACTION] === true;
    if (!(transaction instanceof DsqlTransaction) || isControl) return this.#queryRaw(sql, once);
    transaction.noteStatement(options.instance);
    try {
      return await this.#queryRaw(sql, once);
    } catch (error) {
      transaction.noteFailure(error);
      throw error;
    }
  }

  #runAlone(sql: string, options: StatementOptions): Promise<unknown> {
    const send = () => this.#queryRaw(sql, { ...options, transaction: null });
    if (hasTransactionControl(sql)) return send();
    const label = statementLabel(sql, options);
    if (this.transactions.defaults.commitMarkers && canBeMarked(sql)) {
      return this.transactions.runMarked(() => this.#beginFor(sql, options), label);
    }
    const attempt = (once: Attempt<unknown>) => {
      // It commits itself, so its outcome is unknown when its answer is lost.
      once.returned = { value: undefined };
      return send();
    };
    return this.transactions.runner.run({ work: send, attempt }, { label });
  }

  /** A transaction for one statement and its marker. */
  async #beginFor(sql: string, options: StatementOptions): Promise<StatementTransaction<unknown>> {
    const transaction = new DsqlTransaction(this.#sequelize, {}, true);
    await transaction.prepareEnvironment();
    const once = { transaction, retry: { max: 1 } };
    return {
      send: () => this.#queryRaw(sql, { ...options, ...once }),
      run: (text, values) => this.#queryRaw(text, { ...once, bind: [...values], raw: true }),
      commit: () => transaction.commitAlone(),
      rollback: async () => {
        if (transaction.outcome === undefined) await transaction.rollback();
      },
    };
  }

  /** Runs a managed transaction, again and again until it meets no conflict, or as a part of the one around it. */
  async run(options: SequelizeTransactionOptions, work: Work | undefined): Promise<unknown> {
    if (work === undefined) {
      throw new Error(
        'sequelize.transaction requires a callback. If you wish to start an unmanaged transaction, please use sequelize.startUnmanagedTransaction instead',
      );
    }
    const sequelize = this.#sequelize;
    const { host, own, restore } = splitTransactionOptions<ManagedTransactionOptions, Sequelize, Model>(
      options,
    );
    const nestMode = host.nestMode ?? sequelize.options.defaultTransactionNestMode;
    const { transaction: given, ...begun } = host;
    const parent =
      nestMode === TransactionNestMode.separate
        ? undefined
        : given === undefined
          ? this.#cls.getStore()
          : (given ?? undefined);
    if (parent === undefined) {
      return this.transactions.run(work, { host: begun, own, restore });
    }
    const { nested } = resolveTransactionOptions(own, this.transactions.defaults);
    assertTransactionIsCompatibleWithOptions(parent, normalizeTransactionOptions(sequelize, begun));
    if (nestMode === TransactionNestMode.reuse) return this.#within(parent, () => work(parent));
    if (nested === 'throw' || !(parent instanceof DsqlTransaction)) throw new NestedTransactionError();
    return this.#join(parent, begun, work);
  }

  readonly #openAttempt: OpenAttempt<Transaction, Model, TransactionOptions> = async (options, body) => {
    const transaction = new DsqlTransaction(this.#sequelize, options, true);
    await transaction.prepareEnvironment();
    return this.#within(transaction, async () => {
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
            return transaction.outcome;
          },
          run: (text, values) =>
            this.#sequelize.query(text, { bind: [...values], transaction, type: QueryTypes.RAW }),
          commit: () => transaction.commitAlone(),
          complete: () => transaction.complete(),
          reasonOf: (error) => transaction.reasonOf(error),
        });
      } catch (error) {
        // The first error is the one to report.
        if (transaction.outcome === undefined) await transaction.rollback().catch(() => undefined);
        throw error;
      }
    });
  };

  async #join(parent: DsqlTransaction, options: TransactionOptions, work: Work): Promise<unknown> {
    if (parent.root.outcome !== undefined) {
      throw new Error(
        `Transaction cannot be joined because it has been finished with state: ${String(parent.root.finished)}`,
      );
    }
    const joined = new DsqlTransaction(this.#sequelize, { ...options, transaction: parent }, true);
    return this.#within(joined, async () => {
      try {
        const value = await work(joined);
        await joined.commit();
        return value;
      } catch (error) {
        joined.failJoined(error);
        throw error;
      }
    });
  }

  /** Where the application has not disabled it, what `work` does finds the transaction by itself. */
  #within<T>(transaction: Transaction, work: () => T): T {
    return transaction instanceof DsqlTransaction && !this.#sequelize.options.disableClsTransactions
      ? this.#cls.run(transaction, work)
      : work();
  }

  async #startUnmanaged(options: TransactionOptions = {}): Promise<Transaction> {
    const { transaction: parent, ...begun } = options;
    // `findOrCreate` begins a transaction of its own, with its own options. In the caller's it needs none.
    if ('where' in begun && parent) return parent;
    if (parent) {
      const { nested } = this.transactions.defaults;
      if (nested === 'throw' || !(parent instanceof DsqlTransaction)) throw new NestedTransactionError();
      return new DsqlTransaction(this.#sequelize, options, true);
    }
    const transaction = new DsqlTransaction(this.#sequelize, begun, false);
    await transaction.prepareEnvironment();
    return transaction;
  }
}

/** Of an unused connection: it took a token and a TLS handshake to open. */
const IDLE_TIMEOUT_MS = 600_000;
