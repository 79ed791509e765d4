import { DsqlClient, DsqlPool, isTokenSigningError } from 'aurora-dsql-orm';
import { version } from '../../package.json';
import { useCluster } from '../cluster';

const cluster = useCluster();
const own = `aurora-dsql-orm/${version}`;

describe('DsqlClient', () => {
  it.each(['direct', 'postgres'] as const)(
    'connects over TLS with %s negotiation',
    async (sslNegotiation) => {
      const rows = await query({ sslNegotiation }, 'SELECT current_user, current_database()');
      expect(rows).toStrictEqual([{ current_user: 'admin', current_database: 'postgres' }]);
    },
  );

  it.each([
    ['no prefix', undefined, own],
    ['a prefix', 'shop', `shop:${own}`],
    ['a prefix that is too long', 'x'.repeat(80), `${'x'.repeat(62 - own.length)}:${own}`],
  ])('names the application after %s', async (_, ormPrefix, expected) => {
    const [row] = await query({ ormPrefix }, "SELECT current_setting('application_name') AS name");
    expect(row).toStrictEqual({ name: expected });
    expect(Buffer.byteLength(expected)).toBeLessThanOrEqual(63);
  });

  it('cuts the name of the application between two characters', () => {
    const room = 60 - own.length;
    const client = new DsqlClient({ ...cluster.connection, ormPrefix: `${'x'.repeat(room)}é€` });
    const { connectionParameters } = client as unknown as { connectionParameters: object };
    expect(connectionParameters).toHaveProperty('application_name', `${'x'.repeat(room)}é:${own}`);
  });

  it('makes a schema the search_path, whatever its name', async () => {
    const schema = 'odd "name\\ here';
    const [row] = await query({ schema }, "SELECT current_setting('search_path') AS path");
    expect(row).toStrictEqual({ path: '"odd ""name\\ here"' });
  });

  it('checks the certificate against the name although it dials an address', async () => {
    const other = cluster.connection.host.replace(/^./, (first) => (first === 'a' ? 'b' : 'a'));
    await expect(query({ host: other }, 'SELECT 1')).rejects.toThrow(/altnames/);
  });

  it('trusts no authority that it was not told of', async () => {
    await expect(query({ ca: [] }, 'SELECT 1')).rejects.toThrow(/certificate|self-signed/);
  });

  it('verifies even when NODE_TLS_REJECT_UNAUTHORIZED says not to', async () => {
    jest.replaceProperty(process, 'env', { ...process.env, NODE_TLS_REJECT_UNAUTHORIZED: '0' });
    await expect(query({ ca: [] }, 'SELECT 1')).rejects.toThrow(/certificate|self-signed/);
    jest.restoreAllMocks();
  });

  it('fails with a hint when no credentials are found', async () => {
    const credentials = () =>
      Promise.reject(Object.assign(new Error('none'), { name: 'CredentialsProviderError' }));
    const error: unknown = await query({ credentials }, 'SELECT 1').catch((caught: unknown) => caught);
    expect(isTokenSigningError(error)).toBe(true);
    expect(error).toMatchObject({ reason: 'no-credentials', cause: { message: 'none' } });
    expect(error).toHaveProperty('hint', expect.stringContaining('AWS_PROFILE'));
  });

  it('fails with a hint when the credentials have expired', async () => {
    const credentials = { accessKeyId: 'a', secretAccessKey: 'b', expiration: new Date(0) };
    await expect(query({ credentials }, 'SELECT 1')).rejects.toMatchObject({
      reason: 'expired-credentials',
      hint: expect.stringContaining('clock') as unknown,
    });
  });
});

describe('credentials', () => {
  it('are resolved once for connections that open at the same time', async () => {
    let resolutions = 0;
    const credentials = async () => {
      resolutions++;
      await new Promise((resolve) => setTimeout(resolve, 20));
      return cluster.local.credentials;
    };
    const pool = new DsqlPool({ ...cluster.connection, credentials, max: 5 });
    await Promise.all(Array.from({ length: 5 }, () => pool.query('SELECT pg_sleep(0.05)')));
    await pool.end();
    expect(resolutions).toBe(1);
  });

  it('are resolved anew before they expire', async () => {
    let resolutions = 0;
    const credentials = () => {
      resolutions++;
      return Promise.resolve({ ...cluster.local.credentials, expiration: new Date(Date.now() + 60_000) });
    };
    const pool = new DsqlPool({ ...cluster.connection, credentials, maxUses: 1 });
    await pool.query('SELECT 1');
    await pool.query('SELECT 1');
    await pool.end();
    expect(resolutions).toBeGreaterThanOrEqual(2);
  });
});

async function query(options: object, text: string): Promise<unknown[]> {
  const client = new DsqlClient({ ...cluster.connection, ...options });
  try {
    await client.connect();
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}
