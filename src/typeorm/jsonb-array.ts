import type { ValueTransformer } from 'typeorm';

/**
 * An array on its way to a jsonb column. TypeORM makes JSON of what it saves, but hands the values of conditions to
 * node-postgres, which makes an array of PostgreSQL of an array.
 */
class JsonbArray {
  readonly #members: unknown;

  constructor(members: unknown) {
    this.#members = members;
  }

  toJSON(): unknown {
    return this.#members;
  }

  /** Asked for by node-postgres. */
  toPostgres(): string {
    return JSON.stringify(this.#members);
  }
}

/** Goes behind the transformers of an array column that is kept as jsonb. */
export const jsonbArray: ValueTransformer = {
  to: (value: unknown) => (Array.isArray(value) ? new JsonbArray(value) : value),
  from: (value: unknown) => value,
};
