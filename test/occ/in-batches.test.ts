import { CommitOutcomeUnknownError } from 'aurora-dsql-orm';
import { BatchesError, type BatchesProgress } from 'aurora-dsql-orm/sequelize';
import { inBatches } from '../../src/occ';

const rows = Array.from({ length: 10 }, (_, index) => index);

async function failureOf(running: Promise<unknown>): Promise<BatchesError> {
  const error = await running.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(BatchesError);
  return error as BatchesError;
}

describe('inBatches', () => {
  it('writes every row once, in order, and returns what each batch returned', async () => {
    const sums = await inBatches(rows, { batchSize: 4 }, (batch) => Promise.resolve([...batch]));
    expect(sums).toStrictEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [8, 9],
    ]);
  });

  it('takes as many rows as a transaction may change unless it is told otherwise', async () => {
    const many = Array.from({ length: 6001 });
    await expect(inBatches(many, {}, ({ length }) => Promise.resolve(length))).resolves.toStrictEqual([
      3000, 3000, 1,
    ]);
  });

  it('writes nothing of no rows', async () => {
    await expect(inBatches([], {}, () => Promise.reject(new Error('called')))).resolves.toStrictEqual([]);
  });

  it('writes as many batches at once as it is allowed to', async () => {
    let running = 0;
    let most = 0;
    await inBatches(rows, { batchSize: 1, concurrency: 3 }, async () => {
      most = Math.max(most, ++running);
      await new Promise(setImmediate);
      running--;
    });
    expect(most).toBe(3);
  });

  it('tells how far it is', async () => {
    const progress: BatchesProgress[] = [];
    await inBatches(rows, { batchSize: 6, onProgress: (step) => progress.push(step) }, () =>
      Promise.resolve(),
    );
    expect(progress).toStrictEqual([
      { from: 0, to: 6, rowsDone: 6, rowsTotal: 10 },
      { from: 6, to: 10, rowsDone: 10, rowsTotal: 10 },
    ]);
  });

  it('says after a failure what was written, and goes on from there', async () => {
    const written: number[] = [];
    const write = (isBroken: boolean) => (batch: readonly number[]) => {
      if (isBroken && batch.includes(5)) return Promise.reject(new Error('broken'));
      written.push(...batch);
      return Promise.resolve();
    };
    const failure = await failureOf(inBatches(rows, { batchSize: 2 }, write(true)));
    expect(failure.cause).toStrictEqual(new Error('broken'));
    expect(failure.done).toStrictEqual([
      { from: 0, to: 2 },
      { from: 2, to: 4 },
    ]);
    expect(failure.message).toMatch(/^4 rows were written and stay written, 6 were not\. /);
    await inBatches(rows, { batchSize: 2, remaining: failure.remaining }, write(false));
    expect(written).toStrictEqual(rows);
  });

  it('lets the batches under way end before it fails', async () => {
    const failure = await failureOf(
      inBatches(rows, { batchSize: 2, concurrency: 2 }, async (_, { from }) => {
        if (from === 0) throw new Error('broken');
        await new Promise(setImmediate);
      }),
    );
    expect(failure.done).toStrictEqual([{ from: 2, to: 4 }]);
    expect(failure.remaining).toStrictEqual([0, 4, 6, 8].map((from) => ({ from, to: from + 2 })));
  });

  it('does not count what is unknown as written or as not written', async () => {
    const lost = new CommitOutcomeUnknownError({ cause: new Error('cut') });
    const failure = await failureOf(inBatches(rows, { batchSize: 5 }, () => Promise.reject(lost)));
    expect(failure).toMatchObject({
      done: [],
      unknown: [{ from: 0, to: 5 }],
      remaining: [{ from: 5, to: 10 }],
    });
    expect(failure.message).toContain('Of 5 rows it is not known');
  });

  it('begins no batch after it was aborted', async () => {
    const aborting = new AbortController();
    const failure = await failureOf(
      inBatches(rows, { batchSize: 5, signal: aborting.signal }, () => {
        aborting.abort();
        return Promise.resolve();
      }),
    );
    expect(failure).toMatchObject({ done: [{ from: 0, to: 5 }], remaining: [{ from: 5, to: 10 }] });
  });

  it.each([{ batchSize: 0 }, { batchSize: 3001 }, { batchSize: 1.5 }, { concurrency: 0 }])(
    'refuses %p before anything is sent',
    async (options) => {
      await expect(inBatches(rows, options, () => Promise.resolve())).rejects.toThrow(
        /must be a whole number/,
      );
    },
  );
});
