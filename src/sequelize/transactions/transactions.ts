import type { Sequelize } from 'sequelize';
import type { SequelizeTransactions } from './managed-transactions';
import { managePlain } from './plain-transactions';

const known = new WeakMap<Sequelize, SequelizeTransactions>();

/** Notes who runs the transactions of an instance of ours. */
export function register(sequelize: Sequelize, transactions: SequelizeTransactions): void {
  known.set(sequelize, transactions);
}

/** Who runs the transactions of an instance: for one that is not ours, it is made when it is first asked for. */
export function transactionsOf(sequelize: Sequelize): SequelizeTransactions {
  let transactions = known.get(sequelize);
  if (transactions === undefined) {
    transactions = managePlain(sequelize);
    known.set(sequelize, transactions);
  }
  return transactions;
}
