import { Model, type FindOptions, type ModelStatic } from '@sequelize/core';
import { InstanceMemory } from '../occ';
import { StaleInstanceError } from './stale-instance-error';

/** What instances of models remember of attempts that have failed. */
export const modelMemory = new InstanceMemory<Model>({
  isInstance: (value) => value instanceof Model,
  state: ['dataValues', '_previousDataValues', '_changed', 'isNewRecord'],
  shared: '_options',
  staleError: (instance, attemptError) =>
    new StaleInstanceError((instance.constructor as ModelStatic).name, attemptError),
  async reload(instance, [options]) {
    // An attribute that were left out would stay as the failed attempt has left it.
    await instance.reload({ ...(options as FindOptions | undefined), attributes: undefined });
    Object.assign(instance, { _changed: new Set<string>(), isNewRecord: false });
  },
});

/** The methods of `Model` that change an instance in memory, and whether a call with these arguments does. */
const changes: Readonly<Record<string, (args: readonly unknown[]) => boolean>> = {
  set: ([key, value, options]) => !isBuilding(typeof key === 'object' ? value : options),
  setDataValue: () => true,
  changed: ([, value]) => value !== undefined,
};

/** While an instance is built, the options that it is built with are passed: that is no change. */
function isBuilding(options: unknown): boolean {
  return typeof options === 'object' && options !== null && '_schemaDelimiter' in options;
}

const tracked = new WeakSet<object>();

/**
 * Lets the instances of a model say when they are changed in memory. Without SQL nobody could see it, and a change that
 * is relative to what was there (`balance -= 10`) would be done once more by each further attempt.
 *
 * The methods are set on the class of the model, beside the accessors that Sequelize sets there; its own `Model` stays as
 * it is.
 */
export function trackChanges(model: ModelStatic): void {
  const prototype = model.prototype as unknown as Record<string, (...args: unknown[]) => unknown>;
  if (tracked.has(prototype)) return;
  tracked.add(prototype);
  for (const [name, isChange] of Object.entries(changes)) {
    const inherited = prototype[name];
    if (inherited === undefined) throw new Error(`Sequelize's Model has no method ${name}.`);
    Object.defineProperty(prototype, name, {
      configurable: true,
      writable: true,
      value(this: Model, ...args: unknown[]): unknown {
        if (isChange(args)) modelMemory.noteChange(this);
        return inherited.apply(this, args);
      },
    });
  }
}
