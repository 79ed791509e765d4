import perfHooks from 'node:perf_hooks';
import timers from 'node:timers';
import timersPromises from 'node:timers/promises';

/*
 * The time and the timers as they were when this was loaded: a fake clock that the tests of an application install in the
 * same process neither ends sessions nor keeps them waiting.
 */

/** `setTimeout` of `node:timers/promises`. */
export const sleep = timersPromises.setTimeout;

export const { setTimeout, clearTimeout, setInterval, clearInterval } = timers;

/** `performance.now()`: milliseconds since the process started. */
export const elapsedMs = perfHooks.performance.now.bind(perfHooks.performance);

const { timeOrigin } = perfHooks.performance;

/** The time of the system, which nothing puts forward or back while the process lasts. */
export function realTime(): Date {
  return new Date(timeOrigin + elapsedMs());
}
