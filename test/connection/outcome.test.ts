import type { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';
import { DsqlClient, DsqlPool, isCommitOutcomeUnknownError } from 'aurora-dsql-orm';
import type { QueryConfig } from 'pg';
import { useCluster } from '../cluster';

const cluster = useCluster();

beforeAll(async () => {
  await withClient((client) => client.query('CREATE TABLE entry (id integer PRIMARY KEY)'));
});
afterEach(() => {
  cluster.local.faults.clear();
});

describe('the outcome of COMMIT is unknown', () => {
  it.each([
    ['was cut before COMMIT reached the server', 'before commit', 0],
    ['was cut before the answer came', 'after commit', 1],
  ] as const)('when the connection %s', async (_, at, written) => {
    await emptied();
    cluster.local.faults.cutConnection({ at });
    const error = await insertFailing();
    expect(isCommitOutcomeUnknownError(error)).toBe(true);
    expect(error).toHaveProperty('cause');
    expect(await count()).toBe(written);
  });

  it.each([false, true])('when the server was unavailable (and had committed: %s)', async (committed) => {
    await emptied();
    cluster.local.faults.failCommit({ error: 'XX000', committed });
    const error = await insertFailing();
    expect(error).toMatchObject({ name: 'CommitOutcomeUnknownError', cause: { code: 'XX000' } });
    expect(await count()).toBe(committed ? 1 : 0);
  });

  it.each(['after commit', 'statement'] as const)('when an autocommit write is cut off (%s)', async (at) => {
    await emptied();
    const client = new DsqlClient(cluster.connection);
    client.on('error', () => undefined);
    await client.connect();
    cluster.local.faults.cutConnection({ at });
    const error: unknown = await client
      .query('INSERT INTO entry VALUES (1)')
      .catch((caught: unknown) => caught);
    expect(error).toMatchObject({ name: 'CommitOutcomeUnknownError', subject: 'statement' });
    expect(await count()).toBe(at === 'statement' ? 0 : 1);
  });

  it.each(['53300', '53400', '28000'])(
    'when a connection ends with %s that has served queries: it is refused no more',
    async (code) => {
      await emptied();
      for (const begin of ['BEGIN', 'SELECT 1']) {
        const client = new DsqlClient(cluster.connection);
        client.on('error', () => undefined);
        await client.connect();
        await client.query(begin);
        await client.query('SELECT 1');
        const { connection } = client as unknown as { connection: EventEmitter & { stream: Duplex } };
        const refusal = Object.assign(new Error('unable to accept connection, access denied'), {
          code,
          severity: 'FATAL',
        });
        const running = client.query(begin === 'BEGIN' ? 'COMMIT' : 'INSERT INTO entry VALUES (1)');
        connection.emit('errorMessage', refusal);
        connection.stream.destroy();
        await expect(running).rejects.toMatchObject({ name: 'CommitOutcomeUnknownError', cause: { code } });
      }
    },
  );

  it('when it is named without its text', async () => {
    await emptied();
    const client = new DsqlClient(cluster.connection);
    client.on('error', () => undefined);
    await client.connect();
    await client.query({ name: 'insert', text: 'INSERT INTO entry VALUES ($1)', values: [1] });
    cluster.local.faults.cutConnection({ at: 'after commit', table: 'entry' });
    const again = { name: 'insert', values: [2] } as unknown as QueryConfig;
    const error: unknown = await client.query(again).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ name: 'CommitOutcomeUnknownError', subject: 'statement' });
    expect(await count()).toBe(2);
  });

  it('when the client has waited long enough for its answer', async () => {
    await emptied();
    const client = new DsqlClient({ ...cluster.connection, query_timeout: 200 });
    client.on('error', () => undefined);
    await client.connect();
    await client.query('BEGIN');
    await client.query('INSERT INTO entry VALUES (1)');
    const latency = cluster.local.faults.addLatency(1_000);
    const byPromise: unknown = await client.query('COMMIT').catch((error: unknown) => error);
    expect(byPromise).toMatchObject({
      name: 'CommitOutcomeUnknownError',
      cause: { message: 'Query read timeout' },
    });
    latency.remove();
    await client.end();
  });

  it('and is known when a value could not be sent', async () => {
    await emptied();
    const unsendable = {
      toPostgres() {
        throw new Error('no text for this');
      },
    };
    await expect(
      withClient((client) => client.query('INSERT INTO entry VALUES ($1)', [unsendable])),
    ).rejects.toThrow('no text for this');
  });

  it('and is of no matter to a description of a write, which runs nothing', async () => {
    const client = new DsqlClient(cluster.connection);
    client.on('error', () => undefined);
    await client.connect();
    const described = client.describe('INSERT INTO entry VALUES (1)').catch((caught: unknown) => caught);
    const { connection } = client as unknown as { connection: { stream: { destroy(): void } } };
    connection.stream.destroy();
    const error = await described;
    expect(error).toBeInstanceOf(Error);
    expect(isCommitOutcomeUnknownError(error)).toBe(false);
  });

  it('and is of no matter to a read', async () => {
    const client = new DsqlClient(cluster.connection);
    client.on('error', () => undefined);
    await client.connect();
    cluster.local.faults.cutConnection({ at: 'statement' });
    const error: unknown = await client.query('SELECT 1').catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(Error);
    expect(isCommitOutcomeUnknownError(error)).toBe(false);
  });

  it('and is known when the server reports a conflict', async () => {
    await emptied();
    cluster.local.faults.failCommit({ error: 'OC000' });
    expect(await insertFailing()).toMatchObject({ code: '40001' });
    expect(await count()).toBe(0);
  });

  it('and is known when COMMIT could not be sent at all', async () => {
    await emptied();
    const client = new DsqlClient(cluster.connection);
    client.on('error', () => undefined);
    await client.connect();
    await client.query('BEGIN');
    await client.query('INSERT INTO entry VALUES (1)');
    const ended = new Promise((resolve) => client.once('end', resolve));
    cluster.local.faults.endConnections();
    await ended;
    const error: unknown = await client.query('COMMIT').catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(Error);
    expect(isCommitOutcomeUnknownError(error)).toBe(false);
    expect(await count()).toBe(0);
  });
});

describe('a connection that is refused for the moment', () => {
  it.each(['53300', '53400'] as const)('with %s is tried again by the pool', async (error) => {
    const fault = cluster.local.faults.refuseConnections({ error, times: 3 });
    const pool = new DsqlPool(cluster.connection);
    expect((await pool.query('SELECT 1 AS one')).rows).toStrictEqual([{ one: 1 }]);
    expect(fault.fired).toBe(3);
    await pool.end();
  });

  it('is given up within the time to connect', async () => {
    cluster.local.faults.refuseConnections({ error: '53300', times: Infinity });
    const pool = new DsqlPool({ ...cluster.connection, connectionTimeoutMillis: 300 });
    await expect(pool.query('SELECT 1')).rejects.toMatchObject({ code: '53300' });
    await pool.end();
  });
});

async function insertFailing(): Promise<unknown> {
  const client = new DsqlClient(cluster.connection);
  client.on('error', () => undefined);
  await client.connect();
  await client.query('BEGIN');
  await client.query('INSERT INTO entry VALUES (1)');
  const error: unknown = await client.query('COMMIT').catch((caught: unknown) => caught);
  await client.end().catch(() => undefined);
  return error;
}

async function emptied(): Promise<void> {
  await withClient((client) => client.query('DELETE FROM entry'));
}

async function count(): Promise<number> {
  const { rows } = await withClient((client) =>
    client.query<{ count: number }>('SELECT count(*)::integer AS count FROM entry'),
  );
  return rows[0]?.count ?? -1;
}

async function withClient<T>(work: (client: DsqlClient) => Promise<T>): Promise<T> {
  const client = new DsqlClient(cluster.connection);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
