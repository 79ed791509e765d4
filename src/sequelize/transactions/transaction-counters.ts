import type { Sequelize } from 'sequelize';
import type { ConflictReport, TransactionCounters } from '../../occ';
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

/**
 * Which transactions, and autocommit statements, have met conflicts, the worst first: how often, on which tables and keys,
 * and how much time it cost. What has met no conflict is not in it.
 *
 * @param sequelize - one of ours, or one that `runInTransaction` was used with
 * @returns a copy, as it is now
 */
export function conflictReport(sequelize: Sequelize): ConflictReport {
  return transactionsOf(sequelize).runner.conflicts.report;
}
