import type { Model, Sequelize, Transaction as HostTransaction } from 'sequelize';
import type { Transaction } from 'sequelize/lib/transaction';
import { outcomeOfPlainCommit } from '../../connection';
import { resolveTransactionDefaults, type TouchedInstances } from '../../occ';
import { commitTransaction, outcomeOf, runAfterCommitHooks } from './commit-transaction';
import {
  manageTransactions,
  runStatement,
  type OpenSequelizeAttempt,
  type SequelizeTransactions,
} from './managed-transactions';
import { modelMemory } from './model-memory';
import { checkRetryOption } from './retry-option';
import type { StatementOptions } from '../statement';

/** The hooks of an instance, by name. */
interface HostHooks {
  readonly hooks?: { readonly beforeQuery?: readonly unknown[] };
}

/**
 * Runs transactions of a `Sequelize` that is not ours.
 *
 * Such an instance keeps its own methods, so nothing but `runInTransaction` is run again, what an instance is changed to
 * is seen only when it is written, and a nested transaction fails on the server.
 *
 * @throws ConfigurationError when its `retry` option would repeat a statement after a conflict
 */
export function managePlain(sequelize: Sequelize): SequelizeTransactions {
  const { retry } = (sequelize as unknown as { readonly options: { readonly retry?: unknown } }).options;
  checkRetryOption(retry);
  // By transactions of Sequelize's own class, which have no place for it; a hook is told nothing else.
  const touchedIn = new WeakMap<object, TouchedInstances<Model>>();
  const noteInstance = (options: StatementOptions) => {
    const { transaction, instance } = options;
    if (instance && typeof transaction === 'object' && transaction !== null) {
      touchedIn.get(transaction)?.add(instance);
    }
  };
  /** Its user may have replaced all hooks since. */
  const listen = () => {
    const { hooks } = (sequelize as unknown as { readonly options: HostHooks }).options;
    if (hooks?.beforeQuery?.includes(noteInstance) === true) return;
    // Unnamed: Sequelize cannot pass a named hook on to another instance with the same options.
    sequelize.addHook('beforeQuery', noteInstance);
  };

  const open: OpenSequelizeAttempt = (options, body) => {
    listen();
    return sequelize.transaction(options, async (begun: HostTransaction) => {
      const transaction = begun as unknown as Transaction;
      const touched = modelMemory.watch();
      touchedIn.set(transaction, touched);
      const result = await body(attemptIn(sequelize, transaction, touched));
      // Sequelize is going to commit what has just been committed.
      Object.defineProperty(transaction, 'commit', { configurable: true, value: () => Promise.resolve() });
      return result;
    });
  };

  return manageTransactions(sequelize, resolveTransactionDefaults({}), () => ({
    open,
    make: (attempt) => attempt(),
  }));
}

/** A transaction of Sequelize's own class that has begun, as an attempt. */
function attemptIn(
  sequelize: Sequelize,
  transaction: Transaction,
  touched: TouchedInstances<Model>,
): Parameters<Parameters<OpenSequelizeAttempt>[1]>[0] {
  let late: Awaited<ReturnType<typeof commitTransaction>>;
  return {
    transaction,
    touched,
    isUsed: true,
    hasChangedSchema: false,
    get outcome() {
      return outcomeOf(transaction);
    },
    run: (text, values) => runStatement(sequelize, text, values, transaction),
    commit: async () => {
      late = await commitTransaction(transaction, { state: 'sent' }, outcomeOfPlainCommit);
    },
    complete: async () => {
      transaction.finished = 'commit';
      await runAfterCommitHooks(transaction, late);
    },
    reasonOf: (error) => error,
  };
}
