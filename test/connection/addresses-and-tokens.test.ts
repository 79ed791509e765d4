import { DsqlPool } from 'aurora-dsql-orm';
import { startLocalDsql } from 'aurora-dsql-orm/local';
import { useCluster } from '../cluster';

const cluster = useCluster();

async function withPool<T>(pool: DsqlPool, work: (pool: DsqlPool) => Promise<T>): Promise<T> {
  try {
    return await work(pool);
  } finally {
    await pool.end();
  }
}

describe('hostaddr', () => {
  it.each(['127.0.0.1', 'localhost'])('may be an address or a DNS name: %s', async (hostaddr) => {
    const pool = new DsqlPool({ ...cluster.connection, hostaddr });
    const { rows } = await withPool(pool, () => pool.query('SELECT 1 AS one'));
    expect(rows).toEqual([{ one: 1 }]);
  });

  it('changes neither the name that the certificate is checked for nor that the token is for', async () => {
    const host = `${'z'.repeat(26)}.dsql.us-east-1.on.aws`;
    const pool = new DsqlPool({ ...cluster.connection, host, hostaddr: 'localhost' });
    const connecting = withPool(pool, () => pool.query('SELECT 1'));
    await expect(connecting).rejects.toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
  });
});

describe('a token that has expired when it arrives', () => {
  /** A local DSQL whose clock is a day ahead until it has refused so many connections. */
  async function withClockAhead(
    refusals: number,
    work: (pool: DsqlPool, refused: () => number) => Promise<void>,
  ): Promise<void> {
    let refused = 0;
    const local = await startLocalDsql({
      clock: () => new Date(Date.now() + (refused < refusals ? 86_400_000 : 0)),
      onConnectionRefused: () => {
        refused++;
      },
    });
    try {
      const { host, port, hostaddr, ca, credentials } = local;
      await withPool(new DsqlPool({ host, port, hostaddr, ca, credentials }), (pool) =>
        work(pool, () => refused),
      );
    } finally {
      await local.stop();
    }
  }

  it('is replaced by a fresh one', async () => {
    await withClockAhead(1, async (pool, refused) => {
      expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
      expect(refused()).toBe(1);
    });
  });

  it('is replaced once only', async () => {
    await withClockAhead(10, async (pool, refused) => {
      await expect(pool.query('SELECT 1')).rejects.toMatchObject({
        message: expect.stringContaining('access denied') as string,
      });
      expect(refused()).toBe(2);
    });
  });

  it('is no reason to try again where a token is refused for anything else', async () => {
    let refused = 0;
    const local = await startLocalDsql({
      onConnectionRefused: () => {
        refused++;
      },
    });
    const { host, port, hostaddr, ca } = local;
    const credentials = { accessKeyId: 'unknown', secretAccessKey: 'wrong' };
    const pool = new DsqlPool({ host, port, hostaddr, ca, credentials });
    await expect(withPool(pool, () => pool.query('SELECT 1'))).rejects.toMatchObject({
      message: expect.stringContaining('access denied') as string,
    });
    expect(refused).toBe(1);
    await local.stop();
  });
});
