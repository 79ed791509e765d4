import type { Fault, FaultTiming } from './faults';

/** One fault in place: tells for each event in turn whether it strikes. */
class PlacedFault<Subject, Effect> implements Fault {
  readonly #applies: (subject: Subject) => boolean;
  readonly effect: Effect;
  readonly #first: number;
  readonly #times: number;
  readonly #share: number;
  readonly #random: () => number;
  readonly #onRemove: (fault: PlacedFault<Subject, Effect>) => void;
  #seen = 0;
  #fired = 0;

  constructor(
    applies: (subject: Subject) => boolean,
    effect: Effect,
    { nth = 1, share, times = share === undefined ? 1 : Infinity, seed = 1 }: FaultTiming,
    onRemove: (fault: PlacedFault<Subject, Effect>) => void,
  ) {
    if (!Number.isInteger(nth) || nth < 1)
      throw new RangeError(`nth: expected a positive integer, got ${nth}`);
    if (times !== Infinity && (!Number.isInteger(times) || times < 1)) {
      throw new RangeError(`times: expected a positive integer or Infinity, got ${times}`);
    }
    if (share !== undefined && !(share > 0 && share <= 1)) {
      throw new RangeError(`share: expected a number above 0 and up to 1, got ${share}`);
    }
    if (!Number.isInteger(seed)) throw new RangeError(`seed: expected an integer, got ${seed}`);
    this.#applies = applies;
    this.effect = effect;
    this.#first = nth;
    this.#times = times;
    this.#share = share ?? 1;
    this.#random = randomNumbers(seed);
    this.#onRemove = onRemove;
  }

  get fired(): number {
    return this.#fired;
  }

  remove(): void {
    this.#onRemove(this);
  }

  strikes(subject: Subject): boolean {
    if (this.#fired >= this.#times || !this.#applies(subject)) return false;
    this.#seen++;
    if (this.#seen < this.#first || this.#random() >= this.#share) return false;
    this.#fired++;
    return true;
  }
}

/** The faults of one kind that are in place, in the order they were added. */
export class FaultList<Subject, Effect> {
  readonly #faults = new Set<PlacedFault<Subject, Effect>>();

  add(applies: (subject: Subject) => boolean, effect: Effect, timing: FaultTiming): Fault {
    const fault = new PlacedFault(applies, effect, timing, (placed) => this.#faults.delete(placed));
    this.#faults.add(fault);
    return fault;
  }

  strike(subject: Subject): Effect | undefined {
    for (const fault of this.#faults) {
      if (fault.strikes(subject)) return fault.effect;
    }
    return undefined;
  }

  get isEmpty(): boolean {
    return this.#faults.size === 0;
  }

  clear(): void {
    this.#faults.clear();
  }
}

/** A generator of numbers from 0 up to 1 that gives the same ones for a seed (Mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
