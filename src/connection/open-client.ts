import type { DsqlClient, DriverOptions } from './client';
import { clientOf, Opening } from './endpoints/opening';
import type { ResolvedConnection } from './options/resolved-connection';
import { sleep } from './real-time';
import { isCommitOutcomeUnknownError } from './transactions/transaction-errors';
import type { Pace } from './warm-up';

/** How long a connection may take to open, in milliseconds, where `connectionTimeoutMillis` is silent. */
const CONNECT_TIMEOUT_MS = 30_000;

/**
 * Opens a connection. One that the cluster refuses for the moment is tried again, with growing random delays, and one to an
 * endpoint that cannot be reached at the next one, within the time to connect.
 *
 * @param setting - a SET that is sent first; a connection on which it fails is closed
 * @param pace - what further attempts take turns by
 * @throws whatever node-postgres fails with, TokenSigningError, and EndpointsUnreachableError where there are several
 */
export async function openClient(
  { connectionTimeoutMillis = CONNECT_TIMEOUT_MS, ...options }: DriverOptions,
  connection: ResolvedConnection,
  setting?: string,
  pace?: Pace,
): Promise<DsqlClient> {
  const opening = new Opening(connection, connectionTimeoutMillis);
  await opening.preparation;
  for (;;) {
    const client = clientOf({ ...options, connectionTimeoutMillis }, connection);
    try {
      await client.connect();
    } catch (error) {
      const next = opening.after(error as Error);
      if ('error' in next) throw next.error;
      await sleep(next.delayMs);
      await pace?.turn();
      continue;
    }
    if (setting !== undefined) await prepare(client, setting);
    return client;
  }
}

async function prepare(client: DsqlClient, setting: string): Promise<void> {
  // The statement says what is wrong.
  const ignore = () => undefined;
  client.on('error', ignore);
  try {
    await client.query(setting);
    client.off('error', ignore);
  } catch (error) {
    client.end().catch(ignore);
    // Nothing of the application's was sent, so no outcome is unknown.
    throw isCommitOutcomeUnknownError(error) ? error.cause : error;
  }
}
