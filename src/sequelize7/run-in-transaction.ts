import type { AbstractDialect, Sequelize, Transaction } from '@sequelize/core';
import { ConfigurationError } from '../connection';
import { dsqlInstanceOf } from './dsql-instance';
import { checkOptionNames, type SequelizeTransactionOptions } from './transaction-options';

/**
 * Runs `work` in a managed transaction, and runs the whole of it again when the server reports a conflict. It is
 * `sequelize.transaction(options, work)` with the options of this package in its types.
 *
 * `work` runs once per attempt: load the instances that it changes inside it, and keep its effects outside the database
 * repeatable. Queries find the transaction by themselves, unless `disableClsTransactions` says otherwise. An instance from
 * outside that a failed attempt has changed throws a `StaleInstanceError` until it is reloaded, unless `restore` names it.
 *
 * Inside another transaction it is a part of that one, as Sequelize's `nestMode: 'reuse'` has it, and runs once.
 *
 * @experimental
 * @param sequelize - one whose dialect is {@link DsqlDialect}
 * @returns what the attempt that was committed returned
 * @throws RetryExhaustedError when the last attempt met a conflict too, or the deadline has passed
 * @throws TransactionRolledBackError when COMMIT did not commit, because an error in the transaction was caught
 * @throws CommitOutcomeUnknownError when the answer to COMMIT was lost and nothing could tell the outcome
 * @throws AfterCommitError when it was committed, and an `afterCommit` hook failed
 * @throws NestedTransactionError where a savepoint would be needed, unless `nested` says `'join'`
 * @throws ConfigurationError naming the first option that cannot be
 *
 * @example
 * ```ts
 * await runInTransaction(sequelize, async () => {
 *   const account = await Account.findByPk(id, { rejectOnEmpty: true });
 *   await account.decrement('balance', { by: amount });
 * });
 * ```
 */
export async function runInTransaction<T, Dialect extends AbstractDialect>(
  sequelize: Sequelize<Dialect>,
  work: (transaction: Transaction) => PromiseLike<T> | T,
  options: SequelizeTransactionOptions = {},
): Promise<T> {
  checkOptionNames(options);
  const instance = dsqlInstanceOf(sequelize);
  if (instance === undefined) {
    throw new ConfigurationError('dialect', 'must be DsqlDialect of aurora-dsql-orm/sequelize7.');
  }
  return (await instance.run(options, work)) as T;
}
