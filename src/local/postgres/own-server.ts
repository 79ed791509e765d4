import { spawn, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  chownSync,
  cpSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import path from 'node:path';
import type { PostgresBinaries } from './binaries';
import { binariesIn, completeLibraryLinks, findBinaries, PostgresUnavailableError } from './binaries';
import { bootstrapSql } from './bootstrap';
import { openGateway } from './gateway';
import type { PostgresServer, ServerSettings } from './postgres-server';
import { PostgresSession, type PostgresAddress } from './postgres-session';
import { createServerDirectory, gatewayPath, SOCKET_NAME, sweepStaleDirectories } from './server-directory';
import type { SystemUser } from './system-user';
import { serverAccount } from './system-user';
import type { WatchdogOrders } from './watchdog';
import { watchdogProgram } from './watchdog';

const SUPERUSER = 'dsql_local';
const LOG_KEPT = 16_384;

const INITDB_ARGUMENTS = [
  '--username',
  SUPERUSER,
  '--encoding=UTF8',
  '--locale=C',
  '--no-sync',
  '--no-instructions',
  // Segments of 1 MB in place of 16: a smaller directory, made faster.
  '--wal-segsize=1',
];

/**
 * A stand-alone backend takes 20 ms less than a connection would, and what it creates gets the low OIDs of things that
 * belong to the system.
 */
const BOOTSTRAP_ARGUMENTS = ['--single', '-j', '-O', '-c', 'exit_on_error=on'];

/** A server for tests: nothing needs to survive a power cut, and nothing may happen behind a test's back. */
const SETTINGS: ServerSettings = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  wal_level: 'minimal',
  max_wal_senders: 0,
  wal_init_zero: 'off',
  max_wal_size: '128MB',
  checkpoint_timeout: '1d',
  checkpoint_warning: 0,
  shared_buffers: '32MB',
  // In the data directory, so that nothing is left in /dev/shm after a SIGKILL.
  dynamic_shared_memory_type: 'mmap',
  autovacuum: 'off',
  bgwriter_lru_maxpages: 0,
  max_logical_replication_workers: 0,
  max_worker_processes: 0,
  max_parallel_workers_per_gather: 0,
  jit: 'off',
  update_process_title: 'off',
  // Two statements that wait for each other are told apart by the concurrency control above, at once.
  deadlock_timeout: '10ms',
  default_transaction_isolation: 'repeatable read',
  default_text_search_config: 'pg_catalog.simple',
  timezone: 'UTC',
  log_timezone: 'UTC',
  // Errors of statements belong to the client; the log is for the server's own troubles.
  log_min_error_statement: 'panic',
  log_checkpoints: 'off',
};

/** The watchdog reads in the log that the server is ready; nobody may change that. */
const LOG_SETTINGS: ServerSettings = {
  log_destination: 'stderr',
  log_min_messages: 'log',
  logging_collector: 'off',
  lc_messages: 'C',
};

interface OwnServerOptions {
  readonly binDirectory: string | undefined;
  readonly systemUser: string | undefined;
  readonly templateDirectory: string | undefined;
  readonly transport: 'socket' | 'tcp';
  readonly settings: ServerSettings;
}

/**
 * Creates, starts and watches over a PostgreSQL server of our own.
 *
 * On Windows, PostgreSQL does not run for an administrator, unless `pg_ctl` starts it; that path (`tcp`) is tested on
 * Linux only.
 *
 * @throws {@link PostgresUnavailableError} when PostgreSQL is not installed or does not start
 */
export async function startOwnServer(options: OwnServerOptions): Promise<PostgresServer> {
  const found = findBinaries(options.binDirectory);
  const account = serverAccount(options.systemUser);
  const sweeping = sweepStaleDirectories();
  const directory = createServerDirectory(account);
  let start: () => Promise<PostgresServer>;
  try {
    const { binaries, libraryPath } = prepareBinaries(found, account, directory);
    const plan: ServerPlan = {
      directory,
      binaries,
      template: options.templateDirectory && templateIn(options.templateDirectory, found),
      settings: {
        ...SETTINGS,
        ...options.settings,
        ...LOG_SETTINGS,
        data_directory: path.join(directory, 'data'),
      },
      orders: { directory, account, env: serverEnvironment(libraryPath) },
    };
    start = options.transport === 'tcp' ? () => startBehindPort(plan) : () => startBehindSocket(plan);
  } catch (error) {
    rmSync(directory, { recursive: true, force: true });
    throw error;
  }
  const [server] = await Promise.all([start(), sweeping]);
  return server;
}

interface ServerPlan {
  readonly directory: string;
  readonly binaries: PostgresBinaries;
  readonly template: string | undefined;
  readonly settings: ServerSettings;
  readonly orders: Pick<WatchdogOrders, 'directory' | 'account' | 'env'>;
}

async function startBehindSocket({
  directory,
  binaries,
  template,
  settings,
  orders,
}: ServerPlan): Promise<PostgresServer> {
  const bootstrapFile = path.join(directory, 'bootstrap.sql');
  writeFileSync(bootstrapFile, bootstrapSql);
  writeConfiguration(directory, 'local all all trust', {
    ...settings,
    listen_addresses: '',
    unix_socket_directories: directory,
    port: 5432,
  });
  const watchdog = startWatchdog({
    ...orders,
    mode: 'foreground',
    prepare: [
      { file: binaries.initdb, args: [...initdbArguments(directory), '--auth=trust'] },
      {
        file: binaries.postgres,
        args: [...BOOTSTRAP_ARGUMENTS, '-D', directory, 'postgres'],
        input: bootstrapFile,
      },
    ],
    template,
    start: { file: binaries.postgres, args: ['-D', directory] },
  });
  await watchdog.ready;
  const socketPath = path.join(directory, SOCKET_NAME);
  return {
    superuser: SUPERUSER,
    directory,
    ended: watchdog.ended,
    connect: () => connect(socketPath),
    stop: () => watchdog.stop(),
  };
}

/** Where the data directory is kept that these programs and this version of the local DSQL make. */
function templateIn(templateDirectory: string, { postgres }: PostgresBinaries): string {
  const { size, mtimeMs } = statSync(postgres);
  const madeOf = [postgres, size, mtimeMs, ...INITDB_ARGUMENTS, bootstrapSql].join('\0');
  return path.join(path.resolve(templateDirectory), createHash('sha256').update(madeOf).digest('hex'));
}

async function startBehindPort({
  directory,
  binaries,
  settings,
  orders,
}: ServerPlan): Promise<PostgresServer> {
  const port = await freePort();
  const password = randomBytes(24).toString('base64url');
  const passwordFile = path.join(directory, 'password');
  const log = path.join(directory, 'log');
  writeFileSync(passwordFile, `${password}\n`);
  writeConfiguration(directory, 'host all all 127.0.0.1/32 scram-sha-256', {
    ...settings,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    port,
  });
  const watchdog = startWatchdog({
    ...orders,
    mode: 'background',
    prepare: [
      {
        file: binaries.initdb,
        args: [...initdbArguments(directory), '--auth=scram-sha-256', '--pwfile', passwordFile],
      },
    ],
    start: {
      file: binaries.pgCtl,
      args: ['start', '-w', '-s', '-D', directory, '-l', log],
    },
    log,
    stop: { file: binaries.pgCtl, args: ['stop', '-m', 'immediate', '-s', '-D', directory] },
  });
  await watchdog.ready;
  try {
    const address = { socket: { host: '127.0.0.1', port }, user: SUPERUSER, password };
    await bootstrap(address);
    const gateway = await openGateway(gatewayPath(directory), address, 'postgres');
    return {
      superuser: SUPERUSER,
      directory,
      ended: watchdog.ended,
      connect: () => gateway.connect(),
      stop: async () => {
        await gateway.close();
        await watchdog.stop();
      },
    };
  } catch (error) {
    await watchdog.stop();
    throw error;
  }
}

/** Makes what the local DSQL needs in a server that has just been made. */
async function bootstrap(address: PostgresAddress): Promise<void> {
  const session = await PostgresSession.open(address, new Map([['database', 'postgres']]));
  try {
    await session.query(`SET allow_system_table_mods = on; ${bootstrapSql}`);
  } finally {
    session.close();
  }
}

/** A port that was free a moment ago. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
      .once('error', reject)
      .listen(0, '127.0.0.1', () => {
        const { port } = server.address() as AddressInfo;
        server.close(() => {
          resolve(port);
        });
      });
  });
}

function initdbArguments(directory: string): string[] {
  return [...INITDB_ARGUMENTS, '-D', path.join(directory, 'data')];
}

/** Writes what `postgres -D <directory>` reads; the data is elsewhere. */
function writeConfiguration(directory: string, access: string, settings: ServerSettings): void {
  const lines = Object.entries(settings).map(
    ([name, value]) => `${name} = '${String(value).replace(/\\/g, '\\\\').replace(/'/g, "''")}'\n`,
  );
  writeFileSync(path.join(directory, 'postgresql.conf'), lines.join(''));
  writeFileSync(path.join(directory, 'pg_hba.conf'), `${access}\n`);
  writeFileSync(path.join(directory, 'pg_ident.conf'), '');
}

/** The programs as `account` can run them; the embedded package is copied where that account cannot reach it. */
function prepareBinaries(
  found: PostgresBinaries,
  account: SystemUser | undefined,
  directory: string,
): { binaries: PostgresBinaries; libraryPath: string | undefined } {
  const { packageRoot } = found;
  if (packageRoot === undefined) {
    if (account && !canRun(found, account, undefined)) {
      throw new PostgresUnavailableError(`The account ${account.name} cannot run ${found.postgres}.`);
    }
    return { binaries: found, libraryPath: undefined };
  }
  const libraryPath = completeLibraryLinks(packageRoot, path.join(directory, 'lib'));
  if (!account || canRun(found, account, libraryPath)) return { binaries: found, libraryPath };

  const copyParent = path.join(directory, 'package');
  const copy = path.join(copyParent, 'native');
  mkdirSync(copyParent);
  cpSync(packageRoot, copy, { recursive: true, verbatimSymlinks: true });
  chownSync(copyParent, account.uid, account.gid);
  chownSync(copy, account.uid, account.gid);
  for (const name of readdirSync(copy, { recursive: true, encoding: 'utf8' })) {
    lchownSync(path.join(copy, name), account.uid, account.gid);
  }
  return {
    binaries: binariesIn(path.join(copy, 'bin')),
    libraryPath: completeLibraryLinks(copy, path.join(directory, 'lib')),
  };
}

/** Whether an account can execute PostgreSQL and read its libraries, whatever modes and mounts are on the way. */
function canRun(
  { postgres }: PostgresBinaries,
  { uid, gid }: SystemUser,
  libraryPath: string | undefined,
): boolean {
  const env = serverEnvironment(libraryPath);
  return spawnSync(postgres, ['--version'], { uid, gid, env, cwd: '/', stdio: 'ignore' }).status === 0;
}

/** What PostgreSQL and its watchdog get to see of our environment: nothing that is a secret or changes Node. */
function serverEnvironment(libraryPath: string | undefined): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { LC_ALL: 'C', TZ: 'UTC' };
  for (const name of [
    'PATH',
    'LD_LIBRARY_PATH',
    'DYLD_LIBRARY_PATH',
    'SystemRoot',
    'COMSPEC',
    'TEMP',
    'TMP',
  ]) {
    if (process.env[name] !== undefined) env[name] = process.env[name];
  }
  if (libraryPath !== undefined) {
    env[process.platform === 'darwin' ? 'DYLD_LIBRARY_PATH' : 'LD_LIBRARY_PATH'] = libraryPath;
  }
  return env;
}

interface Watchdog {
  readonly ready: Promise<void>;
  readonly ended: Promise<string>;
  stop(): Promise<void>;
}

/** Starts the watchdog process; see {@link watchdogProgram}. */
function startWatchdog(orders: WatchdogOrders): Watchdog {
  // A session of its own, so that Ctrl-C reaches us and not the server that still has our connections.
  const child = spawn(process.execPath, ['--eval', watchdogProgram], {
    env: orders.env,
    detached: true,
    windowsHide: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const { stdin, stdout, stderr } = child;
  let log = '';
  stderr.setEncoding('utf8').on('data', (text: string) => {
    log = (log + text).slice(-LOG_KEPT);
  });
  // A watchdog that is gone is reported by `ended`.
  stdin.on('error', () => undefined);
  stdin.write(`${JSON.stringify(orders)}\n`);

  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => {
      resolve(error.message);
    });
    child.once('close', () => {
      // Already gone, unless the watchdog itself was killed; its PostgreSQL then ends for want of a directory.
      rmSync(orders.directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
      resolve(log);
    });
  });
  const ready = new Promise<void>((resolve, reject) => {
    stdout.once('data', () => {
      // From here on the server is no reason to keep this process alive.
      child.unref();
      for (const stream of [stdin, stdout, stderr]) (stream as Socket).unref();
      resolve();
    });
    void ended.then((reason) => {
      reject(new PostgresUnavailableError(`PostgreSQL did not start:\n${reason.trim()}`));
    });
  });
  return {
    ready,
    ended,
    stop: async () => {
      child.ref();
      stdin.end();
      await ended;
    },
  };
}
