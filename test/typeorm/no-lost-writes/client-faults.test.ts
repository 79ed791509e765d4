import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  classifyError,
  createDsqlDataSource,
  isCommitOutcomeUnknownError,
  isNestedTransactionError,
  runInTransaction,
  type DsqlDataSourceOptions,
} from 'aurora-dsql-orm/typeorm';
import {
  Column,
  Entity,
  EventSubscriber,
  PrimaryGeneratedColumn,
  type DataSource,
  type EntityManager,
  type EntitySubscriberInterface,
} from 'typeorm';
import { useCluster } from '../../cluster';
import { oneOfEvery } from '../../form';
import { stockDataSource } from '../stock-data-source';

/** How long a statement may take, in milliseconds; and how long it takes where a fault strikes. */
const TIMEOUT_MS = 200;
const LATENCY_MS = 600;

const MARKERS = 'aurora_dsql_orm_commit_marker';

@Entity()
class Entry {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column({ type: 'text' })
  note!: string;
}

const cluster = useCluster();
let others: DataSource;
const opened: DataSource[] = [];

beforeAll(async () => {
  others = await createDsqlDataSource({ ...cluster.orm, entities: [Entry] }).initialize();
  await others.query(
    'CREATE TABLE entry (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), note text NOT NULL)',
  );
  await others.query(
    'CREATE TABLE numbered (id bigint GENERATED ALWAYS AS IDENTITY (CACHE 1) PRIMARY KEY, note text)',
  );
});
beforeEach(() => others.query('DELETE FROM entry'));
afterEach(async () => {
  cluster.local.faults.clear();
  await Promise.all(opened.splice(0).map((dataSource) => dataSource.destroy()));
});
afterAll(() => others.destroy());

/** A data source with one connection at the most. */
async function single({ dsql, ...options }: Partial<DsqlDataSourceOptions> = {}): Promise<DataSource> {
  const dataSource = await createDsqlDataSource({
    ...cluster.orm,
    entities: [Entry],
    poolSize: 1,
    ...options,
    dsql: { ...cluster.orm.dsql, ...dsql },
  }).initialize();
  opened.push(dataSource);
  return dataSource;
}

const hasTimeout = { extra: { query_timeout: TIMEOUT_MS } };
const strike = () => void cluster.local.faults.addLatency(LATENCY_MS);
const insert = (manager: EntityManager, note = 'x') => manager.insert(Entry, { note });

async function notes(): Promise<string[]> {
  return (await others.manager.find(Entry, { order: { note: 'ASC' } })).map(({ note }) => note);
}

async function failure(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => {
      throw new Error('It did not fail.');
    },
    (error: unknown) => error,
  );
}

/** The next users of the only connection write, and others see it at once. */
async function expectNextWritesToLast(dataSource: DataSource): Promise<void> {
  await insert(dataSource.manager, 'next');
  expect(await notes()).toStrictEqual(['next']);
  await dataSource.transaction((manager) => insert(manager, 'then'));
  expect(await notes()).toStrictEqual(['next', 'then']);
}

describe('a time-out', () => {
  const moments: readonly (readonly [string, (manager: EntityManager) => Promise<unknown>])[] = [
    [
      'at the statement that carries BEGIN',
      (manager) => {
        strike();
        return insert(manager);
      },
    ],
    [
      'at a later statement',
      async (manager) => {
        await insert(manager);
        strike();
        return manager.find(Entry);
      },
    ],
    [
      'at a save',
      (manager) => {
        strike();
        return manager.save(Object.assign(new Entry(), { note: 'x' }));
      },
    ],
  ];

  it.each(moments)('%s of a transaction leaves nothing of it', async (_, act) => {
    const dataSource = await single(hasTimeout);
    const error = await failure(dataSource.transaction(act));
    cluster.local.faults.clear();
    expect(error).toMatchObject({ message: expect.stringContaining('Query read timeout') as string });
    expect(isCommitOutcomeUnknownError(error)).toBe(false);
    await expectNextWritesToLast(dataSource);
    await sleep(LATENCY_MS);
    expect(await notes()).toStrictEqual(['next', 'then']);
  });

  it.each(oneOfEvery(2, moments))(
    '%s of a transaction that the user began leaves nothing of it',
    async (_, act) => {
      const dataSource = await single(hasTimeout);
      const queryRunner = dataSource.createQueryRunner();
      await queryRunner.startTransaction();
      await failure(act(queryRunner.manager));
      cluster.local.faults.clear();
      await queryRunner.rollbackTransaction().catch(() => undefined);
      await queryRunner.release();
      await expectNextWritesToLast(dataSource);
      await sleep(LATENCY_MS);
      expect(await notes()).toStrictEqual(['next', 'then']);
    },
  );

  it('that was caught does not let the transaction be committed', async () => {
    const dataSource = await single(hasTimeout);
    const error = await failure(
      runInTransaction(
        dataSource,
        async (manager) => {
          await insert(manager);
          strike();
          await failure(insert(manager, 'y'));
          cluster.local.faults.clear();
        },
        { maxAttempts: 1 },
      ),
    );
    expect(isCommitOutcomeUnknownError(error)).toBe(false);
    await sleep(LATENCY_MS);
    expect(await notes()).toStrictEqual([]);
    await expectNextWritesToLast(dataSource);
  });

  it('at COMMIT leaves the outcome unknown', async () => {
    const dataSource = await single(hasTimeout);
    const error = await failure(
      dataSource.transaction(async (manager) => {
        await insert(manager);
        strike();
      }),
    );
    cluster.local.faults.clear();
    expect(isCommitOutcomeUnknownError(error)).toBe(true);
    await sleep(LATENCY_MS);
    await others.query('DELETE FROM entry');
    await expectNextWritesToLast(dataSource);
  });

  it('at ROLLBACK does not hide why it was rolled back', async () => {
    const dataSource = await single(hasTimeout);
    const mistake = new Error('mine');
    const error = await failure(
      dataSource.transaction(async (manager) => {
        await insert(manager);
        strike();
        throw mistake;
      }),
    );
    cluster.local.faults.clear();
    expect(error).toBe(mistake);
    await expectNextWritesToLast(dataSource);
  });

  it('of a write outside a transaction leaves its outcome unknown', async () => {
    const dataSource = await single(hasTimeout);
    await dataSource.query('SELECT 1');
    strike();
    expect(isCommitOutcomeUnknownError(await failure(insert(dataSource.manager)))).toBe(true);
    cluster.local.faults.clear();
    await sleep(LATENCY_MS);
    await others.query('DELETE FROM entry');
    await expectNextWritesToLast(dataSource);
  });
});

it('a query that node-postgres refuses as the first of a transaction leaves the connection to nobody else', async () => {
  const dataSource = await single();
  const toPostgres = () => {
    throw new Error('no text for this');
  };
  for (const values of [1, [{ toPostgres }]]) {
    await failure(
      dataSource.transaction((manager) =>
        manager.query('INSERT INTO entry (note) VALUES ($1)', values as unknown[]),
      ),
    );
  }
  await expectNextWritesToLast(dataSource);
});

describe('a connection that ends before COMMIT is written', () => {
  it('lets the transaction be run again, and commits it once', async () => {
    const dataSource = await single();
    let attempts = 0;
    await dataSource.transaction(async (manager) => {
      await insert(manager);
      if (++attempts > 1) return;
      cluster.local.faults.endConnections();
      await sleep(50);
    });
    expect(attempts).toBe(2);
    expect(await notes()).toStrictEqual(['x']);
  });

  it('is reported by a transaction that the user began as not sent', async () => {
    const dataSource = await single();
    const queryRunner = dataSource.createQueryRunner();
    await queryRunner.startTransaction();
    await insert(queryRunner.manager);
    cluster.local.faults.endConnections();
    await sleep(50);
    const error = await failure(queryRunner.commitTransaction());
    expect(isCommitOutcomeUnknownError(error)).toBe(false);
    await queryRunner.rollbackTransaction().catch(() => undefined);
    await queryRunner.release();
    expect(await notes()).toStrictEqual([]);
    await expectNextWritesToLast(dataSource);
  });
});

it('a connection that breaks in a transaction begun with BEGIN as text lets nothing of it run on another one', async () => {
  const dataSource = await single(hasTimeout);
  const queryRunner = dataSource.createQueryRunner();
  await queryRunner.query('BEGIN');
  await insert(queryRunner.manager);
  strike();
  await failure(queryRunner.query('SELECT 1'));
  cluster.local.faults.clear();
  const write = queryRunner.query("INSERT INTO entry (note) VALUES ('y')");
  expect(await failure(write)).toMatchObject({ name: 'NotSentError', subject: 'statement' });
  expect(await failure(queryRunner.query('COMMIT'))).toMatchObject({
    name: 'NotSentError',
    subject: 'COMMIT',
  });
  await queryRunner.release();
  await expectNextWritesToLast(dataSource);
});

describe('a callback that ends its transaction itself', () => {
  it.each(['COMMIT', '-- x\nROLLBACK', 'END; SELECT 1', 'COMMIT; BEGIN', 'ABORT'])(
    'is refused %j before that is sent, and has written nothing',
    async (text) => {
      const dataSource = await single();
      for (const isCaught of [false, true]) {
        const work = dataSource.transaction(async (manager) => {
          await insert(manager);
          const end = manager.query(text);
          await (isCaught ? end.catch(() => undefined) : end);
          await insert(manager);
        });
        const error = await failure(work);
        const { cause = error } = error as Error;
        expect(isCaught ? cause : error).toMatchObject({ name: 'DsqlError' });
        expect(String(cause)).toContain('would have ended the transaction');
        expect(await notes()).toStrictEqual([]);
      }
      await expectNextWritesToLast(dataSource);
    },
  );

  it('with commitTransaction is not run again after a later conflict', async () => {
    const dataSource = await single();
    cluster.local.faults.failStatement({ error: 'OC000', text: 'pg_class', times: Infinity });
    let attempts = 0;
    const work = runInTransaction(
      dataSource,
      async (manager) => {
        attempts++;
        await insert(manager);
        await manager.queryRunner?.commitTransaction();
        await manager.query('SELECT count(*) FROM pg_class');
      },
      { maxAttempts: 3 },
    );
    expect(await failure(work)).toMatchObject({ name: 'AfterCommitError' });
    expect(attempts).toBe(1);
    expect(await notes()).toStrictEqual(['x']);
  });
});

describe('a stream that meets a conflict', () => {
  it.each([false, true])(
    'lets its transaction be run again (and its error is caught: %s)',
    async (isCaught) => {
      const dataSource = await single();
      cluster.local.faults.failStatement({ error: 'OC001', text: 'generate_series' });
      let attempts = 0;
      await dataSource.transaction(async (manager) => {
        attempts++;
        await insert(manager);
        const stream = await manager.queryRunner?.stream('SELECT generate_series(1, 3) AS n');
        const rows = (stream as unknown as Readable).toArray();
        await (isCaught ? rows.catch(() => undefined) : rows);
      });
      expect(attempts).toBe(2);
      expect(await notes()).toStrictEqual(['x']);
    },
  );
});

it('the rollback behind an AfterCommitError does not hide it', async () => {
  @EventSubscriber()
  class Failing implements EntitySubscriberInterface {
    afterTransactionCommit(): void {
      throw new Error('after the commit');
    }
  }
  const dataSource = await single({ subscribers: [Failing] });
  const queryRunner = dataSource.createQueryRunner();
  await queryRunner.startTransaction();
  await insert(queryRunner.manager);
  const asInTheManual = async () => {
    try {
      await queryRunner.commitTransaction();
    } catch (error) {
      await queryRunner.rollbackTransaction();
      throw error;
    }
  };
  expect(await failure(asInTheManual())).toMatchObject({ name: 'AfterCommitError' });
  await queryRunner.startTransaction();
  await queryRunner.rollbackTransaction();
  expect(await failure(queryRunner.rollbackTransaction())).toMatchObject({
    name: 'TransactionNotStartedError',
  });
  await queryRunner.release();
  expect(await notes()).toStrictEqual(['x']);
});

describe('a NestedTransactionError that is caught', () => {
  it('does not let a transaction be committed that the user began', async () => {
    const dataSource = await single();
    const queryRunner = dataSource.createQueryRunner();
    await queryRunner.startTransaction();
    await insert(queryRunner.manager);
    expect(isNestedTransactionError(await failure(queryRunner.startTransaction()))).toBe(true);
    await insert(queryRunner.manager);
    expect(await failure(queryRunner.commitTransaction())).toMatchObject({
      name: 'TransactionRolledBackError',
      cause: { name: 'NestedTransactionError' },
    });
    await queryRunner.rollbackTransaction();
    await queryRunner.release();
    expect(await notes()).toStrictEqual([]);
    await expectNextWritesToLast(dataSource);
  });

  it.each<[string, (manager: EntityManager) => Promise<unknown>]>([
    ['its manager', (manager) => manager.transaction(() => Promise.resolve())],
    ['a repository', (manager) => manager.getRepository(Entry).manager.transaction(() => Promise.resolve())],
    ['its query runner', (manager) => manager.queryRunner?.startTransaction() ?? Promise.resolve()],
  ])('does not let the transaction be committed inside which it was begun by %s', async (_, begin) => {
    const dataSource = await single();
    const error = await failure(
      dataSource.transaction(async (manager) => {
        await insert(manager);
        expect(isNestedTransactionError(await failure(begin(manager)))).toBe(true);
        await insert(manager);
      }),
    );
    expect(error).toMatchObject({ name: 'TransactionRolledBackError', circumstance: 'joined' });
    await expectNextWritesToLast(dataSource);
  });
});

describe('what is known not to be committed when no attempt is left', () => {
  const losses = [
    ['the server was unavailable', () => cluster.local.faults.failCommit({ error: 'XX000', table: 'entry' })],
    [
      'the connection was cut',
      () => cluster.local.faults.cutConnection({ at: 'before commit', table: 'entry' }),
    ],
  ] as const;
  const dsql = { commitMarkers: true, retry: { maxAttempts: 1 } };

  it.each(losses)('is no unknown outcome, and all objects are as before (%s)', async (_, lose) => {
    const dataSource = await single({ dsql, poolSize: 2 });
    const kept = await dataSource.manager.save(Object.assign(new Entry(), { note: 'kept' }));
    const { id } = kept;
    const created = Object.assign(new Entry(), { note: 'new' });
    const attempts: [string, () => Promise<unknown>][] = [
      ['remove', () => dataSource.manager.remove(kept)],
      ['save', () => dataSource.manager.save(created)],
      ['transaction', () => dataSource.transaction((manager) => manager.remove(kept))],
      ['statement', () => insert(dataSource.manager)],
      ['once', () => runInTransaction(dataSource, (manager) => manager.remove(kept), { retry: false })],
    ];
    for (const [name, act] of attempts) {
      lose();
      const error = await failure(act());
      expect([name, error]).toMatchObject([name, { name: 'RetryExhaustedError', attempts: 1 }]);
      expect((error as Error).message).toContain('was not committed');
      expect(classifyError(error)).toMatchObject({ kind: 'not-committed', isRetryable: true });
      expect(kept.id).toBe(id);
      expect(created.id).toBeUndefined();
    }
    expect(await notes()).toStrictEqual(['kept']);
    await dataSource.manager.remove(kept);
    expect(await notes()).toStrictEqual([]);
  });
});

describe('the look at the catalogue', () => {
  it('is never one of a transaction, so that its conflict cannot end that', async () => {
    await others.query("INSERT INTO numbered (note) VALUES ('x')");
    const dataSource = await single();
    const fault = cluster.local.faults.failStatement({
      error: 'OC001',
      text: /pg_attribute|pg_class/,
      times: 2,
    });
    const rows = await dataSource.transaction(async (manager) => {
      const found = await manager.query<object[]>('SELECT id, note FROM numbered');
      await insert(manager);
      return found;
    });
    expect(fault.fired).toBeGreaterThan(0);
    expect(rows).toMatchObject([{ id: expect.any(Number) as number, note: 'x' }]);
    expect(await notes()).toStrictEqual(['x']);
  });
});

describe('commit markers', () => {
  const dsql = { commitMarkers: true };
  const count = async () => {
    const [{ count: found } = { count: '-1' }] = await others.query<{ count: string }[]>(
      `SELECT count(*) AS count FROM ${MARKERS}`,
    );
    return Number(found);
  };

  it('are not written where there is nothing to mark', async () => {
    const dataSource = await single({ dsql, poolSize: 2 });
    await dataSource.transaction((manager) => insert(manager));
    const before = await count();
    await dataSource.transaction((manager) => manager.find(Entry));
    await dataSource.transaction((manager) =>
      manager.query('WITH all_of AS (SELECT * FROM entry) SELECT * FROM all_of'),
    );
    await dataSource.transaction(() => Promise.resolve());
    expect(await count()).toBe(before);
    await dataSource.transaction((manager) => insert(manager));
    expect(await count()).toBe(before + 1);
  });

  it('keep no callback from changing the schema', async () => {
    const dataSource = await single({ dsql, poolSize: 2 });
    await dataSource.transaction((manager) =>
      manager.query('CREATE TABLE made_in_transaction (id integer PRIMARY KEY)'),
    );
    await dataSource.transaction((manager) => manager.query('/* again */ DROP TABLE made_in_transaction'));
    await dataSource.query('CREATE TABLE made_alone (id integer PRIMARY KEY)');
    await dataSource.query('DROP TABLE made_alone');
    expect(await others.query("SELECT 1 FROM pg_class WHERE relname LIKE 'made%'")).toStrictEqual([]);
  });

  const losses = [
    ['heard of', () => undefined],
    ['lost, and done', () => cluster.local.faults.cutConnection({ at: 'after commit', table: 'entry' })],
    ['lost, and not done', () => cluster.local.faults.cutConnection({ at: 'before commit', table: 'entry' })],
    ['no help', () => cluster.local.faults.failCommit({ error: 'XX000', table: 'entry' })],
  ] as const;

  it.each(losses)(
    'need no other connection than the only one of the pool, the answer %s',
    async (_, lose) => {
      await others.query(`DROP TABLE IF EXISTS ${MARKERS}`);
      const dataSource = await single({ dsql, extra: { connectionTimeoutMillis: 5_000 } });
      const queryRunner = dataSource.createQueryRunner();
      await queryRunner.connect();
      lose();
      await queryRunner.manager.transaction((manager) => insert(manager));
      expect(await notes()).toStrictEqual(['x']);
      await queryRunner.release();
      lose();
      await dataSource.transaction((manager) => insert(manager));
      lose();
      await dataSource.manager.save(Object.assign(new Entry(), { note: 'x' }));
      lose();
      await insert(dataSource.manager);
      expect(await notes()).toStrictEqual(['x', 'x', 'x', 'x']);
    },
  );
});

describe('a stream', () => {
  it.each([
    ['that was read to its end', 3],
    ['that was left before', 1],
  ])('%s gives its use of the connection back', async (_, rows) => {
    const dataSource = await single(hasTimeout);
    const queryRunner = dataSource.createQueryRunner();
    for (let time = 0; time < 2; time++) {
      let read = 0;
      for await (const row of await queryRunner.stream('SELECT generate_series(1, 3) AS n')) {
        expect(row).toBeDefined();
        if (++read === rows) break;
      }
    }
    // A connection that has ended is replaced where nobody else uses it.
    strike();
    await failure(queryRunner.query('SELECT 1'));
    cluster.local.faults.clear();
    await queryRunner.query("INSERT INTO entry (note) VALUES ('x')");
    await queryRunner.release();
    expect(await notes()).toStrictEqual(['x']);
  });

  it('that fails, and one whose connection is lost, give it back, too', async () => {
    const dataSource = await single();
    const queryRunner = dataSource.createQueryRunner();
    const read = async (text: string) => {
      for await (const row of await queryRunner.stream(text)) expect(row).toBeDefined();
    };
    await failure(read('SELECT 1 / (n - 2) FROM generate_series(1, 3) AS n'));
    await failure(read('SELECT no_such_column'));
    cluster.local.faults.cutConnection({ at: 'statement', text: 'generate_series' });
    await failure(read('SELECT generate_series(1, 3) AS n'));
    await queryRunner.release();
    await expectNextWritesToLast(dataSource);
  });
});

describe('runInTransaction on a stock data source', () => {
  it('tells a COMMIT that was not sent from one whose answer was lost', async () => {
    const stock = await stockDataSource(cluster.local, [Entry]);
    opened.push(stock);
    let attempts = 0;
    const error = await failure(
      runInTransaction(
        stock,
        async (manager) => {
          attempts++;
          await insert(manager);
          cluster.local.faults.endConnections();
          await sleep(50);
        },
        { maxAttempts: 1 },
      ),
    );
    expect(attempts).toBe(1);
    expect(isCommitOutcomeUnknownError(error)).toBe(false);
    expect(await notes()).toStrictEqual([]);
  });
});
