import timers from 'node:timers/promises';

/**
 * `setTimeout` of `node:timers/promises`, as it was when this package was loaded: the fake clock that a test of an
 * application installs later does not stop what waits for a moment in order to try again.
 */
export const sleep = timers.setTimeout;
