import { later } from '../frozen-process';
import type { Socket } from 'node:net';
import type { DsqlClient } from 'aurora-dsql-orm';
import { createDsqlSequelize, type DsqlSequelizeOptions } from 'aurora-dsql-orm/sequelize';
import { ConnectionError, type Sequelize } from 'sequelize';
import { useCluster } from '../cluster';

const cluster = useCluster();
const opened: Sequelize[] = [];

function connect(options: DsqlSequelizeOptions = {}): Sequelize {
  const { dsql, ...others } = options;
  const sequelize = createDsqlSequelize({
    ...cluster.orm,
    logging: false,
    ...others,
    dsql: { ...cluster.orm.dsql, ...dsql },
  });
  opened.push(sequelize);
  return sequelize;
}

afterEach(async () => {
  later(0);
  await Promise.all(opened.splice(0).map((sequelize) => sequelize.close()));
});

const ask = (sequelize: Sequelize) => sequelize.query('SELECT 1', { type: 'SELECT' });

/** So many queries, on a connection each. */
async function askTogether(sequelize: Sequelize, count: number): Promise<void> {
  const manager = sequelize.connectionManager;
  const connections = await Promise.all(
    Array.from({ length: count }, () => manager.getConnection({ type: 'read' } as never)),
  );
  await Promise.all(connections.map((connection) => (connection as DsqlClient).query('SELECT 1')));
  for (const connection of connections) manager.releaseConnection(connection);
}

describe('a cold pool', () => {
  it.each([1, 3])('opens %i connections, with a token each, and sends the queries alone', async (count) => {
    const sequelize = connect();
    const recording = cluster.local.trace.start();
    await askTogether(sequelize, count);
    const { connectionsOpened, tokensVerified, roundTrips, statements } = recording.stop();
    expect({ connectionsOpened, tokensVerified, roundTrips: roundTrips.length }).toStrictEqual({
      connectionsOpened: count,
      tokensVerified: count,
      roundTrips: count,
    });
    expect(new Set(statements.map(({ text }) => text))).toStrictEqual(new Set(['SELECT 1']));
  });

  it('sends a time zone other than UTC, and that alone', async () => {
    const sequelize = connect({ timezone: 'Europe/Berlin' });
    const recording = cluster.local.trace.start();
    await ask(sequelize);
    expect(recording.stop().statements.map(({ text }) => text)).toStrictEqual([
      "SET TIME ZONE 'Europe/Berlin'",
      'SELECT 1',
    ]);
  });

  it('knows the types of PostgreSQL without asking, again after Sequelize has forgotten them', async () => {
    const sequelize = connect();
    const read = () =>
      sequelize.query(`SELECT DATE '2024-02-29' AS day, int4range(1, 3) AS range`, { type: 'SELECT' });
    const row = {
      day: '2024-02-29',
      range: [
        { value: 1, inclusive: true },
        { value: 3, inclusive: false },
      ],
    };
    expect(await read()).toEqual([row]);
    const manager = sequelize.connectionManager as unknown as Record<string, () => void>;
    manager._clearDynamicOIDs?.();
    manager._clearTypeParser?.();
    expect(await read()).toEqual([row]);
  });

  it('opens one connection for each of the pools of a replication that is used', async () => {
    const { host, port } = cluster.orm;
    const endpoint = { host, port: String(port) };
    const sequelize = connect({ replication: { write: endpoint, read: [endpoint] } });
    const recording = cluster.local.trace.start();
    await ask(sequelize);
    await ask(sequelize);
    expect(recording.connectionsOpened).toBe(1);
    await sequelize.query('SELECT 1', { type: 'SELECT', useMaster: true });
    expect(recording.stop().connectionsOpened).toBe(2);
  });
});

describe('connections that are too old', () => {
  it.each([1, 3])('%i are replaced by as many when they are asked for', async (count) => {
    const sequelize = connect({ dsql: { maxLifetimeSecs: 20 } });
    await askTogether(sequelize, count);
    later(21_000);
    const recording = cluster.local.trace.start();
    await askTogether(sequelize, count);
    await ask(sequelize);
    const { connectionsOpened, tokensVerified } = recording.stop();
    expect({ connectionsOpened, tokensVerified }).toStrictEqual({
      connectionsOpened: count,
      tokensVerified: count,
    });
  });

  it('are ended while nobody uses them', async () => {
    const sequelize = connect({ dsql: { maxLifetimeSecs: 1 }, pool: { min: 0 } });
    const recording = cluster.local.trace.start();
    await ask(sequelize);
    while (recording.connectionsClosed === 0) await new Promise((resolve) => setTimeout(resolve, 50));
    expect(recording.stop().connectionsOpened).toBe(1);
  });

  it('are replaced beside a validation of the user, which is asked as well', async () => {
    const validate = jest.fn(() => true);
    const sequelize = connect({ dsql: { maxLifetimeSecs: 20 }, pool: { validate } });
    await ask(sequelize);
    await ask(sequelize);
    expect(validate).toHaveBeenCalledTimes(1);
    validate.mockReturnValueOnce(false);
    const recording = cluster.local.trace.start();
    await ask(sequelize);
    later(21_000);
    await ask(sequelize);
    expect(recording.stop().connectionsOpened).toBe(2);
  });

  it('finish a transaction first', async () => {
    const sequelize = connect({ dsql: { maxLifetimeSecs: 20 }, pool: { max: 1 } });
    const recording = cluster.local.trace.start();
    await sequelize.transaction(async (transaction) => {
      await sequelize.query('SELECT 1', { transaction });
      later(21_000);
      await sequelize.query('SELECT 2', { transaction });
    });
    expect(recording.connectionsOpened).toBe(1);
    await ask(sequelize);
    expect(recording.stop().connectionsOpened).toBe(2);
  });
});

describe('a connection that breaks while it is idle', () => {
  /** Cuts a connection that is back in the pool. */
  async function cutOne(sequelize: Sequelize): Promise<void> {
    const manager = sequelize.connectionManager;
    const connection = (await manager.getConnection({ type: 'read' } as never)) as DsqlClient;
    manager.releaseConnection(connection);
    const ended = new Promise((resolve) => connection.once('end', resolve));
    (connection as unknown as { connection: { stream: Socket } }).connection.stream.destroy();
    await ended;
  }

  it('is replaced by one', async () => {
    const sequelize = connect({ pool: { max: 1 } });
    await cutOne(sequelize);
    const recording = cluster.local.trace.start();
    await ask(sequelize);
    await ask(sequelize);
    expect(recording.stop().connectionsOpened).toBe(1);
  });

  it('is replaced before it is asked for where a number of them is to be kept', async () => {
    const sequelize = connect({ pool: { min: 2, max: 4 } });
    await askTogether(sequelize, 2);
    const recording = cluster.local.trace.start();
    await cutOne(sequelize);
    while (recording.connectionsOpened === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    await askTogether(sequelize, 2);
    expect(recording.stop().connectionsOpened).toBe(1);
  });
});

describe('close', () => {
  it('ends every connection, and nothing is sent afterwards', async () => {
    const sequelize = connect();
    const recording = cluster.local.trace.start();
    await Promise.all([ask(sequelize), ask(sequelize)]);
    await sequelize.close();
    while (recording.connectionsClosed < 2) await new Promise((resolve) => setTimeout(resolve, 10));
    await expect(ask(sequelize)).rejects.toThrow(/was closed/);
    expect(recording.stop().connectionsOpened).toBe(2);
  });
});

it('connections are kept for ten minutes unused, ten at most, unless the options say otherwise', () => {
  const poolOf = (sequelize: Sequelize) =>
    (sequelize.connectionManager as unknown as { config: { pool: object } }).config.pool;
  expect(poolOf(connect())).toMatchObject({ max: 10, min: 0, idle: 600_000 });
  expect(poolOf(connect({ pool: { max: 2, idle: 5_000 } }))).toMatchObject({ max: 2, idle: 5_000 });
});

describe('a connection that cannot be prepared', () => {
  it('because it breaks fails the one who waits for it', async () => {
    const sequelize = connect({ timezone: '+05:30' });
    const fault = cluster.local.faults.cutConnection({ at: 'statement', text: /^SET/ });
    const refused = ask(sequelize);
    await expect(refused).rejects.toThrow(ConnectionError);
    await expect(refused).rejects.toThrow('Connection terminated unexpectedly');
    expect(fault.fired).toBe(1);
    await expect(ask(sequelize)).resolves.toHaveLength(1);
  });

  it('because its time zone is none is closed', async () => {
    const sequelize = connect({ timezone: 'Mars/Olympus' });
    const recording = cluster.local.trace.start();
    await expect(ask(sequelize)).rejects.toThrow('invalid value for parameter "TimeZone"');
    while (recording.connectionsClosed === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(recording.stop().connectionsOpened).toBe(1);
  });
});
