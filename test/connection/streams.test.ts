import { classifyError, DsqlPool } from 'aurora-dsql-orm';
import { randomUUID } from 'node:crypto';
import type { Submittable } from 'pg';
import QueryStream from 'pg-query-stream';
import { useCluster } from '../cluster';

interface Cursor extends Submittable {
  read(rows: number): Promise<unknown[]>;
}

const insert = 'INSERT INTO line (id) VALUES ($1) RETURNING id';

const cluster = useCluster();
let pool: DsqlPool;

beforeAll(async () => {
  pool = new DsqlPool({ ...cluster.connection, max: 1 });
  pool.on('error', () => undefined);
  await pool.query('CREATE TABLE line (id uuid PRIMARY KEY)');
});
afterEach(() => {
  cluster.local.faults.clear();
});
afterAll(async () => {
  await pool.end();
});

async function readStream(): Promise<unknown[]> {
  const client = await pool.connect();
  client.on('error', () => undefined);
  const rows: unknown[] = [];
  try {
    for await (const row of client.query(new QueryStream(insert, [randomUUID()]))) rows.push(row);
  } finally {
    client.release();
  }
  return rows;
}

async function readCursor(): Promise<unknown[]> {
  const client = await pool.connect();
  client.on('error', () => undefined);
  try {
    // The types of pg-query-stream leave those of pg-cursor out.
    const { cursor } = new QueryStream(insert, [randomUUID()]) as unknown as { readonly cursor: Cursor };
    return await client.query(cursor).read(10);
  } finally {
    client.release();
  }
}

describe.each([
  ['a stream', readStream],
  ['a cursor', readCursor],
])('%s that writes', (_, read) => {
  it('gives its rows', async () => {
    await expect(read()).resolves.toHaveLength(1);
  });

  it('ends with the conflict that its commit has met', async () => {
    cluster.local.faults.failCommit({ error: 'OC000', table: 'line' });
    await expect(read()).rejects.toMatchObject({ code: '40001' });
    await expect(pool.query('SELECT 1')).resolves.toMatchObject({ rowCount: 1 });
  });

  it.each(['before commit', 'after commit'] as const)(
    'ends with an unknown outcome when the connection is cut %s',
    async (at) => {
      cluster.local.faults.cutConnection({ at, table: 'line' });
      const error: unknown = await read().catch((reason: unknown) => reason);
      expect(classifyError(error).kind).toBe('outcome-unknown');
      await expect(pool.query('SELECT 1')).resolves.toMatchObject({ rowCount: 1 });
    },
  );

  it('ends with an unknown outcome when the connection is cut before it is answered', async () => {
    cluster.local.faults.cutConnection({ at: 'statement', table: 'line' });
    const error: unknown = await read().catch((reason: unknown) => reason);
    expect(classifyError(error).kind).toBe('outcome-unknown');
    await expect(pool.query('SELECT 1')).resolves.toMatchObject({ rowCount: 1 });
  });
});

describe('a time-out of a stream itself', () => {
  it('destroys the connection, and with it the transaction', async () => {
    const client = await pool.connect();
    client.on('error', () => undefined);
    await client.query('BEGIN');
    await client.query('INSERT INTO line (id) VALUES ($1)', [randomUUID()]);
    cluster.local.faults.addLatency(400);
    const stream = Object.assign(new QueryStream(insert, [randomUUID()]), { query_timeout: 100 });
    await expect(client.query(stream).toArray()).rejects.toThrow('Query read timeout');
    await expect(client.query('COMMIT')).rejects.toMatchObject({ name: 'NotSentError', subject: 'COMMIT' });
    client.release();
    cluster.local.faults.clear();
    await expect(pool.query('SELECT 1')).resolves.toMatchObject({ rowCount: 1 });
  });

  it('that strikes when the stream has ended is of no matter', async () => {
    const client = await pool.connect();
    const { cursor } = new QueryStream(insert, [randomUUID()]) as unknown as { readonly cursor: Cursor };
    await client.query(Object.assign(cursor, { query_timeout: 100 })).read(10);
    await client.query('SELECT pg_sleep(0.2)');
    await expect(client.query('SELECT 1')).resolves.toMatchObject({ rowCount: 1 });
    client.release();
  });
});
