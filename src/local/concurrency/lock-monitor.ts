import { clearTimeout, elapsedMs, setTimeout } from '../real-time';
import type { Superuser } from '../superuser';
import type { Participant } from './participant';

/** How long a statement may wait for a transaction that cannot be displaced, and that its client has left idle. */
const PATIENCE_MS = 500;

/**
 * Sees to it that nothing waits for a transaction that is idle. PostgreSQL itself says when a statement waits; then, and
 * whenever a session comes to rest while one does, whoever is in the way is looked for and displaced. As long as nothing
 * waits there is nothing to do.
 */
export class LockMonitor {
  readonly #superuser: Superuser;
  readonly #participants = new Map<number, Participant>();
  /** Those whose statement waits, and since when. */
  readonly #waiting = new Map<Participant, number>();
  /** Those that were in the way when last looked for but busy, and in whose way. */
  #busyBlockers = new Map<Participant, Participant[]>();
  #looking: Promise<void> | undefined;
  #again = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(superuser: Superuser) {
    this.#superuser = superuser;
  }

  add(participant: Participant): void {
    this.#participants.set(participant.processId, participant);
  }

  remove(participant: Participant): void {
    this.#participants.delete(participant.processId);
    this.#waiting.delete(participant);
  }

  /** PostgreSQL said that the statement of a session waits for a lock. */
  waits(participant: Participant): void {
    if (!this.#waiting.has(participant)) this.#waiting.set(participant, elapsedMs());
    this.#look();
  }

  /** A session has answered its client; what it has locked stays locked while the client thinks. */
  rests(participant: Participant): void {
    this.#waiting.delete(participant);
    if (this.#waiting.size === 0) return;
    for (const waiter of this.#busyBlockers.get(participant) ?? []) {
      if (this.#waiting.has(waiter)) participant.displaceFor(waiter);
    }
    this.#look();
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
    const pids = [...this.#waiting.keys()].map(({ processId }) => processId);
    const rows = await this.#superuser.query(
      'SELECT waiting, unnest(pg_catalog.pg_blocking_pids(waiting)) FROM unnest($1::integer[]) AS waiting',
      [`{${pids.join()}}`],
    );
    this.#busyBlockers = new Map();
    let someStay = false;
    for (const [waiting, blocking] of rows) {
      const waiter = this.#participants.get(Number(waiting));
      const blocker = this.#participants.get(Number(blocking));
      if (!waiter || !blocker || waiter === blocker) continue;
      const outcome = blocker.displaceFor(waiter);
      if (outcome === 'busy') {
        const waiters = this.#busyBlockers.get(blocker) ?? [];
        this.#busyBlockers.set(blocker, [...waiters, waiter]);
      }
      if (outcome !== 'cannot be displaced') continue;
      someStay = true;
      const since = this.#waiting.get(waiter);
      if (since !== undefined && elapsedMs() - since >= PATIENCE_MS) waiter.concede();
    }
    if (someStay) {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => {
        this.#look();
      }, PATIENCE_MS).unref();
    }
  }
}
