import { AsyncLocalStorage } from 'node:async_hooks';
import type { Model, ModelStatic } from 'sequelize';
import { markStale } from './stale-instance';

/** The attempt that the running code belongs to. */
const current = new AsyncLocalStorage<TouchedInstances>();

/** The instances that were changed in memory, or written, in one attempt of a transaction. */
export class TouchedInstances {
  #instances: Set<Model> | undefined = new Set();

  /** Runs the attempt's own code: what it changes in memory is noted, too. */
  watch<T>(work: () => T): T {
    return current.run(this, work);
  }

  add(instance: Model): void {
    this.#instances?.add(instance);
  }

  /**
   * The attempt has failed: none of the instances matches the database for certain.
   *
   * @param kept - those that are put back instead
   */
  abandon(attemptError: unknown, kept: ReadonlySet<Model> = new Set()): void {
    for (const instance of this.#instances ?? []) if (!kept.has(instance)) markStale(instance, attemptError);
    this.forget();
  }

  /** The attempt is over; code that it has left running touches nothing any more. */
  forget(): void {
    this.#instances = undefined;
  }
}

/** The methods of `Model` that change an instance in memory, and whether a call with these arguments does. */
const changes: Readonly<Record<string, (instance: HostInstance, args: readonly unknown[]) => boolean>> = {
  // While an instance is built, its own options are passed: that is no change.
  set: ({ _options }, [key, value, options]) => (typeof key === 'object' ? value : options) !== _options,
  setDataValue: () => true,
  changed: (_, [, value]) => value !== undefined,
};

type HostInstance = Model & { readonly _options: object };

const tracked = new WeakSet<object>();

/**
 * Lets the instances of a model say when they are changed in memory. Without SQL nobody could see it, and a change that
 * is relative to what was there (`balance -= 10`) would be done once more by each further attempt.
 *
 * The methods are set on the class of the model, beside the accessors that Sequelize sets there; its own `Model` stays as
 * it is.
 */
export function trackChanges(model: ModelStatic<Model>): void {
  const prototype = model.prototype as Model & Record<string, (...args: unknown[]) => unknown>;
  if (tracked.has(prototype)) return;
  tracked.add(prototype);
  for (const [name, isChange] of Object.entries(changes)) {
    const inherited = prototype[name];
    if (inherited === undefined) throw new Error(`Sequelize's Model has no method ${name}.`);
    Object.defineProperty(prototype, name, {
      configurable: true,
      writable: true,
      value(this: HostInstance, ...args: unknown[]): unknown {
        const touched = current.getStore();
        if (touched !== undefined && isChange(this, args)) touched.add(this);
        return inherited.apply(this, args);
      },
    });
  }
}
