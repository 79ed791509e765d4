import type { Model, ModelStatic, Options, Sequelize, Transaction as HostTransaction } from 'sequelize';
import type { Transaction } from 'sequelize/lib/transaction';
import {
  canBeMarked,
  NestedTransactionError,
  resolveTransactionOptions,
  type Attempt,
  type StatementTransaction,
} from '../occ';
import { DsqlDialect } from './dsql-dialect';
import { DsqlTransaction } from './dsql-transaction';
import { retryFindOrCreate } from './find-or-create';
import { ManagedTransactions, type OpenAttempt } from './managed-transactions';
import { resolveSequelizeOptions, type DsqlSequelizeOptions, type ResolvedSequelizeOptions } from './options';
import { mayBeSentAgain, statementLabel, type StatementOptions } from './statement';
import { trackChanges } from './touched-instances';
import { splitTransactionOptions, type SequelizeTransactionOptions } from './transaction-options';
import { register } from './transactions';

/** A class of `Sequelize` instances: Sequelize's own, sequelize-typescript's, or one of yours. */
// A mixin's base has to be constructed with `any` (TS2545).
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type SequelizeClass = new (...args: any[]) => Sequelize;

/** The options that a class of instances takes beside Sequelize's, as `models` of sequelize-typescript. */
type OptionsOf<Base extends SequelizeClass> = Extract<ConstructorParameters<Base>[1], Options>;

/** What an instance of ours does besides what Sequelize does. */
export interface DsqlTransactions {
  /** Runs a managed transaction, again and again until it meets no conflict. */
  transaction<T>(
    options: SequelizeTransactionOptions,
    work: (transaction: HostTransaction) => PromiseLike<T>,
  ): Promise<T>;
  transaction<T>(work: (transaction: HostTransaction) => PromiseLike<T>): Promise<T>;
  /** Begins an unmanaged transaction, which is not run again: its conflict surfaces from `commit()`. */
  transaction(options?: SequelizeTransactionOptions): Promise<HostTransaction>;
}

/** A class whose instances reach Aurora DSQL. */
export type DsqlSequelizeClass<Base extends SequelizeClass> = Pick<Base, keyof Base> & {
  new (options: DsqlSequelizeOptions<OptionsOf<Base>>): InstanceType<Base> & DsqlTransactions;
  new (url: string, options?: DsqlSequelizeOptions<OptionsOf<Base>>): InstanceType<Base> & DsqlTransactions;
};

/** What Sequelize's types leave out, as far as it is used here. */
interface HostSequelize extends Pick<Sequelize, 'addHook'> {
  readonly options: { readonly dialectOptions: object };
  query(sql: unknown, options?: object): Promise<unknown>;
}

/** Where CLS is in use: what `useCLS` was given. Sequelize keeps it on its own class, for all instances. */
interface WithCls {
  readonly _cls?: { get(name: 'transaction'): unknown } | undefined;
  _clsRun<T>(work: () => Promise<T>): Promise<T>;
}

/** By the object that is `dialectOptions` of the instance: Sequelize's constructor makes the dialect before ours goes on. */
const resolvedOptions = new WeakMap<object, ResolvedSequelizeOptions>();

const ours = new WeakSet<Sequelize>();

/** Whether an instance is of a class that {@link DsqlSequelize} has made. */
export function isDsqlSequelize(sequelize: Sequelize): sequelize is Sequelize & DsqlTransactions {
  return ours.has(sequelize);
}

/**
 * Makes a class of `Sequelize` instances that reach Aurora DSQL, out of one that reach PostgreSQL. Only its own instances
 * are concerned.
 *
 * @example
 * ```ts
 * import { Sequelize } from 'sequelize-typescript';
 *
 * const sequelize = new (DsqlSequelize(Sequelize))({
 *   host: 'abcdefghijklmnopqrstuvwxyz.dsql.us-east-1.on.aws',
 *   models: [Account],
 * });
 * ```
 */
export function DsqlSequelize<Base extends SequelizeClass>(base: Base): DsqlSequelizeClass<Base> {
  const Host = base as unknown as new (options: object) => HostSequelize;

  class OnDsql extends Host {
    readonly #transactions: ManagedTransactions;

    constructor(...args: [DsqlSequelizeOptions] | [string, DsqlSequelizeOptions?]) {
      const [url, options] = typeof args[0] === 'string' ? [args[0], args[1] ?? {}] : [undefined, args[0]];
      const resolved = resolveSequelizeOptions(options, url);
      resolvedOptions.set(resolved.hostOptions.dialectOptions ?? {}, resolved);
      super(resolved.hostOptions);
      this.#transactions = new ManagedTransactions(this.#self, resolved.transactions, this.#openAttempt);
      register(this.#self, this.#transactions);
      ours.add(this.#self);
    }

    /** Sequelize's constructor sets its own dialect, takes the rest from it, and may define models before it returns. */
    set dialect(_: unknown) {
      const sequelize = this as unknown as Sequelize;
      const resolved = resolvedOptions.get(this.options.dialectOptions);
      if (resolved === undefined)
        throw new Error('The options of Sequelize were replaced in its constructor.');
      Object.defineProperty(this, 'dialect', {
        configurable: true,
        enumerable: true,
        writable: true,
        value: new DsqlDialect(sequelize, resolved),
      });
      // Unnamed: Sequelize cannot pass a named hook on to another instance with the same options.
      this.addHook('afterDefine', (defined) => {
        const model = defined as unknown as ModelStatic<Model> & { readonly sequelize: Sequelize };
        if (model.sequelize !== sequelize) return;
        trackChanges(model);
        retryFindOrCreate(model, () => ambientTransaction(this));
      });
    }

    override async query(sql: unknown, options: StatementOptions = {}): Promise<unknown> {
      const { transaction = ambientTransaction(this), completesTransaction, instance } = options;
      if (transaction) {
        // What is repeated alone in a transaction that has failed hides why it has failed.
        const once = { ...options, retry: { max: 1 } };
        if (!(transaction instanceof DsqlTransaction) || completesTransaction) return super.query(sql, once);
        transaction.noteStatement(instance);
        try {
          return await super.query(sql, once);
        } catch (error) {
          transaction.noteFailure(error);
          throw error;
        }
      }
      const text = textOf(sql);
      const send = () => super.query(sql, options);
      if (!mayBeSentAgain(text)) return send();
      const label = statementLabel(text, options);
      if (this.#transactions.defaults.commitMarkers && canBeMarked(text)) {
        return this.#transactions.runMarked(() => this.#beginFor(sql, options), label);
      }
      const attemptOnce = (attempt: Attempt<unknown>) => {
        // It commits itself, so its outcome is unknown when its answer is lost.
        attempt.returned = { value: undefined };
        return send();
      };
      return this.#transactions.runner.run({ work: send, attempt: attemptOnce }, { label });
    }

    async transaction(
      first?: SequelizeTransactionOptions | ((transaction: Transaction) => PromiseLike<unknown>),
      second?: (transaction: Transaction) => PromiseLike<unknown>,
    ): Promise<unknown> {
      const [options, work] = typeof first === 'function' ? [{}, first] : [first ?? {}, second];
      // `findOrCreate` begins a transaction of its own, with its own options. In the caller's it needs none.
      const isForFindOrCreate = work === undefined && 'where' in options;
      if (isForFindOrCreate && options.transaction) return options.transaction;
      const split = splitTransactionOptions(isForFindOrCreate ? pickLogging(options) : options);
      const parent = this.#parentOf(options);
      if (parent !== undefined) {
        const { nested } = resolveTransactionOptions(split.own, this.#transactions.defaults);
        if (nested === 'throw') throw new NestedTransactionError();
        return this.#join(parent, split.host, work);
      }
      if (work !== undefined) return this.#transactions.run(work, split);
      resolveTransactionOptions(split.own, this.#transactions.defaults);
      const transaction = new DsqlTransaction(this.#self, split.host, false);
      await transaction.prepareEnvironment(false);
      return transaction;
    }

    /** A transaction for one statement and its marker. */
    async #beginFor(sql: unknown, options: StatementOptions): Promise<StatementTransaction<unknown>> {
      const transaction = new DsqlTransaction(this.#self, {}, true);
      await transaction.prepareEnvironment(false);
      const within = { ...options, transaction, retry: { max: 1 } };
      return {
        send: () => super.query(sql, within),
        run: (text, values) => super.query(text, { bind: [...values], transaction, raw: true }),
        commit: () => transaction.commitAlone(),
        rollback: async () => {
          if (transaction.finished === undefined) await transaction.rollback();
        },
      };
    }

    get #self(): Sequelize {
      return this as unknown as Sequelize;
    }

    readonly #openAttempt: OpenAttempt = (options, body) => {
      const transaction = new DsqlTransaction(this.#self, options, true);
      return clsOf(this)._clsRun(async () => {
        await transaction.prepareEnvironment(true);
        try {
          return await body({
            transaction,
            touched: transaction.touched,
            get isUsed() {
              return transaction.isUsed;
            },
            commit: () => transaction.commitAlone(),
            reasonOf: (error) => transaction.reasonOf(error),
          });
        } catch (error) {
          // The first error is the one to report.
          if (transaction.finished === undefined) await transaction.rollback().catch(() => undefined);
          throw error;
        }
      });
    };

    /** The transaction that a new one would stand in. */
    #parentOf({ transaction }: SequelizeTransactionOptions): DsqlTransaction | undefined {
      if (transaction === null) return undefined;
      const parent: unknown = transaction ?? ambientTransaction(this);
      if (!(parent instanceof DsqlTransaction)) {
        if (transaction !== undefined) throw new NestedTransactionError();
        return undefined;
      }
      const isAmbient = transaction === undefined;
      return isAmbient && (parent.finished !== undefined || parent.sequelize !== this.#self)
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
      const joined = new DsqlTransaction(this.#self, { ...options, transaction: parent }, true);
      if (work === undefined) {
        await joined.prepareEnvironment(false);
        return joined;
      }
      return clsOf(this)._clsRun(async () => {
        try {
          await joined.prepareEnvironment(true);
          const value = await work(joined);
          await joined.commit();
          return value;
        } catch (error) {
          joined.finished = 'rollback';
          joined.doom({ error });
          throw error;
        }
      });
    }
  }
  return OnDsql as unknown as DsqlSequelizeClass<Base>;
}

function clsOf(sequelize: object): WithCls {
  return sequelize.constructor as unknown as WithCls;
}

/** The transaction that CLS finds around the running code. */
function ambientTransaction(sequelize: object): HostTransaction | undefined {
  return (clsOf(sequelize)._cls?.get('transaction') as HostTransaction | null | undefined) ?? undefined;
}

function pickLogging({ logging, benchmark }: SequelizeTransactionOptions): SequelizeTransactionOptions {
  return { ...(logging !== undefined && { logging }), ...(benchmark !== undefined && { benchmark }) };
}

function textOf(sql: unknown): string {
  const text = typeof sql === 'object' && sql !== null ? (sql as { readonly query?: unknown }).query : sql;
  return typeof text === 'string' ? text : '';
}
