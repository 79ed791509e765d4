import type { HeldLease } from '../../migrate/for-orms';

/** The lease of an instance on the schema: what it changes at the same time shares one. */
export class SharedLease {
  readonly #take: () => Promise<HeldLease | undefined>;
  #held: Promise<HeldLease | undefined> | undefined;
  #users = 0;

  /** @param take - takes it from the database; nothing where it is left to another process */
  constructor(take: () => Promise<HeldLease | undefined>) {
    this.#take = take;
  }

  /** Takes it, unless it is taken; each call is followed by one of {@link release}. */
  async take(): Promise<HeldLease | undefined> {
    this.#users++;
    this.#held ??= this.#take();
    return this.#held;
  }

  /** Shares one that is held until the process ends. */
  adopt(held: HeldLease): void {
    this.#users++;
    this.#held = Promise.resolve(held);
  }

  async release(): Promise<void> {
    this.#users--;
    if (this.#users > 0) return;
    const held = this.#held;
    this.#held = undefined;
    await (await held?.catch(() => undefined))?.release();
  }
}

/** What one `sync` has of the lease: it is taken when there is something to be changed. */
export class SyncLease {
  readonly #shared: SharedLease;
  #isTaken = false;
  #held: HeldLease | undefined;
  #isPlanning = false;
  /** Ends what is only being planned. */
  readonly #needed = new Error('There is something to be changed.');

  constructor(shared: SharedLease) {
    this.#shared = shared;
  }

  /**
   * Does something, and does it again under the lease where it would change anything: what it has read may not hold any
   * more.
   *
   * @returns nothing where it is left to another process
   */
  async around<T>(work: () => Promise<T>): Promise<T | undefined> {
    if (!this.#isTaken) {
      this.#isPlanning = true;
      try {
        return await work();
      } catch (error) {
        if (error !== this.#needed) throw error;
      } finally {
        this.#isPlanning = false;
      }
    }
    return (await this.take()) ? work() : undefined;
  }

  /**
   * Takes the lease, if it is not taken.
   *
   * @returns whether it is held; not where the schema is left to another process
   */
  async take(): Promise<boolean> {
    if (!this.#isTaken) {
      this.#isTaken = true;
      this.#held = await this.#shared.take();
    }
    return this.#held !== undefined;
  }

  get isHeld(): boolean {
    return this.#held !== undefined;
  }

  /** To be awaited right before anything is changed. */
  async hold(): Promise<void> {
    if (this.#isPlanning) throw this.#needed;
    await this.take();
    await this.#held?.hold();
  }

  async release(): Promise<void> {
    if (this.#isTaken) await this.#shared.release();
  }
}
