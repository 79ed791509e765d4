import { Model, type FindOptions } from 'sequelize';
import { InstanceMemory } from '../../occ';
import { StaleInstanceError } from './stale-instance-error';

/** What instances of models remember of attempts that have failed. */
export const modelMemory = new InstanceMemory<Model>({
  isInstance: (value) => value instanceof Model,
  state: ['dataValues', '_previousDataValues', '_changed', 'isNewRecord'],
  shared: '_options',
  changes: {
    // While an instance is built, its own options are passed: that is no change.
    set: (instance, [key, value, options]) => {
      const { _options } = instance as Model & { readonly _options: object };
      return (typeof key === 'object' ? value : options) !== _options;
    },
    setDataValue: () => true,
    changed: (_, [, value]) => value !== undefined,
  },
  staleError: (instance, attemptError) =>
    new StaleInstanceError((instance.constructor as typeof Model).name, attemptError),
  async reload(instance, [options]) {
    await instance.reload(withoutAttributes(options as FindOptions | undefined));
    Object.assign(instance, { _changed: new Set<string>(), isNewRecord: false });
  },
});

/** An attribute that were left out would stay as the failed attempt has left it. */
function withoutAttributes(options: FindOptions | undefined): FindOptions {
  return Object.fromEntries(Object.entries(options ?? {}).filter(([name]) => name !== 'attributes'));
}
