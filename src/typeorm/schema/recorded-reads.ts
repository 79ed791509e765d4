import { DsqlError } from '../../connection';

/**
 * What `save` and its like have read before their transaction, so that a further attempt makes the same changes.
 *
 * TypeORM compares the whole entity with the row that it reads. A further attempt that read anew would take the columns
 * that the winner of the conflict has just changed for changes of its own, and take them back.
 */
export class RecordedReads {
  /** In the order in which they were answered. */
  readonly #reads: { readonly statement: readonly unknown[]; readonly answer: unknown }[] = [];
  /** What a further attempt has not asked for again, by the statements. */
  #left: ReadonlyMap<string, unknown[]> | undefined;
  #isComplete = false;

  /** From here on the answers are given from the start. */
  rewind(): void {
    if (this.#reads.length === 0) return;
    const left = new Map<string, unknown[]>();
    for (const { statement, answer } of this.#reads) {
      const key = keyOf(statement);
      left.set(key, [...(left.get(key) ?? []), answer]);
    }
    this.#left = left;
  }

  /** The transaction begins: all that it builds on has been read. */
  seal(): void {
    this.#isComplete = true;
  }

  /**
   * Answers a statement from the record, or runs it and records the answer.
   *
   * @throws DsqlError when a further attempt asks for something that the first one did not need
   */
  async answer(statement: readonly unknown[], read: () => Promise<unknown>): Promise<unknown> {
    const answers = this.#left?.get(keyOf(statement)) ?? [];
    if (answers.length > 0) return answers.shift();
    if (this.#isComplete) {
      throw new DsqlError(
        'The entity could not be saved again after a conflict, because it read other rows than in the first attempt: a listener or a subscriber changed what is saved. Nothing was written. Save it in runInTransaction.',
      );
    }
    const answer = await read();
    this.#reads.push({ statement, answer });
    return answer;
  }
}

/** It is asked for in further attempts alone: a statement may have thousands of keys. */
function keyOf(statement: readonly unknown[]): string {
  return JSON.stringify(statement, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));
}
