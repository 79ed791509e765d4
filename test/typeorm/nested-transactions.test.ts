import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  ClsPluginTransactional,
  Propagation as ClsPropagation,
  Transactional as ClsTransactional,
  TransactionHost,
} from '@nestjs-cls/transactional';
import { TransactionalAdapterTypeOrm } from '@nestjs-cls/transactional-adapter-typeorm';
import { createDsqlDataSource, runInTransaction } from 'aurora-dsql-orm/typeorm';
import { ClsModule } from 'nestjs-cls';
import { DataSource, type EntityManager } from 'typeorm';
import {
  addTransactionalDataSource,
  deleteDataSourceByName,
  initializeTransactionalContext,
  Propagation,
  StorageDriver,
  Transactional,
} from 'typeorm-transactional';
import { useCluster } from '../cluster';
import { byForm } from '../form';

/** How many work at the same time, and how deep their transactions are nested: each has so many connections. */
const CLIENTS = 8;
const DEPTH = 3;
const ROUNDS = byForm({ short: 2, long: 5, soak: 5 });

/** One row that everybody wants. */
const HOT = 0;

const cluster = useCluster();
let dataSource: DataSource;

beforeAll(async () => {
  dataSource = await createDsqlDataSource({
    ...cluster.orm,
    poolSize: CLIENTS * DEPTH,
    dsql: { ...cluster.orm.dsql, retry: { deadlineMs: 20_000, maxAttempts: 1_000 } },
  }).initialize();
  await dataSource.query('CREATE TABLE counter (id integer PRIMARY KEY, value integer NOT NULL)');
  await dataSource.query('INSERT INTO counter SELECT id, 0 FROM generate_series(0, 99) AS id');
});
beforeEach(async () => {
  await dataSource.query('UPDATE counter SET value = 0');
  // The conflicts that make admission start.
  cluster.local.faults.failCommit({ error: 'OC000', table: 'counter', times: 6 });
});
afterEach(() => {
  cluster.local.faults.clear();
});
afterAll(() => dataSource.destroy());

async function countUp(manager: EntityManager, id: number): Promise<void> {
  const [{ value } = { value: -1 }] = await manager.query<{ value: number }[]>(
    'SELECT value FROM counter WHERE id = $1',
    [id],
  );
  await manager.query('UPDATE counter SET value = $2 WHERE id = $1', [id, value + 1]);
}

async function valueOf(id: number): Promise<number | undefined> {
  const [row] = await dataSource.query<{ value: number }[]>('SELECT value FROM counter WHERE id = $1', [id]);
  return row?.value;
}

/** Lets all clients work at once, and says how long the slowest piece of work took. */
async function load(work: (client: number) => Promise<unknown>): Promise<void> {
  await Promise.all(
    Array.from({ length: CLIENTS }, async (_, client) => {
      for (let round = 0; round < ROUNDS; round++) await work(client);
    }),
  );
}

const ALL = CLIENTS * ROUNDS;

describe('independent transactions inside others, all through one helper', () => {
  const helpers: readonly (readonly [
    string,
    <T>(work: (manager: EntityManager) => Promise<T>) => Promise<T>,
  ])[] = [
    ['dataSource.transaction', (work) => dataSource.transaction((manager) => work(manager))],
    ['runInTransaction', (work) => runInTransaction(dataSource, (manager) => work(manager))],
    ['a label', (work) => runInTransaction(dataSource, (manager) => work(manager), { label: 'everything' })],
  ];

  /** They differ in how a transaction is begun. In the short form each meets one of the loads. */
  const some = (index: number) =>
    byForm({ short: helpers.slice(index, index + 1), long: helpers, soak: helpers });

  it.each(some(0))('finish, the inner one on a hot row (%s)', async (_, inTransaction) => {
    let inner = 0;
    await load((client) =>
      inTransaction(async (outer) => {
        await countUp(outer, client + 1);
        await inTransaction((manager) => countUp(manager, HOT));
        inner++;
      }),
    );
    expect(await valueOf(HOT)).toBe(inner);
    for (let client = 1; client <= CLIENTS; client++) expect(await valueOf(client)).toBe(ROUNDS);
  });

  it.each(some(1))('finish, the outer one on a hot row (%s)', async (_, inTransaction) => {
    let inner = 0;
    await load((client) =>
      inTransaction(async (outer) => {
        await countUp(outer, HOT);
        await inTransaction((manager) => countUp(manager, client + 1));
        inner++;
      }),
    );
    expect(await valueOf(HOT)).toBe(ALL);
    expect(inner).toBeGreaterThanOrEqual(ALL);
  });

  it.each(some(2))('finish where the helper calls itself (%s)', async (_, inTransaction) => {
    const nest = (client: number, depth: number): Promise<void> =>
      inTransaction(async (manager) => {
        await countUp(manager, client + 1 + depth * CLIENTS);
        if (depth > 1) await nest(client, depth - 1);
        else await inTransaction2(manager);
      });
    // The innermost one goes on in its own transaction.
    const inTransaction2 = (manager: EntityManager) => countUp(manager, 99);
    await load((client) => nest(client, DEPTH));
    expect(await valueOf(99)).toBeGreaterThanOrEqual(ALL);
  });

  it('finish when one client is alone, after conflicts', async () => {
    const [, [, inTransaction]] = helpers as [unknown, (typeof helpers)[number]];
    const startedAt = performance.now();
    await inTransaction(async (outer) => {
      await countUp(outer, 1);
      await inTransaction(async (manager) => {
        await countUp(manager, HOT);
        await inTransaction((innermost) => countUp(innermost, 2));
      });
    });
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });
});

describe('typeorm-transactional', () => {
  class Counters {
    constructor(readonly source: DataSource) {}

    @Transactional()
    async outer(own: number, fails = false): Promise<void> {
      await countUp(this.source.manager, own);
      await this.joined(own);
      await this.independent();
      if (fails) throw new Error('mine');
    }

    @Transactional()
    async joined(own: number): Promise<void> {
      await countUp(this.source.manager, own);
    }

    @Transactional({ propagation: Propagation.REQUIRES_NEW })
    async independent(): Promise<void> {
      await countUp(this.source.manager, HOT);
    }
  }
  let counters: Counters;
  let patched: DataSource;

  beforeAll(async () => {
    initializeTransactionalContext({ storageDriver: StorageDriver.ASYNC_LOCAL_STORAGE });
    patched = await createDsqlDataSource({ ...cluster.orm, poolSize: CLIENTS * 2 }).initialize();
    // It tells a data source by the name of its class.
    counters = new Counters(
      addTransactionalDataSource({ name: 'default', dataSource: patched, patch: true }),
    );
  });
  afterAll(async () => {
    deleteDataSourceByName('default');
    await patched.destroy();
  });

  it('finishes transactions that REQUIRES_NEW begins inside others, under conflicts and load', async () => {
    await load((client) => counters.outer(client + 1));
    expect(await valueOf(HOT)).toBeGreaterThanOrEqual(ALL);
    for (let client = 1; client <= CLIENTS; client++) expect(await valueOf(client)).toBe(2 * ROUNDS);
  });

  it('keeps what REQUIRES_NEW has committed, and nothing of the outer one that failed', async () => {
    cluster.local.faults.clear();
    await expect(counters.outer(1, true)).rejects.toThrow('mine');
    expect([await valueOf(1), await valueOf(HOT)]).toStrictEqual([0, 1]);
  });
});

describe('nestjs-cls', () => {
  type Adapter = TransactionalAdapterTypeOrm;

  @Injectable()
  class Counters {
    constructor(readonly host: TransactionHost<Adapter>) {}

    @ClsTransactional()
    async outer(own: number, fails = false): Promise<void> {
      await countUp(this.host.tx, own);
      await this.joined(own);
      await this.independent();
      if (fails) throw new Error('mine');
    }

    @ClsTransactional()
    async joined(own: number): Promise<void> {
      await countUp(this.host.tx, own);
    }

    @ClsTransactional(ClsPropagation.RequiresNew)
    async independent(): Promise<void> {
      await countUp(this.host.tx, HOT);
    }
  }

  @Module({
    providers: [
      {
        provide: DataSource,
        useFactory: () => createDsqlDataSource({ ...cluster.orm, poolSize: CLIENTS * 2 }).initialize(),
      },
    ],
    exports: [DataSource],
  })
  class DataModule {
    constructor(readonly source: DataSource) {}
  }

  const compile = async () => {
    const module = await Test.createTestingModule({
      imports: [
        DataModule,
        // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- nestjs-cls declares its options as classes and is given plain objects
        ClsModule.forRoot({
          global: true,
          // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- as above
          middleware: { mount: false },
          plugins: [
            new ClsPluginTransactional({
              imports: [DataModule],
              adapter: new TransactionalAdapterTypeOrm({ dataSourceToken: DataSource }),
            }),
          ],
        }),
      ],
      providers: [Counters],
    }).compile();
    await module.init();
    return module;
  };

  it('finishes transactions that RequiresNew begins inside others, under conflicts and load', async () => {
    const module = await compile();
    const counters = module.get(Counters);
    await load((client) => counters.outer(client + 1));
    expect(await valueOf(HOT)).toBeGreaterThanOrEqual(ALL);
    for (let client = 1; client <= CLIENTS; client++) expect(await valueOf(client)).toBe(2 * ROUNDS);
    cluster.local.faults.clear();
    const before = await valueOf(HOT);
    await expect(counters.outer(1, true)).rejects.toThrow('mine');
    expect([await valueOf(1), await valueOf(HOT)]).toStrictEqual([2 * ROUNDS, (before ?? 0) + 1]);
    await module.get(DataSource).destroy();
    await module.close();
  });
});
