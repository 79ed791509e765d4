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
} from '../../connection';
import { findInChain } from '../conflict';
import { MAX_TRANSACTION_ROWS } from '../../sql';
import { isTooMuchAtOnce, partsOf, WriteSize } from './write-size';

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
   * Rows in a batch, 1 to 3,000. Take fewer where each of them brings others with it, as cascades do. Rows that are too
   * large for a transaction together make smaller batches.
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
 * Writes rows in batches, each a transaction of its own. A batch ends before its rows are too large for a transaction
 * together; one that turns out to be too much is written in smaller ones, and so are those that follow.
 *
 * @param rows - all rows; not changed
 * @param write - writes one batch in one transaction, all or nothing
 * @param rowCostBytes - what a row takes in a transaction besides its values
 * @returns what `write` returned for each batch, in the order of the rows
 * @throws BatchesError when a batch failed or the signal was aborted, after the batches under way have ended
 * @throws ConfigurationError naming the first option that is unknown or has a wrong value, before anything is sent
 */
export async function inBatches<Row, Result>(
  rows: readonly Row[],
  options: BatchesOptions,
  write: (batch: readonly Row[], range: RowRange) => Promise<Result>,
  rowCostBytes?: number,
): Promise<Result[]> {
  const { batchSize, concurrency, onProgress, signal, remaining } = resolveOptions(batchesOptions, options);
  const waiting = new WaitingRows(rows, remaining ?? [{ from: 0, to: rows.length }], batchSize, rowCostBytes);
  const rowsTotal = countOf(waiting.ranges);
  const results = new Map<RowRange, Result>();
  const unknown: RowRange[] = [];
  let failure: { readonly cause: unknown } | undefined;
  let rowsDone = 0;

  const writeNext = async (): Promise<void> => {
    for (let range = waiting.take(); range !== undefined; range = waiting.take()) {
      try {
        signal?.throwIfAborted();
        results.set(range, await write(rows.slice(range.from, range.to), range));
        rowsDone += range.to - range.from;
        onProgress?.({ ...range, rowsDone, rowsTotal });
      } catch (error) {
        const isUnknown = findInChain(error, isCommitOutcomeUnknownError) !== undefined;
        if (isUnknown) unknown.push(range);
        const mayGoOn = !isUnknown && !results.has(range) && waiting.putBack(range, error);
        if (!mayGoOn) failure ??= { cause: error };
      }
      if (failure !== undefined) return;
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, rowsTotal) }, writeNext));
  const done = inOrder([...results.keys()]);
  if (failure === undefined) return done.map((range) => results.get(range) as Result);
  throw new BatchesError(done, waiting.ranges, inOrder(unknown), failure);
}

/** The rows that are not written yet, and how many of them make a batch. */
class WaitingRows {
  readonly #rows: readonly unknown[];
  readonly #rowCostBytes: number | undefined;
  #batchSize: number;
  #ranges: RowRange[];

  constructor(
    rows: readonly unknown[],
    ranges: readonly RowRange[],
    batchSize: number,
    rowCostBytes: number | undefined,
  ) {
    this.#rows = rows;
    this.#rowCostBytes = rowCostBytes;
    this.#batchSize = batchSize;
    this.#ranges = split(ranges, batchSize);
  }

  /** In order, each a batch or less, but for the sizes of their rows. */
  get ranges(): readonly RowRange[] {
    return split(this.#ranges, this.#batchSize);
  }

  /** The next batch. */
  take(): RowRange | undefined {
    const first = this.#ranges.shift();
    if (first === undefined) return undefined;
    const end = this.#endOf(first);
    if (end < first.to) this.#ranges.unshift({ from: end, to: first.to });
    return { from: first.from, to: end };
  }

  /**
   * A batch was not written.
   *
   * @returns whether it can be taken again, in smaller ones: it was too much at once
   */
  putBack(range: RowRange, error: unknown): boolean {
    this.#ranges = inOrder([...this.#ranges, range]);
    const count = range.to - range.from;
    if (count < 2 || !isTooMuchAtOnce(error)) return false;
    this.#batchSize = Math.min(this.#batchSize, Math.ceil(count / partsOf(error)));
    return true;
  }

  #endOf({ from, to }: RowRange): number {
    const size = new WriteSize(this.#rowCostBytes);
    const most = Math.min(to, from + this.#batchSize);
    let end = from;
    while (end < most && size.add(this.#rows[end])) end++;
    // A row that is too large for every batch is for the server to refuse.
    return Math.max(end, from + 1);
  }
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

function inOrder(ranges: readonly RowRange[]): RowRange[] {
  return [...ranges].sort((one, other) => one.from - other.from);
}
