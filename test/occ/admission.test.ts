import { setTimeout as sleep } from 'node:timers/promises';
import { Admission } from '../../src/occ/admission/admission';
import { statementKey } from '../../src/occ/admission/admission-key';
import { TransactionRunner, type Attempt, type FirstStatement, type RunOptions } from '../../src/occ';

const READ = 'SELECT value FROM counter WHERE id = $1';
const INSERT = 'INSERT INTO entry (id) VALUES ($1)';

const conflict = () =>
  Object.assign(new Error('change conflicts with another transaction (OC000)'), {
    code: '40001',
    severity: 'ERROR',
  });

interface Deferred {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
}

function deferred(): Deferred {
  const waiting: (() => void)[] = [];
  const promise = new Promise<void>((resolve) => waiting.push(resolve));
  return {
    promise,
    resolve: () => {
      waiting.forEach((resolve) => {
        resolve();
      });
    },
  };
}

/** The versions of rows, as Aurora DSQL compares them at COMMIT. */
class Rows {
  readonly #versions = new Map<unknown, number>();

  async change(rows: readonly unknown[], durationMs: number): Promise<void> {
    const seen = rows.map((row) => this.#versions.get(row));
    await sleep(durationMs);
    if (rows.some((row, index) => this.#versions.get(row) !== seen[index])) throw conflict();
    for (const row of rows) this.#versions.set(row, (this.#versions.get(row) ?? 0) + 1);
  }
}

/** A runner on whose row 0 so many transactions have just met each other. */
async function withHotRow(runner = new TransactionRunner()): Promise<TransactionRunner> {
  const rows = new Rows();
  const transactions = Array.from({ length: 4 }, () =>
    runner.run({
      attempt: async ({ admit }) => {
        await admit({ text: READ, values: [0] });
        await rows.change([0], 2);
      },
    }),
  );
  await Promise.all(transactions);
  expect(runner.counters.conflicts).toBeGreaterThan(0);
  return runner;
}

/** Begins a transaction that holds the place of a row until it is told to end. */
async function hold(runner: TransactionRunner, row: unknown = 0): Promise<() => Promise<void>> {
  const admitted = deferred();
  const end = deferred();
  const running = runner.run({
    attempt: async ({ admit }) => {
      await admit({ text: READ, values: [row] });
      admitted.resolve();
      await end.promise;
    },
  });
  await admitted.promise;
  return async () => {
    end.resolve();
    await running;
  };
}

/** Runs a transaction that does nothing but be admitted; says whether it has waited. */
async function admission(
  runner: TransactionRunner,
  statement: FirstStatement = { text: READ, values: [0] },
  options?: RunOptions,
  giveBack?: () => Promise<void>,
): Promise<boolean> {
  return runner.run({ attempt: ({ admit }: Attempt<boolean>) => admit(statement, giveBack) }, options);
}

const isPending = (work: Promise<unknown>) =>
  Promise.race([
    work.then(
      () => false,
      () => false,
    ),
    sleep(20).then(() => true),
  ]);

afterEach(() => {
  jest.restoreAllMocks();
  jest.useRealTimers();
});

describe('a transaction waits', () => {
  it('for another one that looks for the same row, once such have conflicted', async () => {
    const runner = await withHotRow();
    const end = await hold(runner);
    const waiting = admission(runner);
    expect(await isPending(waiting)).toBe(true);
    await end();
    expect(await waiting).toBe(true);
  });

  it('for none as long as there was no conflict', async () => {
    const runner = new TransactionRunner();
    const end = await hold(runner);
    expect(await admission(runner)).toBe(false);
    await end();
  });

  it('for none when it looks for another row, though its statement is the same', async () => {
    const runner = await withHotRow();
    const end = await hold(runner);
    expect(await admission(runner, { text: READ, values: [1] })).toBe(false);
    await end();
  });

  it('for none when its statement is another, though its callback is the same', async () => {
    const runner = await withHotRow();
    const end = await hold(runner);
    expect(await admission(runner, { text: 'SELECT name FROM other WHERE id = $1', values: [0] })).toBe(
      false,
    );
    await end();
  });

  it('for none with `admission: false`', async () => {
    const runner = await withHotRow();
    const end = await hold(runner);
    expect(await admission(runner, undefined, { admission: false })).toBe(false);
    await end();
  });

  it('before its attempt begins, when an earlier one has conflicted', async () => {
    const runner = await withHotRow();
    const begun: number[] = [];
    const admitted = deferred();
    const fail = deferred();
    const running = runner.run(
      {
        attempt: async ({ admit, number }) => {
          begun.push(number);
          expect(await admit({ text: READ, values: [0] })).toBe(false);
          if (number > 1) return;
          admitted.resolve();
          await fail.promise;
          throw conflict();
        },
      },
      { baseDelayMs: 0 },
    );
    await admitted.promise;
    const next = hold(runner);
    fail.resolve();
    const end = await next;
    expect(await isPending(running)).toBe(true);
    expect(begun).toStrictEqual([1]);
    await end();
    await running;
    expect(begun).toStrictEqual([1, 2]);
  });

  it('in one queue with all of its kind, where the first statement does not tell what will conflict', async () => {
    const runner = new TransactionRunner();
    const rows = new Rows();
    let id = 0;
    let inFlight = 0;
    const crowd: number[] = [];
    const work = async () => {
      for (let count = 0; count < 12; count++) {
        await runner.run({
          attempt: async ({ admit, number }) => {
            await admit({ text: INSERT, values: [`row ${id++}`] });
            if (number === 1) crowd.push(++inFlight);
            else inFlight++;
            await rows.change(['the counter'], 2).finally(() => inFlight--);
          },
        });
      }
    };
    await Promise.all(Array.from({ length: 16 }, work));
    expect(Math.max(...crowd.slice(0, 16))).toBe(16);
    expect(Math.max(...crowd.slice(crowd.length / 2))).toBeLessThan(8);
  });

  it('for none on a cold row beside a hot one that is written from elsewhere', async () => {
    const runner = new TransactionRunner();
    let lost = 24;
    const attempt = async (row: number, { admit }: Pick<Attempt<void>, 'admit'>) => {
      await admit({ text: READ, values: [row] });
      await sleep(0);
      if (row === 0 && (lost-- > 0 || Math.random() < 0.3)) throw conflict();
    };
    const work = async (row: number) => {
      for (let count = 0; count < 100; count++) await runner.run({ attempt: (one) => attempt(row, one) });
    };
    await Promise.all(Array.from({ length: 16 }, (_, worker) => work(worker < 8 ? 0 : worker)));
    const end = await hold(runner);
    expect(await admission(runner, { text: READ, values: [20] })).toBe(false);
    await end();
  });
});

describe('what holds a place never waits', () => {
  it.each([
    ['the same row', 0],
    ['a hot row, itself on a cold one', 1],
  ])('in an independent transaction on %s', async (_, outerRow) => {
    const runner = await withHotRow();
    const end = outerRow === 0 ? undefined : await hold(runner);
    const inner = runner.run({
      attempt: async ({ admit }) => {
        await admit({ text: READ, values: [outerRow] });
        return admission(runner);
      },
    });
    expect(await inner).toBe(false);
    await end?.();
  });

  it('in an independent transaction of another data source', async () => {
    const [one, other] = await Promise.all([withHotRow(), withHotRow()]);
    const end = await hold(other);
    const inner = one.run(
      {
        attempt: async ({ admit }) => {
          await admit({ text: READ, values: [0] });
          return admission(other);
        },
      },
      { admission: false },
    );
    expect(await inner).toBe(false);
    await end();
  });

  it('in the outer transaction, where the inner one began first', async () => {
    const runner = await withHotRow();
    const waited = runner.run({
      attempt: (outer: Attempt<boolean>) =>
        runner.run({
          attempt: async ({ admit }: Attempt<boolean>) => {
            await admit({ text: READ, values: [0] });
            return outer.admit({ text: READ, values: [0] });
          },
        }),
    });
    expect(await waited).toBe(false);
  });

  it('through a helper that calls itself, for many at once', async () => {
    const runner = await withHotRow();
    const nested = (depth: number): Promise<void> =>
      runner.run({
        attempt: async ({ admit }) => {
          await admit({ text: READ, values: [0] });
          await sleep(1);
          if (depth > 0) await nested(depth - 1);
        },
      });
    await Promise.all(Array.from({ length: 12 }, () => nested(3)));
    expect(runner.counters.commits).toBe(4 + 12 * 4);
  });
});

describe('a wait', () => {
  it('holds no connection: it is given back once, before', async () => {
    const runner = await withHotRow();
    const end = await hold(runner);
    const giveBack = jest.fn(() => Promise.resolve());
    const waiting = admission(runner, undefined, {}, giveBack);
    expect(await isPending(waiting)).toBe(true);
    expect(giveBack).toHaveBeenCalledTimes(1);
    await end();
    expect(await waiting).toBe(true);
    expect(giveBack).toHaveBeenCalledTimes(1);
    expect(await admission(runner, undefined, {}, giveBack)).toBe(false);
    expect(giveBack).toHaveBeenCalledTimes(1);
  });

  it('leaves nothing behind when the connection cannot be given back', async () => {
    const runner = await withHotRow();
    const end = await hold(runner);
    const refused = admission(runner, undefined, {}, () => Promise.reject(new Error('no')));
    await expect(refused).rejects.toThrow('no');
    await end();
    expect(await admission(runner)).toBe(false);
  });

  it('ends at once with the reason of its signal', async () => {
    const runner = await withHotRow();
    const end = await hold(runner);
    const controller = new AbortController();
    const waiting = admission(runner, undefined, { signal: controller.signal });
    expect(await isPending(waiting)).toBe(true);
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await end();
    expect(await admission(runner)).toBe(false);
  });

  it('goes ahead without a place when it lasts too long', async () => {
    const runner = await withHotRow();
    const end = await hold(runner);
    expect(await admission(runner, undefined, { deadlineMs: 200 })).toBe(true);
    await end();
  });

  it('ends although `performance.now` stands still and timers are faked', async () => {
    const runner = await withHotRow();
    const end = await hold(runner);
    const frozen = performance.now();
    jest.spyOn(performance, 'now').mockReturnValue(frozen);
    jest.useFakeTimers();
    expect(await admission(runner, undefined, { deadlineMs: 200 })).toBe(true);
    await end();
  });

  it('ends for nobody but the attempt that waits: one that has ended meanwhile takes no place', async () => {
    const runner = await withHotRow();
    const end = await hold(runner);
    let late: Promise<boolean> | undefined;
    await runner.run({
      attempt: ({ admit }) => {
        late = admit({ text: READ, values: [0] });
        return Promise.resolve();
      },
    });
    await end();
    await late;
    expect(await admission(runner)).toBe(false);
  });

  it('is over for the second statement when it is for the first', async () => {
    const runner = await withHotRow();
    const end = await hold(runner);
    const order: string[] = [];
    const running = runner.run({
      attempt: async ({ admit }) => {
        const first = admit({ text: READ, values: [0] }).then((waited) => order.push(`first ${waited}`));
        const second = admit({ text: READ, values: [1] }).then((waited) => order.push(`second ${waited}`));
        await Promise.all([first, second]);
      },
    });
    expect(await isPending(running)).toBe(true);
    await end();
    await running;
    expect(order).toStrictEqual(['first true', 'second false']);
  });
});

describe('what is known', () => {
  const outcomes = (places: Admission, kind: string, outcome: 'committed' | 'conflict') => {
    const place = places.placeFor({ kind, key: '' });
    place.tryTake({ isRetry: false });
    place.leave(outcome);
  };

  it('is nothing of kinds without conflicts', () => {
    const places = new Admission();
    for (let kind = 0; kind < 1000; kind++) outcomes(places, `kind ${kind}`, 'committed');
    expect(places.size).toBe(0);
  });

  it('is bounded', () => {
    const places = new Admission();
    for (let kind = 0; kind < 1000; kind++) outcomes(places, `kind ${kind}`, 'conflict');
    expect(places.size).toBeLessThanOrEqual(200);
  });
});

describe('a first statement', () => {
  const sameKind = (one: FirstStatement, other: FirstStatement) =>
    statementKey(one).kind === statementKey(other).kind;
  const sameKey = (one: FirstStatement, other: FirstStatement) =>
    statementKey(one).key === statementKey(other).key;

  it('is of one kind with others whose values are in the text', () => {
    const one = { text: `SELECT * FROM "t1" WHERE "id" = 17 AND "name" = 'it''s'` };
    const other = { text: `SELECT * FROM "t1" WHERE "id" = 18 AND "name" = ''` };
    expect(sameKind(one, other)).toBe(true);
    expect(sameKey(one, other)).toBe(false);
    expect(sameKind(one, { text: 'SELECT * FROM "t2" WHERE "id" = 17' })).toBe(false);
  });

  it('looks for what its WHERE says, not for what it sets', () => {
    const text = 'UPDATE counter SET value = $1 WHERE id = $2';
    expect(sameKey({ text, values: [5, 1] }, { text, values: [6, 1] })).toBe(true);
    expect(sameKey({ text, values: [5, 1] }, { text, values: [5, 2] })).toBe(false);
  });

  it('may be long, and have values of any kind', () => {
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    const values = ['x'.repeat(1_000_000), Buffer.alloc(1_000_000), 1n, new Date(0), null, undefined, circle];
    const text = `INSERT INTO t VALUES ($1, $2, $3, $4, $5, $6, $7) ${'-- '.padEnd(1_000_000, 'x')}`;
    const { kind, key } = statementKey({ text, values });
    expect(kind.length + key.length).toBeLessThan(100);
  });
});
