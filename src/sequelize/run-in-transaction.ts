import type { Sequelize, Transaction } from 'sequelize';
import { retryOnConflict, type RetryOptions } from '../occ';

/**
 * Runs `work` in a managed transaction, and runs the whole of it again when the server reports a conflict.
 *
 * `work` runs once per attempt: load the instances that it changes inside it, pass `transaction` to every call, and
 * keep its effects outside the database repeatable.
 *
 * @returns what the attempt that was committed returned
 * @throws RetryExhaustedError when the last attempt met a conflict too
 *
 * @example
 * ```ts
 * await runInTransaction(sequelize, async (transaction) => {
 *   const account = await Account.findByPk(id, { transaction, rejectOnEmpty: true });
 *   await account.decrement('balance', { by: amount, transaction });
 * });
 * ```
 */
export function runInTransaction<T>(
  sequelize: Sequelize,
  work: (transaction: Transaction) => Promise<T>,
  options?: RetryOptions,
): Promise<T> {
  return retryOnConflict(() => sequelize.transaction(work), options);
}
