import { spawn, spawnSync } from 'node:child_process';
import { chownSync, cpSync, lchownSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import path from 'node:path';
import type { PostgresBinaries } from './binaries';
import { binariesIn, completeLibraryLinks, findBinaries, PostgresUnavailableError } from './binaries';
import { bootstrapSql } from './bootstrap';
import { createServerDirectory, SOCKET_NAME, sweepStaleDirectories } from './server-directory';
import type { SystemUser } from './system-user';
import { serverAccount } from './system-user';
import type { WatchdogOrders } from './watchdog';
import { watchdogProgram } from './watchdog';

/** How to launch a PostgreSQL server; every field may also come from the environment. */
export interface LaunchOptions {
  /**
   * A folder with `initdb` and `postgres` (15 to 18) to use in place of the embedded package.
   * @defaultValue the environment variable `DSQL_LOCAL_PG_BIN`
   */
  readonly binDirectory?: string | undefined;
  /**
   * The operating-system account PostgreSQL runs as when we are root.
   * @defaultValue `DSQL_LOCAL_PG_USER`, else the first of `postgres`, `node` and `nobody` that exists
   */
  readonly systemUser?: string | undefined;
  /**
   * How many connections the server takes at once, 10 to 10,000.
   * @defaultValue 1000
   */
  readonly maxConnections?: number | undefined;
  /** More settings of postgresql.conf, by name; they win over ours. */
  readonly settings?: Readonly<Record<string, string | number>> | undefined;
}

/** A running PostgreSQL that only this process can reach. */
export interface PostgresServer {
  /** Opens a new raw connection; the caller speaks the protocol, beginning with the start-up message. */
  connect(): Socket;
  /** The superuser's name; it needs no password. */
  readonly superuser: string;
  /** The server's own directory, gone after `stop()`. */
  readonly directory: string;
  /** Resolves with the end of PostgreSQL's log when the server has ended, whoever ended it. */
  readonly ended: Promise<string>;
  /** Ends the server at once, open connections included, and removes its directory. Idempotent. */
  stop(): Promise<void>;
}

const SUPERUSER = 'dsql_local';
const LOG_KEPT = 16_384;

const INITDB_ARGUMENTS = [
  '--username',
  SUPERUSER,
  '--auth=trust',
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
const SETTINGS: Readonly<Record<string, string | number>> = {
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
  lc_messages: 'C',
  // Errors of statements belong to the client; the log is for the server's own troubles.
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_checkpoints: 'off',
  logging_collector: 'off',
};

/**
 * Creates, starts and watches over a fresh PostgreSQL server. It listens on a Unix socket in its own directory (on
 * Windows, which has none that Node can open, on a random port of 127.0.0.1 with a random password), is stopped and
 * removed even when this process is killed, and any number may run at once.
 *
 * @throws {@link PostgresUnavailableError} when PostgreSQL is not installed or does not start
 */
export async function launchPostgres(options: LaunchOptions = {}): Promise<PostgresServer> {
  const { maxConnections = 1000, settings } = options;
  if (!Number.isInteger(maxConnections) || maxConnections < 10 || maxConnections > 10_000) {
    throw new RangeError(`maxConnections: expected an integer from 10 to 10000, got ${maxConnections}`);
  }
  const found = findBinaries(options.binDirectory ?? process.env.DSQL_LOCAL_PG_BIN);
  const account = serverAccount(options.systemUser ?? process.env.DSQL_LOCAL_PG_USER);
  const sweeping = sweepStaleDirectories();
  const directory = createServerDirectory(account);
  let watchdog: Watchdog;
  try {
    const { binaries, libraryPath } = prepareBinaries(found, account, directory);
    const configuration = {
      ...SETTINGS,
      ...endpointSettings(directory),
      max_connections: maxConnections,
      ...settings,
    };
    writeFileSync(path.join(directory, 'postgresql.conf'), formatSettings(configuration));
    writeFileSync(path.join(directory, 'pg_hba.conf'), 'local all all trust\n');
    writeFileSync(path.join(directory, 'pg_ident.conf'), '');
    const bootstrapFile = path.join(directory, 'bootstrap.sql');
    writeFileSync(bootstrapFile, bootstrapSql);
    watchdog = startWatchdog({
      directory,
      account,
      env: serverEnvironment(libraryPath),
      mode: 'foreground',
      prepare: [
        { file: binaries.initdb, args: [...INITDB_ARGUMENTS, '-D', path.join(directory, 'data')] },
        {
          file: binaries.postgres,
          args: [...BOOTSTRAP_ARGUMENTS, '-D', directory, 'postgres'],
          input: bootstrapFile,
        },
      ],
      start: { file: binaries.postgres, args: ['-D', directory] },
    });
  } catch (error) {
    rmSync(directory, { recursive: true, force: true });
    throw error;
  }
  await Promise.all([watchdog.ready, sweeping]);

  const socketPath = path.join(directory, SOCKET_NAME);
  return {
    superuser: SUPERUSER,
    directory,
    ended: watchdog.ended,
    connect: () => connect(socketPath),
    stop: async () => {
      watchdog.stop();
      await watchdog.ended;
    },
  };
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

function endpointSettings(directory: string): Record<string, string | number> {
  return {
    data_directory: path.join(directory, 'data'),
    listen_addresses: '',
    unix_socket_directories: directory,
    port: 5432,
  };
}

/** Lines of postgresql.conf. */
function formatSettings(settings: Readonly<Record<string, string | number>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} = '${String(value).replace(/'/g, "''").replace(/\\/g, '\\\\')}'\n`)
    .join('');
}

interface Watchdog {
  readonly ready: Promise<void>;
  readonly ended: Promise<string>;
  stop(): void;
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
    stop: () => {
      child.ref();
      stdin.end();
    },
  };
}
