import type { Fault, Sleep } from './faults';

/** A cluster that sleeps until it has been called for long and often enough. */
export class Slumber implements Fault {
  readonly #clock: () => Date;
  readonly #durationMs: number;
  readonly #onRemove: (slumber: Slumber) => void;
  #connections: number;
  #queries: number;
  #wokenAt: number | undefined;
  #fired = 0;

  constructor(
    { connections = 1, durationMs = 0, queries = 0 }: Sleep,
    clock: () => Date,
    onRemove: (slumber: Slumber) => void,
  ) {
    for (const [name, value] of Object.entries({ connections, queries })) {
      if (value !== Infinity && (!Number.isInteger(value) || value < 0)) {
        throw new RangeError(`${name}: expected an integer from 0 or Infinity, got ${value}`);
      }
    }
    if (Number.isNaN(durationMs) || durationMs < 0) {
      throw new RangeError(`durationMs: expected a number from 0, got ${durationMs}`);
    }
    this.#connections = connections;
    this.#durationMs = durationMs;
    this.#queries = queries;
    this.#clock = clock;
    this.#onRemove = onRemove;
  }

  get fired(): number {
    return this.#fired;
  }

  remove(): void {
    this.#onRemove(this);
  }

  /** Whether it refuses a connection. */
  refusesConnection(): boolean {
    const now = this.#clock().getTime();
    this.#wokenAt ??= now;
    if (this.#connections <= 0 && now - this.#wokenAt >= this.#durationMs) return false;
    this.#connections--;
    this.#fired++;
    return true;
  }

  /** Whether it refuses the first query of a connection. */
  refusesQuery(): boolean {
    // Connections that were there before it slept are none of those it has taken since.
    if (this.#wokenAt === undefined || this.#queries <= 0) return false;
    this.#queries--;
    this.#fired++;
    return true;
  }
}
