/**
 * Stops what a test that runs into its time limit would leave running, so that it cannot disturb the next one.
 *
 * @returns a function that runs `work` with a signal; it is aborted after the test, and the next test waits until the
 * work has come to its end
 */
export function useStoppable(): <T>(work: (signal: AbortSignal) => Promise<T>) => Promise<T> {
  let stop = new AbortController();
  let running: Promise<unknown>[] = [];
  afterEach(async () => {
    stop.abort();
    await Promise.allSettled(running);
    stop = new AbortController();
    running = [];
  });
  return (work) => {
    const outcome = work(stop.signal);
    running.push(outcome);
    return outcome;
  };
}
