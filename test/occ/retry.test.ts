import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import {
  ConfigurationError,
  retryOnConflict,
  transactionChannels,
  type RetryContext,
  type RetryOptions,
} from 'aurora-dsql-orm';

const conflict = Object.assign(new Error('change conflicts with another transaction (OC000)'), {
  code: '40001',
  severity: 'ERROR',
});

/** Fails with a conflict so many times. */
function conflicting(times: number): (attempt: number) => Promise<number> {
  return (attempt) => (attempt > times ? Promise.resolve(attempt) : Promise.reject(conflict));
}

describe('retryOnConflict', () => {
  it('returns what the attempt returned that met no conflict', async () => {
    await expect(retryOnConflict(conflicting(3), { baseDelayMs: 0 })).resolves.toBe(4);
  });

  it('gives up with the last conflict as cause', async () => {
    await expect(
      retryOnConflict(conflicting(Infinity), { maxAttempts: 2, baseDelayMs: 0 }),
    ).rejects.toMatchObject({
      name: 'RetryExhaustedError',
      attempts: 2,
      code: '40001',
      cause: conflict,
    });
  });

  it('gives up when another attempt would begin behind the deadline', async () => {
    const work = jest.fn(conflicting(Infinity));
    await expect(
      retryOnConflict(work, { deadlineMs: 30, baseDelayMs: 1_000, maxDelayMs: 10_000 }),
    ).rejects.toMatchObject({ name: 'RetryExhaustedError' });
    expect(work.mock.calls.length).toBeLessThan(20);
  });

  it('runs what failed for another reason once', async () => {
    const work = jest.fn(() => Promise.reject(new Error('no')));
    await expect(retryOnConflict(work)).rejects.toThrow('no');
    expect(work).toHaveBeenCalledTimes(1);
  });

  it('waits no longer when it is aborted', async () => {
    const controller = new AbortController();
    const running = retryOnConflict(conflicting(Infinity), {
      baseDelayMs: 100_000,
      maxDelayMs: 100_000,
      deadlineMs: 300_000,
      signal: controller.signal,
      onRetry: () => {
        controller.abort(new Error('enough'));
      },
    });
    await expect(running).rejects.toMatchObject({ name: 'AbortError', cause: { message: 'enough' } });
  });

  it('tells of each retry, in a frozen context', async () => {
    const told: RetryContext[] = [];
    await retryOnConflict(conflicting(2), {
      maxAttempts: 5,
      baseDelayMs: 0,
      onRetry: (context) => told.push(context),
    });
    expect(told).toMatchObject([
      { attempt: 1, attemptsLeft: 4, error: conflict },
      { attempt: 2, attemptsLeft: 3, error: conflict },
    ]);
    expect(told.every((context) => Object.isFrozen(context))).toBe(true);
  });

  it('doubles the ceiling of its random delays up to a limit', async () => {
    jest.spyOn(Math, 'random').mockReturnValue(1);
    const delays: number[] = [];
    await retryOnConflict(conflicting(5), {
      baseDelayMs: 1,
      maxDelayMs: 5,
      onRetry: ({ delayMs }) => delays.push(delayMs),
    });
    jest.restoreAllMocks();
    expect(delays).toStrictEqual([1, 2, 4, 5, 5]);
  });

  it('waits longer at first when the schema has changed', async () => {
    jest.spyOn(Math, 'random').mockReturnValue(1);
    const schemaConflict = Object.assign(
      new Error('schema has been updated by another transaction (OC001)'),
      {
        code: '40001',
        severity: 'ERROR',
      },
    );
    const delays: number[] = [];
    await retryOnConflict((attempt) => (attempt > 1 ? Promise.resolve() : Promise.reject(schemaConflict)), {
      onRetry: ({ delayMs }) => delays.push(delayMs),
    });
    jest.restoreAllMocks();
    expect(delays).toStrictEqual([100]);
  });

  it.each<[string, RetryOptions]>([
    ['maxAttempts', { maxAttempts: 0 }],
    ['baseDelayMs', { baseDelayMs: -1 }],
    ['maxDelayMs', { maxDelayMs: Number.NaN }],
    ['deadlineMs', { deadlineMs: 300_001 }],
  ])('refuses a %s that cannot be', async (option, options) => {
    const error: unknown = await retryOnConflict(conflicting(0), options).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error).toMatchObject({ option });
  });

  it('publishes what happens on its channels', async () => {
    const heard: unknown[] = [];
    const listeners = Object.entries(transactionChannels).map(([event, { name }]) => {
      const listener = (message: unknown) => heard.push([event, (message as { attempt: number }).attempt]);
      subscribe(name, listener);
      return () => unsubscribe(name, listener);
    });
    await retryOnConflict(conflicting(1), { baseDelayMs: 0, label: 'move' });
    await retryOnConflict(conflicting(1), { maxAttempts: 1 }).catch(() => undefined);
    for (const stop of listeners) stop();
    expect(heard).toStrictEqual([
      ['attempt', 1],
      ['conflict', 1],
      ['retry', 1],
      ['attempt', 2],
      ['commit', 2],
      ['attempt', 1],
      ['conflict', 1],
      ['giveUp', 1],
    ]);
  });
});
