import { DsqlError } from '../../connection';

/**
 * What `save` and its like have read before their transaction, so that a further attempt makes the same changes.
 *
 * TypeORM compares the whole entity with the row that it reads. A further attempt that read anew would take the columns
 * that the winner of the conflict has just changed for changes of its own, and take them back.
 */
export class RecordedReads {
  readonly #answers = new Map<string, unknown[]>();
  #asked = new Map<string, number>();
  #isComplete = false;

  /** From here on the answers are given from the start. */
  rewind(): void {
    this.#asked = new Map();
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
    const key = JSON.stringify(statement, (_, value: unknown) =>
      typeof value === 'bigint' ? `${value}n` : value,
    );
    const answers = this.#answers.get(key) ?? [];
    const index = this.#asked.get(key) ?? 0;
    this.#asked.set(key, index + 1);
    if (index < answers.length) return answers[index];
    if (this.#isComplete) {
      throw new DsqlError(
        'The entity could not be saved again after a conflict, because it read other rows than in the first attempt: a listener or a subscriber changed what is saved. Nothing was written. Save it in runInTransaction.',
      );
    }
    this.#answers.set(key, answers);
    return (answers[index] = await read());
  }
}
