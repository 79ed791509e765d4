/** The parts of what a server reports that are looked at here. */
interface Report {
  readonly code?: unknown;
  readonly message?: unknown;
  readonly hint?: unknown;
}

/**
 * Why a cluster refuses a connection, or the first query on one:
 * - `busy`: too many connections (53300), or too many new ones in this second (53400);
 * - `asleep`: an inactive cluster is waking up;
 * - `stale token`: the token had expired when it arrived;
 * - `denied`: it is not accepted for another reason.
 *
 * AWS, observed on a cluster, 2026-10-01; the texts of 2026-09-15 and before are read, too.
 */
export type Refusal = 'busy' | 'asleep' | 'stale token' | 'denied';

const BUSY: ReadonlySet<unknown> = new Set(['53300', '53400']);
const ASLEEP = /^unable to accept connection, waking up cluster/i;
const DENIED = /^unable to accept connection, access denied|IAM authentication failed/i;
const STALE = /^Signature expired/i;

/** What a report of the server says about a connection that it does not want; nothing for any other report. */
export function refusalIn(report: unknown): Refusal | undefined {
  const { code, message, hint } = (report ?? {}) as Report;
  if (BUSY.has(code)) return 'busy';
  if (typeof message !== 'string') return undefined;
  if (ASLEEP.test(message)) return 'asleep';
  if (!DENIED.test(message)) return undefined;
  return typeof hint === 'string' && STALE.test(hint) ? 'stale token' : 'denied';
}

const BASE_DELAY_MS = 100;
const MAX_DELAY_MS = 5_000;

/** A cluster takes seconds to wake up: AWS's own starter kit waits 1, 2, 4, 8 and 15 s (2026-10). */
const WAKING_BASE_DELAY_MS = 1_000;
const WAKING_MAX_DELAY_MS = 15_000;

/**
 * How long to wait before a connection that was refused is tried again, in milliseconds: random, and up to twice as
 * long each time. A refused connection was never used, so trying again can neither lose nor double anything.
 *
 * @param error - what the attempt to connect ended with
 * @param attempt - 1 for the first
 * @returns nothing when another try would be of no use
 */
export function connectionRefusalDelayMs(error: unknown, attempt: number): number | undefined {
  switch (refusalIn(error)) {
    case 'busy':
      return jitteredMs(attempt, BASE_DELAY_MS, MAX_DELAY_MS);
    case 'asleep':
      return jitteredMs(attempt, WAKING_BASE_DELAY_MS, WAKING_MAX_DELAY_MS);
    case 'stale token':
      // Every attempt signs a fresh one. If that is refused as well, a clock is wrong.
      return attempt === 1 ? 0 : undefined;
    default:
      return undefined;
  }
}

/**
 * A random delay in milliseconds: from half of it up to the whole of `baseMs`, which doubles with each attempt.
 *
 * @param attempt - 1 for the first
 * @param maxMs - the longest
 */
export function jitteredMs(attempt: number, baseMs: number, maxMs: number): number {
  return Math.min(maxMs, baseMs * 2 ** (attempt - 1)) * (0.5 + 0.5 * Math.random());
}
