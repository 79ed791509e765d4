import { useExternalServer } from './external-server';
import { startOwnServer } from './own-server';
import type { PostgresServer, ServerSettings } from './postgres-server';

/** How to launch a PostgreSQL server; the environment may say where it comes from, too. */
export interface LaunchOptions {
  /**
   * A PostgreSQL (15 to 18) that runs already, as `postgres://superuser:password@host:port/database`: a database is made
   * on it and no server is started. It goes before `binDirectory`.
   * @defaultValue the environment variable `DSQL_LOCAL_PG_URL`
   */
  readonly url?: string | undefined;
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
   * A folder where the first server leaves a copy of its fresh data directory, from which later ones are made: in a
   * quarter of the time. It is made if it is not there. Only with `transport` `socket`.
   * @defaultValue the environment variable `DSQL_LOCAL_PG_TEMPLATES`, else none: each server is made anew
   */
  readonly templateDirectory?: string | undefined;
  /**
   * How many connections the server takes at once, 10 to 10,000.
   * @defaultValue 1000
   */
  readonly maxConnections?: number | undefined;
  /** More settings; they win over ours. With `url`, only those that one database can have of its own. */
  readonly settings?: ServerSettings | undefined;
  /**
   * How a server of our own is reached. Node cannot open the Unix sockets of Windows; there it is `tcp`, a random port
   * of 127.0.0.1 with a random password, behind a named pipe that asks for none.
   * @defaultValue `tcp` on Windows, else `socket`
   */
  readonly transport?: 'socket' | 'tcp' | undefined;
}

/**
 * Provides a fresh PostgreSQL database that looks like a cluster's: on the server that `url` names, else on a server of
 * its own, which is stopped and removed even when this process is killed. Any number may run at once.
 *
 * @throws PostgresUnavailableError when PostgreSQL is not there, not usable or does not start
 */
export async function launchPostgres(options: LaunchOptions = {}): Promise<PostgresServer> {
  const {
    url = process.env.DSQL_LOCAL_PG_URL,
    binDirectory = process.env.DSQL_LOCAL_PG_BIN,
    systemUser = process.env.DSQL_LOCAL_PG_USER,
    templateDirectory = process.env.DSQL_LOCAL_PG_TEMPLATES,
    maxConnections = 1000,
    settings = {},
    transport = process.platform === 'win32' ? 'tcp' : 'socket',
  } = options;
  if (!Number.isInteger(maxConnections) || maxConnections < 10 || maxConnections > 10_000) {
    throw new RangeError(`maxConnections: expected an integer from 10 to 10000, got ${maxConnections}`);
  }
  if (url) return useExternalServer(url, settings);
  return startOwnServer({
    binDirectory,
    systemUser,
    templateDirectory,
    transport,
    settings: { max_connections: maxConnections, ...settings },
  });
}
