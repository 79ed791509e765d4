import type { Statement } from '../../../sql';
import type { Ask } from '../../limits/catalogue-checks';
import { meansOneOf, relationsUsedBy } from './schema-changes';
import type { ChangedRelation } from './schema-changes';

/** A relation that others have changed, for the first and for the last time. */
export interface StaleRelation extends ChangedRelation {
  readonly first: number;
  readonly last: number;
}

/** What other sessions have changed since a session has last read the catalogue. */
export class StaleCatalogue {
  /** By `schema.name`. */
  readonly #relations = new Map<string, StaleRelation>();
  readonly #ask: Ask;

  /** @param ask - asks in the session's transaction */
  constructor(ask: Ask) {
    this.#ask = ask;
  }

  /** Another session has changed relations, in a version of the catalogue. */
  changed(relations: readonly ChangedRelation[], version: number): void {
    for (const relation of relations) {
      const key = `${relation.schema}.${relation.name}`;
      const first = this.#relations.get(key)?.first ?? version;
      this.#relations.set(key, { ...relation, first, last: version });
    }
  }

  /** The session has read the catalogue. */
  readAnew(): void {
    this.#relations.clear();
  }

  /** Whether statements use one of the relations that others have changed, of those that matter. */
  async isUsedBy(
    statements: readonly Statement[],
    matters: (relation: StaleRelation) => boolean,
  ): Promise<boolean> {
    if (this.#relations.size === 0) return false;
    const used = statements.flatMap(relationsUsedBy);
    const changed = [...this.#relations.values()].filter(matters);
    const isUsedAs = (schema: string | undefined, name: string) =>
      used.some((each) => each.schema === schema && each.name === name);
    if (changed.some(({ schema, name }) => isUsedAs(schema, name))) return true;
    const byName = changed.filter(({ name }) => isUsedAs(undefined, name));
    return byName.length > 0 && meansOneOf(byName, this.#ask);
  }
}
