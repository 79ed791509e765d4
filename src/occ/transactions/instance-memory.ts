import { AsyncLocalStorage } from 'node:async_hooks';
import { ConfigurationError } from '../../connection';

/** What an ORM's instances are like that know of their own row, as active records do. */
export interface InstanceRules<Instance extends object> {
  readonly isInstance: (value: unknown) => value is Instance;
  /** The properties where an instance keeps what it knows. Whatever is done with it reads one of them first. */
  readonly state: readonly string[];
  /** A property that belongs to the instance and is never changed in place; it may hold models, and circles. */
  readonly shared: string;
  /** The methods that change an instance in memory, and whether a call with these arguments does. */
  readonly changes: Readonly<Record<string, (instance: Instance, args: readonly unknown[]) => boolean>>;
  /** What any use of an instance throws that was changed in an attempt that failed. */
  readonly staleError: (instance: Instance, attemptError: unknown) => Error;
  /** Makes the instance equal to its row; `args` are what its own `reload()` was called with. */
  readonly reload: (instance: Instance, args: readonly unknown[]) => Promise<unknown>;
}

/**
 * What the instances of an ORM remember of an attempt that has failed: that they are no new records, or that nothing
 * has changed since they were saved. The next save would leave out a write, or do a change twice.
 */
export class InstanceMemory<Instance extends object> {
  readonly #rules: InstanceRules<Instance>;
  /** The user's own objects, which live as long as the user keeps them and whose properties are columns. */
  readonly #stale = new WeakSet();
  /** The prototypes of the user's models. */
  readonly #tracked = new WeakSet();
  /** The attempt that the running code belongs to. */
  readonly #current = new AsyncLocalStorage<TouchedInstances<Instance>>();
  /** How many attempts are watched: without any, a change of an instance concerns nobody. */
  readonly #watched = { count: 0 };

  constructor(rules: InstanceRules<Instance>) {
    this.#rules = rules;
  }

  /** An attempt begins. */
  watch(): TouchedInstances<Instance> {
    return new TouchedInstances(this.#current, this.#watched, (instance, attemptError) => {
      this.#markStale(instance, attemptError);
    });
  }

  /**
   * Lets the instances of a model say when they are changed in memory. Without SQL nobody could see it, and a change that
   * is relative to what was there (`balance -= 10`) would be done once more by each further attempt.
   *
   * @param prototype - of the model's own class: the methods are set there, and that of the ORM's stays as it is
   */
  trackChanges(prototype: object): void {
    if (this.#tracked.has(prototype)) return;
    this.#tracked.add(prototype);
    const current = this.#current;
    const watched = this.#watched;
    for (const [name, isChange] of Object.entries(this.#rules.changes)) {
      const inherited: unknown = Reflect.get(prototype, name);
      if (typeof inherited !== 'function') throw new Error(`The models of the ORM have no method ${name}.`);
      Object.defineProperty(prototype, name, {
        configurable: true,
        writable: true,
        value(this: Instance, ...args: unknown[]): unknown {
          const touched = watched.count === 0 ? undefined : current.getStore();
          if (touched !== undefined && isChange(this, args)) touched.add(this);
          return Reflect.apply(inherited, this, args);
        },
      });
    }
  }

  /**
   * @param instances - the caller's `restore` option
   * @throws ConfigurationError when one of them is no instance of a model
   * @throws what `staleError` makes when one of them is stale: what it was is not known
   */
  snapshot(instances: readonly Instance[]): InstanceSnapshot<Instance> {
    if (!Array.isArray(instances)) {
      throw new ConfigurationError('restore', 'must be an array of model instances.');
    }
    if (!(instances as readonly unknown[]).every(this.#rules.isInstance)) {
      throw new ConfigurationError('restore', 'must hold instances of models only.');
    }
    return new InstanceSnapshot<Instance>(instances, this.#rules);
  }

  /** Makes every use of an instance throw, until it is reloaded. */
  #markStale(instance: Instance, attemptError: unknown): void {
    if (this.#stale.has(instance)) return;
    this.#stale.add(instance);
    const { state, staleError, reload } = this.#rules;
    const kept = state.map((name) => [name, Object.getOwnPropertyDescriptor(instance, name)] as const);
    const refuse = () => {
      throw staleError(instance, attemptError);
    };
    for (const name of state) {
      Object.defineProperty(instance, name, {
        configurable: true,
        enumerable: false,
        get: refuse,
        set: refuse,
      });
    }
    const reloadStale = async (...args: unknown[]): Promise<Instance> => {
      this.#stale.delete(instance);
      Reflect.deleteProperty(instance, 'reload');
      for (const [name, descriptor] of kept) {
        if (descriptor !== undefined) Object.defineProperty(instance, name, descriptor);
      }
      try {
        await reload(instance, args);
      } catch (error) {
        this.#markStale(instance, attemptError);
        throw error;
      }
      return instance;
    };
    Object.defineProperty(instance, 'reload', { configurable: true, enumerable: false, value: reloadStale });
  }
}

/**
 * What is to be said of an instance that was changed in an attempt that failed.
 *
 * @param model - the name of the instance's model
 * @param attemptError - what the attempt failed with
 */
export function staleInstanceMessage(model: string, attemptError: unknown): string {
  const reason = attemptError instanceof Error ? ` (${attemptError.message})` : '';
  return `This instance of ${model} was changed in a transaction attempt that failed${reason}, so it may no longer match the database. Load or build it inside the callback, name it in the transaction's \`restore: [...]\`, or call its reload().`;
}

/** The instances that were changed in memory, or written, in one attempt of a transaction. */
export class TouchedInstances<Instance extends object> {
  #instances: Set<Instance> | undefined = new Set();
  readonly #current: AsyncLocalStorage<TouchedInstances<Instance>>;
  readonly #watched: { count: number };
  readonly #markStale: (instance: Instance, attemptError: unknown) => void;

  constructor(
    current: AsyncLocalStorage<TouchedInstances<Instance>>,
    watched: { count: number },
    markStale: (instance: Instance, attemptError: unknown) => void,
  ) {
    this.#current = current;
    this.#watched = watched;
    watched.count++;
    this.#markStale = markStale;
  }

  /** Runs the attempt's own code: what it changes in memory is noted, too. */
  during<T>(work: () => T): T {
    return this.#current.run(this, work);
  }

  add(instance: Instance): void {
    this.#instances?.add(instance);
  }

  /**
   * The attempt has failed: none of the instances matches the database for certain.
   *
   * @param kept - those that are put back instead
   */
  abandon(attemptError: unknown, kept: ReadonlySet<Instance> = new Set()): void {
    for (const instance of this.#instances ?? []) {
      if (!kept.has(instance)) this.#markStale(instance, attemptError);
    }
    this.forget();
  }

  /** The attempt is over; code that it has left running touches nothing any more. */
  forget(): void {
    if (this.#instances !== undefined) this.#watched.count--;
    this.#instances = undefined;
  }
}

/** Instances as they were at one moment, with those that they include. */
export class InstanceSnapshot<Instance extends object> {
  readonly #rules: InstanceRules<Instance>;
  readonly #properties = new Map<Instance, ReadonlyMap<string, unknown>>();

  constructor(instances: readonly Instance[], rules: InstanceRules<Instance>) {
    this.#rules = rules;
    for (const instance of instances) this.#take(instance);
  }

  /** All that are put back, included ones too. */
  get instances(): ReadonlySet<Instance> {
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
        Object.assign(instance, { [name]: this.#isShared(name) ? value : this.#copy(value, copies) });
      }
    }
  }

  #take(instance: Instance): void {
    if (this.#properties.has(instance)) return;
    for (const name of this.#rules.state) Reflect.get(instance, name); // throws if it is stale
    const properties = new Map<string, unknown>();
    this.#properties.set(instance, properties);
    const copies = new Map<object, unknown>();
    for (const [name, value] of Object.entries(instance) as [string, unknown][]) {
      const copied = this.#isShared(name)
        ? value
        : this.#copy(value, copies, (included) => {
            this.#take(included);
          });
      properties.set(name, copied);
    }
  }

  #isShared(name: string): boolean {
    return name === this.#rules.shared;
  }

  /**
   * Copies what can be changed in place; anything else is shared.
   *
   * @param copies - of this copying so far, as values may refer to each other in circles, or be in two places
   */
  #copy(value: unknown, copies: Map<object, unknown>, onInstance?: (instance: Instance) => void): unknown {
    if (typeof value !== 'object' || value === null) return value;
    if (this.#rules.isInstance(value)) {
      onInstance?.(value);
      return value;
    }
    const known = copies.get(value);
    if (known !== undefined) return known;
    const inner = (part: unknown) => this.#copy(part, copies, onInstance);
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
}
