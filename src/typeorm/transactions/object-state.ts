/** The names of the properties that may be kept behind accessors of an object's class. */
export type PropertyNames = readonly { readonly propertyName: string }[];

/** The names that objects have had lately, by how many they were. */
export type SharedNames = (readonly PropertyKey[] | undefined)[];

/**
 * How an object was. Thousands of them are kept while a list of entities is written, so they are small: objects of the
 * same form share the names of their properties.
 */
export class ObjectState {
  /** Whether it is put back to how it was before the callback has seen it. */
  isGiven = false;
  /** The number of the last attempt that has handed it over. */
  handedOverIn = 0;
  /** The number of the last call that has visited it. */
  visitedIn = 0;
  readonly #names: readonly PropertyKey[];
  /** Of each name its value; nothing where its descriptor is kept. */
  readonly #values: readonly unknown[];
  /** Of properties that an assignment to a new name would not make like this. */
  #descriptors: Map<PropertyKey, PropertyDescriptor> | undefined;
  /** The values of columns that the object's class keeps behind accessors. */
  readonly #accessors: ReadonlyMap<string, unknown> | undefined;
  /** Of a Date. */
  readonly #time: number | undefined;

  /**
   * @param columns - what may be behind accessors of its class
   * @param shared - changed
   */
  constructor(object: object, columns: PropertyNames, shared: SharedNames) {
    this.#names = sharedNames(Reflect.ownKeys(object), shared);
    this.#values = this.#names.map((name) => this.#read(object, name));
    this.#accessors = accessorsOf(object, columns);
    this.#time = object instanceof Date ? object.getTime() : undefined;
  }

  /** Puts the object back to how it was. */
  restore(object: object): void {
    if (this.#time !== undefined) (object as Date).setTime(this.#time);
    const names = this.#names;
    const known = new Set(names);
    for (const name of Reflect.ownKeys(object)) {
      if (!known.has(name)) Reflect.deleteProperty(object, name);
    }
    for (const [index, name] of names.entries()) {
      const descriptor = this.#descriptorOf(object, name, index);
      if (!isSame(Object.getOwnPropertyDescriptor(object, name), descriptor)) {
        Object.defineProperty(object, name, descriptor);
      }
    }
    for (const [name, value] of this.#accessors ?? []) {
      if (Reflect.get(object, name) !== value) Reflect.set(object, name, value);
    }
  }

  /** Puts back what is `undefined` now and was not before. */
  restoreLost(object: object): void {
    for (const [index, name] of this.#names.entries()) {
      const descriptor = this.#descriptorOf(object, name, index);
      if ('value' in descriptor && Reflect.get(object, name) === undefined) {
        Object.defineProperty(object, name, descriptor);
      }
    }
  }

  /** Whether the object has the values that it had, but for what other objects it refers to. */
  isOf(object: object): boolean {
    if (this.#time !== undefined && (object as Date).getTime() !== this.#time) return false;
    const names = this.#names;
    const known = new Set(names);
    const added = Reflect.ownKeys(object).filter((name) => !known.has(name));
    for (const [index, name] of [...names, ...added].entries()) {
      if (typeof name === 'string' && /^__.*__$/.test(name)) continue;
      const before: unknown =
        index < names.length ? this.#descriptorOf(object, name, index).value : undefined;
      if (!areComparable(ownValue(object, name), before)) return false;
    }
    for (const [name, value] of this.#accessors ?? []) {
      if (!areComparable(Reflect.get(object, name), value)) return false;
    }
    return true;
  }

  /** The value of a property, unless its descriptor has to be kept. */
  #read(object: object, name: PropertyKey): unknown {
    const descriptor = Object.getOwnPropertyDescriptor(object, name) ?? {};
    const isUsual =
      (descriptor.enumerable === true && descriptor.configurable === true) || isLength(object, name);
    if (descriptor.writable === true && isUsual) return descriptor.value as unknown;
    (this.#descriptors ??= new Map()).set(name, descriptor);
    return undefined;
  }

  #descriptorOf(object: object, name: PropertyKey, index: number): PropertyDescriptor {
    const isUsual = !isLength(object, name);
    return (
      this.#descriptors?.get(name) ?? {
        value: this.#values[index],
        writable: true,
        enumerable: isUsual,
        configurable: isUsual,
      }
    );
  }
}

/** A getter is not asked: it may belong to a lazy relation, which would be loaded. */
export function ownValue(object: object, name: PropertyKey): unknown {
  return Object.getOwnPropertyDescriptor(object, name)?.value;
}

/** The same names, of another object where one has had them in this order. */
function sharedNames(names: readonly PropertyKey[], shared: SharedNames): readonly PropertyKey[] {
  const known = shared[names.length];
  if (known?.every((name, index) => name === names[index]) === true) return known;
  // A list has as many names as members.
  if (names.length < MOST_SHARED_NAMES) shared[names.length] = names;
  return names;
}

const MOST_SHARED_NAMES = 200;

/** How many members an array has: nothing that could be listed or deleted. */
function isLength(object: object, name: PropertyKey): boolean {
  return name === 'length' && Array.isArray(object);
}

function accessorsOf(object: object, columns: PropertyNames): ReadonlyMap<string, unknown> | undefined {
  let accessors: Map<string, unknown> | undefined;
  for (const { propertyName } of columns) {
    if (Object.hasOwn(object, propertyName) || !(propertyName in object)) continue;
    (accessors ??= new Map()).set(propertyName, Reflect.get(object, propertyName));
  }
  return accessors;
}

function isSame(one: PropertyDescriptor | undefined, other: PropertyDescriptor): boolean {
  return (
    one !== undefined &&
    Object.is(one.value, other.value) &&
    one.get === other.get &&
    one.set === other.set &&
    one.writable === other.writable &&
    one.enumerable === other.enumerable &&
    one.configurable === other.configurable
  );
}

function areComparable(now: unknown, before: unknown): boolean {
  if (now instanceof Date && before instanceof Date) return now.getTime() === before.getTime();
  const isReference = (value: unknown) => typeof value === 'object' && value !== null;
  return (isReference(now) && isReference(before)) || Object.is(now, before);
}
