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
  /** With itself. */
  readonly inFlight: number;
  readonly isLimited: boolean;
}

/** Even where one at a time is best, now and then a second one is tried: conditions change. */
const LEAST_TARGET = 0.02;

/** While nothing is known of how attempts slow down each other: as if they did not. */
const UNKNOWN_TARGET = 0.5;

/** The last one in flight slows down the others by so many times what the others do on average: conflicts cost most. */
const STEEPNESS = 1.15;

/** How far one outcome moves a narrow window; a wide one moves in proportion. */
const GAIN = 0.25;
const WIDE = 8;

/** How much one attempt tells of how long they take at present. */
const DURATION_WEIGHT = 0.1;

/** A short attempt that is alone counts so much: what is left of those before it may slow down the others. */
const SHORT_WEIGHT = 8;

/** After so many outcomes with few conflicts among them the window is widened at once. */
const ROUND = 32;
const WIDENING = 1.25;

/**
 * With so many conflicts in a round it matters how long an attempt takes that is alone: so many are then run one at a
 * time, and again after so many others for each place of the window. TCP's BBR probes for its round-trip time like this.
 */
const PROBE_CONFLICTS = 6;
const PROBE_ATTEMPTS = 3;
const PROBE_AFTER = 200;

/** The others wait for a probe, so one of attempts that take longer, in milliseconds, is not made. */
const LONGEST_PROBED_MS = 1000;

/** A window that has room for so many times what is in flight limits nobody, and is forgotten. */
const ROOMY = 4;

/**
 * How many attempts may be in flight at once, learnt from how they end, as TCP learns its window.
 *
 * Until the first conflict there is no limit. From then on every commit widens the window a little and every conflict
 * narrows it, so that the share of conflicts settles at a target; where nothing but one at a time works, the window is
 * one or two. The target is low when attempts take longer than one that is alone, because then those in vain slow down
 * the others; so that this is known, a few are made alone when conflicts are many. Waiting attempts are admitted in
 * order, retries first and the oldest of them before all. Without conflicts the window grows until it limits nobody, and
 * is forgotten.
 */
export class AdmissionWindow {
  #inFlight = 0;
  #window = Infinity;
  /** How long an attempt takes that is alone, in milliseconds. */
  readonly #aloneMs = new ForgettingMean();
  /** How long one takes that is not, and how many are in flight then. */
  readonly #togetherMs = new ForgettingMean();
  readonly #together = new ForgettingMean();
  #attemptsSinceProbe = Infinity;
  /** How many attempts are left of the present probe. */
  #probeAttempts = 0;
  /** Of the present round. */
  #outcomes = 0;
  #conflicts = 0;
  readonly #retries: Waiter[] = [];
  readonly #newcomers: Waiter[] = [];

  /** Whether there is a limit at present. */
  get isLimited(): boolean {
    return this.#window < Infinity;
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
    return { startedAt: elapsedMs(), inFlight: this.#inFlight, isLimited: this.isLimited };
  }

  /** Counts an attempt out, and learns from it if it says something about this window. */
  leave(admitted: Admitted, outcome: AttemptOutcome, isTelling: boolean): void {
    if (isTelling && admitted.isLimited) {
      const together = (admitted.inFlight + this.#inFlight) / 2;
      this.#learnDuration(elapsedMs() - admitted.startedAt, outcome, together);
    }
    if (isTelling && outcome !== 'failed') this.#learnOutcome(outcome === 'conflict');
    this.#inFlight--;
    this.#admitWaiting();
  }

  /** Lets no more in than are in flight. */
  limit(): void {
    this.#window = Math.max(1, this.#inFlight);
  }

  /** Lifts the limit. */
  open(): void {
    this.#window = Infinity;
    this.#probeAttempts = 0;
    this.#admitWaiting();
  }

  #hasRoom(): boolean {
    return this.#inFlight < (this.#probeAttempts > 0 ? 1 : Math.max(1, Math.floor(this.#window)));
  }

  #learnDuration(durationMs: number, outcome: AttemptOutcome, inFlight: number): void {
    const isAlone = inFlight === 1;
    this.#attemptsSinceProbe = isAlone ? 0 : this.#attemptsSinceProbe + 1;
    if (isAlone && this.#probeAttempts > 0) this.#probeAttempts--;
    if (outcome === 'failed') return;
    if (isAlone) {
      this.#aloneMs.add(durationMs, durationMs < (this.#aloneMs.value ?? 0) ? SHORT_WEIGHT : 1);
    } else {
      this.#togetherMs.add(durationMs);
      this.#together.add(inFlight);
    }
  }

  #learnOutcome(isConflict: boolean): void {
    if (this.#window === Infinity) {
      if (!isConflict) return;
      this.#window = this.#inFlight + 1;
    }
    if (this.#probeAttempts > 0) {
      // Of a crowd that nothing was known of, those who come through say how many can.
      if (this.#aloneMs.value === undefined && !isConflict) this.#window++;
      return;
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
    if (this.#isProbeDue()) this.#beginProbe();
    else if (this.#window > ROOMY * Math.max(this.#inFlight, ROOMY)) this.#window = Infinity;
  }

  #isProbeDue(): boolean {
    return (
      this.#conflicts >= PROBE_CONFLICTS &&
      this.#attemptsSinceProbe > PROBE_AFTER * this.#window &&
      (this.#togetherMs.value ?? 0) <= LONGEST_PROBED_MS
    );
  }

  #beginProbe(): void {
    this.#probeAttempts = PROBE_ATTEMPTS;
    if (this.#aloneMs.value === undefined) this.#window = 1;
  }

  /**
   * The share of conflicts at which commits are the most frequent.
   *
   * With a window of k there are k / T · (1 - p) commits in a unit of time, T being the duration of an attempt and p the
   * share of conflicts, which goes up with k. If T goes up by e per cent when k goes up by one per cent, commits become
   * rarer from p = (1 - e) / (2 - e) on: half of the attempts may fail where they do not slow down each other. Here T is
   * taken to go up by nearly the same with each further attempt in flight.
   */
  #targetConflictRatio(): number {
    const { value: aloneMs } = this.#aloneMs;
    const { value: togetherMs } = this.#togetherMs;
    const { value: together } = this.#together;
    if (aloneMs === undefined || togetherMs === undefined || together === undefined) return UNKNOWN_TARGET;
    const slowdown = Math.max(0, 1 - aloneMs / togetherMs) * (together / (together - 1));
    const elasticity = Math.min(1, STEEPNESS * slowdown);
    return Math.max(LEAST_TARGET, (1 - elasticity) / (2 - elasticity));
  }

  #admitWaiting(): void {
    while (this.#hasRoom()) {
      const next = this.#retries[0] ?? this.#newcomers[0];
      if (next === undefined) return;
      next.admit();
    }
  }
}

/** A mean to which what came last counts most. */
class ForgettingMean {
  value: number | undefined;
  #count = 0;

  /** @param weight - how much it counts in comparison with others */
  add(value: number, weight = 1): void {
    this.#count++;
    const mean = this.value ?? value;
    this.value = mean + Math.max(weight * DURATION_WEIGHT, 1 / this.#count) * (value - mean);
  }
}
