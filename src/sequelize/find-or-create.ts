import type { FindOrCreateOptions, Model, ModelStatic, Sequelize, Transaction } from 'sequelize';

type FindOrCreate = (...args: unknown[]) => Promise<[Model, boolean]>;

/**
 * Runs a model's `findOrCreate` in a managed transaction, where the caller has none. Sequelize's own begins one that
 * nobody runs again, and commits it even after an error.
 *
 * @param ambient - the transaction that CLS finds around the running code
 */
export function retryFindOrCreate(model: ModelStatic<Model>, ambient: () => Transaction | undefined): void {
  // Sequelize's own, or that of a class between it and the model.
  const inherited = model.findOrCreate as FindOrCreate;
  Object.defineProperty(model, 'findOrCreate', {
    configurable: true,
    writable: true,
    value(
      this: ModelStatic<Model> & { readonly sequelize: Sequelize },
      ...args: unknown[]
    ): ReturnType<FindOrCreate> {
      const [options] = args as [FindOrCreateOptions | undefined];
      const isMistaken = args.length !== 1 || !options?.where;
      if (isMistaken || options.transaction || (options.transaction === undefined && ambient())) {
        return inherited.apply(this, args);
      }
      const { logging, benchmark } = options;
      return this.sequelize.transaction(
        {
          ...(logging !== undefined && { logging }),
          ...(benchmark !== undefined && { benchmark }),
          transaction: null,
          ...{ label: `findOrCreate ${this.name}` },
        },
        (transaction) => inherited.call(this, { ...options, transaction }),
      );
    },
  });
}
