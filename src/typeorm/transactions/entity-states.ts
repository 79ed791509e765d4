import type { DataSource, EntityMetadata, EntityTarget, ObjectLiteral } from 'typeorm';
import { callsApplication } from './application-code';
import { ObjectState, ownValue, type SharedNames } from './object-state';
import { StaleEntityError } from './stale-entity-error';

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
  #attempt = 0;
  #visit = 0;
  #isGiving = false;
  /** Whether what the values of columns consist of is remembered, too. */
  #isDeep = true;
  #areGivenHandedOver = false;
  readonly #sharedNames: SharedNames = [];

  constructor(dataSource: DataSource) {
    this.#dataSource = dataSource;
  }

  /**
   * Remembers what the caller has named, entities or not. It is put back to how it was before the callback has seen it, so
   * the callback may change it again.
   */
  rememberGiven(objects: unknown, target?: EntityTarget<ObjectLiteral>): void {
    this.#isGiving = true;
    try {
      this.remember(objects, target);
    } finally {
      this.#isGiving = false;
    }
  }

  /**
   * Remembers what one write of TypeORM is given, as {@link EntityStates.rememberGiven} does. What is inside dates and values
   * of JSON is left out where no code of the application is called that could change it: TypeORM replaces them as a whole.
   */
  rememberWritten(objects: unknown, target?: EntityTarget<ObjectLiteral>): void {
    this.#isDeep = callsApplication(this.#dataSource);
    try {
      this.rememberGiven(objects, target);
    } finally {
      this.#isDeep = true;
    }
  }

  /**
   * Remembers an entity, or a list of them, unless it is remembered already.
   *
   * @param target - what they are, where their class does not say it
   * @throws StaleEntityError when an earlier attempt was handed the same object with other values
   */
  remember(entities: unknown, target?: EntityTarget<ObjectLiteral>): void {
    this.#visit++;
    const metadataOfAll = target === undefined ? undefined : this.#metadataOf(target);
    for (const entity of asList(entities)) {
      if (typeof entity !== 'object' || entity === null) continue;
      const metadata = target === undefined ? this.#metadataOf(entity.constructor) : metadataOfAll;
      if (metadata === undefined) this.#visitValue(entity);
      else this.#visitEntity(entity, metadata);
    }
  }

  /**
   * Remembers one object without what its cascades reach.
   *
   * @throws StaleEntityError as {@link EntityStates.remember}
   */
  rememberAlone(entity: object, metadata: EntityMetadata): void {
    const known = this.#states.get(entity);
    if (known !== undefined && this.#isHandedOver(known)) return;
    this.#visit++;
    this.#note(entity, metadata.ownColumns);
    this.#visitMembers(entity, {
      columns: metadata.ownColumns,
      relations: [],
      embeddeds: metadata.embeddeds,
    });
  }

  /**
   * From here on the objects are handed over anew.
   *
   * @param withGiven - whether what the caller has named is handed over with that, and nothing else
   */
  beginAttempt(withGiven = false): void {
    this.#attempt++;
    this.#areGivenHandedOver = withGiven;
  }

  /** Puts every object back to how it was. */
  restore(): void {
    for (const [object, state] of this.#states) state.restore(object);
  }

  /**
   * Puts back what is `undefined` now and was not before. For outcomes that stay unknown: what was generated is kept,
   * because it says what to look for, and a removed entity gets its id back for the same reason.
   */
  restoreLost(): void {
    for (const [object, state] of this.#states) state.restoreLost(object);
  }

  #metadataOf(named: EntityTarget<ObjectLiteral> | undefined): EntityMetadata | undefined {
    if (named === undefined || !this.#dataSource.hasMetadata(named)) return undefined;
    return this.#dataSource.getMetadata(named);
  }

  #visitEntity(entity: object, metadata: EntityMetadata): void {
    const { ownColumns, ownRelations, embeddeds } = metadata.findInheritanceMetadata(entity);
    if (!this.#note(entity, ownColumns)) return;
    this.#visitMembers(entity, { columns: ownColumns, relations: ownRelations, embeddeds });
  }

  #visitMembers(object: object, { columns, relations, embeddeds }: Members): void {
    if (this.#isDeep) {
      for (const { propertyName } of columns) this.#visitValue(ownValue(object, propertyName));
    }
    for (const relation of relations) {
      if (!isCascading(relation)) continue;
      const { propertyName, isLazy, inverseEntityMetadata } = relation;
      const related = ownValue(object, isLazy ? lazyValueOf(propertyName) : propertyName);
      if (Array.isArray(related)) this.#note(related);
      for (const entity of asList(related)) {
        if (typeof entity === 'object' && entity !== null) this.#visitEntity(entity, inverseEntityMetadata);
      }
    }
    for (const embedded of embeddeds) {
      const value = ownValue(object, embedded.propertyName);
      if (typeof value !== 'object' || value === null || !this.#note(value, embedded.columns)) continue;
      this.#visitMembers(value, embedded);
    }
  }

  /** The value of a column: what JSON is made of, and dates. */
  #visitValue(value: unknown): void {
    if (typeof value !== 'object' || value === null) return;
    const prototype: unknown = Object.getPrototypeOf(value);
    const isPlain = Array.isArray(value) || prototype === Object.prototype || prototype === null;
    if (!isPlain && !(value instanceof Date)) return;
    if (!this.#note(value) || !isPlain) return;
    for (const key of Object.keys(value)) this.#visitValue(ownValue(value, key));
  }

  /** Remembers an object, and says whether this visit had not come to it yet. */
  #note(object: object, columns: Members['columns'] = []): boolean {
    let state = this.#states.get(object);
    if (state === undefined) {
      state = new ObjectState(object, columns, this.#sharedNames);
      this.#states.set(object, state);
    } else if (state.visitedIn === this.#visit) {
      return false;
    } else if (!state.isGiven && state.handedOverIn !== this.#attempt && !state.isOf(object)) {
      throw new StaleEntityError(object);
    }
    state.isGiven ||= this.#isGiving;
    state.handedOverIn = this.#attempt;
    state.visitedIn = this.#visit;
    return true;
  }

  #isHandedOver(state: ObjectState): boolean {
    return state.handedOverIn === this.#attempt || (this.#areGivenHandedOver && state.isGiven);
  }
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
