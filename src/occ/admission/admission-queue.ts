import { sleep } from '../../connection';
import { ROUND, type AdmissionLimit, type AttemptOutcome } from './admission-limit';

/** An attempt that asks for a place. */
export interface Applicant {
  /** Whether its transaction has met a conflict: then it goes ahead of newcomers. */
  readonly isRetry: boolean;
  /** When its transaction began, by the monotonic clock: of two retries the older goes first. */
  readonly since: number;
  /** How long it may wait, in milliseconds; then it goes ahead all the same. */
  readonly waitMs: number;
  /** Ends its waiting. */
  readonly signal?: AbortSignal | undefined;
}

interface Waiter {
  readonly since: number;
  readonly admit: () => void;
}

/** How an attempt was admitted: without a limit, with one and room for more, or as the last one. */
export type Admitted = 'unlimited' | 'with room' | 'last';

/**
 * Attempts that are limited together, if at all, and those that wait for that: in order, retries first and the oldest of
 * them before all.
 *
 * Until the first conflict there is no limit, and a limit that nobody has met for a while is lifted.
 */
export class AdmissionQueue {
  readonly #limit: AdmissionLimit;
  #isLimited = false;
  #inFlight = 0;
  /** How many were committed of those in flight when the limit was set. */
  #commitsOfCrowd = 0;
  /** How many outcomes in turn were of attempts that left room for more. */
  #outcomesWithRoom = 0;
  readonly #retries: Waiter[] = [];
  readonly #newcomers: Waiter[] = [];

  /** @param limit - how many are admitted where there is a limit */
  constructor(limit: AdmissionLimit) {
    this.#limit = limit;
  }

  /** Whether there is a limit at present. */
  get isLimited(): boolean {
    return this.#isLimited;
  }

  /** Whether an attempt would have to wait. */
  isFullFor({ isRetry }: Pick<Applicant, 'isRetry'>): boolean {
    return !this.#hasRoom() || this.#retries.length > 0 || (!isRetry && this.#newcomers.length > 0);
  }

  /**
   * Counts an attempt in when there is room, or when it has waited for `waitMs`.
   *
   * @throws the reason of `signal` when that is aborted meanwhile
   */
  wait({ isRetry, since, waitMs, signal }: Applicant): Promise<Admitted> {
    const queue = isRetry ? this.#retries : this.#newcomers;
    return new Promise((resolve, reject) => {
      const timer = new AbortController();
      const end = () => {
        timer.abort();
        signal?.removeEventListener('abort', abort);
        const place = queue.indexOf(waiter);
        if (place >= 0) queue.splice(place, 1);
      };
      const abort = () => {
        end();
        reject(signal?.reason as Error);
      };
      const admit = () => {
        end();
        resolve(this.admit());
      };
      const waiter: Waiter = { since, admit };
      if (signal?.aborted === true) {
        reject(signal.reason as Error);
        return;
      }
      signal?.addEventListener('abort', abort);
      const younger = isRetry ? queue.findIndex((other) => other.since > since) : -1;
      queue.splice(younger < 0 ? queue.length : younger, 0, waiter);
      sleep(waitMs, undefined, { signal: timer.signal }).then(admit, () => undefined);
    });
  }

  /** Counts an attempt in, whether there is room or not. */
  admit(): Admitted {
    this.#inFlight++;
    if (!this.#isLimited) return 'unlimited';
    this.#limit.enter();
    return this.#hasRoom() ? 'with room' : 'last';
  }

  /** Counts an attempt out, and learns from it if it says something about this queue. */
  leave(admitted: Admitted, outcome: AttemptOutcome, isCounted: boolean): void {
    if (admitted !== 'unlimited') this.#limit.leave(isCounted ? outcome : 'failed');
    if (isCounted && outcome !== 'failed') this.#learn(admitted, outcome === 'conflict');
    this.#inFlight--;
    this.#admitWaiting();
  }

  /** Sets the limit. */
  close(): void {
    this.#isLimited = true;
    this.#commitsOfCrowd = this.#outcomesWithRoom = 0;
  }

  /** Lifts the limit. */
  open(): void {
    this.#isLimited = false;
    this.#admitWaiting();
  }

  #learn(admitted: Admitted, isConflict: boolean): void {
    if (!this.#isLimited) {
      if (isConflict) this.close();
    } else if (admitted === 'unlimited') {
      if (!isConflict) this.#limit.startFrom(++this.#commitsOfCrowd);
    } else if (admitted === 'last') {
      this.#outcomesWithRoom = 0;
    } else if (++this.#outcomesWithRoom === ROUND) {
      this.open();
    }
  }

  #hasRoom(): boolean {
    return !this.#isLimited || this.#inFlight < this.#limit.value;
  }

  #admitWaiting(): void {
    while (this.#hasRoom()) {
      const next = this.#retries[0] ?? this.#newcomers[0];
      if (next === undefined) return;
      next.admit();
    }
  }
}
