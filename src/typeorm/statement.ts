import type { PostgresQueryRunner } from 'typeorm/driver/postgres/PostgresQueryRunner.js';
import type { FirstStatement } from '../occ';

/** What TypeORM's `query` is called with: the text, its parameters, and whether all of the result is wanted. */
export type Statement = Parameters<PostgresQueryRunner['query']>;

/** A statement, as admission reads it. */
export function firstStatement([text, parameters]: Statement): FirstStatement {
  return { text, values: parameters as unknown[] | undefined };
}
