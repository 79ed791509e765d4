import { fakedAheadMs } from './real-time';

/** 53300: too many open connections. 53400: too many new ones in this second. */
const REFUSED_FOR_NOW = new Set(['53300', '53400']);

const BASE_DELAY_MS = 100;
const MAX_DELAY_MS = 5_000;

/**
 * How long to wait before a connection that was refused is tried again, in milliseconds: random, and up to twice as
 * long each time. A refused connection was never used, so trying again can neither lose nor double anything.
 *
 * @param error - what the attempt to connect ended with
 * @param attempt - 1 for the first
 * @returns nothing when another try would be of no use
 */
export function connectionRefusalDelayMs(error: unknown, attempt: number): number | undefined {
  const code = (error as { readonly code?: unknown } | undefined)?.code;
  if (typeof code !== 'string' || !REFUSED_FOR_NOW.has(code)) return undefined;
  const ceilingMs = Math.min(MAX_DELAY_MS, BASE_DELAY_MS * 2 ** (attempt - 1));
  return ceilingMs * (0.5 + 0.5 * Math.random());
}

/** What a cluster says of a token that is not, no longer or not yet good (AWS user guide, "Troubleshooting", 2026-09-15). */
const REFUSED_TOKEN = 'IAM authentication failed';

/** How far ahead of the cluster's clock a token may be signed, in milliseconds, as AWS allows in every signature. */
const MAX_SKEW_MS = 5 * 60_000;

/**
 * Says, of a token that was refused, that it was signed by a clock that a test has faked, if it was.
 *
 * @param message - what the cluster has said
 * @param tokenDurationSecs - how long the token was good for
 * @returns what to do about it; nothing where the clock is not faked, or not by so much that it matters
 */
export function fakedClockHint(message: string, tokenDurationSecs: number): string | undefined {
  if (!message.includes(REFUSED_TOKEN)) return undefined;
  const aheadMs = fakedAheadMs();
  if (aheadMs <= MAX_SKEW_MS && aheadMs >= -tokenDurationSecs * 1000) return undefined;
  return (
    `The clock of this process was faked: Date says ${new Date().toISOString()}, and that is when the token was signed. ` +
    "Fake everything but Date (`doNotFake: ['Date']` of Jest, `toFake` of Sinon and Vitest), open the connection before, " +
    'or start the local DSQL in the process whose clock is faked.'
  );
}
