import type { Sequelize, Transaction } from 'sequelize';
import { checkWork, NestedTransactionError } from '../../occ';
import { checkOptionNames, splitOptions, type SequelizeTransactionOptions } from './transaction-options';
import { isDsqlSequelize } from '../dialect/dsql-dialect';
import { transactionsOf } from './transactions';

/**
 * Runs `work` in a managed transaction, and runs the whole of it again when the server reports a conflict.
 *
 * `work` runs once per attempt: load the instances that it changes inside it, pass `transaction` to every call, and
 * keep its effects outside the database repeatable. An instance from outside that a failed attempt has changed throws a
 * `StaleInstanceError` until it is reloaded, unless `restore` names it.
 *
 * @param sequelize - one of ours, or any other whose dialect is PostgreSQL's
 * @returns what the attempt that was committed returned
 * @throws RetryExhaustedError when the last attempt met a conflict too, or the deadline has passed
 * @throws TransactionRolledBackError when COMMIT did not commit, because an error in the transaction was caught
 * @throws CommitOutcomeUnknownError when the answer to COMMIT was lost and nothing could tell the outcome
 * @throws AfterCommitError when it was committed, and an `afterCommit` hook failed
 * @throws NestedTransactionError inside another transaction, unless `nested` says `'join'`
 * @throws ConfigurationError naming the first option that is unknown or has a wrong value
 *
 * @example
 * ```ts
 * await runInTransaction(sequelize, async (transaction) => {
 *   const account = await Account.findByPk(id, { transaction, rejectOnEmpty: true });
 *   await account.decrement('balance', { by: amount, transaction });
 * });
 * ```
 */
export async function runInTransaction<T>(
  sequelize: Sequelize,
  work: (transaction: Transaction) => PromiseLike<T>,
  options: SequelizeTransactionOptions = {},
): Promise<T> {
  checkWork(work, 'runInTransaction(sequelize, work, options)');
  checkOptionNames(options);
  if (isDsqlSequelize(sequelize)) return sequelize.transaction(options, work);
  if (options.transaction) throw new NestedTransactionError();
  return transactionsOf(sequelize).run(work, splitOptions(options));
}
