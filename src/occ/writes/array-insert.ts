import { sqlStateOf } from '../conflict';

/** From so many rows on, arrays are faster than VALUES. */
export const FEWEST_ROWS_FOR_ARRAYS = 20;

/**
 * SQLSTATEs of a server that does not take an array as it is: it has no such type or function, cannot make of its elements
 * what the column holds, or does not read the statement. It has done nothing.
 */
const REFUSED: ReadonlySet<string | undefined> = new Set([
  '0A000',
  '42601',
  '42704',
  '42804',
  '42846',
  '42883',
]);

/** Whether a table takes its rows as arrays, as the server has shown. */
export class ArrayInserts {
  readonly #accepted = new WeakSet();
  readonly #refused = new WeakSet();

  /**
   * Whether rows of a table may go as arrays.
   *
   * @param table - the same object each time
   * @param mayBeRefused - whether the write can be done again with VALUES if they are refused
   */
  mayTry(table: object, mayBeRefused: boolean): boolean {
    return this.#accepted.has(table) || (mayBeRefused && !this.#refused.has(table));
  }

  /** The server has taken them. */
  accepted(table: object): void {
    this.#accepted.add(table);
  }

  /** Whether an error says that the server does not take them; from now on they go as VALUES. */
  isRefusal(table: object, error: unknown): boolean {
    if (!REFUSED.has(sqlStateOf(error))) return false;
    this.#accepted.delete(table);
    this.#refused.add(table);
    return true;
  }
}
