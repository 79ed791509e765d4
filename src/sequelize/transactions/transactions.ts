import type { Sequelize } from 'sequelize';
import { dialectOf, isDsqlSequelize } from '../dialect/dsql-dialect';
import type { SequelizeTransactions } from './managed-transactions';
import { managePlain } from './plain-transactions';

/** Honest here: an instance that is not ours has no place for them, and lives as long as they are of use. */
const ofOthers = new WeakMap<Sequelize, SequelizeTransactions>();

/** What runs the transactions of an instance: for one that is not ours, it is made when it is first needed. */
export function transactionsOf(sequelize: Sequelize): SequelizeTransactions {
  if (isDsqlSequelize(sequelize)) return dialectOf(sequelize).instance.transactions;
  const transactions = ofOthers.get(sequelize) ?? managePlain(sequelize);
  ofOthers.set(sequelize, transactions);
  return transactions;
}
