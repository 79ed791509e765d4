import type { DataSource, EntityMetadata, EntityTarget, ObjectLiteral } from 'typeorm';
import { StaleEntityError } from './stale-entity-error';

/** How an object was. */
interface ObjectState {
  readonly properties: ReadonlyMap<PropertyKey, PropertyDescriptor>;
  /** The values of columns that the object's class keeps behind accessors. */
  readonly accessors: ReadonlyMap<string, unknown>;
  /** Of a Date. */
  readonly time: number | undefined;
}

/** The part of an entity's or an embedded object's metadata that says what TypeORM may change. */
interface Members {
  readonly columns: readonly { readonly propertyName: string }[];
  readonly relations: EntityMetadata['relations'];
  readonly embeddeds: EntityMetadata['embeddeds'];
}

/** TypeORM keeps what a lazy relation has loaded under names of this form. */
const lazyValueOf = (propertyName: string) => `__${propertyName}__`;

/**
 * How the caller's objects were before TypeORM changed them, so that they can be put back in place when what was to be
 * done with them was not done.
 *
 * An entity is remembered with what TypeORM changes along with it: embedded objects, what cascades reach, values in JSON
 * columns, dates. The contents of a Map, a Set, a Buffer and of `#private` fields are not: TypeORM does not change them.
 */
export class EntityStates {
  readonly #dataSource: DataSource;
  readonly #states = new Map<object, ObjectState>();
  /** Objects that are put back to how they were before the callback has seen them, so it may change them again. */
  readonly #given = new Set<object>();
  /** What the attempt that is under way has handed over so far. */
  #handedOver = new Set<object>();

  constructor(dataSource: DataSource) {
    this.#dataSource = dataSource;
  }

  /** Remembers what the caller has named, entities or not. */
  rememberGiven(objects: unknown, target?: EntityTarget<ObjectLiteral>): void {
    this.remember(objects, target);
    for (const object of this.#states.keys()) this.#given.add(object);
  }

  /**
   * Remembers an entity, or a list of them, unless it is remembered already.
   *
   * @param target - what they are, where their class does not say it
   * @throws StaleEntityError when an earlier attempt was handed the same object with other values
   */
  remember(entities: unknown, target?: EntityTarget<ObjectLiteral>): void {
    const visited = new Set<object>();
    for (const entity of asList(entities)) {
      if (typeof entity !== 'object' || entity === null) continue;
      const metadata = this.#metadataOf(entity, target);
      if (metadata === undefined) this.#visitValue(entity, visited);
      else this.#visitEntity(entity, metadata, visited);
    }
  }

  /**
   * Remembers one object without what its cascades reach.
   *
   * @throws StaleEntityError as {@link EntityStates.remember}
   */
  rememberAlone(entity: object, metadata: EntityMetadata): void {
    if (this.#handedOver.has(entity)) return;
    this.#note(entity, metadata.ownColumns);
    this.#visitMembers(
      entity,
      { columns: metadata.ownColumns, relations: [], embeddeds: metadata.embeddeds },
      new Set(),
    );
  }

  /** From here on the objects are handed over anew. */
  beginAttempt(): void {
    this.#handedOver = new Set();
  }

  /** Puts every object back to how it was. */
  restore(): void {
    for (const [object, { properties, accessors, time }] of this.#states) {
      if (time !== undefined) (object as Date).setTime(time);
      for (const key of Reflect.ownKeys(object)) {
        if (!properties.has(key)) Reflect.deleteProperty(object, key);
      }
      for (const [key, descriptor] of properties) {
        if (!isSame(Object.getOwnPropertyDescriptor(object, key), descriptor)) {
          Object.defineProperty(object, key, descriptor);
        }
      }
      for (const [key, value] of accessors) {
        if (Reflect.get(object, key) !== value) Reflect.set(object, key, value);
      }
    }
  }

  /**
   * Puts back what is `undefined` now and was not before. For outcomes that stay unknown: what was generated is kept,
   * because it says what to look for, and a removed entity gets its id back for the same reason.
   */
  restoreLost(): void {
    for (const [object, { properties }] of this.#states) {
      for (const [key, descriptor] of properties) {
        if ('value' in descriptor && Reflect.get(object, key) === undefined) {
          Object.defineProperty(object, key, descriptor);
        }
      }
    }
  }

  #metadataOf(entity: object, target?: EntityTarget<ObjectLiteral>): EntityMetadata | undefined {
    const named = target ?? (entity as { constructor?: EntityTarget<ObjectLiteral> }).constructor;
    if (named === undefined || !this.#dataSource.hasMetadata(named)) return undefined;
    return this.#dataSource.getMetadata(named);
  }

  #visitEntity(entity: object, metadata: EntityMetadata, visited: Set<object>): void {
    if (visited.has(entity)) return;
    visited.add(entity);
    const { ownColumns, ownRelations, embeddeds } = metadata.findInheritanceMetadata(entity);
    this.#note(entity, ownColumns);
    this.#visitMembers(entity, { columns: ownColumns, relations: ownRelations, embeddeds }, visited);
  }

  #visitMembers(object: object, { columns, relations, embeddeds }: Members, visited: Set<object>): void {
    for (const { propertyName } of columns) this.#visitValue(ownValue(object, propertyName), visited);
    for (const relation of relations) {
      if (!isCascading(relation)) continue;
      const { propertyName, isLazy, inverseEntityMetadata } = relation;
      const related = ownValue(object, isLazy ? lazyValueOf(propertyName) : propertyName);
      if (Array.isArray(related)) this.#note(related);
      for (const entity of asList(related)) {
        if (typeof entity === 'object' && entity !== null) {
          this.#visitEntity(entity, inverseEntityMetadata, visited);
        }
      }
    }
    for (const embedded of embeddeds) {
      const value = ownValue(object, embedded.propertyName);
      if (typeof value !== 'object' || value === null || visited.has(value)) continue;
      visited.add(value);
      this.#note(value, embedded.columns);
      this.#visitMembers(value, embedded, visited);
    }
  }

  /** The value of a column: what JSON is made of, and dates. */
  #visitValue(value: unknown, visited: Set<object>): void {
    if (typeof value !== 'object' || value === null || visited.has(value)) return;
    const prototype: unknown = Object.getPrototypeOf(value);
    const isPlain = Array.isArray(value) || prototype === Object.prototype || prototype === null;
    if (!isPlain && !(value instanceof Date)) return;
    visited.add(value);
    this.#note(value);
    if (isPlain) for (const key of Object.keys(value)) this.#visitValue(ownValue(value, key), visited);
  }

  #note(object: object, columns: Members['columns'] = []): void {
    const known = this.#states.get(object);
    if (known === undefined) this.#states.set(object, stateOf(object, columns));
    else if (!this.#handedOver.has(object) && !this.#given.has(object) && !isAsBefore(object, known)) {
      throw new StaleEntityError(object);
    }
    this.#handedOver.add(object);
  }
}

function stateOf(object: object, columns: Members['columns']): ObjectState {
  const properties = new Map<PropertyKey, PropertyDescriptor>();
  for (const key of Reflect.ownKeys(object)) {
    const descriptor = Object.getOwnPropertyDescriptor(object, key);
    if (descriptor !== undefined) properties.set(key, descriptor);
  }
  const accessors = new Map<string, unknown>();
  for (const { propertyName } of columns) {
    if (!properties.has(propertyName) && propertyName in object) {
      accessors.set(propertyName, Reflect.get(object, propertyName));
    }
  }
  return { properties, accessors, time: object instanceof Date ? object.getTime() : undefined };
}

function isCascading(relation: EntityMetadata['relations'][number]): boolean {
  return (
    relation.isCascadeInsert ||
    relation.isCascadeUpdate ||
    relation.isCascadeRemove ||
    relation.isCascadeSoftRemove ||
    relation.isCascadeRecover
  );
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value];
}

/** A getter is not asked: it may belong to a lazy relation, which would be loaded. */
function ownValue(object: object, key: PropertyKey): unknown {
  return Object.getOwnPropertyDescriptor(object, key)?.value;
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

/** Whether an object has the values that it had, but for what other objects it refers to. */
function isAsBefore(object: object, { properties, accessors, time }: ObjectState): boolean {
  if (time !== undefined && (object as Date).getTime() !== time) return false;
  const keys = new Set([...properties.keys(), ...Reflect.ownKeys(object)]);
  for (const key of keys) {
    if (typeof key === 'string' && /^__.*__$/.test(key)) continue;
    if (!areComparable(ownValue(object, key), properties.get(key)?.value)) return false;
  }
  for (const [key, value] of accessors) {
    if (!areComparable(Reflect.get(object, key), value)) return false;
  }
  return true;
}

function areComparable(now: unknown, before: unknown): boolean {
  if (now instanceof Date && before instanceof Date) return now.getTime() === before.getTime();
  const isReference = (value: unknown) => typeof value === 'object' && value !== null;
  return (isReference(now) && isReference(before)) || Object.is(now, before);
}
