import { quickNowMs } from './quick-waits';
import { setImmediate as turn } from 'node:timers/promises';
import { DsqlPool, type DsqlPoolOptions } from 'aurora-dsql-orm';
import * as sequelizeEntry from 'aurora-dsql-orm/sequelize';
import * as typeormEntry from 'aurora-dsql-orm/typeorm';
import { Client } from 'pg';
import { Sequelize } from 'sequelize';
import { DataSource } from 'typeorm';
import { useCluster } from '../cluster';
import { failure } from '../sequelize/accounts';

const cluster = useCluster();

/** A pool, however it is reached. */
interface Warmable {
  warmUp(connections: number): Promise<void>;
  query(sql: string): Promise<unknown>;
  /** Takes a connection; returns what gives it back. */
  take(): Promise<() => unknown>;
  close(): Promise<void>;
}

const opened: Warmable[] = [];

function openPool(max: number, options: DsqlPoolOptions = {}): Warmable {
  const pool = new DsqlPool({ ...cluster.connection, max, ...options });
  return {
    warmUp: (connections) => pool.warmUp(connections),
    query: (sql) => pool.query(sql),
    take: async () => {
      const client = await pool.connect();
      return () => {
        client.release();
      };
    },
    close: () => pool.end(),
  };
}

async function openTypeOrm(poolSize: number): Promise<Warmable> {
  const dataSource = await typeormEntry.createDsqlDataSource({ ...cluster.orm, poolSize }).initialize();
  return {
    warmUp: (connections) => typeormEntry.warmUp(dataSource, connections),
    query: (sql) => dataSource.query(sql),
    take: async () => {
      const queryRunner = dataSource.createQueryRunner();
      await queryRunner.connect();
      return () => queryRunner.release();
    },
    close: () => dataSource.destroy(),
  };
}

function openSequelize(max: number): Warmable {
  const sequelize = sequelizeEntry.createDsqlSequelize({ ...cluster.orm, logging: false, pool: { max } });
  return {
    warmUp: (connections) => sequelizeEntry.warmUp(sequelize, connections),
    query: (sql) => sequelize.query(sql),
    take: async () => {
      const { connectionManager } = sequelize;
      const client = await connectionManager.getConnection({} as never);
      return () => {
        connectionManager.releaseConnection(client);
      };
    },
    close: () => sequelize.close(),
  };
}

const pools: [string, (max: number) => Warmable | Promise<Warmable>][] = [
  ['a DsqlPool', openPool],
  ['TypeORM', openTypeOrm],
  ['Sequelize', openSequelize],
];

const open = async (make: (max: number) => Warmable | Promise<Warmable>, max: number) => {
  const pool = await make(max);
  opened.push(pool);
  return pool;
};

/** When each attempt to connect began, by the clock of the client. */
async function beginnings(work: () => Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  const { connect } = Client.prototype as unknown as { connect: (...call: unknown[]) => unknown };
  const spy = jest.spyOn(Client.prototype as unknown as { connect: typeof connect }, 'connect');
  spy.mockImplementation(function (this: Client, ...call) {
    times.push(quickNowMs());
    return connect.apply(this, call);
  });
  try {
    await work();
  } finally {
    spy.mockRestore();
  }
  return times;
}

/** The most attempts that began within so many milliseconds. */
function mostWithin(windowMs: number, times: readonly number[]): number {
  return Math.max(...times.map((from) => times.filter((at) => at >= from && at < from + windowMs).length));
}

afterEach(async () => {
  cluster.local.faults.clear();
  await Promise.all(opened.splice(0).map((pool) => pool.close()));
});

describe.each(pools)('warmUp of %s', (_, make) => {
  it('opens as many connections as it is told to, and those are used afterwards', async () => {
    const pool = await open(make, 8);
    const recording = cluster.local.trace.start();
    await pool.query('SELECT 1');
    await pool.warmUp(6);
    await pool.warmUp(6);
    expect(recording.statements.map(({ text }) => text)).toEqual(['SELECT 1']);
    await Promise.all(Array.from({ length: 6 }, () => pool.query('SELECT pg_sleep(0.01)')));
    // TypeORM has opened its first one when it was initialized.
    expect(recording.stop().connectionsOpened).toBe(make === openTypeOrm ? 5 : 6);
  });

  it('tries those that are refused again, each in its turn, so that they do not come together', async () => {
    const pool = await open(make, 12);
    const refusals = cluster.local.faults.refuseConnections({ error: '53400', times: 20 });
    const recording = cluster.local.trace.start();
    const times = await beginnings(() => pool.warmUp(12));
    expect(refusals.fired).toBe(20);
    expect(mostWithin(10, times)).toBe(1);
    await Promise.all(Array.from({ length: 12 }, () => pool.query('SELECT pg_sleep(0.01)')));
    expect(recording.stop().connectionsOpened).toBe(make === openTypeOrm ? 11 : 12);
  });

  it.each([0, 1.5, 9])('refuses %p connections of a pool of 8, by name', async (connections) => {
    const pool = await open(make, 8);
    expect(await failure(pool.warmUp(connections))).toMatchObject({
      name: 'ConfigurationError',
      option: 'connections',
    });
  });

  it('1,000 that wait for a connection are served in the order in which they came', async () => {
    const pool = await open(make, 4);
    await pool.warmUp(4);
    const recording = cluster.local.trace.start();
    const served: number[] = [];
    const wait = async (index: number) => {
      const giveBack = await pool.take();
      served.push(index);
      await turn();
      await giveBack();
    };
    await Promise.all(Array.from({ length: 1000 }, (__, index) => wait(index)));
    expect(served).toEqual(Array.from({ length: 1000 }, (__, index) => index));
    expect(recording.stop().connectionsOpened).toBe(0);
  });
});

it('no more than 100 connections begin in a second', async () => {
  const pool = await open(openPool, 120);
  const times = await beginnings(() => pool.warmUp(120));
  expect(times).toHaveLength(120);
  expect(mostWithin(1000, times)).toBeLessThanOrEqual(100);
});

it('what a warm-up could not open is reported, and what it has opened stays', async () => {
  const pool = await open((max) => openPool(max, { connectionTimeoutMillis: 5_000 }), 5);
  const recording = cluster.local.trace.start();
  cluster.local.faults.refuseConnections({ error: '53300', nth: 3, times: Infinity });
  expect(await failure(pool.warmUp(5))).toMatchObject({ code: '53300' });
  cluster.local.faults.clear();
  await Promise.all([pool.query('SELECT pg_sleep(0.01)'), pool.query('SELECT pg_sleep(0.01)')]);
  expect(recording.stop().connectionsOpened).toBe(2);
});

it('of a replication each pool is warmed up', async () => {
  const { host, port, dsql } = cluster.orm;
  const dataSource = await typeormEntry
    .createDsqlDataSource({ replication: { master: { host, port }, slaves: [{ host, port }] }, dsql })
    .initialize();
  const endpoint = { host, port: String(port) };
  const sequelize = sequelizeEntry.createDsqlSequelize({
    replication: { write: endpoint, read: [endpoint] },
    dsql,
    logging: false,
  });
  const recording = cluster.local.trace.start();
  await typeormEntry.warmUp(dataSource, 3);
  // Each pool had one.
  expect(recording.connectionsOpened).toBe(4);
  await sequelizeEntry.warmUp(sequelize, 3);
  expect(recording.stop().connectionsOpened).toBe(10);
  await dataSource.destroy();
  await sequelize.close();
});

it('connections of a cold pool that are refused together do not come back together', async () => {
  const pool = await open(openPool, 40);
  cluster.local.faults.refuseConnections({ error: '53400', times: 60 });
  const times = await beginnings(async () => {
    const taken = await Promise.all(Array.from({ length: 40 }, () => pool.take()));
    for (const giveBack of taken) giveBack();
  });
  expect(times).toHaveLength(100);
  expect(mostWithin(10, times.slice(40))).toBe(1);
});

it('a data source or an instance that is not ours, or not initialized, is refused', async () => {
  const plain = new DataSource({ type: 'postgres' });
  const early = typeormEntry.createDsqlDataSource({ ...cluster.orm });
  const others = [
    typeormEntry.warmUp(plain, 1),
    typeormEntry.warmUp(early, 1),
    sequelizeEntry.warmUp(new Sequelize({ dialect: 'postgres' }), 1),
  ];
  for (const each of others) expect(await failure(each)).toMatchObject({ name: 'ConfigurationError' });
});
