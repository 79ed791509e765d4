import type { Sequelize } from 'sequelize';
import type { TransactionCounters } from '../../occ';
import { transactionsOf } from './transactions';

/**
 * How often transactions, and statements outside them, were attempted, committed, in conflict, run again, and left with
 * an unknown outcome.
 *
 * @param sequelize - one of ours, or one that `runInTransaction` was used with
 * @returns live counters
 */
export function transactionCounters(sequelize: Sequelize): Readonly<TransactionCounters> {
  return transactionsOf(sequelize).runner.counters;
}
