import { QueryTypes, type Model, type Sequelize, type TransactionOptions } from 'sequelize';
import type { Transaction } from 'sequelize/lib/transaction';
import {
  ManagedTransactions,
  type AttemptsOf,
  type OpenAttempt,
  type ResolvedTransactionDefaults,
} from '../../occ';
import { modelMemory } from './model-memory';

/** What runs the managed transactions of an instance. */
export type SequelizeTransactions = ManagedTransactions<Transaction, Model, TransactionOptions, Sequelize>;

/** How an instance begins the transaction of one attempt; where the application uses CLS, it is found there. */
export type OpenSequelizeAttempt = OpenAttempt<Transaction, Model, TransactionOptions>;

/** How the attempts of one transaction of an instance are made. */
export type SequelizeAttempts = AttemptsOf<Transaction, Model, TransactionOptions>;

/** Runs the managed transactions of an instance. */
export function manageTransactions(
  sequelize: Sequelize,
  defaults: ResolvedTransactionDefaults,
  attempts: () => SequelizeAttempts,
): SequelizeTransactions {
  const runAlone = (text: string, values: readonly string[]) => runStatement(sequelize, text, values, null);
  return new ManagedTransactions({ host: sequelize, memory: modelMemory, attempts, runAlone }, defaults);
}

/** Runs a statement of this package's own. */
export async function runStatement(
  sequelize: Sequelize,
  text: string,
  values: readonly (string | null)[],
  transaction: Transaction | null,
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const options = { bind: [...values], transaction, raw: true, type: QueryTypes.RAW };
  const [rows] = await sequelize.query(text, options);
  return rows as Record<string, unknown>[];
}
