import type { FindOrCreateOptions, Model, ModelStatic, Transaction } from '@sequelize/core';
import type { SequelizeTransactionOptions } from './transaction-options';

type FindOrCreate = (...args: unknown[]) => Promise<[Model, boolean]>;

type RunTransaction = (
  options: SequelizeTransactionOptions,
  work: (transaction: Transaction) => unknown,
) => Promise<unknown>;

/**
 * Runs a model's `findOrCreate` in a managed transaction, where the caller has none. Sequelize's own begins one that
 * nobody runs again, and commits it even after an error.
 */
export function retryFindOrCreate(model: ModelStatic, run: RunTransaction): void {
  // Sequelize's own, or that of a class between it and the model.
  const inherited = model.findOrCreate as unknown as FindOrCreate;
  Object.defineProperty(model, 'findOrCreate', {
    configurable: true,
    writable: true,
    async value(this: ModelStatic, ...args: unknown[]): ReturnType<FindOrCreate> {
      const [options] = args as [FindOrCreateOptions | undefined];
      const isMistaken = args.length !== 1 || !options?.where;
      const ambient =
        options?.transaction === undefined ? this.sequelize.getCurrentClsTransaction() : undefined;
      if (isMistaken || options.transaction || ambient || options.connection)
        return inherited.apply(this, args);
      const { logging, benchmark } = options;
      const found = await run(
        {
          ...(logging !== undefined && { logging }),
          ...(benchmark !== undefined && { benchmark }),
          transaction: null,
          label: `findOrCreate ${this.name}`,
        },
        (transaction) => inherited.call(this, { ...options, transaction }),
      );
      return found as Awaited<ReturnType<FindOrCreate>>;
    },
  });
}
