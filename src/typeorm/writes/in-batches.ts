import type { DataSource, EntityManager } from 'typeorm';
import {
  checkWork,
  inBatches as writeInBatches,
  partBatchesOptions,
  resolveTransactionOptions,
  type BatchesOptions,
  type IterableRows,
  type RowRange,
} from '../../occ';
import type { TypeOrmTransactionOptions } from '../transactions/managed-transaction';
import { runInTransaction } from '../transactions/run-in-transaction';

/** How rows are written in several transactions, and how each of these is run. */
export interface TypeOrmBatchesOptions extends BatchesOptions, Omit<TypeOrmTransactionOptions, 'restore'> {}

/**
 * Writes rows in batches of at most 3,000, each in a transaction of its own that is run again when it conflicts. Each
 * batch is all or nothing, the whole is not: a failure tells what is left, to go on with.
 *
 * An iterable, such as what an async generator yields, is read as its rows are needed, one batch ahead of the `concurrency`
 * that are being written, so that rows without number take the memory of a few batches. When no more of it is needed, it is
 * ended (`return()`).
 *
 * @param dataSource - one of ours, or any other of PostgreSQL's kind
 * @param work - writes one batch with `manager`; it runs once per attempt
 * @returns of a list what `work` returned for each batch, in the order of the rows; of an iterable how many rows were written
 * @throws BatchesError when a batch failed, the iterable did, or the signal was aborted, after the batches under way have
 *   ended
 * @throws ConfigurationError naming the first option that is unknown or has a wrong value, before anything is sent
 *
 * @example
 * ```ts
 * await inBatches(dataSource, rows, { concurrency: 4 }, (batch, manager) => manager.insert(Reading, [...batch]));
 * ```
 */
export function inBatches<Row, Result>(
  dataSource: DataSource,
  rows: readonly Row[],
  options: TypeOrmBatchesOptions,
  work: (batch: readonly Row[], manager: EntityManager, range: RowRange) => Promise<Result>,
): Promise<Result[]>;
export function inBatches<Row>(
  dataSource: DataSource,
  rows: IterableRows<Row>,
  options: TypeOrmBatchesOptions,
  work: (batch: readonly Row[], manager: EntityManager, range: RowRange) => Promise<unknown>,
): Promise<number>;
export async function inBatches<Row, Result>(
  dataSource: DataSource,
  rows: readonly Row[] | IterableRows<Row>,
  options: TypeOrmBatchesOptions,
  work: (batch: readonly Row[], manager: EntityManager, range: RowRange) => Promise<Result>,
): Promise<Result[] | number> {
  checkWork(work, 'inBatches(dataSource, rows, options, work)');
  const { batches, transaction: ofTransactions } = partBatchesOptions(options, work);
  resolveTransactionOptions<EntityManager>(ofTransactions);
  return writeInBatches(rows, batches, (batch, range) =>
    runInTransaction(dataSource, (manager) => work(batch, manager, range), ofTransactions),
  );
}
