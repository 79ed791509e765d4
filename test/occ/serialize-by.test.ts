import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { ConfigurationError, transactionChannels, type TransactionMessage } from 'aurora-dsql-orm';
import * as sequelizeEntry from 'aurora-dsql-orm/sequelize';
import * as typeormEntry from 'aurora-dsql-orm/typeorm';
import type { SequelizeTransactionOptions } from 'aurora-dsql-orm/sequelize';
import type { TypeOrmTransactionOptions } from 'aurora-dsql-orm/typeorm';
import { QueryTypes } from 'sequelize';
import { useCluster } from '../cluster';
import { failure } from '../sequelize/accounts';

type Query = (sql: string) => Promise<readonly Record<string, unknown>[]>;
type Options = Omit<TypeOrmTransactionOptions & SequelizeTransactionOptions, 'restore' | 'verifyCommitted'>;

/** An ORM, as far as these tests use it. */
interface Orm {
  transaction<T>(work: (query: Query) => Promise<T>, options: Options): Promise<T>;
  readonly query: Query;
  close(): Promise<void>;
}

const POOL_SIZE = 8;

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

const cluster = useCluster();

async function openTypeOrm(): Promise<Orm> {
  const dataSource = await typeormEntry
    .createDsqlDataSource({ ...cluster.orm, poolSize: POOL_SIZE })
    .initialize();
  return {
    transaction: (work, options) =>
      typeormEntry.runInTransaction(dataSource, (manager) => work((sql) => manager.query(sql)), options),
    query: (sql) => dataSource.query(sql),
    close: () => dataSource.destroy(),
  };
}

function openSequelize(): Promise<Orm> {
  const sequelize = sequelizeEntry.createDsqlSequelize({
    ...cluster.orm,
    logging: false,
    pool: { max: POOL_SIZE },
  });
  return Promise.resolve({
    transaction: (work, options) =>
      sequelizeEntry.runInTransaction(
        sequelize,
        (transaction) => work((sql) => sequelize.query(sql, { transaction, type: QueryTypes.SELECT })),
        options,
      ),
    query: (sql) => sequelize.query(sql, { type: QueryTypes.SELECT }),
    close: () => sequelize.close(),
  });
}

describe.each<[string, () => Promise<Orm>]>([
  ['TypeORM', openTypeOrm],
  ['Sequelize', openSequelize],
])('with `serializeBy` of %s', (name, open) => {
  let orm: Orm;

  const table = name.toLowerCase();
  const READ = `SELECT value FROM ${table} WHERE id = `;
  const valueOf = async (id: number) => (await orm.query(`${READ}${id}`))[0]?.value;

  /** Adds one to a row, by way of a variable. */
  const countUp = async (query: Query, id: number) => {
    const [row] = await query(`${READ}${id}`);
    await query(`UPDATE ${table} SET value = ${Number(row?.value) + 1} WHERE id = ${id}`);
  };

  /** Begins a transaction that lasts until it is told to end. */
  const hold = async (options: Options, inside: () => Promise<unknown> = () => Promise.resolve()) => {
    const { promise: begun, resolve: begin } = deferred();
    const { promise: ended, resolve: end } = deferred();
    const running = orm.transaction(async (query) => {
      await query('SELECT 1');
      begin();
      await ended;
      await inside();
    }, options);
    await Promise.race([begun, running]);
    return async () => {
      end();
      await running;
    };
  };

  beforeAll(async () => {
    orm = await open();
    await orm.query(`CREATE TABLE ${table} (id integer PRIMARY KEY, value integer NOT NULL)`);
    await orm.query(`INSERT INTO ${table} SELECT id, 0 FROM generate_series(0, 9) AS id`);
  });
  beforeEach(async () => {
    await orm.query(`UPDATE ${table} SET value = 0`);
  });
  afterEach(() => {
    cluster.local.faults.clear();
  });
  afterAll(async () => {
    await orm.close();
  });

  it('32 workers on one row succeed at their first attempts, in the order in which they came', async () => {
    const attempts: number[] = [];
    const note = (message: unknown) => attempts.push((message as TransactionMessage).attempt);
    subscribe(transactionChannels.attempt.name, note);
    const order: number[] = [];
    try {
      await Promise.all(
        Array.from({ length: 32 }, (_, worker) =>
          orm.transaction(
            async (query) => {
              order.push(worker);
              await countUp(query, 0);
            },
            { serializeBy: [table, 0] },
          ),
        ),
      );
    } finally {
      unsubscribe(transactionChannels.attempt.name, note);
    }
    expect(attempts).toEqual(Array(32).fill(1));
    expect(order).toEqual(Array.from({ length: 32 }, (_, worker) => worker));
    expect(await valueOf(0)).toBe(32);
  });

  it('those with different keys, and those without one, do not wait', async () => {
    const end = await hold({ serializeBy: 'a' });
    await orm.transaction((query) => countUp(query, 1), { serializeBy: 'b' });
    await orm.transaction((query) => countUp(query, 1), {});
    await end();
    expect(await valueOf(1)).toBe(2);
  });

  it('parts of a key are compared as texts', async () => {
    const ended: string[] = [];
    const end = await hold({ serializeBy: ['row', 1] });
    const waiting = orm.transaction(() => Promise.resolve(ended.push('second')), {
      serializeBy: ['row', '1'],
    });
    await orm.transaction(() => Promise.resolve(ended.push('other')), { serializeBy: 'row,1' });
    ended.push('first');
    await end();
    await waiting;
    expect(ended).toEqual(['other', 'first', 'second']);
  });

  it('those that wait hold no connection', async () => {
    const end = await hold({ serializeBy: 'a' });
    const waiting = Array.from({ length: 2 * POOL_SIZE }, () =>
      orm.transaction((query) => countUp(query, 2), { serializeBy: 'a' }),
    );
    // The rest of the pool is free.
    await Promise.all(Array.from({ length: POOL_SIZE - 1 }, () => orm.query('SELECT pg_sleep(0.01)')));
    await end();
    await Promise.all(waiting);
    expect(await valueOf(2)).toBe(2 * POOL_SIZE);
  });

  it('an aborted signal ends the wait, and those behind go on', async () => {
    const end = await hold({ serializeBy: 'a' });
    const controller = new AbortController();
    const { signal } = controller;
    const aborted = failure(orm.transaction((query) => countUp(query, 3), { serializeBy: 'a', signal }));
    const behind = orm.transaction((query) => countUp(query, 3), { serializeBy: 'a' });
    controller.abort(new Error('enough'));
    expect(await aborted).toMatchObject({ message: 'enough' });
    await end();
    await behind;
    expect(await valueOf(3)).toBe(1);
  });

  it('one whose deadline passes meanwhile was not begun', async () => {
    const end = await hold({ serializeBy: 'a' });
    const late = orm.transaction((query) => countUp(query, 3), {
      serializeBy: 'a',
      deadlineMs: 20,
      label: 'late',
    });
    const error = await failure(late);
    expect(typeormEntry.isNotBegunError(error)).toBe(true);
    expect(error).toMatchObject({ reason: 'deadline' });
    expect(String(error)).toContain('The transaction late was not begun');
    expect(typeormEntry.classifyError(error)).toMatchObject({ kind: 'not-begun', isRetryable: true });
    await end();
    expect(await valueOf(3)).toBe(0);
  });

  it.each<[string, string, () => unknown]>([
    [
      'whose work fails',
      'server unavailable',
      () => cluster.local.faults.failStatement({ error: 'XX000', kind: 'read' }),
    ],
    [
      'that conflicts at each attempt',
      'RetryExhaustedError',
      () => cluster.local.faults.failCommit({ error: 'OC000', times: 2 }),
    ],
    [
      'whose outcome is unknown',
      'CommitOutcomeUnknownError',
      () => cluster.local.faults.cutConnection({ at: 'before commit' }),
    ],
  ])('one %s ends its turn', async (_, problem, prepare) => {
    prepare();
    const failing = orm.transaction((query) => countUp(query, 4), { serializeBy: 'a', maxAttempts: 2 });
    const next = orm.transaction((query) => countUp(query, 4), { serializeBy: 'a' });
    expect(String(await failure(failing))).toContain(problem);
    await next;
    expect(await valueOf(4)).toBe(1);
  });

  it('one inside another with the same key does not wait', async () => {
    await orm.transaction(
      async (query) => {
        await query('SELECT 1');
        await orm.transaction((inner) => countUp(inner, 5), { serializeBy: 'a' });
      },
      { serializeBy: 'a' },
    );
    expect(await valueOf(5)).toBe(1);
  });

  it('what a transaction has left behind waits like any other', async () => {
    const ended: string[] = [];
    const { promise: later, resolve: go } = deferred();
    const left: Promise<unknown>[] = [];
    await orm.transaction(
      (query) => {
        left.push(
          later.then(() =>
            orm.transaction(() => Promise.resolve(ended.push('left behind')), { serializeBy: 'a' }),
          ),
        );
        return query('SELECT 1');
      },
      { serializeBy: 'a' },
    );
    const end = await hold({ serializeBy: 'a' });
    go();
    await orm.query('SELECT 1');
    ended.push('other');
    await end();
    await Promise.all(left);
    expect(ended).toEqual(['other', 'left behind']);
  });

  it('keys taken inside each other in crossing order are refused rather than waited for without end', async () => {
    const inner = (key: string) => () =>
      orm.transaction((query) => countUp(query, 6), { serializeBy: key, label: `inner ${key}` });
    const endOfFirst = await hold({ serializeBy: 'a' }, inner('b'));
    const endOfSecond = await hold({ serializeBy: 'b' }, inner('a'));
    const second = endOfSecond();
    const error = await failure(endOfFirst());
    expect(error).toMatchObject({ name: 'NotBegunError', reason: 'deadlock' });
    expect(String(error)).toContain('inner b');
    await second;
    expect(await valueOf(6)).toBe(1);
  });

  it.each<[unknown]>([[{}], [[]], [[undefined]], [true]])('%j is no key', async (serializeBy) => {
    const work = jest.fn(() => Promise.resolve());
    const running = orm.transaction(work, { serializeBy: serializeBy as string });
    await expect(running).rejects.toBeInstanceOf(ConfigurationError);
    expect(work).not.toHaveBeenCalled();
  });
});

it('objects to restore are put back to how they were when the turn came', async () => {
  const dataSource = await typeormEntry.createDsqlDataSource({ ...cluster.orm }).initialize();
  try {
    const booked = { times: 0 };
    const book = () =>
      typeormEntry.runInTransaction(
        dataSource,
        async (manager) => {
          booked.times++;
          await manager.query('UPDATE typeorm SET value = value + 1 WHERE id = 9');
        },
        { serializeBy: 'a', restore: [booked] },
      );
    cluster.local.faults.failCommit({ error: 'OC000', nth: 2 });
    await Promise.all([book(), book()]);
    expect(booked.times).toBe(2);
  } finally {
    await dataSource.destroy();
  }
});

it('is no default of a data source', () => {
  const dsql = { ...cluster.orm.dsql, retry: { serializeBy: 'a' } as object };
  expect(() => typeormEntry.createDsqlDataSource({ ...cluster.orm, dsql })).toThrow(
    /dsql\.retry\.serializeBy/,
  );
});
