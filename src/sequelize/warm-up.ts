import type { Sequelize } from 'sequelize';
import { ConfigurationError } from '../connection';
import { dialectOf, isDsqlSequelize } from './dialect/dsql-dialect';

/**
 * Opens connections until the pool of an instance has so many, before they are needed: no more than 100 begin in a second,
 * which is what a cluster takes (AWS user guide, "Quotas and limits", 2026-09-15). One that is refused for the moment is tried
 * again, in its turn and within the time to connect. Unless they are used, they end after `pool.idle`.
 *
 * @param sequelize - one of ours; with `replication`, each of its two pools is warmed up
 * @param connections - from 1 to `pool.max`
 * @returns when they are open
 * @throws ConfigurationError for any other number, or an instance that is not ours, before anything is opened
 * @throws the first error of those that could not be opened; what was opened stays open
 *
 * @example
 * ```ts
 * await warmUp(sequelize, 10);
 * ```
 */
export async function warmUp(sequelize: Sequelize, connections: number): Promise<void> {
  if (!isDsqlSequelize(sequelize)) {
    throw new ConfigurationError('sequelize', 'must be an instance of createDsqlSequelize.');
  }
  await dialectOf(sequelize).connectionManager.warmUp(connections);
}
