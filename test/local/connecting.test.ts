import { connect as connectSocket } from 'node:net';
import type { Socket } from 'node:net';
import { once } from 'node:events';
import { connect as connectTls } from 'node:tls';
import { startLocalDsql } from 'aurora-dsql-orm/local';
import type { LocalDsql } from 'aurora-dsql-orm/local';
import { issueCertificates } from '../../src/local/tls/certificates';
import { connect, refusal, signToken, withClient, withLocalDsql } from './local-client';

/**
 * AWS's skill "Troubleshooting in DSQL", observed 2026-10-01: every refused token is answered so, and why stands in the
 * hint alone, if anywhere.
 */
const accessDenied = (hint?: string) => ({
  code: '28000',
  message: 'unable to accept connection, access denied',
  hint,
});

describe('connecting to the local DSQL', () => {
  let local: LocalDsql;
  let elapsedMs = 0;
  const refusals: Error[] = [];

  beforeAll(async () => {
    local = await startLocalDsql({
      clock: () => new Date(Date.now() + elapsedMs),
      onConnectionRefused: (error) => refusals.push(error),
    });
  });
  afterAll(() => local.stop());
  afterEach(() => {
    elapsedMs = 0;
    refusals.length = 0;
  });

  /** What a client is told, and the reason that only the server knows. */
  async function refusedToken(token: string, user = 'admin') {
    const { code, message, hint } = await connect(local, { user, token }).then(
      () => Promise.reject(new Error('it was not refused')),
      (error: unknown) => error as { code?: string; message: string; hint?: string },
    );
    const told = { code, message, hint };
    const [refused] = refusals.splice(0);
    return { told, reason: (refused?.cause as { reason?: string } | undefined)?.reason };
  }

  it('has the name of a cluster and listens on loopback', () => {
    expect(local.host).toMatch(/^[a-z0-9]{26}\.dsql\.us-east-1\.on\.aws$/);
    expect(local.hostaddr).toBe('127.0.0.1');
  });

  describe.each(['postgres', 'direct'] as const)('with %s TLS negotiation', (sslNegotiation) => {
    it('lets in a client with a signed token', async () => {
      await withClient(
        local,
        async (client) => {
          const { rows } = await client.query('SELECT current_user, current_database() AS database');
          expect(rows).toEqual([{ current_user: 'admin', database: 'postgres' }]);
        },
        { sslNegotiation },
      );
    });

    it('does not convince a client that does not trust its authority', async () => {
      const error = await connect(local, { sslNegotiation, ssl: {} }).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' });
    });

    it('does not convince a client that trusts another authority', async () => {
      const { ca } = issueCertificates([local.host]);
      const error = await connect(local, { sslNegotiation, ssl: { ca } }).catch((reason: unknown) => reason);
      expect((error as Error).message).toMatch(/certificate/);
    });
  });

  it('has a certificate for its own name only', async () => {
    const other = { ...local, host: `${'a'.repeat(26)}.dsql.us-east-1.on.aws` };
    const error = await connect(other, { token: await signToken(local) }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
  });

  it('refuses a client without TLS', async () => {
    expect(await refusal(connect(local, { ssl: false }))).toEqual({
      code: '28000',
      message: 'unable to accept connection, SSL is required',
    });
  });

  it('refuses what was sent in the clear before the handshake', async () => {
    const socket = connectSocket(local.port, local.hostaddr);
    socket.write(Buffer.concat([sslRequest, Buffer.from('injected')]));
    expect((await everything(socket)).toString('latin1')).toContain(
      'received unencrypted data after SSL request',
    );
  });

  it('closes a direct TLS connection that does not ask for the protocol postgresql', async () => {
    const socket = connectTls({
      host: local.hostaddr,
      port: local.port,
      servername: local.host,
      ca: local.ca,
    });
    expect(await everything(socket)).toHaveLength(0);
  });

  it('refuses a client that does not name the cluster in the handshake', async () => {
    const ssl = { ca: local.ca, servername: '', checkServerIdentity: () => undefined };
    expect(
      await refusal(connect({ ...local, host: local.hostaddr }, { ssl, token: await signToken(local) })),
    ).toEqual({
      code: '28000',
      message: 'unable to accept connection, sni was not received',
    });
  });

  it('lets such a client in where SNI is not required', async () => {
    await withLocalDsql({ requireSni: false }, async (lenient) => {
      const ssl = { ca: lenient.ca, servername: '', checkServerIdentity: () => undefined };
      const token = await signToken(lenient);
      const connecting = connect({ ...lenient, host: lenient.hostaddr }, { ssl, token });
      await expect(connecting.then((client) => client.end())).resolves.toBeUndefined();
    });
  });

  it('refuses a token that was tampered with', async () => {
    const token = await signToken(local);
    const signature = /X-Amz-Signature=([0-9a-f])/.exec(token)?.[1];
    const tampered = token.replace(/(X-Amz-Signature=)./, `$1${signature === '0' ? '1' : '0'}`);
    expect(await refusedToken(tampered)).toEqual({ told: accessDenied(), reason: 'signature' });
  });

  it('refuses a token whose lifetime was stretched', async () => {
    const token = await signToken(local);
    const stretched = token.replace('X-Amz-Expires=900', 'X-Amz-Expires=9000');
    expect(await refusedToken(stretched)).toEqual({ told: accessDenied(), reason: 'signature' });
  });

  it('refuses an expired token', async () => {
    const token = await signToken(local, { expiresIn: 900 });
    elapsedMs = 902_000;
    const { told, reason } = await refusedToken(token);
    const time = String.raw`\d{8}T\d{6}Z`;
    const hint = expect.stringMatching(`^Signature expired: ${time} is now earlier than ${time}$`) as string;
    expect({ told, reason }).toEqual({ told: accessDenied(hint), reason: 'expired' });
  });

  it('keeps a connection whose token has expired since', async () => {
    await withClient(local, async (client) => {
      elapsedMs = 902_000;
      expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    });
  });

  it('refuses a token for another host', async () => {
    const token = await signToken(local, { host: `${'a'.repeat(26)}.dsql.us-east-1.on.aws` });
    expect(await refusedToken(token)).toEqual({ told: accessDenied(), reason: 'host' });
  });

  it('refuses a token for another region', async () => {
    const token = await signToken(local, { region: 'eu-central-1' });
    expect(await refusedToken(token)).toEqual({ told: accessDenied(), reason: 'region' });
  });

  it('refuses a token signed with a secret that is not its own', async () => {
    const token = await signToken(local, {
      credentials: { accessKeyId: local.credentials.accessKeyId, secretAccessKey: 'guess' },
    });
    expect(await refusedToken(token)).toEqual({ told: accessDenied(), reason: 'signature' });
  });

  it('refuses a password that is no token', async () => {
    expect(await refusedToken('hunter2')).toEqual({ told: accessDenied(), reason: 'malformed' });
  });

  it('refuses admin with a token for ordinary roles', async () => {
    const token = await signToken(local, { action: 'DbConnect' });
    expect((await refusedToken(token)).told).toEqual(
      accessDenied('Wrong user to action mapping. user: admin, action: DbConnect'),
    );
  });

  it('refuses an ordinary role with a token for admin', async () => {
    const token = await signToken(local, { action: 'DbConnectAdmin' });
    expect((await refusedToken(token, 'app')).told).toEqual(
      accessDenied('Wrong user to action mapping. user: app, action: DbConnectAdmin'),
    );
  });

  it('says nothing about actions to somebody without the secret', async () => {
    const token = await signToken(local, {
      action: 'DbConnect',
      credentials: { accessKeyId: local.credentials.accessKeyId, secretAccessKey: 'guess' },
    });
    expect(await refusedToken(token)).toEqual({ told: accessDenied(), reason: 'action' });
  });

  it('refuses a role that does not exist', async () => {
    expect(await refusal(connect(local, { user: 'nobody' }))).toEqual({
      code: '28000',
      message: 'Role nobody does not exist',
    });
  });

  it('has the database postgres only', async () => {
    expect(await refusal(connect(local, { database: 'shop' }))).toEqual({
      code: '3D000',
      message: 'database "shop" does not exist',
    });
  });

  it('refuses start-up parameters that DSQL does not let a client set', async () => {
    expect(await refusal(connect(local, { config: { statement_timeout: 1000 } }))).toEqual({
      code: '0A000',
      message: 'setting configuration parameter "statement_timeout" not supported',
    });
    expect(await refusal(connect(local, { options: '-c work_mem=64MB' }))).toEqual({
      code: '0A000',
      message: 'setting configuration parameter "work_mem" not supported',
    });
  });

  it('obeys start-up parameters that DSQL accepts', async () => {
    const options = String.raw`-c search_path=pg_catalog,\ public -c TimeZone=Europe/Zurich -c disable_sync_create_index=on`;
    await withClient(
      local,
      async (client) => {
        expect((await client.query('SHOW search_path')).rows).toEqual([
          { search_path: 'pg_catalog, public' },
        ]);
        expect((await client.query('SHOW timezone')).rows).toEqual([{ TimeZone: 'Europe/Zurich' }]);
        expect((await client.query('SHOW application_name')).rows).toEqual([
          { application_name: 'typeorm:test' },
        ]);
      },
      { options, config: { application_name: 'typeorm:test' } },
    );
  });

  it('accepts the id of its own cluster as a start-up option, and no other', async () => {
    await withClient(local, (client) => client.query('SELECT 1'), {
      options: `-c amzn-cluster-id=${local.clusterId}`,
    });
    expect(await refusal(connect(local, { options: `-c amzn-cluster-id=${'a'.repeat(26)}` }))).toEqual({
      code: '28000',
      message: 'unable to accept connection, access denied',
    });
  });

  it('reports the version and settings of a cluster', async () => {
    const reported = new Map<string, string>();
    const client = await connect(local, {
      config: { application_name: 'reported' },
    });
    client.connection.on('parameterStatus', (status: { parameterName: string; parameterValue: string }) => {
      reported.set(status.parameterName, status.parameterValue);
    });
    try {
      expect((await client.query('SHOW server_version')).rows).toEqual([{ server_version: '16.15' }]);
      expect((await client.query('SHOW server_version_num')).rows).toEqual([
        { server_version_num: '160015' },
      ]);
      expect((await client.query('SHOW transaction_isolation')).rows).toEqual([
        { transaction_isolation: 'repeatable read' },
      ]);
      await client.query(`SET application_name = 'changed'`);
      expect(reported.get('application_name')).toBe('changed');
    } finally {
      await client.end();
    }
  });

  it('signs the token of its environment itself', async () => {
    const { PGPASSWORD, PGUSER, CLUSTER_ENDPOINT, PGSSLROOTCERT } = await local.env();
    expect({ PGUSER, CLUSTER_ENDPOINT, PGSSLROOTCERT }).toEqual({
      PGUSER: 'admin',
      CLUSTER_ENDPOINT: local.host,
      PGSSLROOTCERT: local.caFile,
    });
    elapsedMs = 6 * 86_400_000;
    await withClient(local, (client) => client.query('SELECT 1'), { token: PGPASSWORD });
    const { PGPASSWORD: appToken } = await local.env('app');
    expect(appToken).toContain('Action=DbConnect&');
  });

  it.each([
    [{ port: 70_000 }, 'port'],
    [{ clusterId: 'short' }, 'clusterId'],
    [{ region: 'Frankfurt' }, 'region'],
    [{ otherRegions: ['Ohio'] }, 'otherRegions'],
    [{ otherRegions: ['us-east-1'] }, 'otherRegions'],
  ])('does not start with %j', async (options, name) => {
    await expect(startLocalDsql(options)).rejects.toThrow(new RegExp(`^${name}: expected`));
  });
});

const sslRequest = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);

/** Everything a server sends until it closes the connection. */
async function everything(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.on('error', () => undefined);
  await once(socket, 'close');
  return Buffer.concat(chunks);
}
