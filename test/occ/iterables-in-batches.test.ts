import { DsqlPool } from 'aurora-dsql-orm';
import * as sequelizeEntry from 'aurora-dsql-orm/sequelize';
import * as typeormEntry from 'aurora-dsql-orm/typeorm';
import {
  isBatchesError,
  type BatchesError,
  type BatchesOptions,
  type RowRange,
} from 'aurora-dsql-orm/typeorm';
import { useCluster } from '../cluster';
import { byForm, oneOfEvery } from '../form';
import { failure } from '../sequelize/accounts';

type Rows = Iterable<number | Promise<number>> | AsyncIterable<number>;
type Work = (batch: readonly number[], insert: () => Promise<unknown>, range: RowRange) => Promise<unknown>;

/** `inBatches` of an ORM, whose work inserts the batch unless it says otherwise. */
interface Orm {
  write(rows: Rows, options: BatchesOptions, work?: Work): Promise<number>;
  close(): Promise<void>;
}

const INSERT = 'INSERT INTO entry SELECT unnest($1::integer[])';
const insertOnly: Work = (_, insert) => insert();

const cluster = useCluster();
let pool: DsqlPool;

async function openTypeOrm(): Promise<Orm> {
  const dataSource = await typeormEntry.createDsqlDataSource({ ...cluster.orm }).initialize();
  return {
    write: (rows, options, work = insertOnly) =>
      typeormEntry.inBatches(dataSource, rows, options, (batch, manager, range) =>
        work(batch, () => manager.query(INSERT, [batch]), range),
      ),
    close: () => dataSource.destroy(),
  };
}

function openSequelize(): Promise<Orm> {
  const sequelize = sequelizeEntry.createDsqlSequelize({ ...cluster.orm, logging: false });
  return Promise.resolve({
    write: (rows, options, work = insertOnly) =>
      sequelizeEntry.inBatches(sequelize, rows, options, (batch, transaction, range) =>
        work(batch, () => sequelize.query(INSERT, { bind: [batch], transaction }), range),
      ),
    close: () => sequelize.close(),
  });
}

/** What a source has done. */
interface Source {
  readonly rows: AsyncGenerator<number>;
  pulled: number;
  isClosed: boolean;
}

/** Yields 0, 1, 2…; `before` each row something may happen. */
function source(count: number, before?: (row: number) => unknown): Source {
  const made: Source = { rows: generate(), pulled: 0, isClosed: false };
  async function* generate() {
    try {
      for (let row = 0; row < count; row++) {
        await before?.(row);
        made.pulled++;
        yield row;
      }
    } finally {
      made.isClosed = true;
    }
  }
  return made;
}

const written = async (): Promise<{ rows: number; distinct: number }> => {
  const { rows } = await pool.query<{ rows: number; distinct: number }>(
    'SELECT count(*)::integer AS rows, count(DISTINCT id)::integer AS "distinct" FROM entry',
  );
  return rows[0] ?? { rows: 0, distinct: 0 };
};

const batchesError = async (running: Promise<unknown>): Promise<BatchesError> => {
  const error = await failure(running);
  if (!isBatchesError(error)) throw error;
  return error;
};

beforeAll(async () => {
  pool = new DsqlPool(cluster.connection);
  pool.on('error', () => undefined); // of connections that were cut
  // Without a key: a row that is written twice is there twice.
  await pool.query('CREATE TABLE entry (id integer NOT NULL)');
});
afterEach(async () => {
  cluster.local.faults.clear();
  for (let done = false; !done;) {
    const { rowCount } = await pool.query('DELETE FROM entry WHERE id IN (SELECT id FROM entry LIMIT 3000)');
    done = rowCount === 0;
  }
});
afterAll(() => pool.end());

const orms: readonly [string, () => Promise<Orm>][] = [
  ['TypeORM', openTypeOrm],
  ['Sequelize', openSequelize],
];

describe.each(oneOfEvery(2, orms))('what an async generator yields, through inBatches of %s', (_, open) => {
  let orm: Orm;

  beforeAll(async () => {
    orm = await open();
  });
  afterAll(() => orm.close());

  it('arrives, each row once, and the generator is never more than a batch ahead of what is written', async () => {
    const count = byForm({ short: 4_000, long: 50_000, soak: 50_000 });
    const concurrency = 3;
    const batchSize = 500;
    const rows = source(count);
    let done = 0;
    let ahead = 0;
    const options = {
      batchSize,
      concurrency,
      onProgress: ({ rowsDone, rowsTotal }: { rowsDone: number; rowsTotal: number | undefined }) => {
        done = rowsDone;
        expect(rowsTotal).toBeUndefined();
      },
    };
    const watched = orm.write(rows.rows, options, (batch, insert) => {
      ahead = Math.max(ahead, rows.pulled - done);
      return insert();
    });
    expect(await watched).toBe(count);
    expect(ahead).toBeGreaterThan((concurrency - 1) * batchSize);
    expect(ahead).toBeLessThanOrEqual((concurrency + 1) * batchSize);
    expect(await written()).toEqual({ rows: count, distinct: count });
  });

  it('arrives as rows where an iterable yields promises, up to one that is rejected', async () => {
    let isClosed = false;
    function* promises(rejected?: number) {
      try {
        for (let row = 0; row < 10; row++) {
          yield row === rejected ? Promise.reject(new Error('no such row')) : Promise.resolve(row);
        }
      } finally {
        isClosed = true;
      }
    }
    const { done, remaining, cause } = await batchesError(orm.write(promises(7), { batchSize: 3 }));
    expect({ done, remaining, cause, isClosed }).toMatchObject({
      done: [{ from: 0, to: 6 }],
      remaining: [{ from: 6, to: Infinity }],
      cause: { message: 'no such row' },
      isClosed: true,
    });
    expect(await orm.write(promises(), { batchSize: 3, remaining })).toBe(4);
    expect(await written()).toEqual({ rows: 10, distinct: 10 });
  });

  it('arrives once where batches conflict', async () => {
    const fault = cluster.local.faults.failCommit({ error: 'OC000', table: 'entry', nth: 3, times: 4 });
    expect(await orm.write(source(2_000).rows, { batchSize: 100, concurrency: 4 })).toBe(2_000);
    expect(fault.fired).toBe(4);
    expect(await written()).toEqual({ rows: 2_000, distinct: 2_000 });
  });

  it.each(['before commit', 'after commit'] as const)(
    'is told apart, and can be gone on with, when a connection is cut %s',
    async (at) => {
      cluster.local.faults.cutConnection({ at, table: 'entry', nth: 4 });
      const rows = source(3_000);
      const error = await batchesError(orm.write(rows.rows, { batchSize: 100, concurrency: 2 }));
      expect(rows.isClosed).toBe(true);
      expect(rows.pulled).toBeLessThan(3_000);
      expect(error.remaining.at(-1)?.to).toBe(Infinity);
      expect(error.unknown).toHaveLength(1);
      const [unknown] = error.unknown;
      const { rows: found } = await pool.query('SELECT FROM entry WHERE id = $1', [unknown?.from]);
      expect(found).toHaveLength(at === 'after commit' ? 1 : 0);
      const remaining = at === 'after commit' ? error.remaining : [...error.unknown, ...error.remaining];
      await orm.write(source(3_000).rows, { batchSize: 100, remaining });
      expect(await written()).toEqual({ rows: 3_000, distinct: 3_000 });
    },
  );

  it('is written up to the batch in which the generator fails, and the error says where to go on', async () => {
    const broken = source(1_000, (row) => {
      if (row === 450) throw new Error('the file is broken');
    });
    const error = await batchesError(orm.write(broken.rows, { batchSize: 100 }));
    expect(error.cause).toStrictEqual(new Error('the file is broken'));
    expect(error.done).toEqual([{ from: 0, to: 400 }]);
    expect(error.remaining).toEqual([{ from: 400, to: Infinity }]);
    expect(error.message).toContain('400 rows were written and stay written, those from 400 on were not.');
    const { remaining } = error;
    expect(await orm.write(source(1_000).rows, { batchSize: 100, remaining })).toBe(600);
    expect(await written()).toEqual({ rows: 1_000, distinct: 1_000 });
  });
});

describe('inBatches of an iterable', () => {
  let orm: Orm;

  beforeAll(async () => {
    orm = await openTypeOrm();
  });
  afterAll(() => orm.close());

  it('ends the generator when a batch fails, and lets the other batches end', async () => {
    const rows = source(1_000);
    const error = await batchesError(
      orm.write(rows.rows, { batchSize: 10, concurrency: 3 }, async (_, insert, { from }) => {
        if (from === 20) throw new Error('no');
        return insert();
      }),
    );
    expect(rows.isClosed).toBe(true);
    expect(rows.pulled).toBeLessThan(100);
    expect((await written()).rows).toBe(error.done.reduce((sum, { from, to }) => sum + to - from, 0));
    expect(error.remaining[0]?.from).toBe(20);
  });

  it('does not wait for a slow generator when it is aborted', async () => {
    const controller = new AbortController();
    const rows = source(1_000, (row) => (row < 25 ? undefined : new Promise(() => undefined)));
    const { signal } = controller;
    const onProgress = ({ to }: RowRange) => {
      if (to === 20) controller.abort(new Error('enough'));
    };
    const error = await batchesError(orm.write(rows.rows, { batchSize: 10, signal, onProgress }));
    expect(error.cause).toStrictEqual(new Error('enough'));
    expect(error).toMatchObject({ done: [{ from: 0, to: 20 }], remaining: [{ from: 20, to: Infinity }] });
    expect((await written()).rows).toBe(20);
  });

  it('reads nothing where it was aborted before', async () => {
    const rows = source(10);
    await batchesError(orm.write(rows.rows, { signal: AbortSignal.abort(new Error('enough')) }));
    expect(rows.pulled).toBe(0);
  });

  it('passes over what is not to be written, and reads no further than it has to', async () => {
    const remaining = [
      { from: 70, to: 90 },
      { from: 10, to: 35 },
    ];
    const ranges: RowRange[] = [];
    const rows = source(1_000);
    const work: Work = (_, insert, range) => {
      ranges.push(range);
      return insert();
    };
    expect(await orm.write(rows.rows, { batchSize: 20, remaining }, work)).toBe(45);
    expect(ranges).toEqual([
      { from: 10, to: 30 },
      { from: 30, to: 35 },
      { from: 70, to: 90 },
    ]);
    expect(rows).toMatchObject({ pulled: 90, isClosed: true });
  });

  it('writes what turns out to be too much in smaller batches, and those that follow', async () => {
    const tooMuch = { code: '54000', severity: 'ERROR' };
    const sizes: number[] = [];
    const work: Work = async (batch, insert) => {
      if (batch.length > 300) throw Object.assign(new Error('transaction row limit exceeded'), tooMuch);
      sizes.push(batch.length);
      return insert();
    };
    expect(await orm.write(source(2_500).rows, { batchSize: 1_000, concurrency: 2 }, work)).toBe(2_500);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(300);
    expect(await written()).toEqual({ rows: 2_500, distinct: 2_500 });
  });

  it('ends a batch before its rows are too large together', async () => {
    const dataSource = await typeormEntry.createDsqlDataSource({ ...cluster.orm }).initialize();
    const large = new Set(Array.from('abcdefghijkl', (letter) => letter.repeat(2_000_000)));
    const batches: RowRange[] = [];
    const rows = await typeormEntry.inBatches(dataSource, large, {}, (_, __, range) => {
      batches.push(range);
      return Promise.resolve();
    });
    await dataSource.destroy();
    expect(rows).toBe(12);
    expect(batches).toEqual([
      { from: 0, to: 5 },
      { from: 5, to: 10 },
      { from: 10, to: 12 },
    ]);
  });

  it('refuses what is none', async () => {
    const running = orm.write(7 as unknown as Iterable<number>, {});
    expect(await failure(running)).toMatchObject({ name: 'ConfigurationError', option: 'rows' });
  });
});
