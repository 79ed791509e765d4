import { Model, type FindOrCreateOptions, type ModelStatic, type Sequelize } from 'sequelize';
import { ambientTransaction, clsOf } from '../transactions/cls';
import { noTransaction } from '../transactions/no-transaction';

type HostModel = ModelStatic<Model> & { readonly sequelize: Sequelize };
type FindOrCreate = (...args: unknown[]) => Promise<[Model, boolean]>;

/** What `findOrCreate` runs of the user's: each is handed the transaction. */
const HOOKS = [
  'beforeFind',
  'beforeFindAfterExpandIncludeAll',
  'beforeFindAfterOptions',
  'afterFind',
  'beforeValidate',
  'afterValidate',
  'validationFailed',
  'beforeCreate',
  'afterCreate',
  'beforeSave',
  'afterSave',
];

/**
 * Replaces a model's `findOrCreate` where the caller has no transaction. Sequelize's own begins one that nobody runs again,
 * and commits it even after an error.
 *
 * Where nothing of the user's could tell the difference there is none at all: a SELECT, and an INSERT that skips a row that
 * came in between, which are autocommit statements. Otherwise both, and all that hooks do, are a managed transaction.
 */
export function replaceFindOrCreate(model: ModelStatic<Model>): void {
  // Sequelize's own, or that of a class between it and the model.
  const inherited = model.findOrCreate as FindOrCreate;
  Object.defineProperty(model, 'findOrCreate', {
    configurable: true,
    writable: true,
    value(this: HostModel, ...args: unknown[]): ReturnType<FindOrCreate> {
      const [options] = args as [FindOrCreateOptions | undefined];
      const { sequelize } = this;
      const isMistaken = args.length !== 1 || !options?.where;
      if (
        isMistaken ||
        options.transaction ||
        (options.transaction === undefined && ambientTransaction(sequelize))
      ) {
        return inherited.apply(this, args);
      }
      if (inherited === Model.findOrCreate && isTwoStatements(this, options)) {
        return inherited.call(this, { ...options, transaction: noTransaction });
      }
      const { logging, benchmark } = options;
      return sequelize.transaction(
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

/** Whether only Sequelize's own code runs, and sends no more than a SELECT and an INSERT. */
function isTwoStatements(model: HostModel, options: FindOrCreateOptions): boolean {
  if ('include' in options || model.create !== Model.create || model.findOne !== Model.findOne) return false;
  // Who uses CLS expects that whatever is called, be it by a validator, finds the transaction.
  if (clsOf(model.sequelize)._cls !== undefined) return false;
  // Hooks of the instance run for all of its models. Their types leave one of the names out.
  const owners = [model, model.sequelize] as unknown as readonly { hasHook(hook: string): boolean }[];
  return options.hooks === false || !HOOKS.some((hook) => owners.some((owner) => owner.hasHook(hook)));
}
