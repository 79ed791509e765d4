import type { DataSource, EntityManager } from 'typeorm';
import { retryOnConflict, type RetryOptions } from '../occ';

/**
 * Runs `work` in a transaction, and runs the whole of it again when the server reports a conflict.
 *
 * `work` runs once per attempt: load what it changes inside it, through the manager it is given, and keep its effects
 * outside the database repeatable.
 *
 * @returns what the attempt that was committed returned
 * @throws RetryExhaustedError when the last attempt met a conflict too
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
export function runInTransaction<T>(
  dataSource: DataSource,
  work: (manager: EntityManager) => Promise<T>,
  options?: RetryOptions,
): Promise<T> {
  return retryOnConflict(() => dataSource.transaction(work), options);
}
