/** How a transaction that was admitted ended. */
export type AttemptOutcome = 'committed' | 'conflict' | 'failed';

/** Tells the admission that an attempt has ended. Called once. */
export type Leave = (outcome: AttemptOutcome) => void;

interface Waiter {
  /** When its transaction began, by the monotonic clock. */
  readonly since: number;
  readonly admit: (leave: Leave) => void;
}

/** Who waits for a place. */
export interface Applicant {
  /** Whether it has met a conflict: then it goes ahead of newcomers. */
  readonly isRetry: boolean;
  /** When its first attempt was asked for, as `performance.now()` says it: of two retries the older goes first. */
  readonly since: number;
  /** How long it may wait, in milliseconds. */
  readonly waitMs: number;
  /** Ends its waiting. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * The share of attempts that may end in a conflict while the database is not slowed down by them: more in flight keep
 * rows busy that would be idle.
 */
const TARGET_CONFLICT_RATIO = 0.6;

/** The same while it is slowed down: then work that is thrown away is taken from work that is not. */
const TARGET_CONFLICT_RATIO_WHEN_SLOW = 0.05;

/** From so many times the duration of an undisturbed attempt the database begins to count as slow, and to so many. */
const SLOW_FROM = 1.1;
const SLOW_TO = 1.6;

/** How far one outcome moves a narrow window; a wide one moves in proportion. */
const GAIN = 0.25;
const WIDE = 4;

/** How much one commit tells of how long they take at present. */
const DURATION_WEIGHT = 0.1;

/** How quickly the shortest duration is forgotten, by each commit: conditions change. */
const FORGETTING = 1.0002;

/** To so much of what is in flight the first conflict narrows: where many meet on a few rows, all but a few are too many. */
const FIRST_NARROWING = 0.5;

/** After so many outcomes with few conflicts among them the window is widened at once. */
const ROUND = 32;
const WIDENING = 1.5;

/** A window that has room for so many times what is in flight limits nobody, and is forgotten. */
const ROOMY = 4;

/**
 * How many transactions of one kind may be in flight at once, learnt from how they end, as TCP learns its window.
 *
 * Until the first conflict there is no limit. From then on every commit widens the window a little and every conflict
 * narrows it, so that the share of conflicts settles at a target; where nothing but one at a time works, the window is
 * one or two. The target is low when attempts take longer than they could, because then those in vain slow down the
 * others. Who waits is admitted in order, retries first and the oldest of them before all. Without conflicts the window
 * grows until it limits nobody, and is forgotten.
 */
export class Admission {
  #inFlight = 0;
  #window = Infinity;
  /** How long an attempt takes that is committed: at best, and at present, in milliseconds. */
  #shortestMs = Infinity;
  #usualMs = 0;
  /** Of the present round. */
  #outcomes = 0;
  #conflicts = 0;
  readonly #retries: Waiter[] = [];
  readonly #newcomers: Waiter[] = [];

  /** Whether a newcomer would have to wait. */
  get isCrowded(): boolean {
    return !this.#hasRoom() || this.#retries.length > 0 || this.#newcomers.length > 0;
  }

  /** Nothing is known of this kind that is worth keeping. */
  get isIdle(): boolean {
    return this.#inFlight === 0 && this.#window === Infinity;
  }

  /**
   * Waits for a place.
   *
   * @returns nothing when the time is over
   */
  enter({ isRetry, since, waitMs, signal }: Applicant): Promise<Leave | undefined> {
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
        since,
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
      const younger = isRetry ? queue.findIndex((other) => other.since > since) : -1;
      queue.splice(younger < 0 ? queue.length : younger, 0, waiter);
    });
  }

  #hasRoom(): boolean {
    return this.#inFlight < Math.max(1, Math.floor(this.#window));
  }

  #admit(): Leave {
    this.#inFlight++;
    const startedAt = performance.now();
    return (outcome) => {
      if (outcome === 'committed') this.#learnDuration(performance.now() - startedAt);
      if (outcome !== 'failed') this.#learnOutcome(outcome === 'conflict');
      this.#inFlight--;
      this.#admitWaiting();
    };
  }

  #learnDuration(durationMs: number): void {
    this.#shortestMs = Math.min(durationMs, this.#shortestMs * FORGETTING);
    this.#usualMs += (this.#usualMs === 0 ? 1 : DURATION_WEIGHT) * (durationMs - this.#usualMs);
  }

  #learnOutcome(isConflict: boolean): void {
    if (this.#window === Infinity) {
      if (!isConflict) return;
      this.#window = FIRST_NARROWING * this.#inFlight;
    }
    const target = this.#targetConflictRatio();
    const window = isConflict ? Math.min(this.#window, this.#inFlight + 1) : this.#window;
    const step = GAIN * Math.max(1, window / WIDE) * (target - (isConflict ? 1 : 0));
    this.#window = Math.max(1, window + step);
    this.#conflicts += isConflict ? 1 : 0;
    if (++this.#outcomes === ROUND) {
      if (this.#conflicts / ROUND < target / 2) this.#window *= WIDENING;
      this.#outcomes = this.#conflicts = 0;
    }
    if (this.#window > ROOMY * Math.max(this.#inFlight, ROOMY)) this.#window = Infinity;
  }

  #targetConflictRatio(): number {
    const slowness = this.#usualMs / this.#shortestMs;
    const slow = Math.min(1, Math.max(0, (slowness - SLOW_FROM) / (SLOW_TO - SLOW_FROM)));
    return TARGET_CONFLICT_RATIO + slow * (TARGET_CONFLICT_RATIO_WHEN_SLOW - TARGET_CONFLICT_RATIO);
  }

  #admitWaiting(): void {
    while (this.#hasRoom()) {
      const next = this.#retries.shift() ?? this.#newcomers.shift();
      if (next === undefined) return;
      next.admit(this.#admit());
    }
  }
}
