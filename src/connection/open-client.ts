import { DsqlClient, type DriverOptions } from './client';
import type { ResolvedConnection } from './options';
import { elapsedMs, sleep } from './real-time';
import { connectionRefusalDelayMs } from './refused-connection';

/** How long a connection may take to open, in milliseconds, where `connectionTimeoutMillis` is silent. */
const CONNECT_TIMEOUT_MS = 30_000;

/**
 * Opens a connection. One that the cluster refuses with 53300 (too many) or 53400 (too fast) is tried again, with growing
 * random delays, within the time to connect.
 *
 * @throws whatever node-postgres fails with, and TokenSigningError
 */
export async function openClient(
  { connectionTimeoutMillis = CONNECT_TIMEOUT_MS, ...options }: DriverOptions,
  connection: ResolvedConnection,
): Promise<DsqlClient> {
  const deadline = elapsedMs() + connectionTimeoutMillis;
  for (let attempt = 1; ; attempt++) {
    const client = new DsqlClient({ ...options, connectionTimeoutMillis }, connection);
    try {
      await client.connect();
      return client;
    } catch (error) {
      const delayMs = connectionRefusalDelayMs(error, attempt);
      if (delayMs === undefined || elapsedMs() + delayMs >= deadline) throw error;
      await sleep(delayMs);
    }
  }
}
