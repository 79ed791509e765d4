import type { Sequelize, Transaction } from 'sequelize';
import {
  checkWork,
  inBatches as writeInBatches,
  partBatchesOptions,
  type BatchesOptions,
  type IterableRows,
  type RowRange,
} from '../../occ';
import { runInTransaction } from '../transactions/run-in-transaction';
import { checkOptionNames, type SequelizeTransactionOptions } from '../transactions/transaction-options';

/** How rows are written in several transactions, and how each of these is run. */
export interface SequelizeBatchesOptions
  extends BatchesOptions, Omit<SequelizeTransactionOptions, 'transaction' | 'restore'> {}

/**
 * Writes rows in batches of at most 3,000, each in a transaction of its own that is run again when it conflicts. Each
 * batch is all or nothing, the whole is not: a failure tells what is left, to go on with.
 *
 * An iterable, such as what an async generator yields, is read as its rows are needed, one batch ahead of the `concurrency`
 * that are being written, so that rows without number take the memory of a few batches. When no more of it is needed, it is
 * ended (`return()`).
 *
 * @param sequelize - one of ours, or any other whose dialect is PostgreSQL's
 * @param work - writes one batch in `transaction`; it runs once per attempt
 * @returns of a list what `work` returned for each batch, in the order of the rows; of an iterable how many rows were written
 * @throws BatchesError when a batch failed, the iterable did, or the signal was aborted, after the batches under way have
 *   ended
 * @throws ConfigurationError naming the first option that is unknown or has a wrong value, before anything is sent
 *
 * @example
 * ```ts
 * await inBatches(sequelize, rows, { concurrency: 4 }, (batch, transaction) =>
 *   Reading.bulkCreate([...batch], { transaction }),
 * );
 * ```
 */
export function inBatches<Row, Result>(
  sequelize: Sequelize,
  rows: readonly Row[],
  options: SequelizeBatchesOptions,
  work: (batch: readonly Row[], transaction: Transaction, range: RowRange) => PromiseLike<Result>,
): Promise<Result[]>;
export function inBatches<Row>(
  sequelize: Sequelize,
  rows: IterableRows<Row>,
  options: SequelizeBatchesOptions,
  work: (batch: readonly Row[], transaction: Transaction, range: RowRange) => PromiseLike<unknown>,
): Promise<number>;
export async function inBatches<Row, Result>(
  sequelize: Sequelize,
  rows: readonly Row[] | IterableRows<Row>,
  options: SequelizeBatchesOptions,
  work: (batch: readonly Row[], transaction: Transaction, range: RowRange) => PromiseLike<Result>,
): Promise<Result[] | number> {
  checkWork(work, 'inBatches(sequelize, rows, options, work)');
  const { batches, transaction: ofTransactions } = partBatchesOptions(options, work);
  checkOptionNames(ofTransactions);
  return writeInBatches(rows, batches, (batch, range) =>
    runInTransaction(sequelize, (transaction) => work(batch, transaction, range), ofTransactions),
  );
}
