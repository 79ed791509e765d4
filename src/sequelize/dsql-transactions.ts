import type { Transaction } from 'sequelize';
import type { SequelizeTransactionOptions } from './transactions/transaction-options';

/** What an instance of ours does besides what Sequelize does. */
export interface DsqlTransactions {
  /** Runs a managed transaction, again and again until it meets no conflict. */
  transaction<T>(
    options: SequelizeTransactionOptions,
    work: (transaction: Transaction) => PromiseLike<T>,
  ): Promise<T>;
  transaction<T>(work: (transaction: Transaction) => PromiseLike<T>): Promise<T>;
  /** Begins an unmanaged transaction, which is not run again: its conflict surfaces from `commit()`. */
  transaction(options?: SequelizeTransactionOptions): Promise<Transaction>;
}
