import type { DataSource, EntityManager } from 'typeorm';
import { checkWork } from '../../occ';
import { DsqlEntityManager } from '../dsql-entity-manager';
import type { TypeOrmTransactionOptions } from './managed-transaction';

/**
 * Runs `work` in a transaction, and runs the whole of it again when the server reports a conflict.
 *
 * `work` runs once per attempt: load what it changes inside it, through the manager it is given, and keep its effects
 * outside the database repeatable. Entities from outside that it hands to TypeORM are put back to how they were after
 * an attempt that failed.
 *
 * @param dataSource - one of ours, or any other of PostgreSQL's kind
 * @returns what the attempt that was committed returned
 * @throws RetryExhaustedError when the last attempt met a conflict too, or the deadline has passed
 * @throws TransactionRolledBackError when COMMIT did not commit, because an error in the transaction was caught
 * @throws CommitOutcomeUnknownError when the answer to COMMIT was lost and nothing could tell the outcome
 * @throws AfterCommitError when it was committed, and a subscriber that runs after the commit failed
 * @throws StaleEntityError when an entity from outside has other values in a later attempt
 * @throws ConfigurationError naming the first option that is unknown or has a wrong value
 *
 * @example
 * ```ts
 * await runInTransaction(dataSource, async (manager) => {
 *   const account = await manager.findOneByOrFail(Account, { id });
 *   account.balance += amount;
 *   await manager.save(account);
 * });
 * ```
 */
export async function runInTransaction<T>(
  dataSource: DataSource,
  work: (manager: EntityManager) => Promise<T>,
  options?: TypeOrmTransactionOptions,
): Promise<T> {
  checkWork(work, 'runInTransaction(dataSource, work, options)');
  const { manager } = dataSource;
  const runner = manager instanceof DsqlEntityManager ? manager : new DsqlEntityManager(dataSource);
  return runner.runTransaction(work, options);
}
