import { constants } from 'node:os';

/**
 * Stops work between two statements by Ctrl-C or SIGTERM; a second signal ends the process at once, which the journal
 * survives.
 *
 * @returns what `work` returns
 */
export async function stoppable<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const onSignal = (signal: 'SIGINT' | 'SIGTERM') => {
    if (stop.signal.aborted) process.exit(128 + constants.signals[signal]);
    stop.abort();
    process.stderr.write('Stopping behind the statement that is on its way. Once more stops at once.\n');
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  try {
    return await work(stop.signal);
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
}
