import type { Options, Sequelize, Transaction as HostTransaction } from 'sequelize';
import { readArguments, type ConstructorArguments } from './options/constructor-arguments';
import { dialectOf, DsqlDialect } from './dialect/dsql-dialect';
import { DsqlInstance, superviseModels, type HostModelManager } from './dsql-instance';
import type { DsqlTransactions } from './dsql-transactions';
import {
  resolveSequelizeOptions,
  type DsqlSequelizeOptions,
  type ResolvedSequelizeOptions,
} from './options/options';
import type { StatementOptions } from './statement';
import { syncAll } from './schema/sync';
import type { SequelizeTransactionOptions } from './transactions/transaction-options';

/** A class of `Sequelize` instances: Sequelize's own, sequelize-typescript's, or one of yours. */
// A mixin's base has to be constructed with `any` (TS2545).
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type SequelizeClass = new (...args: any[]) => Sequelize;

/** The options that a class of instances takes beside Sequelize's, as `models` of sequelize-typescript. */
type OptionsOf<Base extends SequelizeClass> = Extract<ConstructorParameters<Base>[1], Options>;

/** A class whose instances reach Aurora DSQL. */
export type DsqlSequelizeClass<Base extends SequelizeClass> = Pick<Base, keyof Base> &
  (new (
    ...args: ConstructorArguments<DsqlSequelizeOptions<OptionsOf<Base>>>
  ) => InstanceType<Base> & DsqlTransactions);

/** What Sequelize's types leave out, as far as it is used here. */
interface HostSequelize extends Pick<Sequelize, 'addHook'> {
  readonly options: { readonly dialectOptions: object };
  query(sql: unknown, options?: object): Promise<unknown>;
  sync(options?: object): Promise<unknown>;
  normalizeDataType(type: unknown): object;
}

/**
 * By the object that is `dialectOptions` of the instance. Honest here: Sequelize's constructor makes the dialect before ours
 * can go on, and this object is all that it hands on unchanged.
 */
const resolvedOptions = new WeakMap<object, ResolvedSequelizeOptions>();

/**
 * Makes a class of `Sequelize` instances that reach Aurora DSQL, out of one that reach PostgreSQL. Only its own instances
 * change.
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
    constructor(...args: ConstructorArguments) {
      const { url, options } = readArguments(args);
      const resolved = resolveSequelizeOptions(options, url);
      resolvedOptions.set(resolved.hostOptions.dialectOptions ?? {}, resolved);
      super(resolved.hostOptions);
      dialectOf(this).instance = new DsqlInstance(this as unknown as Sequelize, resolved, (sql, options) =>
        super.query(sql, options),
      );
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
    }

    /** Set by Sequelize's constructor, before the first model is defined. */
    set modelManager(manager: HostModelManager) {
      Object.defineProperty(this, 'modelManager', {
        configurable: true,
        enumerable: true,
        writable: true,
        value: Object.assign(manager, { addModel: superviseModels(manager) }),
      });
    }

    override sync(options?: object): Promise<unknown> {
      return syncAll(this as unknown as Sequelize, options, (own) => super.sync(own));
    }

    override normalizeDataType(type: unknown): object {
      return dialectOf(this).storedType(super.normalizeDataType(type));
    }

    override query(sql: unknown, options?: StatementOptions): Promise<unknown> {
      return dialectOf(this).instance.query(sql, options);
    }

    transaction(
      first?: SequelizeTransactionOptions | ((transaction: HostTransaction) => PromiseLike<unknown>),
      second?: (transaction: HostTransaction) => PromiseLike<unknown>,
    ): Promise<unknown> {
      return dialectOf(this).instance.transaction(first, second);
    }
  }
  return OnDsql as unknown as DsqlSequelizeClass<Base>;
}
