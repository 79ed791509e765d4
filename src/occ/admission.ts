import { elapsedMs } from '../connection';
import type { StatementKey } from './admission-key';
import { AdmissionLimit } from './admission-limit';
import { AdmissionQueue, type Admitted, type Applicant, type AttemptOutcome } from './admission-queue';
import { RecentlyUsed, type Forgettable } from './recently-used';

/**
 * How long something is remembered that no attempt conflicts on or waits for any more, in milliseconds: as long as a crowd
 * may take from one request to the next. Forgetting too early costs one crowd's conflicts, too late a wait for nobody.
 */
const REMEMBERED_MS = 10_000;

/**
 * How many kinds that are not in use are remembered, and how many keys of each. Only those that have conflicted within the
 * last seconds count, of which an application has a few; all of them together take about 20 MB.
 */
const MAX_KINDS = 200;
const MAX_KEYS = 200;

/*
 * Whether keys tell anything was measured on a simulation of 48 to 64 workers: transactions that insert a row of their own
 * and then change a hot one, transfers between two of 1, 10 and 100 rows, and cold work beside a hot row that is also
 * written from elsewhere. The first two are found out within the first crowd, and the last one is never taken for them.
 */

/** A share of conflicts is about so many attempts: one crowd of the size of a large pool. */
const MEMORY = 64;

/** One conflict that no key foretold may have been caused from elsewhere; so many of {@link MEMORY} were not. */
const EVIDENCE = 4;

/** Hot keys conflict so many times as often as cold ones where the key tells something; where it does not, as often. */
const TELLING = 4;

/** With less conflicts among newcomers it costs less to run some of them again than to let all of them queue. */
const WORTH_QUEUEING = 0.1;

/** How often what was looked for was found lately. */
class Share {
  attempts = 0;
  hits = 0;

  get value(): number {
    return this.attempts === 0 ? 0 : this.hits / this.attempts;
  }

  add(isHit: boolean): void {
    this.attempts += 1 - this.attempts / MEMORY;
    this.hits += (isHit ? 1 : 0) - this.hits / MEMORY;
  }
}

/** What is known of the attempts that look for the same rows. */
class Key implements Forgettable {
  readonly queue: AdmissionQueue;
  /** Places that were asked for and have not been left. */
  users = 0;
  /** How many were committed. */
  commits = 0;
  keepUntil = -Infinity;

  constructor(limit: AdmissionLimit) {
    this.queue = new AdmissionQueue(limit);
  }

  get isInUse(): boolean {
    return this.users > 0;
  }

  /** Whether attempts have conflicted or waited here lately. */
  get isHot(): boolean {
    return this.keepUntil > elapsedMs();
  }
}

/**
 * What is known of the attempts whose first statement has the same text.
 *
 * Attempts with the same key are limited together, and those of a cold key go ahead. Where attempts conflict with others
 * than those with their key, and newcomers about as often as those that have met a conflict, the first statement does not
 * tell what they will conflict on: then all of the kind share one queue.
 */
class Kind implements Forgettable {
  readonly queue = new AdmissionQueue(new AdmissionLimit());
  /** What pays for one key pays for others, as they do the same. */
  readonly #limitOfKeys = new AdmissionLimit();
  readonly keys = new RecentlyUsed(MAX_KEYS, () => new Key(this.#limitOfKeys));
  users = 0;
  keepUntil = -Infinity;
  isShared = false;
  /** How often attempts of keys that were cold conflict with others than those with the same key; and of hot keys. */
  readonly #cold = new Share();
  readonly #hot = new Share();

  get isInUse(): boolean {
    return this.users > 0;
  }

  learn(isSurprise: boolean, wasHot: boolean): void {
    (wasHot ? this.#hot : this.#cold).add(isSurprise);
    if (this.isShared) {
      if (this.queue.isLimited && !this.#isKeyTelling()) return;
      this.isShared = false;
      this.queue.open();
    } else if (isSurprise && !wasHot) {
      const { hits, value } = this.#cold;
      if (hits < EVIDENCE || value < WORTH_QUEUEING || this.#isKeyTelling()) return;
      this.isShared = true;
      this.queue.close();
    }
  }

  /** Whether hot keys conflict so much more often than cold ones that this is no accident. */
  #isKeyTelling(): boolean {
    const expected = this.#cold.attempts * this.#hot.value;
    return expected >= EVIDENCE && this.#cold.hits <= expected / TELLING;
  }
}

/** What a place is counted by. */
interface Taken {
  readonly ofKind: Admitted;
  readonly ofKey: Admitted;
  readonly wasHot: boolean;
  readonly commitsBefore: number;
}

/** A place of one attempt. It is asked for by being made, then taken, and left in any case. */
export class Place {
  readonly #name: StatementKey;
  readonly #kinds: RecentlyUsed<Kind>;
  readonly #kind: Kind;
  readonly #key: Key;
  #taken: Taken | undefined;
  #isLeft = false;

  constructor(kinds: RecentlyUsed<Kind>, name: StatementKey) {
    this.#kinds = kinds;
    this.#name = name;
    this.#kind = kinds.use(name.kind);
    this.#key = this.#kind.keys.use(name.key);
    this.#kind.users++;
    this.#key.users++;
  }

  get #queue(): AdmissionQueue {
    return this.#kind.isShared ? this.#kind.queue : this.#key.queue;
  }

  /** Takes the place, unless the attempt has to wait for it. */
  tryTake(applicant: Pick<Applicant, 'isRetry'>): boolean {
    if (this.#queue.isFullFor(applicant)) return false;
    this.#take();
    return true;
  }

  /**
   * Waits for the place and takes it; when `waitMs` are over it does so although there is none.
   *
   * @throws the reason of `signal` when that is aborted meanwhile
   */
  async take(applicant: Applicant): Promise<void> {
    if (this.tryTake(applicant)) return;
    const queue = this.#queue;
    this.#remember();
    const admitted = await queue.wait(applicant);
    this.#remember();
    this.#take(queue, admitted);
  }

  #take(queue?: AdmissionQueue, admitted?: Admitted): void {
    const { queue: ofKind } = this.#kind;
    const { queue: ofKey, isHot, commits } = this.#key;
    this.#taken = {
      ofKind: queue === ofKind && admitted !== undefined ? admitted : ofKind.admit(),
      ofKey: queue === ofKey && admitted !== undefined ? admitted : ofKey.admit(),
      wasHot: isHot,
      commitsBefore: commits,
    };
    // The attempt has ended meanwhile.
    if (this.#isLeft) this.#giveBack(this.#taken, 'failed');
  }

  /** Gives the place back, and lets others learn from how the attempt ended. */
  leave(outcome: AttemptOutcome): void {
    this.#isLeft = true;
    this.#kind.users--;
    this.#key.users--;
    if (this.#taken !== undefined) this.#giveBack(this.#taken, outcome);
    this.#kind.keys.release(this.#name.key, this.#key);
    this.#kinds.release(this.#name.kind, this.#kind);
  }

  #giveBack({ ofKind, ofKey, wasHot, commitsBefore }: Taken, outcome: AttemptOutcome): void {
    const kind = this.#kind;
    const key = this.#key;
    const { isShared } = kind;
    if (outcome === 'conflict') this.#remember();
    kind.queue.leave(ofKind, outcome, isShared);
    key.queue.leave(ofKey, outcome, !isShared);
    if (outcome === 'failed') return;
    kind.learn(outcome === 'conflict' && key.commits === commitsBefore, wasHot);
    if (outcome === 'committed') key.commits++;
  }

  #remember(): void {
    this.#key.keepUntil = this.#kind.keepUntil = elapsedMs() + REMEMBERED_MS;
  }
}

/**
 * Limits how many transactions of one kind are in flight while they conflict with each other.
 *
 * A kind is the text of the first statement, a key are the values that it looks for: see {@link statementKey}.
 */
export class Admission {
  readonly #kinds = new RecentlyUsed(MAX_KINDS, () => new Kind());

  /** How many kinds are remembered. */
  get size(): number {
    return this.#kinds.size;
  }

  /** A place for an attempt, which has to be left in any case. */
  placeFor(name: StatementKey): Place {
    return new Place(this.#kinds, name);
  }
}
