import type { Sequelize, Transaction as HostTransaction } from 'sequelize';
import type { Transaction } from 'sequelize/lib/transaction';
import { resolveTransactionDefaults } from '../occ';
import { commitTransaction } from './commit-transaction';
import { ManagedTransactions, type OpenAttempt } from './managed-transactions';
import { checkRetryOption } from './retry-option';
import type { StatementOptions } from './statement';
import { TouchedInstances } from './touched-instances';

/**
 * Runs transactions of a `Sequelize` that is not ours.
 *
 * Such an instance keeps its own methods, so nothing but `runInTransaction` is run again, what an instance is changed to
 * is seen only when it is written, and a nested transaction fails on the server.
 *
 * @throws ConfigurationError when its `retry` option would repeat a statement after a conflict
 */
export function managePlain(sequelize: Sequelize): ManagedTransactions {
  const { retry } = (sequelize as unknown as { readonly options: { readonly retry?: unknown } }).options;
  checkRetryOption(retry);
  const touchedIn = new WeakMap<object, TouchedInstances>();
  // Unnamed: Sequelize cannot pass a named hook on to another instance with the same options.
  sequelize.addHook('beforeQuery', (options: StatementOptions) => {
    const { transaction, instance } = options;
    if (instance && typeof transaction === 'object' && transaction !== null) {
      touchedIn.get(transaction)?.add(instance);
    }
  });

  const open: OpenAttempt = (options, body) =>
    sequelize.transaction(options, async (begun: HostTransaction) => {
      const transaction = begun as unknown as Transaction;
      const touched = new TouchedInstances();
      touchedIn.set(transaction, touched);
      const result = await body({
        transaction,
        touched,
        isUsed: true,
        hasChangedSchema: false,
        commit: () => commitTransaction(transaction, { state: 'sent' }),
        reasonOf: (error) => error,
      });
      // Sequelize is going to commit what has just been committed.
      Object.defineProperty(transaction, 'commit', { configurable: true, value: () => Promise.resolve() });
      return result;
    });

  return new ManagedTransactions(sequelize, resolveTransactionDefaults({}), open);
}
