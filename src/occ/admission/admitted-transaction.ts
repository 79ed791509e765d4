import { AsyncLocalStorage } from 'node:async_hooks';
import { elapsedMs } from '../../connection';
import type { Admission, Place } from './admission';
import { statementKey, type FirstStatement, type StatementKey } from './admission-key';
import type { AttemptOutcome } from './admission-limit';
import type { Applicant } from './admission-queue';
import { isOccConflict } from '../conflict';
import type { ResolvedRetryOptions } from '../retry';

/**
 * Admits an attempt, before its first statement is sent. In the usual case there is nothing to wait for, and the second
 * call of an attempt does nothing.
 *
 * @param statement - the first statement of the attempt
 * @param giveBack - gives the connection of the attempt back, so that nothing that waits holds one; called before a wait
 * @returns whether it has waited, so that the host has to connect again
 * @throws what `giveBack` throws, and the reason of the `signal` that ended the wait
 */
export type Admit = (statement: FirstStatement, giveBack?: () => Promise<void>) => Promise<boolean>;

/**
 * Of what is left until the deadline an attempt waits so much at the most, 15 seconds of the default: so there is time for
 * several attempts however often it waits, and a holder that hangs stops nobody for long.
 */
const LONGEST_WAIT = 1 / 4;

/** What the attempt under way holds, wherever its work calls from. */
interface Held {
  /** Whether its first statement was sent: from then on others may wait for what it holds, a connection or a place. */
  holds: boolean;
  /** What the attempt holds inside whose work it runs. */
  readonly outer: Held | undefined;
}

/** One for all runners: transactions of two data sources may be nested, too. */
const current = new AsyncLocalStorage<Held>();

/** Whether this is part of the work of an attempt that others may wait for. */
function holdsAnything(held: Held | undefined): boolean {
  for (let at = held; at !== undefined; at = at.outer) if (at.holds) return true;
  return false;
}

/** What an attempt has taken that has not to wait. */
interface TakenPlace {
  /** Gives it back when the attempt has ended. */
  leave(outcome: AttemptOutcome): void;
}

const NO_PLACE: TakenPlace = { leave: () => undefined };

/**
 * Admits the first attempt of a single statement, where it has not to wait. While it is sent nothing of the application may
 * be called: what that began would not be known to be part of it. So nothing is kept for those who ask, which in Node.js below
 * 24 would make each promise of the process dearer from then on.
 *
 * @param admission - nothing where it is not limited
 * @returns nothing where it has to wait
 */
export function takeAtOnce(
  admission: Admission | undefined,
  statement: FirstStatement,
): TakenPlace | undefined {
  if (admission === undefined || holdsAnything(current.getStore())) return NO_PLACE;
  const place = admission.placeFor(statementKey(statement));
  if (place.tryTake({ isRetry: false })) return place;
  place.leave('failed');
  return undefined;
}

/** An attempt that was made before those of an {@link AdmittedTransaction}. */
export interface EarlierAttempt {
  readonly statement: FirstStatement;
  /** When it began. */
  readonly since: number;
}

/**
 * The attempts of one transaction, each admitted with its first statement, or before it begins where an earlier one has
 * told what that will be.
 *
 * Inside the work of an attempt that is under way nothing is made to wait, nor counted: that attempt, whatever it is,
 * could not go on before.
 */
export class AdmittedTransaction {
  readonly #admission: Admission | undefined;
  readonly #options: Partial<Pick<ResolvedRetryOptions, 'deadlineMs' | 'signal'>>;
  readonly #since: number;
  /** What the first statement of the last attempt was. */
  #name: StatementKey | undefined;
  #attempts = 0;

  /**
   * @param admission - nothing where its attempts are not limited
   * @param earlier - its first attempt, where that was admitted by {@link takeAtOnce}
   */
  constructor(
    admission?: Admission,
    options: Partial<Pick<ResolvedRetryOptions, 'deadlineMs' | 'signal'>> = {},
    earlier?: EarlierAttempt,
  ) {
    this.#admission = admission;
    this.#options = options;
    this.#since = earlier?.since ?? elapsedMs();
    if (earlier === undefined) return;
    this.#attempts = 1;
    if (admission !== undefined) this.#name = statementKey(earlier.statement);
  }

  /**
   * Makes an attempt, and gives its place back when it has ended.
   *
   * @param callsApplication - whether code of the application may run in it; see {@link takeAtOnce}
   */
  async attempt<T>(make: (admit: Admit) => Promise<T>, callsApplication = true): Promise<T> {
    const isRetry = this.#attempts++ > 0;
    const held: Held = { holds: false, outer: current.getStore() };
    let place: Place | undefined;
    let admission: Promise<boolean> | undefined;
    let outcome: AttemptOutcome | undefined;

    const enter = async (giveBack?: () => Promise<void>): Promise<boolean> => {
      const name = this.#name;
      if (this.#admission === undefined || name === undefined || outcome !== undefined) return false;
      if (holdsAnything(current.getStore()) || holdsAnything(held.outer)) return false;
      place = this.#admission.placeFor(name);
      if (place.tryTake({ isRetry })) return false;
      await giveBack?.();
      await place.take(this.#applicant(isRetry));
      return true;
    };
    const admit: Admit = async (statement, giveBack) => {
      if (admission !== undefined) return admission.then(() => false);
      if (this.#admission !== undefined) this.#name ??= statementKey(statement);
      admission = enter(giveBack);
      const hasWaited = await admission;
      held.holds = outcome === undefined;
      return hasWaited;
    };

    try {
      if (this.#name !== undefined) {
        admission = enter();
        await admission;
        held.holds = true;
      }
      const value = await (callsApplication ? current.run(held, make, admit) : make(admit));
      outcome = 'committed';
      return value;
    } catch (error) {
      outcome = isOccConflict(error) ? 'conflict' : 'failed';
      throw error;
    } finally {
      held.holds = false;
      place?.leave(outcome ?? 'failed');
    }
  }

  #applicant(isRetry: boolean): Applicant {
    const { deadlineMs = Infinity, signal } = this.#options;
    const waitMs = LONGEST_WAIT * Math.max(0, deadlineMs - (elapsedMs() - this.#since));
    return { isRetry, since: this.#since, waitMs, signal };
  }
}
