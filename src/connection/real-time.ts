import perfHooks from 'node:perf_hooks';
import timersPromises, {
  type setImmediate as SetImmediate,
  type setTimeout as SetTimeout,
} from 'node:timers/promises';

/*
 * The time as it was when this package was loaded: the fake clock that a test of an application installs later neither stops
 * what waits for a moment in order to try again, nor moves what is measured here.
 */

/** `setTimeout` of `node:timers/promises`. */
export const sleep: typeof SetTimeout = timersPromises.setTimeout;

/** `setImmediate` of `node:timers/promises`: behind all that follows at once from what has happened. */
export const nextTurn: typeof SetImmediate = timersPromises.setImmediate;

/** `performance.now()`: milliseconds, for the time between two moments. */
export const elapsedMs = perfHooks.performance.now.bind(perfHooks.performance);

/** `Date.now()`: it has gone on where the process was frozen, or its machine. */
export const { now: systemTimeMs } = Date;
