import { ConfigurationError } from './errors';
import { wholeNumber } from './options/option-kinds';
import { sleep } from './real-time';

/**
 * Milliseconds from one new connection to the next: a cluster takes 100 a second when it has taken many (AWS user guide,
 * "Quotas and limits", 2026-09-15). A timer may be a millisecond early, and 1,000 / 11 are 90.
 */
const BETWEEN_CONNECTIONS_MS = 11;

/**
 * Lets attempts to connect begin one after the other, and no more than 100 a second: those of a warm-up, and further ones for
 * connections that were refused, so that many which are refused together do not come back together.
 */
export class Pace {
  #free: Promise<unknown> = Promise.resolve();

  /** Waits until the next attempt may begin. */
  turn(): Promise<unknown> {
    const turn = this.#free;
    this.#free = turn.then(() => sleep(BETWEEN_CONNECTIONS_MS));
    return turn;
  }
}

/** A pool, as far as it is warmed up. */
export interface WarmablePool {
  /** How many connections it may have, and has: those that are being opened included, and those that nobody uses. */
  readonly counts: () => { readonly max: number; readonly size: number; readonly idle: number };
  /**
   * Takes a connection: one that nobody uses if there is one, or else a new one.
   *
   * @returns what gives it back
   */
  readonly take: () => Promise<() => void>;
  /** What further attempts to open a connection take turns by. */
  readonly pace: Pace;
}

/**
 * Opens connections until a pool has so many. Those that it takes are held until all are there, so that each further one is a
 * new one, and are given back in any case.
 *
 * @param connections - from 1 to the most that the pool may have
 * @throws ConfigurationError for any other number, before anything is opened
 * @throws the first error of those that could not be opened, when the others have ended; what was opened stays open
 */
export async function warmUp({ counts, take, pace }: WarmablePool, connections: number): Promise<void> {
  const problem = wholeNumber(1, counts().max).problemOf(connections);
  if (problem !== undefined) throw new ConfigurationError('connections', problem);
  const held: (() => void)[] = [];
  const failures: unknown[] = [];
  const isMissing = (count: number) => count > 0 && failures.length === 0;
  const hold = async () => {
    try {
      held.push(await take());
    } catch (error) {
      failures.push(error);
    }
  };
  try {
    while (isMissing(connections - counts().size)) {
      const { size, idle } = counts();
      await Promise.all(Array.from({ length: idle }, hold));
      const opening: Promise<void>[] = [];
      while (isMissing(connections - size - opening.length)) {
        await pace.turn();
        opening.push(hold());
      }
      await Promise.all(opening);
    }
  } finally {
    for (const giveBack of held) giveBack();
  }
  if (failures.length > 0) throw failures[0];
}
