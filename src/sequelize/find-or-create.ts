import {
  Model,
  type FindOrCreateOptions,
  type ModelStatic,
  type Sequelize,
  type Transaction,
} from 'sequelize';

type FindOrCreate = (options: FindOrCreateOptions) => Promise<[Model, boolean]>;

/**
 * Runs a model's `findOrCreate` in a managed transaction, where the caller has none. Sequelize's own begins one that
 * nobody runs again, and commits it even after an error.
 *
 * A model that overrides the method keeps its own.
 */
export function retryFindOrCreate(model: ModelStatic<Model>, ambient: () => Transaction | undefined): void {
  // Called on the model, as a static method is.
  // eslint-disable-next-line @typescript-eslint/unbound-method
  const inherited = Model.findOrCreate as FindOrCreate;
  if ((model.findOrCreate as FindOrCreate) !== inherited) return;
  Object.defineProperty(model, 'findOrCreate', {
    configurable: true,
    writable: true,
    async value(this: ModelStatic<Model> & { readonly sequelize: Sequelize }, ...args: unknown[]) {
      const [options] = args as [FindOrCreateOptions | undefined];
      const call = (more?: { transaction: Transaction }) =>
        Reflect.apply(inherited, this, more ? [{ ...options, ...more }] : args) as ReturnType<FindOrCreate>;
      const isMistaken = args.length !== 1 || options?.where === undefined;
      if (isMistaken || options.transaction || (options.transaction === undefined && ambient()))
        return call();
      const { logging, benchmark } = options;
      return this.sequelize.transaction(
        {
          ...(logging !== undefined && { logging }),
          ...(benchmark !== undefined && { benchmark }),
          transaction: null,
          ...{ label: `findOrCreate ${this.name}` },
        },
        (transaction) => call({ transaction }),
      );
    },
  });
}
