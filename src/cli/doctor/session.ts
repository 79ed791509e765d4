import type { DsqlClient } from '../../connection';
import { connectionAdvice, type ResolvedConnection } from '../../connection/without-driver';
import { failure, ok, warning, type Finding } from './finding';
import { messageOf } from '../error-message';

/** A login that took longer waited for a cluster that was asleep, or for its turn. */
const SLOW_LOGIN_MS = 2_000;

/** SigV4 takes a token that is dated up to five minutes wrong (AWS IAM user guide, 2026-09-15). */
const CLOCK_TOLERANCE_MS = 5 * 60_000;
const CLOCK_WARNING_MS = 30_000;

/** A connection, and what was found out while it was opened; no connection where it failed. */
export interface Login {
  readonly finding: Finding;
  readonly client?: DsqlClient;
}

/** Opens a connection, as an application does. */
export async function logIn(connection: ResolvedConnection): Promise<Login> {
  const { openClient } = await import('../../connection');
  const { user } = connection;
  const startedMs = performance.now();
  try {
    const client = await openClient({}, connection);
    client.on('error', () => undefined); // the next statement tells of it
    const tookMs = Math.round(performance.now() - startedMs);
    if (tookMs <= SLOW_LOGIN_MS) return { client, finding: ok('login', `role ${user}, after ${tookMs} ms`) };
    const message = `role ${user}, after ${tookMs} ms: the cluster was asleep, or busy`;
    const advice =
      'Keep connectionTimeoutMillis at 30 s or more; the first connection after a pause takes longer.';
    return { client, finding: warning('login', message, advice) };
  } catch (error) {
    const advice = error instanceof Error ? connectionAdvice(error, user) : undefined;
    // It says that, too.
    const said = advice === undefined ? messageOf(error) : messageOf(error).replace(`. ${advice}`, '');
    const message = `role ${user} is refused: ${said}`;
    return {
      finding: failure('login', message, advice ?? 'Search the page Troubleshooting for this message.'),
    };
  }
}

/** The time of this machine against the server's. */
export async function examineClock(client: DsqlClient): Promise<Finding> {
  const sentMs = Date.now();
  const { rows } = await client.query<{ now: number }>(
    'SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS now',
  );
  const offsetMs = Math.round((rows[0]?.now ?? 0) - (sentMs + Date.now()) / 2);
  const offset = Math.abs(offsetMs);
  const said = `this machine is ${(offset / 1000).toFixed(1)} s ${offsetMs > 0 ? 'behind' : 'before'} the server`;
  const advice =
    'Switch on time synchronisation (NTP, chrony); a token that is dated 5 minutes wrong is refused.';
  if (offset >= CLOCK_TOLERANCE_MS) return failure('clock', said, advice);
  return offset >= CLOCK_WARNING_MS ? warning('clock', said, advice) : ok('clock', said);
}

/** What answers. */
export async function examineVersion(client: DsqlClient): Promise<Finding> {
  const { rows } = await client.query<{ version: string; server: string }>(
    "SELECT version() AS version, current_setting('server_version') AS server",
  );
  return ok('version', `${rows[0]?.version ?? '?'}, server_version ${rows[0]?.server ?? '?'}`);
}
