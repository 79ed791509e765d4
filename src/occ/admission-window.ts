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

/*
 * The constants were measured on a simulation of the cells of `bench/contention.ts`, 30 cells, and more with first
 * statements that tell nothing of the rows. Rounds of 16 to 48 outcomes, gains of 1.0 to 1.1 and 4 to 16 rounds gave the
 * same throughput within a tenth in all of them (as much as chance does), so none of them is critical.
 */

/** A limit is judged by so many outcomes: with fewer, chance decides; with more, it takes longer to get away from a bad one. */
const ROUND = 16;

/** Twice as many in flight have to make commits so many times as frequent: attempts in vain load the database and cost money. */
const LEAST_GAIN = 1.05;

/** What half or twice the limit would give is found out again after so many rounds: a trial in vain costs one of them. */
const ROUNDS_BETWEEN_TRIALS = 8;

/** With fewer conflicts there is nothing to win by halving the limit, and a trial of that would cost half of the commits. */
const FEW_CONFLICTS = 0.1;

/** What came of a limit. */
class Trial {
  commits = 0;
  outcomes = 0;
  durationsMs = 0;
  /** When it was judged last. */
  round = 0;

  constructor(readonly limit: number) {}

  /** Commits in a millisecond, with all places taken. */
  get rate(): number {
    return this.durationsMs === 0 ? 0 : (this.limit * this.commits) / this.durationsMs;
  }

  get conflictShare(): number {
    return 1 - this.commits / this.outcomes;
  }

  /** What was found out before counts half from now on. */
  fade(): void {
    this.commits /= 2;
    this.outcomes /= 2;
    this.durationsMs /= 2;
  }
}

/**
 * How many attempts may be in flight at once, learnt from what comes of it.
 *
 * Until the first conflict there is no limit. Of those that are in flight then, as many are admitted in future as are
 * committed. From then on half and twice as many are tried now and then, and the limit becomes what gives the most
 * commits in a unit of time; where that is much the same, the lower one. A limit that nobody meets any more is lifted.
 * Waiting attempts are admitted in order, retries first and the oldest of them before all.
 */
export class AdmissionWindow {
  #inFlight = 0;
  #limit = Infinity;
  /** The limit that was found to be the best, and its neighbours as far as they were tried. */
  #here = new Trial(1);
  #half: Trial | undefined;
  #double: Trial | undefined;
  /** The one of them that holds at present. */
  #current = this.#here;
  #round = 0;
  /** Outcomes of the round under way, and how many in turn were of attempts that left room for more. */
  #outcomes = 0;
  #outcomesWithRoom = 0;
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
    const isLast = ++this.#inFlight >= this.#limit;
    return { startedAt: elapsedMs(), limit: isLast || !this.isLimited ? this.#limit : undefined };
  }

  /** Counts an attempt out, and learns from it if it says something about this window. */
  leave(admitted: Admitted, outcome: AttemptOutcome, isTelling: boolean): void {
    if (isTelling && outcome !== 'failed') this.#learn(admitted, outcome === 'conflict');
    this.#inFlight--;
    this.#admitWaiting();
  }

  /** Sets a limit: as many as are committed of those in flight, and one at least. */
  limit(): void {
    this.#begin(1);
  }

  /** Lifts the limit. */
  open(): void {
    this.#limit = Infinity;
    this.#admitWaiting();
  }

  #begin(limit: number): void {
    this.#here = new Trial(limit);
    this.#half = this.#double = undefined;
    this.#outcomesWithRoom = 0;
    this.#try(this.#here);
  }

  #learn({ limit, startedAt }: Admitted, isConflict: boolean): void {
    const current = this.#current;
    if (!this.isLimited) {
      if (isConflict) this.limit();
    } else if (limit === Infinity) {
      if (!isConflict) this.#begin(this.#limit + 1);
    } else if (limit === undefined) {
      if (++this.#outcomesWithRoom === ROUND) this.open();
    } else {
      this.#outcomesWithRoom = 0;
      if (limit !== current.limit) return;
      current.outcomes++;
      if (!isConflict) current.commits++;
      current.durationsMs += elapsedMs() - startedAt;
      if (++this.#outcomes === ROUND) this.#decide(current);
    }
  }

  #decide(judged: Trial): void {
    judged.round = ++this.#round;
    const here = this.#here;
    if (judged === this.#double) {
      if (judged.conflictShare <= 1 / 2 && judged.rate > LEAST_GAIN * here.rate) {
        this.#half = here;
        this.#here = judged;
        this.#double = undefined;
      }
    } else if (this.#half !== undefined && here.rate < LEAST_GAIN * this.#half.rate) {
      this.#double = here;
      this.#here = this.#half;
      this.#half = undefined;
    }
    this.#try(judged === this.#here ? this.#nextAfter(judged) : this.#here);
  }

  /** Tries the neighbours of a limit in turn, as far as it is not known what they give. */
  #nextAfter(here: Trial): Trial {
    const isDue = (other: Trial | undefined) =>
      other === undefined || this.#round - other.round > ROUNDS_BETWEEN_TRIALS;
    if (here.limit > 1 && here.conflictShare > FEW_CONFLICTS && isDue(this.#half)) {
      return (this.#half ??= new Trial(Math.floor(here.limit / 2)));
    }
    return isDue(this.#double) ? (this.#double ??= new Trial(here.limit * 2)) : here;
  }

  #try(trial: Trial): void {
    trial.fade();
    this.#current = trial;
    this.#limit = trial.limit;
    this.#outcomes = 0;
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
