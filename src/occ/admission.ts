import { elapsedMs } from '../connection';
import type { StatementKey } from './admission-key';
import { AdmissionWindow, type Admitted, type Applicant, type AttemptOutcome } from './admission-window';
import { RecentlyUsed, type Forgettable } from './recently-used';

/** How long something is remembered that no attempt conflicts on or waits for any more, in milliseconds. */
const REMEMBERED_MS = 10_000;

/** How many kinds are remembered that are not in use, and how many keys of each. */
const MAX_KINDS = 200;
const MAX_KEYS = 200;

/** How many attempts a share of conflicts is about. */
const MEMORY = 64;

/** So many conflicts that no key foretold are no accident any more. */
const EVIDENCE = 4;

/** So many times as often as others do attempts conflict whose key tells something. */
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
  readonly window = new AdmissionWindow();
  /** Places that were asked for and have not been left. */
  users = 0;
  /** How many were committed. */
  commits = 0;
  keepUntil = -Infinity;

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
 * tell what they will conflict on: then all of the kind share one window.
 */
class Kind implements Forgettable {
  readonly window = new AdmissionWindow();
  readonly keys = new RecentlyUsed(MAX_KEYS, () => new Key());
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
      if (this.window.isLimited && !this.#isKeyTelling()) return;
      this.isShared = false;
      this.window.open();
    } else if (isSurprise && !wasHot) {
      const { hits, value } = this.#cold;
      if (hits < EVIDENCE || value < WORTH_QUEUEING || this.#isKeyTelling()) return;
      this.isShared = true;
      this.window.limit();
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

  get #window(): AdmissionWindow {
    return this.#kind.isShared ? this.#kind.window : this.#key.window;
  }

  /** Takes the place, unless the attempt has to wait for it. */
  tryTake(applicant: Pick<Applicant, 'isRetry'>): boolean {
    if (this.#window.isFullFor(applicant)) return false;
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
    const window = this.#window;
    this.#remember();
    const admitted = await window.wait(applicant);
    this.#remember();
    this.#take(window, admitted);
  }

  #take(window?: AdmissionWindow, admitted?: Admitted): void {
    const { window: ofKind } = this.#kind;
    const { window: ofKey, isHot, commits } = this.#key;
    this.#taken = {
      ofKind: window === ofKind && admitted !== undefined ? admitted : ofKind.admit(),
      ofKey: window === ofKey && admitted !== undefined ? admitted : ofKey.admit(),
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
    kind.window.leave(ofKind, outcome, isShared);
    key.window.leave(ofKey, outcome, !isShared);
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
