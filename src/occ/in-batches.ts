import {
  callback,
  DsqlError,
  isCommitOutcomeUnknownError,
  isObject,
  resolveOptions,
  valueThat,
  wholeNumber,
  type OptionDescriptor,
  type OptionsOf,
} from '../connection';
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

/** What `onProgress` is called with after each batch. */
export interface BatchesProgress extends RowRange {
  /** Rows that were written so far. */
  readonly rowsDone: number;
  /** Rows that were to be written. */
  readonly rowsTotal: number;
}

/** The options of {@link inBatches}; {@link BatchesOptions} has the types that follow from them. */
export const batchesOptions = {
  /**
   * Rows in a batch, 1 to 3,000. Take fewer where each of them brings others with it, as cascades do.
   * @defaultValue 3000
   */
  batchSize: {
    kind: wholeNumber(1, MAX_TRANSACTION_ROWS),
    meaning: 'rows in a batch',
    defaultValue: MAX_TRANSACTION_ROWS,
  },
  /**
   * How many batches are written at the same time, 1 or more.
   * @defaultValue 1
   */
  concurrency: {
    kind: wholeNumber(1, Infinity),
    meaning: 'batches that are written at the same time',
    defaultValue: 1,
  },
  /** Called after each batch that was committed. */
  onProgress: {
    kind: callback<(progress: BatchesProgress) => void>(),
    meaning: 'called after each batch',
  },
  /** No other batch is begun when it is aborted; those under way are not cut. */
  signal: {
    kind: valueThat<AbortSignal>(isObject, 'an AbortSignal'),
    meaning: 'begins no further batch when it is aborted',
  },
  /**
   * The rows to write, out of all: `remaining` of the {@link BatchesError} that ended an earlier run.
   * @defaultValue all
   */
  remaining: {
    kind: valueThat<readonly RowRange[]>(Array.isArray, 'an array of ranges of rows'),
    meaning: '`remaining` of the `BatchesError` that ended an earlier run',
  },
} as const satisfies Record<string, OptionDescriptor>;

/** How rows are written in several transactions. */
export type BatchesOptions = OptionsOf<typeof batchesOptions>;

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
      `${countOf(done)} rows were written and stay written, ${countOf(remaining)} were not.${unclear} Fix the cause, then pass \`remaining\` of this error to go on.`,
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
 * @throws ConfigurationError naming the first option that is unknown or has a wrong value, before anything is sent
 */
export async function inBatches<Row, Result>(
  rows: readonly Row[],
  options: BatchesOptions,
  write: (batch: readonly Row[], range: RowRange) => Promise<Result>,
): Promise<Result[]> {
  const resolved = resolveOptions(batchesOptions, options);
  const { batchSize, concurrency, onProgress, signal, remaining } = resolved;
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
    'A transaction may change at most 3,000 rows, and nothing was sent. Outside a transaction, dsql: { batch: true } carries such a write out in several; inBatches() does it for work of your own.',
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
