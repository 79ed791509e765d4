import type { DataSource } from 'typeorm';
import { ConfigurationError } from '../connection';
import { DsqlDriver } from './dsql-driver';

/**
 * Opens connections until the pool of a data source has so many, before they are needed: no more than 100 begin in a second,
 * which is what a cluster takes (AWS user guide, "Quotas and limits", 2026-09-15). One that is refused for the moment is tried
 * again, in its turn and within the time to connect. Unless they are used, they end after `extra.idleTimeoutMillis`.
 *
 * @param dataSource - one of ours that is initialized; with `replication`, the pool of each endpoint is warmed up
 * @param connections - from 1 to `poolSize`
 * @returns when they are open
 * @throws ConfigurationError for any other number, or a data source that is not ours or not initialized, before anything is
 *   opened
 * @throws the first error of those that could not be opened; what was opened stays open
 *
 * @example
 * ```ts
 * await dataSource.initialize();
 * await warmUp(dataSource, 10);
 * ```
 */
export async function warmUp(dataSource: DataSource, connections: number): Promise<void> {
  const { driver, isInitialized } = dataSource;
  if (!(driver instanceof DsqlDriver) || !isInitialized) {
    throw new ConfigurationError(
      'dataSource',
      'must be a data source of createDsqlDataSource that is initialized.',
    );
  }
  for (const pool of driver.pools) await pool.warmUp(connections);
}
