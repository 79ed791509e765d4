import { nextTurn } from '../connection';
import { findInChain } from '../occ';
import { endOf } from './patience';

/** What the code of one migration asks for, one after the other, and what of it has failed. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();
  readonly #failures = new WeakSet<object>();
  #isCodeDone = false;
  /** The first failure that the code cannot have waited for. */
  #late: { readonly error: unknown } | undefined;

  /** Does something when all that was asked for before is done, or has failed. */
  take<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(async () => {
      try {
        return await work();
      } catch (error) {
        this.noteFailure(error);
        if (this.#isCodeDone) this.#late ??= { error };
        throw error;
      }
    });
    this.#last = done.catch(() => undefined);
    return done;
  }

  /** What was asked for has failed, or a COMMIT. */
  noteFailure(error: unknown): void {
    const end = endOf(error);
    if (typeof end === 'object' && end !== null) this.#failures.add(end);
  }

  /** Whether an error comes from what was asked for, and not from what else the code does. */
  hasFailedWith(error: unknown): boolean {
    const hasFailed = (inner: object) => this.#failures.has(inner);
    return findInChain(endOf(error), hasFailed) !== undefined;
  }

  /**
   * The code has come to its end. What it does not wait for belongs to the migration, too.
   *
   * @throws what has failed of that: a promise that nobody waits for tells nobody
   */
  async end(): Promise<void> {
    this.#isCodeDone = true;
    let last: Promise<unknown> | undefined;
    while (last !== this.#last) {
      last = this.#last;
      await last;
      await nextTurn();
    }
    if (this.#late !== undefined) throw this.#late.error;
  }
}
