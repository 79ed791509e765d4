import type { FindOptions, Model } from 'sequelize';
import { StaleInstanceError } from './stale-instance-error';

/** Where an instance keeps what it knows. Whatever is done with an instance reads one of them first. */
const STATE = ['dataValues', '_previousDataValues', '_changed', 'isNewRecord'] as const;

const stale = new WeakSet<Model>();

/**
 * Makes every use of an instance throw {@link StaleInstanceError}, until it is reloaded.
 *
 * @param attemptError - what the attempt that changed it failed with
 */
export function markStale(instance: Model, attemptError: unknown): void {
  if (stale.has(instance)) return;
  stale.add(instance);
  const kept = STATE.map((name) => [name, Object.getOwnPropertyDescriptor(instance, name)] as const);
  const refuse = () => {
    throw new StaleInstanceError((instance.constructor as typeof Model).name, attemptError);
  };
  for (const name of STATE) {
    Object.defineProperty(instance, name, {
      configurable: true,
      enumerable: false,
      get: refuse,
      set: refuse,
    });
  }
  const reload = async (options?: FindOptions): Promise<Model> => {
    stale.delete(instance);
    Reflect.deleteProperty(instance, 'reload');
    for (const [name, descriptor] of kept) {
      if (descriptor !== undefined) Object.defineProperty(instance, name, descriptor);
    }
    try {
      await instance.reload(withoutAttributes(options));
    } catch (error) {
      markStale(instance, attemptError);
      throw error;
    }
    Object.assign(instance, { _changed: new Set<string>(), isNewRecord: false });
    return instance;
  };
  Object.defineProperty(instance, 'reload', { configurable: true, enumerable: false, value: reload });
}

/** An attribute that were left out would stay as the failed attempt has left it. */
function withoutAttributes(options: FindOptions | undefined): FindOptions {
  return Object.fromEntries(Object.entries(options ?? {}).filter(([name]) => name !== 'attributes'));
}
