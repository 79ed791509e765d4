import { elapsedMs, sleep } from '../connection';

/** How an attempt ended: as far as admission is concerned, whatever is no conflict and no commit has failed. */
export type AttemptOutcome = 'committed' | 'conflict' | 'failed';

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

/** An attempt that was admitted, as its window knows it. */
export interface Admitted {
  readonly startedAt: number;
  /** The limit that held then, if the attempt was the last for which there was room. */
  readonly limit: number | undefined;
}

/** After so many outcomes it is decided how many attempts are admitted next. */
const ROUND = 16;

/** Twice as many attempts in flight have to make commits so many times as frequent. */
const PAYS = 1.1;

/** What another limit would give is found out again after so many rounds. */
const STALE = 16;

/** What came of a limit. */
class Trial {
  commits = 0;
  outcomes = 0;
  busyMs = 0;
  round = 0;

  constructor(readonly limit: number) {}

  /** Commits in a millisecond. */
  get rate(): number {
    return this.busyMs === 0 ? 0 : (this.limit * this.commits) / this.busyMs;
  }

  fade(): void {
    this.commits /= 2;
    this.outcomes /= 2;
    this.busyMs /= 2;
  }
}

/**
 * How many attempts may be in flight at once, learnt from what comes of it.
 *
 * Until the first conflict there is no limit. Of those in flight then, as many are admitted in future as are committed.
 * From then on half and twice as many are tried now and then, and the limit becomes what commits the most.
 */
export class AdmissionWindow {
  #inFlight = 0;
  #limit = Infinity;
  #here: Trial | undefined;
  #half: Trial | undefined;
  #double: Trial | undefined;
  /** What is tried at present. */
  #trial: Trial | undefined;
  #round = 0;
  #outcomesLeft = ROUND;
  #outcomesSinceWait = 0;
  readonly #retries: Waiter[] = [];
  readonly #newcomers: Waiter[] = [];

  /** Whether there is a limit at present. */
  get isLimited(): boolean {
    return this.#limit < Infinity;
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
    this.#outcomesSinceWait = 0;
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
    return {
      startedAt: elapsedMs(),
      limit: this.#inFlight === this.#limit ? this.#limit : this.#limit === Infinity ? Infinity : undefined,
    };
  }

  /** Counts an attempt out, and learns from it if it says something about this window. */
  leave({ startedAt, limit }: Admitted, outcome: AttemptOutcome, isTelling: boolean): void {
    if (isTelling && outcome !== 'failed') {
      const isConflict = outcome === 'conflict';
      if (this.#limit === Infinity) {
        if (isConflict) this.#begin(1);
      } else if (limit === Infinity) {
        if (!isConflict) this.#begin(this.#limit + 1);
      } else {
        this.#learn(limit, isConflict, elapsedMs() - startedAt);
      }
    }
    this.#inFlight--;
    this.#admitWaiting();
  }

  /** Lets no more in than are in flight. */
  limit(): void {
    this.#begin(Math.max(1, this.#inFlight));
  }

  /** Lifts the limit. */
  open(): void {
    this.#limit = Infinity;
    this.#admitWaiting();
  }

  #begin(limit: number): void {
    this.#limit = limit;
    this.#here = this.#trial = new Trial(limit);
    this.#half = this.#double = undefined;
    this.#outcomesLeft = ROUND;
    this.#outcomesSinceWait = 0;
  }

  #learn(limit: number | undefined, isConflict: boolean, durationMs: number): void {
    if (++this.#outcomesSinceWait > ROUND) {
      this.open();
      return;
    }
    const trial = this.#trial;
    if (trial === undefined || limit !== trial.limit) return;
    trial.outcomes++;
    trial.busyMs += durationMs;
    if (!isConflict) trial.commits++;
    if (--this.#outcomesLeft > 0) return;
    this.#decide(trial);
  }

  #decide(trial: Trial): void {
    trial.round = ++this.#round;
    let here = this.#here ?? trial;
    if (
      this.#double !== undefined &&
      trial === this.#double &&
      trial.rate > PAYS * here.rate &&
      trial.commits * 2 >= trial.outcomes
    ) {
      this.#half = here;
      here = trial;
      this.#double = undefined;
    } else if (
      this.#half !== undefined &&
      (trial === this.#half || trial === here) &&
      here.rate < PAYS * this.#half.rate
    ) {
      this.#double = here;
      here = this.#half;
      this.#half = undefined;
    }
    this.#here = here;
    const isStale = (other: Trial | undefined) => other === undefined || this.#round - other.round > STALE;
    let next = here;
    if (trial === here) {
      if (here.limit > 1 && isStale(this.#half) && here.commits < here.outcomes * 0.9)
        next = this.#half ??= new Trial(Math.max(1, here.limit >> 1));
      else if (isStale(this.#double)) next = this.#double ??= new Trial(here.limit * 2);
    }
    this.#trial = next;
    next.fade();
    this.#limit = next.limit;
    this.#outcomesLeft = ROUND;
  }

  #hasRoom(): boolean {
    return this.#inFlight < this.#limit;
  }

  #admitWaiting(): void {
    while (this.#hasRoom()) {
      const next = this.#retries[0] ?? this.#newcomers[0];
      if (next === undefined) return;
      next.admit();
    }
  }
}
