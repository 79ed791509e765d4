import { elapsedMs } from '../../connection';

/** How an attempt ended: for admission, an attempt that met no conflict and was not committed has failed. */
export type AttemptOutcome = 'committed' | 'conflict' | 'failed';

/*
 * The constants were measured on a simulation of the cells of `bench/contention.ts` and of first statements that tell
 * nothing of the rows. Rounds of 16 to 48 outcomes, gains of 1.0 to 1.2, and 4 to 16 rounds between trials gave the same
 * throughput within a tenth, which is what chance does there; within a quarter where the application takes a random time
 * or a transaction changes two of ten rows.
 */

/**
 * A limit is judged by so many outcomes. More take longer to get away from a bad one; with 16 and a gain of 1.05, chance
 * let a busy machine try four attempts on a row where one is best, and some runs of 64 workers on 10 rows lost a third.
 */
export const ROUND = 32;

/** And by so many times those in flight: less would be about those of them that take the shortest. */
const GENERATIONS = 2;

/** Twice as many in flight have to make commits so many times as frequent: attempts in vain load the database and cost money. */
const LEAST_GAIN = 1.1;

/** What half or twice the limit would give is found out again after so many rounds: a trial in vain costs one of them. */
const ROUNDS_BETWEEN_TRIALS = 16;

/** The first limit comes from what a crowd has met, so that it is kept for so many rounds before more are tried. */
const ROUNDS_BEFORE_TRIAL = 4;

/** With fewer conflicts there is nothing to win by halving the limit, and a trial of that would cost half of the commits. */
const FEW_CONFLICTS = 0.1;

/** What came of a limit. */
class Trial {
  commits = 0;
  outcomes = 0;
  busyMs = 0;
  /** When it was judged last. */
  round = 0;

  constructor(readonly limit: number) {}

  /** Commits in a millisecond. */
  get rate(): number {
    return this.busyMs === 0 ? 0 : this.commits / this.busyMs;
  }

  get conflictShare(): number {
    return 1 - this.commits / this.outcomes;
  }

  /** What was found out before counts half from now on. */
  fade(): void {
    this.commits /= 2;
    this.outcomes /= 2;
    this.busyMs /= 2;
  }
}

/**
 * How many attempts may be in flight at once, learnt from what comes of it; of several queues that are of one nature, in
 * each of them.
 *
 * At first as many as are committed of those that are in flight when the first one conflicts. From then on half and twice
 * as many are tried now and then, and the limit becomes what gives the most commits in a unit of time; where that is much
 * the same, the lower one.
 */
export class AdmissionLimit {
  /** The limit that was found to be the best, and its neighbours as far as they were tried. */
  #here = new Trial(1);
  #half: Trial | undefined;
  #double: Trial | undefined;
  /** The one of them that holds at present. */
  #current = this.#here;
  #round = 0;
  #inFlight = 0;
  /** Outcomes until those are gone that were admitted with another limit, and of the round since then. */
  #outcomesToPass = 0;
  #outcomes = 0;
  /** Since when somebody has been in flight, in this round. */
  #busySince = 0;

  get value(): number {
    return this.#current.limit;
  }

  /** So many of those in flight at the first conflict were committed. */
  startFrom(commits: number): void {
    if (this.#round > 0 || commits <= this.value) return;
    this.#here = new Trial(commits);
    this.#try(this.#here);
  }

  /** An attempt was admitted with the limit. */
  enter(): void {
    if (this.#inFlight++ === 0) this.#busySince = elapsedMs();
  }

  /** It has ended. */
  leave(outcome: AttemptOutcome): void {
    if (outcome !== 'failed') this.#learn(outcome === 'conflict');
    if (--this.#inFlight === 0) this.#current.busyMs += elapsedMs() - this.#busySince;
  }

  #learn(isConflict: boolean): void {
    const current = this.#current;
    if (this.#outcomesToPass > 0) {
      if (--this.#outcomesToPass === 0) this.#busySince = elapsedMs();
      return;
    }
    current.outcomes++;
    if (!isConflict) current.commits++;
    if (++this.#outcomes < Math.max(ROUND, GENERATIONS * this.#inFlight)) return;
    current.busyMs += elapsedMs() - this.#busySince;
    this.#decide(current);
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
    const isStale = (other: Trial) => this.#round - other.round > ROUNDS_BETWEEN_TRIALS;
    if (here.limit > 1 && here.conflictShare > FEW_CONFLICTS && (!this.#half || isStale(this.#half))) {
      return (this.#half ??= new Trial(Math.floor(here.limit / 2)));
    }
    const isDue = this.#double ? isStale(this.#double) : this.#round > ROUNDS_BEFORE_TRIAL;
    return isDue ? (this.#double ??= new Trial(here.limit * 2)) : here;
  }

  #try(trial: Trial): void {
    const growth = trial.limit / this.#current.limit;
    this.#outcomesToPass = growth === 1 ? 0 : Math.ceil(this.#inFlight * Math.max(1, growth));
    this.#current = trial;
    trial.fade();
    this.#outcomes = 0;
    this.#busySince = elapsedMs();
  }
}
