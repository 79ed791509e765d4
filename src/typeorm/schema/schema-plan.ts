import type { QueryRunner } from 'typeorm';
import type { Query } from 'typeorm/driver/Query.js';
import type { UnsupportedChange } from '../../schema';
import { CopyQuery } from './schema-query';

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

  /**
   * Adds a copy that undoes a part of the change: what is planned later is undone earlier. It is one with the next copy of the
   * same table unless anything but a copy is undone between them, which may need the one and be needed by the other.
   */
  addUndoingCopy(query: CopyQuery, downQueries: Query[]): void {
    const next = this.#undoingCopies.get(query.table);
    const at = next === undefined ? -1 : downQueries.indexOf(next);
    const isNext = at >= 0 && downQueries.slice(at).every((between) => between instanceof CopyQuery);
    const copy = next !== undefined && isNext ? query.and(next) : query;
    this.#undoingCopies.set(query.table, copy);
    if (isNext) downQueries.splice(at, 1, copy);
    else downQueries.push(copy);
  }
}
