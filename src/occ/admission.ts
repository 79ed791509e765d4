/** How a transaction that was admitted ended. */
export type AttemptOutcome = 'committed' | 'conflict' | 'failed';

/** Tells the admission that an attempt has ended. Called once. */
export type Leave = (outcome: AttemptOutcome) => void;

interface Waiter {
  admit: (leave: Leave) => void;
}

/**
 * The share of attempts that may end in a conflict. Fewer in flight would leave rows idle that nobody contends for, more
 * would spend the database's time on work that is thrown away.
 */
const TARGET_CONFLICT_RATIO = 0.25;

/** How far one outcome moves the window, as a share of it: quick enough for a burst, slow enough not to chase noise. */
const GAIN = 0.25;

/** A window that has room for so many times what is in flight limits nobody, and is forgotten. */
const ROOMY = 4;

/**
 * How many transactions of one kind may be in flight at once, learnt from how they end, as TCP learns its window.
 *
 * Until the first conflict there is no limit. From then on every commit widens the window a little and every conflict
 * narrows it, so that the share of conflicts settles at a target; where nothing but one at a time works, the window is
 * one. Who waits is admitted in order, retries first. Without conflicts the window grows until it limits nobody, and is
 * forgotten.
 */
export class Admission {
  #inFlight = 0;
  #window = Infinity;
  readonly #retries: Waiter[] = [];
  readonly #newcomers: Waiter[] = [];

  /** Nothing is known of this kind that is worth keeping. */
  get isIdle(): boolean {
    return this.#inFlight === 0 && this.#window === Infinity;
  }

  /**
   * Waits for a place.
   *
   * @param isRetry - a transaction that has met a conflict before goes ahead of newcomers
   * @param waitMs - how long it may take, in milliseconds
   * @param signal - ends the waiting
   * @returns nothing when the time is over
   */
  enter(isRetry: boolean, waitMs: number, signal?: AbortSignal): Promise<Leave | undefined> {
    const queue = isRetry ? this.#retries : this.#newcomers;
    if (this.#hasRoom() && this.#retries.length === 0 && (isRetry || this.#newcomers.length === 0)) {
      return Promise.resolve(this.#admit());
    }
    return new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
        const place = queue.indexOf(waiter);
        if (place >= 0) queue.splice(place, 1);
      };
      const abort = () => {
        end();
        reject(signal?.reason as Error);
      };
      const waiter: Waiter = {
        admit: (leave) => {
          end();
          resolve(leave);
        },
      };
      const timer = setTimeout(() => {
        end();
        resolve(undefined);
      }, waitMs);
      signal?.addEventListener('abort', abort);
      queue.push(waiter);
    });
  }

  #hasRoom(): boolean {
    return this.#inFlight < Math.max(1, Math.floor(this.#window));
  }

  #admit(): Leave {
    this.#inFlight++;
    return (outcome) => {
      this.#learn(outcome);
      this.#inFlight--;
      this.#admitWaiting();
    };
  }

  #learn(outcome: AttemptOutcome): void {
    if (outcome === 'failed' || (outcome === 'committed' && this.#window === Infinity)) return;
    const window = Math.min(this.#window, this.#inFlight);
    const drift = outcome === 'conflict' ? TARGET_CONFLICT_RATIO - 1 : TARGET_CONFLICT_RATIO;
    this.#window = Math.max(1, (outcome === 'conflict' ? window : this.#window) + GAIN * drift);
    if (this.#window > ROOMY * Math.max(this.#inFlight, ROOMY)) this.#window = Infinity;
  }

  #admitWaiting(): void {
    while (this.#hasRoom()) {
      const next = this.#retries.shift() ?? this.#newcomers.shift();
      if (next === undefined) return;
      next.admit(this.#admit());
    }
  }
}
