import { clearTimeout, elapsedMs, setTimeout } from '../real-time';
import type { Superuser } from '../superuser';
import type { Member, Waiter } from './member';

/** How long a statement may wait for a transaction that cannot be displaced, and that its client has left idle. */
const PATIENCE_MS = 500;
/** How long after a displacement it is looked whether that was enough. */
const AFTERTHOUGHT_MS = 10;

/**
 * Makes sure that nothing waits for an idle transaction. PostgreSQL itself says when a statement waits; then, and
 * whenever a session becomes idle while one does, the sessions in the way are looked up and displaced. As long as nothing
 * waits, there is nothing to do.
 */
export class LockMonitor {
  readonly #superuser: Superuser;
  readonly #participants = new Map<number, Member>();
  /** Those whose statement waits; since when for nobody but sessions that are idle and cannot be displaced. */
  readonly #waiting = new Map<Waiter, number | undefined>();
  /** Those that were in the way when last looked for but busy, and in whose way. */
  #busyBlockers = new Map<Member, Waiter[]>();
  /** Those that were in the way when last looked for although they had been displaced. */
  #stillInTheWay = new Set<Member>();
  #looking: Promise<void> | undefined;
  #again = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(superuser: Superuser) {
    this.#superuser = superuser;
  }

  add(participant: Member): void {
    this.#participants.set(participant.processId, participant);
  }

  remove(participant: Member): void {
    this.#participants.delete(participant.processId);
    this.#waiting.delete(participant);
  }

  /** PostgreSQL said that the statement of a session waits for a lock. */
  waits(waiter: Waiter): void {
    if (!this.#waiting.has(waiter)) this.#waiting.set(waiter, undefined);
    this.#look();
  }

  /** A session has answered its client; what it has locked stays locked while the client thinks. */
  rests(participant: Member): void {
    this.ends(participant);
    if (this.#waiting.size === 0) return;
    for (const waiter of this.#busyBlockers.get(participant) ?? []) {
      if (this.#waiting.has(waiter)) participant.displaceFor(waiter);
    }
    this.#look();
  }

  /** The statement of a session waits no more. */
  ends(waiter: Waiter): void {
    this.#waiting.delete(waiter);
  }

  #look(): void {
    if (this.#looking) {
      this.#again = true;
      return;
    }
    this.#looking = this.#displaceBlockers()
      .catch(() => undefined) // without PostgreSQL nothing waits
      .finally(() => {
        this.#looking = undefined;
        if (this.#again && this.#waiting.size > 0) this.#look();
        this.#again = false;
      });
  }

  async #displaceBlockers(): Promise<void> {
    const waiters = new Map([...this.#waiting.keys()].map((waiter) => [waiter.processId, waiter]));
    const rows = await this.#superuser.query(
      'SELECT waiting, unnest(pg_catalog.pg_blocking_pids(waiting)) FROM unnest($1::integer[]) AS waiting',
      [`{${[...waiters.keys()].join()}}`],
    );
    const known = this.#stillInTheWay;
    this.#stillInTheWay = new Set();
    this.#busyBlockers = new Map();
    const stuck = new Set<Waiter>();
    let delayMs = PATIENCE_MS;
    for (const [waiting, blocking] of rows) {
      const waiter = waiters.get(Number(waiting));
      const blocker = this.#participants.get(Number(blocking));
      if (!waiter || !blocker || waiter === blocker) continue;
      switch (blocker.displaceFor(waiter)) {
        case 'busy':
          this.#busyBlockers.set(blocker, [...(this.#busyBlockers.get(blocker) ?? []), waiter]);
          break;
        case 'displaced':
          delayMs = AFTERTHOUGHT_MS;
          break;
        case 'was displaced':
          delayMs = AFTERTHOUGHT_MS;
          // It may have been displaced while PostgreSQL was asked; what is in the way the next time has stayed.
          if (known.has(blocker)) blocker.beginAnew();
          else this.#stillInTheWay.add(blocker);
          break;
        case 'cannot be displaced':
          stuck.add(waiter);
      }
    }
    for (const [waiter, since] of this.#waiting) {
      const stuckSince = stuck.has(waiter) ? (since ?? elapsedMs()) : undefined;
      this.#waiting.set(waiter, stuckSince);
      if (stuckSince !== undefined && elapsedMs() - stuckSince >= PATIENCE_MS) waiter.concede?.();
    }
    this.#lookLater(delayMs);
  }

  /**
   * Looks again while something waits, in case the session in the way still holds locks, or a client has stopped reading
   * what it asked for.
   */
  #lookLater(delayMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (this.#waiting.size > 0) this.#look();
    }, delayMs).unref();
  }
}
