import { AsyncLocalStorage } from 'node:async_hooks';
import { ConfigurationError, type DsqlPool } from '../../connection';

/** A migration whose code is running. */
interface AroundMigration {
  readonly name: string;
  /** Of its data source: another one has a pool of its own. */
  readonly driver: object;
  /** Whether the query runner that it is given has a connection of the pool. */
  readonly hasConnection: () => boolean;
}

const around = new AsyncLocalStorage<AroundMigration>();

/** Runs the code of a migration. */
export function asMigration<T>(migration: AroundMigration, work: () => Promise<T>): Promise<T> {
  return around.run(migration, work);
}

/**
 * Makes sure that the code of a migration does not wait for a second connection of a pool that has one: its query runner keeps
 * that until the migration is done.
 *
 * @param driver - that is asked for a connection, and
 * @param pool - its pool
 * @throws ConfigurationError where it would
 */
export function expectAnotherConnection(driver: object, pool: DsqlPool | undefined): void {
  const migration = around.getStore();
  // Without a pool the data source was destroyed, which the host says.
  if (pool?.options.max !== 1 || migration?.driver !== driver || !migration.hasConnection()) return;
  throw new ConfigurationError(
    'poolSize',
    `migration "${migration.name}" asks for a second connection, by a query runner of its own or by the data source, and the query runner that it was given has the only one of the pool, so the wait would never end. Use that query runner and its manager, or let the pool have two connections.`,
  );
}
