import { Model } from 'sequelize';
import { ConfigurationError } from '../connection';

/** What the properties of one instance were. */
type Properties = ReadonlyMap<string, unknown>;

/** Belongs to the instance and is never changed in place; it may hold other models, and circles. */
const SHARED = '_options';

/** Instances as they were at one moment, with those that they include. */
export class InstanceSnapshot {
  readonly #properties = new Map<Model, Properties>();

  /**
   * @param instances - the caller's `restore` option
   * @throws ConfigurationError when one of them is no instance of a model
   * @throws StaleInstanceError when one of them is stale: what it was is not known
   */
  constructor(instances: readonly Model[]) {
    if (!Array.isArray(instances)) {
      throw new ConfigurationError('restore', 'must be an array of model instances.');
    }
    for (const instance of instances as readonly unknown[]) {
      if (!(instance instanceof Model)) {
        throw new ConfigurationError('restore', 'must hold instances of models only.');
      }
      this.#take(instance);
    }
  }

  /** All that are put back, included ones too. */
  get instances(): ReadonlySet<Model> {
    return new Set(this.#properties.keys());
  }

  /** Puts every instance back. May be done any number of times. */
  restore(): void {
    for (const [instance, properties] of this.#properties) {
      for (const name of Object.keys(instance)) {
        if (!properties.has(name)) Reflect.deleteProperty(instance, name);
      }
      const copies = new Map<object, unknown>();
      for (const [name, value] of properties) {
        Object.assign(instance, { [name]: name === SHARED ? value : copyOf(value, copies) });
      }
    }
  }

  #take(instance: Model): void {
    if (this.#properties.has(instance)) return;
    const properties = new Map<string, unknown>([['isNewRecord', instance.isNewRecord]]); // throws if it is stale
    this.#properties.set(instance, properties);
    const copies = new Map<object, unknown>();
    for (const [name, value] of Object.entries(instance) as [string, unknown][]) {
      properties.set(
        name,
        name === SHARED
          ? value
          : copyOf(value, copies, (included) => {
              this.#take(included);
            }),
      );
    }
  }
}

/**
 * Copies what can be changed in place; anything else is shared.
 *
 * @param copies - of this copying so far, as values may stand in circles, or in two places
 */
function copyOf(
  value: unknown,
  copies: Map<object, unknown>,
  onInstance?: (instance: Model) => void,
): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Model) {
    onInstance?.(value);
    return value;
  }
  const known = copies.get(value);
  if (known !== undefined) return known;
  const inner = (part: unknown) => copyOf(part, copies, onInstance);
  if (Array.isArray(value)) {
    const copy: unknown[] = [];
    copies.set(value, copy);
    for (const part of value) copy.push(inner(part));
    return copy;
  }
  if (value instanceof Set) {
    const copy = new Set<unknown>();
    copies.set(value, copy);
    for (const part of value) copy.add(inner(part));
    return copy;
  }
  if (value instanceof Date) return new Date(value);
  if (Buffer.isBuffer(value)) return Buffer.from(value);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return value;
  const copy = Object.create(prototype) as Record<string, unknown>;
  copies.set(value, copy);
  for (const [name, part] of Object.entries(value)) copy[name] = inner(part);
  return copy;
}
