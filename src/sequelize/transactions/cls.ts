import { AsyncLocalStorage } from 'node:async_hooks';
import type { Sequelize, Transaction } from 'sequelize';

/** Where CLS is in use: what `useCLS` was given. Sequelize keeps it on its own class, for all instances. */
interface WithCls {
  readonly _cls?: { get(name: 'transaction'): unknown } | undefined;
  _clsRun<T>(work: () => Promise<T>): Promise<T>;
}

/** The class of an instance, with its CLS. */
export function clsOf(sequelize: Sequelize): WithCls {
  return sequelize.constructor as unknown as WithCls;
}

/** What Sequelize's types leave out: the instance of a transaction. */
type OwnedTransaction = Transaction & { readonly sequelize: Sequelize };

/** The transaction of the batch whose work is running. */
const batch = new AsyncLocalStorage<OwnedTransaction>();

/** Does something whose statements belong to a transaction, unless they name another one. */
export function inBatchOf<T>(transaction: OwnedTransaction, work: () => Promise<T>): Promise<T> {
  return batch.run(transaction, work);
}

/** The transaction that CLS, or a batch, has around the running code. */
export function ambientTransaction(sequelize: Sequelize): Transaction | undefined {
  const around = batch.getStore();
  if (around?.sequelize === sequelize) return around;
  return (clsOf(sequelize)._cls?.get('transaction') as Transaction | null | undefined) ?? undefined;
}
