import { ConfigurationError } from '../../connection';
import { contextWith, type NamedTable } from '../context';
import { MAX_BATCH_ROWS, TableBatches, type RowBatch } from './table-batches';

/** Which rows are gone through, and how many at a time. */
export interface InBatchesOptions {
  /** The table; one without a schema is in that of the session. It has a primary key. */
  readonly table: NamedTable;
  /**
   * A condition in SQL on its rows; the others are passed over.
   * @defaultValue all rows
   */
  readonly where?: string | undefined;
  /**
   * How many rows a batch has at most: 1 to 2,990. What is too much for a transaction is done in smaller batches.
   * @defaultValue 1000
   */
  readonly batchRows?: number | undefined;
}

/** What carries out batches: a query runner or a query interface of ours. */
export interface RunsInBatches {
  /** @param batches - which rows, and what is done to them */
  runInBatches(batches: TableBatches): Promise<void>;
}

const DEFAULT_BATCH_ROWS = 1000;

/**
 * Changes the rows of a table in batches, in the order of the primary key, each in a transaction of its own: a transaction
 * of Aurora DSQL changes at most 3,000 rows and 10 MiB (AWS, quotas, 2026-10-01). A batch that is too much is done in
 * smaller ones, and one that met a conflict again.
 *
 * What `work` sends through the query runner, or through the instance of Sequelize, goes into the transaction of the batch,
 * as it is written. `work` runs once per attempt.
 *
 * In a migration the key of the last row is kept in the journal in the transaction of each batch: a run that was interrupted
 * goes on behind it, and changes each row once. Elsewhere nothing is kept: the next call begins with the first row again,
 * so let `where` say which rows are left.
 *
 * Rows that are added meanwhile are passed over where their key comes before that of the batch at hand.
 *
 * @param context - the query runner of TypeORM, or the query interface or the instance of Sequelize, made by this package;
 *   in a migration that which the migration is given
 * @param work - changes the rows of one batch, which are those of `batch.condition`
 * @throws ConfigurationError when `batchRows` is out of its range
 * @throws UnsupportedFeatureError when the table has no primary key, or a transaction is open
 * @throws what `work` throws; the batches before it stay
 *
 * @example
 * ```ts
 * await inBatches(queryRunner, { table: 'account', where: 'currency IS NULL' }, (batch) =>
 *   queryRunner.query(`UPDATE account SET currency = 'EUR' WHERE ${batch.condition}`),
 * );
 * ```
 */
export async function inBatches(
  context: object,
  { table, where, batchRows = DEFAULT_BATCH_ROWS }: InBatchesOptions,
  work: (batch: RowBatch) => PromiseLike<unknown>,
): Promise<void> {
  if (!Number.isInteger(batchRows) || batchRows < 1 || batchRows > MAX_BATCH_ROWS) {
    throw new ConfigurationError(
      'batchRows',
      `must be a whole number from 1 to ${MAX_BATCH_ROWS.toLocaleString('en')}.`,
    );
  }
  const named = typeof table === 'string' ? { name: table } : table;
  const batches = new TableBatches({ table: named, where, batchRows, work });
  await contextWith<RunsInBatches>(context, 'runInBatches', 'inBatches').runInBatches(batches);
}
