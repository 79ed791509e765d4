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
