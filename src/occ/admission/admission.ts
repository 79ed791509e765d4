import { elapsedMs } from '../../connection';
import type { StatementKey } from './admission-key';
import { AdmissionLimit } from './admission-limit';
import type { AttemptOutcome } from './admission-limit';
import { AdmissionQueue, type Admitted, type Applicant } from './admission-queue';
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
 * Whether keys tell anything was measured on a simulation of 48 and 64 workers: transactions that insert a row of their own
 * and then change a hot one, transfers between two of 1, 10 and 100 rows, and cold work beside a hot row that is also
 * written from elsewhere. The first two are found out within the first crowd; the last one may be taken for them at first,
 * and is told from them by probes: the median of the cold work is what it is without the hot row.
 */

/** A share of conflicts is about so many attempts: one crowd of the size of a large pool. */
const MEMORY = 64;

/** One conflict that no key foretold may have been caused from elsewhere; so many of {@link MEMORY} were not. */
const EVIDENCE = 4;

/** With less conflicts among newcomers it costs less to run some of them again than to let all of them queue. */
const WORTH_QUEUEING = 0.1;

/**
 * While all of a kind queue, one in so many newcomers with a cold key goes ahead, to see whether that conflicts. Where keys
 * tell nothing it does so as often as not, which is a small part of the attempts.
 */
const PROBED = 16;

/** So many of them in turn without a conflict say that keys tell something; with 8, chance did so where a third conflicts. */
const PROBES = 16;

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
  /** Places that were requested and not left yet. */
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
 * Attempts with the same key are limited together, and those of a cold key go ahead. Where many of these conflict with others
 * than those with their key, the first statement does not tell what they will conflict on: then all of the kind queue.
 */
class Kind implements Forgettable {
  readonly queue = new AdmissionQueue(new AdmissionLimit());
  /** What pays for one key pays for others, as they do the same. */
  readonly #limitOfKeys = new AdmissionLimit();
  readonly keys = new RecentlyUsed(MAX_KEYS, () => new Key(this.#limitOfKeys));
  users = 0;
  keepUntil = -Infinity;
  isShared = false;
  /** How often attempts of keys that were cold conflict with others than those with the same key. */
  #cold = new Share();
  #newcomers = 0;
  /** How many probes in turn have not conflicted. */
  #probes = 0;

  get isInUse(): boolean {
    return this.users > 0;
  }

  /** Whether a newcomer with a cold key goes ahead of those that wait. */
  isProbeDue(): boolean {
    return this.isShared && this.#newcomers++ % PROBED === 0;
  }

  learn(isSurprise: boolean, { wasHot, isProbe }: Pick<Taken, 'wasHot' | 'isProbe'>): void {
    if (this.isShared) {
      if (isProbe) this.#probes = isSurprise ? 0 : this.#probes + 1;
      if (!this.queue.isLimited || this.#probes >= PROBES) this.#share(false);
    } else if (!wasHot) {
      this.#cold.add(isSurprise);
      const { hits, value } = this.#cold;
      if (hits >= EVIDENCE && value >= WORTH_QUEUEING) this.#share(true);
    }
  }

  #share(isShared: boolean): void {
    this.isShared = isShared;
    this.#cold = new Share();
    this.#probes = 0;
    if (isShared) this.queue.close();
    else this.queue.open();
  }
}

/** What a place is counted by. */
interface Taken {
  readonly ofKind: Admitted;
  readonly ofKey: Admitted;
  readonly wasHot: boolean;
  readonly isProbe: boolean;
  readonly commitsBefore: number;
}

/** How a place came to be taken. */
interface TakenBy {
  readonly isProbe: boolean;
  /** Where it was waited for, and what that has said. */
  readonly queue: AdmissionQueue;
  readonly admitted: Admitted;
}

/** A place of one attempt. It is requested by being made, then taken, and left in any case. */
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
    const isProbe = !applicant.isRetry && !this.#key.isHot && this.#kind.isProbeDue();
    if (!isProbe && this.#queue.isFullFor(applicant)) return false;
    this.#take({ isProbe });
    return true;
  }

  /**
   * Waits for the place and takes it; when `waitMs` are over it does so although there is none.
   *
   * @throws the reason of `signal` when that is aborted meanwhile
   */
  async take(applicant: Applicant): Promise<void> {
    const queue = this.#queue;
    if (!queue.isFullFor(applicant)) {
      this.#take({});
      return;
    }
    this.#remember(queue);
    const admitted = await queue.wait(applicant);
    this.#remember(queue);
    this.#take({ queue, admitted });
  }

  #take({ isProbe = false, queue, admitted }: Partial<TakenBy>): void {
    const kind = this.#kind;
    const key = this.#key;
    const admittedBy = (other: AdmissionQueue) =>
      queue === other && admitted !== undefined ? admitted : other.admit();
    this.#taken = {
      ofKind: admittedBy(kind.queue),
      ofKey: admittedBy(key.queue),
      wasHot: key.isHot,
      isProbe,
      commitsBefore: key.commits,
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

  #giveBack({ ofKind, ofKey, wasHot, isProbe, commitsBefore }: Taken, outcome: AttemptOutcome): void {
    const kind = this.#kind;
    const key = this.#key;
    const { isShared } = kind;
    if (outcome === 'conflict') this.#remember(key.queue);
    kind.queue.leave(ofKind, outcome, isShared);
    key.queue.leave(ofKey, outcome, !isShared);
    if (outcome === 'failed') return;
    const isSurprise = outcome === 'conflict' && key.commits === commitsBefore;
    kind.learn(isSurprise, { wasHot, isProbe });
    if (outcome === 'committed') key.commits++;
  }

  /** A key is hot when attempts conflict or wait for it, and not when they wait for others of their kind. */
  #remember(queue: AdmissionQueue): void {
    this.#kind.keepUntil = elapsedMs() + REMEMBERED_MS;
    if (queue === this.#key.queue) this.#key.keepUntil = this.#kind.keepUntil;
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
