import {
  callback,
  ConfigurationError,
  DsqlError,
  isCommitOutcomeUnknownError,
  isObject,
  resolveOptions,
  valueThat,
  wholeNumber,
  type OptionDescriptor,
  type OptionsOf,
  type ResolvedOptionsOf,
} from '../../connection';
import { findInChain } from '../conflict';
import { MAX_TRANSACTION_ROWS } from '../../sql';
import { ListedRows } from './listed-rows';
import { countOf, inOrder, joined, type RowRange } from './row-range';
import type { Batch, IterableRows, RowSource } from './row-source';
import { StreamedRows } from './streamed-rows';

export type { IterableRows, RowRange };

/** What `onProgress` is called with after each batch. */
export interface BatchesProgress extends RowRange {
  /** Rows that were written so far. */
  readonly rowsDone: number;
  /** Rows that were to be written; nothing for an iterable, of which that is not known. */
  readonly rowsTotal: number | undefined;
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
   * The rows to write, out of all: `remaining` of the {@link BatchesError} that ended an earlier run. An iterable has to yield
   * the same rows in the same order again; what is not to be written of it is read and passed over.
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
   * @param remaining - the rows that were not written, in order; of an iterable that was not read to its end the last of them
   *   goes to `Infinity`
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
      `${countOf(done)} rows were written and stay written, ${shown(remaining)} were not.${unclear} Fix the cause, then pass \`remaining\` of this error to go on.`,
      options,
    );
  }
}

/** Whether `error` is a {@link BatchesError}. */
export function isBatchesError(error: unknown): error is BatchesError {
  return error instanceof BatchesError;
}

/**
 * Parts the options of batches that are transactions of an ORM.
 *
 * @param work - writes one batch: those of one caller are of one kind, and of another kind than those of others
 * @returns the options of {@link inBatches}, and those of each transaction
 */
export function partBatchesOptions<Options extends BatchesOptions>(
  options: Options,
  work: (...given: never[]) => unknown,
) {
  const { batchSize, concurrency, onProgress, remaining, ...others } = options;
  return {
    batches: { batchSize, concurrency, onProgress, remaining, signal: options.signal },
    transaction: { label: work.toString(), ...others },
  };
}

type WriteBatch<Row, Result> = (batch: readonly Row[], range: RowRange) => Promise<Result>;
type ResolvedBatchesOptions = ResolvedOptionsOf<typeof batchesOptions>;

/**
 * Writes rows in batches, each a transaction of its own. A batch ends before its rows are too large for a transaction
 * together; one that turns out to be too much is written in smaller ones, and so are those that follow.
 *
 * @param rows - all rows, not changed. An iterable is read as its rows are needed: one batch ahead of those that are being
 *   written. It is ended when no more of it is needed.
 * @param write - writes one batch in one transaction, all or nothing
 * @param rowCostBytes - what a row takes in a transaction besides its values
 * @returns of a list what `write` returned for each batch, in the order of the rows; of an iterable how many rows were
 *   written, so that nothing is kept
 * @throws BatchesError when a batch failed, the iterable did, or the signal was aborted, after the batches under way have
 *   ended
 * @throws ConfigurationError naming the first option that is unknown or has a wrong value, before anything is sent
 */
export function inBatches<Row, Result>(
  rows: readonly Row[],
  options: BatchesOptions,
  write: WriteBatch<Row, Result>,
  rowCostBytes?: number,
): Promise<Result[]>;
export function inBatches<Row>(
  rows: IterableRows<Row>,
  options: BatchesOptions,
  write: WriteBatch<Row, unknown>,
  rowCostBytes?: number,
): Promise<number>;
export async function inBatches<Row, Result>(
  rows: readonly Row[] | IterableRows<Row>,
  options: BatchesOptions,
  write: WriteBatch<Row, Result>,
  rowCostBytes?: number,
): Promise<Result[] | number> {
  const resolved = resolveOptions(batchesOptions, options);
  return isList(rows)
    ? writeList(rows, resolved, write, rowCostBytes)
    : writeStream(rows, resolved, write, rowCostBytes);
}

async function writeList<Row, Result>(
  rows: readonly Row[],
  options: ResolvedBatchesOptions,
  write: WriteBatch<Row, Result>,
  rowCostBytes: number | undefined,
): Promise<Result[]> {
  const { remaining = [{ from: 0, to: rows.length }], batchSize } = options;
  const source = new ListedRows(rows, remaining, batchSize, rowCostBytes);
  const results = new Map<RowRange, Result>();
  const { failure, unknown } = await writeBatches(
    source,
    { ...options, rowsTotal: countOf(source.ranges) },
    async (batch) => {
      results.set(batch.range, await write(batch.rows, batch.range));
    },
  );
  const done = inOrder([...results.keys()]);
  if (failure === undefined) return done.map((range) => results.get(range) as Result);
  throw new BatchesError(done, source.ranges, unknown, failure);
}

async function writeStream<Row>(
  rows: IterableRows<Row>,
  options: ResolvedBatchesOptions,
  write: WriteBatch<Row, unknown>,
  rowCostBytes: number | undefined,
): Promise<number> {
  const { remaining = [{ from: 0, to: Infinity }], batchSize, signal } = options;
  const source = new StreamedRows(rows, remaining, batchSize, rowCostBytes);
  let done: readonly RowRange[] = [];
  const { failure, unknown } = await writeBatches(
    source,
    { ...options, rowsTotal: undefined },
    async (batch) => {
      await write(batch.rows, batch.range);
      done = joined([...done, batch.range]);
    },
  );
  const left = source.remaining(done, unknown);
  if (failure === undefined && left.length === 0) return countOf(done);
  // Without a failure it was stopped by the signal, while nothing was under way.
  throw new BatchesError(done, left, unknown, failure ?? { cause: signal?.reason });
}

/** How the writing of batches has ended: with all of them written, unless there is a failure. */
interface Ended {
  readonly failure: { readonly cause: unknown } | undefined;
  /** In order. */
  readonly unknown: readonly RowRange[];
}

/** How batches are written, and out of how many rows where that is known. */
type WritingOptions = ResolvedBatchesOptions & { readonly rowsTotal: number | undefined };

/** Writes batches until there are no more, or one of them fails. */
async function writeBatches<Row>(
  source: RowSource<Row>,
  options: WritingOptions,
  write: (batch: Batch<Row>) => Promise<void>,
): Promise<Ended> {
  const { signal } = options;
  const writing = new BatchWriting(source, options, write);
  const stop = () => {
    source.stop();
  };
  signal?.addEventListener('abort', stop);
  if (signal?.aborted === true) stop();
  await writing.run();
  signal?.removeEventListener('abort', stop);
  return writing.end();
}

/** The writing of batches by as many workers as there is work for. */
class BatchWriting<Row> {
  readonly #source: RowSource<Row>;
  readonly #options: WritingOptions;
  readonly #write: (batch: Batch<Row>) => Promise<void>;
  readonly #workers: Promise<void>[] = [];
  readonly #unknown: RowRange[] = [];
  #failure: Ended['failure'];
  #rowsDone = 0;

  constructor(source: RowSource<Row>, options: WritingOptions, write: (batch: Batch<Row>) => Promise<void>) {
    this.#source = source;
    this.#options = options;
    this.#write = write;
  }

  /** Writes as many as can be, until all that was begun has ended. */
  async run(): Promise<void> {
    this.#hire();
    for (const worker of this.#workers) await worker;
  }

  /** Takes no more batches from the source. */
  async end(): Promise<Ended> {
    await this.#source.close().catch(this.#fail);
    return { failure: this.#failure, unknown: inOrder(this.#unknown) };
  }

  /** Another worker, as long as there is something to do. */
  #hire(): void {
    if (this.#workers.length < this.#options.concurrency) this.#workers.push(this.#work().catch(this.#fail));
  }

  async #work(): Promise<void> {
    while (this.#failure === undefined) {
      const batch = await this.#source.take();
      if (batch === undefined) return;
      this.#hire();
      await this.#writeOne(batch);
    }
  }

  async #writeOne(batch: Batch<Row>): Promise<void> {
    const { signal, onProgress, rowsTotal } = this.#options;
    const { range } = batch;
    let isDone = false;
    try {
      signal?.throwIfAborted();
      await this.#write(batch);
      isDone = true;
      this.#rowsDone += range.to - range.from;
      onProgress?.({ ...range, rowsDone: this.#rowsDone, rowsTotal });
    } catch (error) {
      const isUnknown = findInChain(error, isCommitOutcomeUnknownError) !== undefined;
      if (isUnknown) this.#unknown.push(range);
      const mayGoOn = !isUnknown && !isDone && this.#source.putBack(batch, error);
      if (!mayGoOn) this.#fail(error);
    }
  }

  readonly #fail = (cause: unknown): void => {
    this.#failure ??= { cause };
    this.#source.stop();
  };
}

/** @throws ConfigurationError for what is neither a list nor an iterable */
function isList<Row>(rows: readonly Row[] | IterableRows<Row>): rows is readonly Row[] {
  if (Array.isArray(rows)) return true;
  if (isObject(rows) && (Symbol.asyncIterator in rows || Symbol.iterator in rows)) return false;
  throw new ConfigurationError('rows', 'must be an array, an iterable or an async iterable.');
}

/** How many rows there are in ranges, of which the last may be without an end. */
function shown(ranges: readonly RowRange[]): string {
  const last = ranges.at(-1);
  if (last?.to !== Infinity) return String(countOf(ranges));
  const open = `those from ${last.from} on`;
  return ranges.length === 1 ? open : `${countOf(ranges.slice(0, -1))} and ${open}`;
}
