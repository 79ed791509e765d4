import perfHooks from 'node:perf_hooks';
import timers from 'node:timers';
import timersPromises from 'node:timers/promises';

/*
 * The time that this package waits by, as what is imported after this finds it. It stands still, but for the waits: when no
 * other one begins for a moment, the one that ends first ends, and the clock has moved on to its end.
 */

/** Long enough for what the server answers to several at once. */
const MOMENT_MS = 8;

const { setTimeout, clearTimeout } = timers;
let quiet: NodeJS.Timeout | undefined;

interface Wait {
  readonly endsAt: number;
  readonly end: () => void;
}

const waits: Wait[] = [];
let nowMs = 0;

const real = {
  setTimeout: timersPromises.setTimeout,
  now: perfHooks.performance.now.bind(perfHooks.performance),
};

// The next file of this process would find them, too.
afterAll(() => {
  timersPromises.setTimeout = real.setTimeout;
  perfHooks.performance.now = real.now;
});

timersPromises.setTimeout = (ms = 0, value, { signal } = {}) =>
  new Promise((resolve, reject) => {
    const wait: Wait = {
      endsAt: nowMs + ms,
      end: () => {
        resolve(value as never);
      },
    };
    signal?.addEventListener('abort', () => {
      const place = waits.indexOf(wait);
      if (place >= 0) waits.splice(place, 1);
      reject(signal.reason as Error);
    });
    waits.push(wait);
    endNextWhenQuiet();
  });

perfHooks.performance.now = () => nowMs;

function endNextWhenQuiet(): void {
  clearTimeout(quiet);
  if (waits.length > 0) quiet = setTimeout(endNext, MOMENT_MS);
}

function endNext(): void {
  const [next] = waits.sort((a, b) => a.endsAt - b.endsAt).splice(0, 1);
  if (next === undefined) return;
  nowMs = Math.max(nowMs, next.endsAt);
  next.end();
  endNextWhenQuiet();
}

/** By that clock, in milliseconds. */
export function quickNowMs(): number {
  return nowMs;
}
