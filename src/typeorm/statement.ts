import type { PostgresQueryRunner } from 'typeorm/driver/postgres/PostgresQueryRunner.js';
import type { Answer } from '../migrate/for-orms';
import type { FirstStatement } from '../occ';

/** What TypeORM's `query` is called with: the text, its parameters, and whether all of the result is wanted. */
export type Statement = Parameters<PostgresQueryRunner['query']>;

/** A statement, as admission reads it. */
export function firstStatement([text, parameters]: Statement): FirstStatement {
  return { text, values: parameters as unknown[] | undefined };
}

/** What a statement answered, in either form in which TypeORM gives it. */
export function answerOf(result: unknown): Answer {
  if (Array.isArray(result)) return { rows: result as Record<string, unknown>[], rowCount: 0 };
  const { records, affected } = (result ?? {}) as {
    readonly records?: readonly Record<string, unknown>[];
    readonly affected?: number;
  };
  return { rows: records ?? [], rowCount: affected ?? 0 };
}
