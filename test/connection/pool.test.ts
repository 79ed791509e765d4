import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { connectionChannels, DsqlPool } from 'aurora-dsql-orm';
import { useCluster } from '../cluster';

const cluster = useCluster();

describe('DsqlPool', () => {
  it('signs one token for each connection and none at check-out', async () => {
    const count = await counting(async () => {
      const pool = new DsqlPool({ ...cluster.connection, max: 3 });
      await Promise.all(Array.from({ length: 50 }, () => pool.query('SELECT 1')));
      expect(pool.totalCount).toBe(3);
      await pool.end();
    });
    expect(count).toStrictEqual({ tokens: 3, connections: 3 });
  });

  it('replaces a connection whose life is over', async () => {
    const pool = new DsqlPool({ ...cluster.connection, max: 1, maxLifetimeSecs: 1 });
    const first = await backendOf(pool);
    expect(await backendOf(pool)).toBe(first);
    await new Promise((resolve) => pool.once('remove', resolve));
    expect(await backendOf(pool)).not.toBe(first);
    await pool.end();
  });

  describe('gets a connection back on which queries are under way', () => {
    let pool: DsqlPool;
    const ids = async () => (await pool.query<{ id: number }>('SELECT id FROM entry ORDER BY id')).rows;

    beforeEach(async () => {
      pool = new DsqlPool({ ...cluster.connection, max: 1 });
      await pool.query('CREATE TABLE IF NOT EXISTS entry (id integer PRIMARY KEY)');
      await pool.query('DELETE FROM entry');
    });
    afterEach(() => pool.end());

    it('and lets nobody into a transaction that they begin', async () => {
      const client = await pool.connect();
      const answers = Promise.allSettled([
        client.query('SELECT pg_sleep(0.1)'),
        client.query('BEGIN'),
        client.query('INSERT INTO entry VALUES (1)'),
      ]);
      client.release();
      await pool.query('INSERT INTO entry VALUES (2)');
      await answers;
      expect(await ids()).toStrictEqual([{ id: 2 }]);
    });

    it('and commits nothing of a transaction that they have begun', async () => {
      const client = await pool.connect();
      await client.query('BEGIN');
      const texts = ['SELECT 1', 'INSERT INTO entry VALUES (1)', 'ROLLBACK'];
      const answers = Promise.allSettled(texts.map((text) => client.query(text)));
      client.release();
      await answers;
      const next = await pool.connect();
      const inOneTurn = ['BEGIN', ...texts].map((text) => next.query(text));
      next.release();
      await Promise.allSettled(inOneTurn);
      expect(await ids()).toStrictEqual([]);
    });

    it('and keeps it where they are autocommit statements', async () => {
      const before = await backendOf(pool);
      const client = await pool.connect();
      const write = client.query('INSERT INTO entry VALUES (1)');
      client.release();
      await pool.query('INSERT INTO entry VALUES (2)');
      await write;
      expect(await ids()).toStrictEqual([{ id: 1 }, { id: 2 }]);
      expect(await backendOf(pool)).toBe(before);
    });
  });

  it('gives connections different lives', () => {
    const random = jest.spyOn(Math, 'random');
    const pool = new DsqlPool(cluster.connection);
    const lifetimes = [0, 0.5, 1].map((chance) => {
      random.mockReturnValueOnce(chance);
      return pool.options.maxLifetimeSeconds;
    });
    random.mockRestore();
    expect(lifetimes).toStrictEqual([3300, 3135, 2970]);
  });

  it('has room for 10 connections that may idle for 10 minutes', () => {
    expect(new DsqlPool(cluster.connection).options).toMatchObject({
      max: 10,
      idleTimeoutMillis: 600_000,
      connectionTimeoutMillis: 30_000,
    });
  });

  it('refuses an option that it does not know', () => {
    expect(() => new DsqlPool({ ...cluster.connection, maximum: 3 } as object)).toThrow(/maximum/);
  });
});

async function backendOf(pool: DsqlPool): Promise<number> {
  const { rows } = await pool.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  return rows[0]?.pid ?? 0;
}

async function counting(work: () => Promise<void>): Promise<{ tokens: number; connections: number }> {
  const count = { tokens: 0, connections: 0 };
  const onToken = () => {
    count.tokens++;
  };
  const onConnection = () => {
    count.connections++;
  };
  subscribe(connectionChannels.tokenSigned.name, onToken);
  subscribe(connectionChannels.connectionOpened.name, onConnection);
  try {
    await work();
    return count;
  } finally {
    unsubscribe(connectionChannels.tokenSigned.name, onToken);
    unsubscribe(connectionChannels.connectionOpened.name, onConnection);
  }
}
