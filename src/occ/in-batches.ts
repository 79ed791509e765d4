import { ConfigurationError, DsqlError, isCommitOutcomeUnknownError } from '../connection';
import { findInChain } from './conflict';
import { UnsupportedFeatureError } from './errors';

/** The most rows that one transaction may change (AWS user guide, quotas, 2026-09-15). */
export const MAX_TRANSACTION_ROWS = 3000;

/** A part of a list of rows. */
export interface RowRange {
  /** The index of its first row. */
  readonly from: number;
  /** The index after its last row. */
  readonly to: number;
}

/** What `onProgress` is told after each batch. */
export interface BatchesProgress extends RowRange {
  /** Rows that were written so far. */
  readonly rowsDone: number;
  /** Rows that were to be written. */
  readonly rowsTotal: number;
}

/** How rows are written in several transactions. */
export interface BatchesOptions {
  /**
   * Rows in a batch, 1 to 3,000. Take fewer where each of them brings others with it, as cascades do.
   * @defaultValue 3000
   */
  readonly batchSize?: number | undefined;
  /**
   * How many batches are written at the same time, 1 or more.
   * @defaultValue 1
   */
  readonly concurrency?: number | undefined;
  /** Told after each batch that was committed. */
  readonly onProgress?: ((progress: BatchesProgress) => void) | undefined;
  /** No other batch is begun when it is aborted; those under way are not cut. */
  readonly signal?: AbortSignal | undefined;
  /**
   * The rows to write, out of all: `remaining` of the {@link BatchesError} that ended an earlier run.
   * @defaultValue all
   */
  readonly remaining?: readonly RowRange[] | undefined;
}

/** Not all batches were written. Those that were stay written: each was a transaction of its own. */
export class BatchesError extends DsqlError {
  override readonly name = 'BatchesError';

  /**
   * @param done - the rows that were written
   * @param remaining - the rows that were not written, in order
   * @param unknown - the rows of which it is not known whether they were written, because the answer to COMMIT was lost
   */
  constructor(
    readonly done: readonly RowRange[],
    readonly remaining: readonly RowRange[],
    readonly unknown: readonly RowRange[],
    options: { readonly cause: unknown },
  ) {
    const unclear =
      unknown.length > 0
        ? ` Of ${countOf(unknown)} rows it is not known: look for them before they are written again.`
        : '';
    super(
      `${countOf(done)} rows were written and stay written, ${countOf(remaining)} were not.${unclear} Mend the cause, then pass \`remaining\` of this error to go on.`,
      options,
    );
  }
}

/** Whether `error` is a {@link BatchesError}. */
export function isBatchesError(error: unknown): error is BatchesError {
  return error instanceof BatchesError;
}

/**
 * Writes rows in batches, each a transaction of its own.
 *
 * @param rows - all rows; not changed
 * @param write - writes one batch in one transaction, all or nothing
 * @returns what `write` returned for each batch, in the order of the rows
 * @throws BatchesError when a batch failed or the signal was aborted, after the batches under way have ended
 * @throws ConfigurationError naming the first option that cannot be, before anything is sent
 */
export async function inBatches<Row, Result>(
  rows: readonly Row[],
  options: BatchesOptions,
  write: (batch: readonly Row[], range: RowRange) => Promise<Result>,
): Promise<Result[]> {
  const { batchSize = MAX_TRANSACTION_ROWS, concurrency = 1, onProgress, signal, remaining } = options;
  checkWhole('batchSize', batchSize, MAX_TRANSACTION_ROWS);
  checkWhole('concurrency', concurrency, Number.MAX_SAFE_INTEGER);
  const batches = split(remaining ?? [{ from: 0, to: rows.length }], batchSize);
  const rowsTotal = countOf(batches);
  const results: Result[] = [];
  const done: number[] = [];
  const unknown: number[] = [];
  let failure: { readonly cause: unknown } | undefined;
  let rowsDone = 0;

  const waiting = batches.entries();
  const writeNext = async (): Promise<void> => {
    for (const [index, range] of waiting) {
      try {
        signal?.throwIfAborted();
        results[index] = await write(rows.slice(range.from, range.to), range);
        done.push(index);
        rowsDone += range.to - range.from;
        onProgress?.({ ...range, rowsDone, rowsTotal });
      } catch (error) {
        if (findInChain(error, isCommitOutcomeUnknownError) !== undefined) unknown.push(index);
        failure ??= { cause: error };
      }
      if (failure !== undefined) return;
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, batches.length) }, writeNext));
  if (failure === undefined) return results;
  const rangesOf = (indexes: readonly number[]) => batches.filter((_, index) => indexes.includes(index));
  throw new BatchesError(
    rangesOf(done),
    batches.filter((_, index) => !done.includes(index) && !unknown.includes(index)),
    rangesOf(unknown),
    failure,
  );
}

/** What refuses a write of more rows than a transaction may change, before anything is sent. */
export function tooManyRows(count: number): UnsupportedFeatureError {
  return new UnsupportedFeatureError(
    `a write of ${count.toLocaleString('en')} rows`,
    'A transaction may change at most 3,000 rows, and nothing was sent. With dsql: { batch: true } such a write is carried out in several transactions where it stands outside one; inBatches() does it for work of your own.',
  );
}

function split(ranges: readonly RowRange[], batchSize: number): RowRange[] {
  return ranges.flatMap(({ from, to }) =>
    Array.from({ length: Math.ceil((to - from) / batchSize) }, (_, index) => {
      const start = from + index * batchSize;
      return { from: start, to: Math.min(start + batchSize, to) };
    }),
  );
}

function countOf(ranges: readonly RowRange[]): number {
  return ranges.reduce((sum, { from, to }) => sum + to - from, 0);
}

function checkWhole(option: string, value: number, max: number): void {
  if (Number.isInteger(value) && value >= 1 && value <= max) return;
  const range = max === MAX_TRANSACTION_ROWS ? `from 1 to ${max}` : 'of 1 or more';
  throw new ConfigurationError(option, `must be a whole number ${range}, got ${value}.`);
}
