import { Model, type FindOptions, type ModelStatic } from '@sequelize/core';
import { InstanceMemory } from '../occ';
import { StaleInstanceError } from './stale-instance-error';

/** What instances of models remember of attempts that have failed. */
export const modelMemory = new InstanceMemory<Model>({
  isInstance: (value) => value instanceof Model,
  state: ['dataValues', '_previousDataValues', '_changed', 'isNewRecord'],
  shared: '_options',
  changes: {
    set: (_, [key, value, options]) => !isBuilding(typeof key === 'object' ? value : options),
    setDataValue: () => true,
    changed: (_, [, value]) => value !== undefined,
  },
  staleError: (instance, attemptError) =>
    new StaleInstanceError((instance.constructor as ModelStatic).name, attemptError),
  async reload(instance, [options]) {
    // An attribute that were left out would stay as the failed attempt has left it.
    await instance.reload({ ...(options as FindOptions | undefined), attributes: undefined });
    Object.assign(instance, { _changed: new Set<string>(), isNewRecord: false });
  },
});

/** While an instance is built, the options that it is built with are passed: that is no change. */
function isBuilding(options: unknown): boolean {
  return typeof options === 'object' && options !== null && '_schemaDelimiter' in options;
}
