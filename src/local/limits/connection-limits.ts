import type { Refusal } from '../../sql';

/** AWS user guide, "Quotas and limits", 2026-09-15. */
const NEW_PER_SECOND = 100;
const BURST = 1000;
const LIFETIME_MS = 60 * 60_000;
/** A transaction that was begun in the last minute still has its five (AWS user guide, 2024-12). */
const LAST_TRANSACTION_MS = 5 * 60_000;

/** What a cluster refuses a connection with (AWS user guide, "Quotas and limits", 2026-09-15). */
export const CONNECTION_REFUSALS: Readonly<Record<'53300' | '53400', Refusal>> = {
  '53300': {
    rule: 'connection limit',
    sqlstate: '53300',
    message: 'Unable to accept connection, too many open connections.',
  },
  '53400': {
    rule: 'connection rate',
    sqlstate: '53400',
    message: 'Unable to accept connection, rate exceeded.',
  },
};

/** How many connections a cluster takes, and how fast: a bucket of 1,000 that gains 100 a second. */
export class ConnectionLimits {
  readonly #maxConnections: number;
  readonly #clock: () => Date;
  #tokens = BURST;
  #filledAt: number;
  #open = 0;

  constructor(maxConnections: number, clock: () => Date) {
    this.#maxConnections = maxConnections;
    this.#clock = clock;
    this.#filledAt = clock().getTime();
  }

  /** A client wants to log in; says what speaks against it, and counts it if nothing does. */
  admit(): Refusal | undefined {
    const now = this.#clock().getTime();
    // A clock that was put back gives nothing and takes nothing.
    const gained = (Math.max(now - this.#filledAt, 0) / 1000) * NEW_PER_SECOND;
    this.#tokens = Math.min(BURST, this.#tokens + gained);
    this.#filledAt = now;
    if (this.#tokens < 1) return CONNECTION_REFUSALS['53400'];
    this.#tokens--;
    if (this.#open >= this.#maxConnections) return CONNECTION_REFUSALS['53300'];
    this.#open++;
    return undefined;
  }

  /** A connection that was admitted has ended. */
  release(): void {
    this.#open--;
  }
}

/** Whether a connection that began at `openedAt` is over by now: 60 minutes, or five more for a last transaction. */
export function isOver(openedAt: Date, now: Date, inTransaction: boolean): boolean {
  const ageMs = now.getTime() - openedAt.getTime();
  return ageMs >= LIFETIME_MS + (inTransaction ? LAST_TRANSACTION_MS : 0);
}
