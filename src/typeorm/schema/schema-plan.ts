import type { QueryRunner } from 'typeorm';
import type { Query } from 'typeorm/driver/Query.js';
import type { UnsupportedChange } from '../../schema';
import type { CopyQuery } from './schema-query';

/** What a change of the schema has put together so far. */
export class SchemaPlan {
  readonly queryRunner: QueryRunner;
  readonly queries: Query[] = [];
  readonly unsupported: UnsupportedChange[] = [];
  readonly #copies = new Map<string, CopyQuery>();
  readonly #undoingCopies = new Map<string, CopyQuery>();

  constructor(queryRunner: QueryRunner) {
    this.queryRunner = queryRunner;
  }

  /**
   * Adds a copy of a table. A table is copied once, behind what else was planned before all that needs the copy was known.
   *
   * @param upQueries - the queries in the memory of the query runner
   * @param inMemoryOnly - whether nothing is to be sent
   */
  addCopy(query: CopyQuery, upQueries: Query[], inMemoryOnly: boolean): void {
    const before = this.#copies.get(query.table);
    const copy = before?.and(query) ?? query;
    this.#copies.set(query.table, copy);
    for (const queries of inMemoryOnly ? [upQueries] : [upQueries, this.queries]) {
      const at = before === undefined ? -1 : queries.indexOf(before);
      if (at >= 0) queries.splice(at, 1);
      queries.push(copy);
    }
  }

  /** Adds a copy that undoes a part of the change: what is planned later is undone earlier. */
  addUndoingCopy(query: CopyQuery, downQueries: Query[]): void {
    const next = this.#undoingCopies.get(query.table);
    const copy = next === undefined ? query : query.and(next);
    this.#undoingCopies.set(query.table, copy);
    if (next === undefined) downQueries.push(copy);
    else downQueries.splice(downQueries.indexOf(next), 1, copy);
  }
}
