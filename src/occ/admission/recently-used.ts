import { elapsedMs } from '../../connection';

/** What {@link RecentlyUsed} keeps. */
export interface Forgettable {
  /** Whether it is in use, so that it cannot be forgotten. */
  readonly isInUse: boolean;
  /** When it ceases to be worth keeping, by the monotonic clock. */
  readonly keepUntil: number;
}

/** How many of the oldest entries are looked at for each new one: with two the forgetting catches up. */
const LOOKED_AT = 2;

/** A map that forgets what is not used any more, and keeps no more than so many entries beside those in use. */
export class RecentlyUsed<V extends Forgettable> {
  readonly #entries = new Map<string, V>();
  readonly #max: number;
  readonly #create: () => V;

  constructor(max: number, create: () => V) {
    this.#max = max;
    this.#create = create;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The entry under a name; a new one where there is none worth keeping. */
  use(name: string): V {
    const known = this.#entries.get(name);
    if (known !== undefined) {
      this.#entries.delete(name);
      if (this.#isWorthKeeping(known)) {
        this.#entries.set(name, known);
        return known;
      }
    }
    this.#forgetOldest();
    const entry = this.#create();
    this.#entries.set(name, entry);
    return entry;
  }

  /** Forgets an entry right away unless it is worth keeping. */
  release(name: string, entry: V): void {
    if (!this.#isWorthKeeping(entry) && this.#entries.get(name) === entry) this.#entries.delete(name);
  }

  #isWorthKeeping({ isInUse, keepUntil }: V): boolean {
    return isInUse || keepUntil > elapsedMs();
  }

  #forgetOldest(): void {
    let looked = 0;
    for (const [name, entry] of this.#entries) {
      if (looked++ === LOOKED_AT) return;
      this.#entries.delete(name);
      // With it and the new one.
      const isTooMany = this.#entries.size + 2 > this.#max;
      if (entry.isInUse || (this.#isWorthKeeping(entry) && !isTooMany)) this.#entries.set(name, entry);
    }
  }
}
