import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import path from 'node:path';
import { quoted } from '../../sql';
import { realTime } from '../real-time';
import { PostgresUnavailableError } from './binaries';
import { bootstrapSql } from './bootstrap';
import { literal, openGateway } from './gateway';
import type { PostgresServer, ServerSettings } from './postgres-server';
import { PostgresSession } from './postgres-session';
import type { PostgresAddress } from './postgres-session';
import { createServerDirectory, gatewayPath } from './server-directory';

/** What a session of the local DSQL needs and a server that is not ours would have otherwise. */
const SESSION_SETTINGS: ServerSettings = {
  synchronous_commit: 'off',
  max_parallel_workers_per_gather: 0,
  jit: 'off',
  deadlock_timeout: '10ms',
  default_transaction_isolation: 'repeatable read',
  default_text_search_config: 'pg_catalog.simple',
  timezone: 'UTC',
  lc_messages: 'C',
};

const DATABASE_PREFIX = 'dsql_local_';
const STARTING_SECS = 60;
const ROLE_COMMENT = 'made by the local DSQL of aurora-dsql-orm, which drops it with its last database';
/** Any number; the holder of this advisory lock creates or drops databases and roles of local DSQLs. */
const MAINTENANCE_LOCK = 2_026_091_517;

/**
 * Makes a database of our own on a PostgreSQL that runs already, and drops it on `stop()`. Sessions ask for the
 * database `postgres` and get that one, whose real name `current_database()` tells. A database that a killed process
 * left behind is dropped by the next that starts.
 *
 * Roles belong to the whole server: local DSQLs on one server share `admin` and every role they create. They are
 * dropped with the last of their databases (on PostgreSQL 15, only `admin` is).
 *
 * @param url - `postgres://superuser:password@host:port/database`; a Unix socket is given as `?host=/its/directory`.
 *   TLS is not spoken.
 * @throws {@link PostgresUnavailableError} when the server cannot be used
 */
export async function useExternalServer(url: string, settings: ServerSettings): Promise<PostgresServer> {
  const { address, database: maintenanceDatabase } = parseUrl(url);
  const name = `${DATABASE_PREFIX}${Math.floor(realTime().getTime() / 1000)}_${randomBytes(6).toString('hex')}`;
  const directory = createServerDirectory(undefined);
  try {
    await maintain(address, maintenanceDatabase, async (maintenance) => {
      await checkServer(maintenance);
      await dropDesertedDatabases(maintenance);
      await createDatabase(maintenance, name, address, settings);
    });
  } catch (error) {
    rmSync(directory, { recursive: true, force: true });
    if (error instanceof PostgresUnavailableError) throw error;
    throw unusable(error instanceof Error ? error.message : String(error), error);
  }

  // As long as this session is open, nobody takes the database for a deserted one.
  const keeper = (await PostgresSession.open(address, new Map([['database', name]]))).release();
  const gateway = await openGateway(gatewayPath(directory), address, name);
  const ended = new Promise<string>((resolve) => {
    keeper.once('close', () => {
      resolve('the connection to PostgreSQL ended');
    });
  });
  keeper.resume().unref();
  let stopped: Promise<void> | undefined;
  const stop = async () => {
    await gateway.close();
    keeper.destroy();
    await maintain(address, maintenanceDatabase, async (maintenance) => {
      await maintenance.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      await dropRoles(maintenance);
    });
    rmSync(directory, { recursive: true, force: true });
  };
  return {
    superuser: address.user,
    directory,
    ended,
    connect: () => gateway.connect(),
    stop: () => (stopped ??= stop()),
  };
}

/** Creates a database that looks like a cluster's from the inside. */
async function createDatabase(
  maintenance: PostgresSession,
  name: string,
  address: PostgresAddress,
  settings: ServerSettings,
): Promise<void> {
  await maintenance.query(
    `CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER libc LC_COLLATE 'C' LC_CTYPE 'C'`,
  );
  try {
    for (const [setting, value] of Object.entries({ ...SESSION_SETTINGS, ...settings })) {
      await maintenance.query(`ALTER DATABASE ${name} SET ${quoted(setting)} = ${literal(String(value))}`);
    }
    const session = await PostgresSession.open(address, new Map([['database', name]]));
    try {
      await session.query(`SET allow_system_table_mods = on; ${bootstrapSql}`);
      await session.query(`COMMENT ON ROLE admin IS ${literal(ROLE_COMMENT)}`);
    } finally {
      session.close();
    }
  } catch (error) {
    await maintenance.query(`DROP DATABASE ${name} WITH (FORCE)`);
    throw error;
  }
}

function parseUrl(url: string): { address: PostgresAddress; database: string } {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch (error) {
    throw unusable('it is not a URL', error);
  }
  if (!['postgres:', 'postgresql:'].includes(parsed.protocol))
    throw unusable('it must begin with postgres://');
  const sslmode = parsed.searchParams.get('sslmode') ?? 'prefer';
  if (!['disable', 'allow', 'prefer'].includes(sslmode)) {
    throw unusable(`sslmode=${sslmode} is asked for, but the local DSQL does not speak TLS to it`);
  }
  const port = Number(parsed.port || 5432);
  const host = parsed.searchParams.get('host') ?? decodeURIComponent(parsed.hostname);
  const socket = host.startsWith('/')
    ? { path: path.join(host, `.s.PGSQL.${port}`) }
    : { host: host.replace(/^\[|\]$/g, '') || 'localhost', port };
  return {
    address: {
      socket,
      user: decodeURIComponent(parsed.username) || 'postgres',
      password: decodeURIComponent(parsed.password),
    },
    database: decodeURIComponent(parsed.pathname.slice(1)) || 'postgres',
  };
}

/** The problem with DSQL_LOCAL_PG_URL; the URL itself is not told, it has a password in it. */
function unusable(problem: string, cause?: unknown): PostgresUnavailableError {
  return new PostgresUnavailableError(`DSQL_LOCAL_PG_URL cannot be used: ${problem}.`, { cause });
}

/** Runs `work` in a session of the database in the URL, while no other local DSQL does. */
async function maintain(
  address: PostgresAddress,
  database: string,
  work: (session: PostgresSession) => Promise<void>,
): Promise<void> {
  const session = await PostgresSession.open(address, new Map([['database', database]]));
  try {
    await session.query(`SELECT pg_advisory_lock(${MAINTENANCE_LOCK})`);
    await work(session);
  } finally {
    session.close();
  }
}

async function checkServer(maintenance: PostgresSession): Promise<void> {
  const [row] = await maintenance.query(
    `SELECT current_setting('server_version_num')::int / 10000, current_setting('is_superuser'),
            (SELECT coalesce(shobj_description(oid, 'pg_authid'), '') FROM pg_roles WHERE rolname = 'admin')`,
  );
  const [version, superuser, adminComment] = row ?? [];
  if (!(Number(version) >= 15)) throw unusable(`it is PostgreSQL ${version}, older than 15`);
  if (superuser !== 'on') throw unusable('its user is not a superuser');
  if (adminComment !== null && adminComment !== ROLE_COMMENT) {
    throw unusable('its server has a role named admin, which the local DSQL needs for itself');
  }
}

/** Drops the databases of local DSQLs that nobody is connected to any more. */
async function dropDesertedDatabases(maintenance: PostgresSession): Promise<void> {
  const deserted = await maintenance.query(
    `SELECT datname FROM pg_database d
      WHERE datname ~ '^${DATABASE_PREFIX}[0-9]+_'
        AND split_part(datname, '_', 3)::bigint < extract(epoch FROM clock_timestamp()) - ${STARTING_SECS}
        AND NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.datid = d.oid)`,
  );
  for (const [name] of deserted) await maintenance.query(`DROP DATABASE IF EXISTS ${quoted(name ?? '')}`);
}

/** Drops the roles of local DSQLs, unless one of their databases is left. */
async function dropRoles(maintenance: PostgresSession): Promise<void> {
  // Since PostgreSQL 16, the creator of a role administers it.
  const roles = await maintenance.query(
    `SELECT r.rolname FROM pg_roles admin
       LEFT JOIN pg_auth_members m ON m.member = admin.oid AND m.admin_option
                                  AND current_setting('server_version_num')::int >= 160000
       JOIN pg_roles r ON r.oid IN (m.roleid, admin.oid)
      WHERE admin.rolname = 'admin' AND shobj_description(admin.oid, 'pg_authid') = ${literal(ROLE_COMMENT)}
        AND NOT EXISTS (SELECT FROM pg_database WHERE datname LIKE '${DATABASE_PREFIX}%')
      GROUP BY r.rolname ORDER BY r.rolname = 'admin'`,
  );
  for (const [name] of roles) await maintenance.query(`DROP ROLE IF EXISTS ${quoted(name ?? '')}`);
}
