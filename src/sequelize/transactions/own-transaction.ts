import type { Sequelize } from 'sequelize';
import type { RunInTransaction } from '../../migrate/for-orms';
import { ours } from '../migrations/own-statements';
import { inBatchOf } from './cls';
import { DsqlTransaction } from './dsql-transaction';
import { runStatement } from './managed-transactions';

/** Does something in a transaction that CLS does not find, and that is not run again. */
export async function inOwnTransaction<T>(
  sequelize: Sequelize,
  work: (transaction: DsqlTransaction) => Promise<T>,
): Promise<T> {
  const transaction = new DsqlTransaction(sequelize, {}, true);
  await transaction.prepareEnvironment(false);
  try {
    const result = await work(transaction);
    await transaction.commitOnly();
    return result;
  } catch (error) {
    // The first error is the one to report.
    if (transaction.finished === undefined) await transaction.rollback().catch(() => undefined);
    throw transaction.reasonOf(error);
  }
}

/** The same for a batch: what is sent meanwhile through the instance goes into it, and is no statement of a migration. */
export function inBatch<T>(sequelize: Sequelize, work: (run: RunInTransaction) => Promise<T>): Promise<T> {
  return ours(() =>
    inOwnTransaction(sequelize, (transaction) =>
      inBatchOf(transaction, () => work(inTransaction(sequelize, transaction))),
    ),
  );
}

/** Sends statements of this package's own in a transaction. */
export function inTransaction(sequelize: Sequelize, transaction: DsqlTransaction): RunInTransaction {
  return (text, values) => ours(() => runStatement(sequelize, text, values, transaction));
}
