import { sleep } from '../../connection';
import { joined, without, type RowRange } from './row-range';
import type { Batch, IterableRows, RowSource } from './row-source';
import { isTooMuchAtOnce, partsOf, WriteSize } from './write-size';

/**
 * The rows that an iterable yields, read as they are needed: one batch is read ahead of those that were taken, so that the
 * next one is there when one has been written.
 */
export class StreamedRows<Row> implements RowSource<Row> {
  readonly #next: () => IteratorResult<Row | PromiseLike<Row>> | Promise<IteratorResult<Row>>;
  readonly #return: () => unknown;
  readonly #wanted: readonly RowRange[];
  readonly #rowCostBytes: number | undefined;
  #batchSize: number;
  /** The index of the next row that a batch may have. */
  #position = 0;
  /** How many rows were read. */
  #pulled = 0;
  /** How many rows there are, once that is known. */
  #end = Infinity;
  /** A row that was read, and is too large to be written with the batch before it. */
  #carried: { readonly value: Row } | undefined;
  #ahead: Promise<Batch<Row> | undefined> | undefined;
  readonly #again: Batch<Row>[] = [];
  #isReading = false;
  #isStopped = false;
  /** The iterable has ended, or failed, or was told to end. */
  #isOver = false;
  readonly #waiting = new Set<() => void>();

  /** @param wanted - which of the rows are to be written */
  constructor(
    rows: IterableRows<Row>,
    wanted: readonly RowRange[],
    batchSize: number,
    rowCostBytes: number | undefined,
  ) {
    const iterator = Symbol.asyncIterator in rows ? rows[Symbol.asyncIterator]() : rows[Symbol.iterator]();
    this.#next = () => iterator.next();
    this.#return = () => iterator.return?.();
    this.#wanted = joined(wanted);
    this.#batchSize = batchSize;
    this.#rowCostBytes = rowCostBytes;
  }

  /** What is neither among those that were written nor among those of which it is not known, in order. */
  remaining(done: readonly RowRange[], unknown: readonly RowRange[]): RowRange[] {
    const left = without(without(this.#wanted, done), unknown);
    return this.#end === Infinity ? left : without(left, [{ from: this.#end, to: Infinity }]);
  }

  /** Ends as soon as no further batch is wanted, however slow the iterable is. */
  take(): Promise<Batch<Row> | undefined> {
    return new Promise((resolve, reject) => {
      const again = this.#again.shift();
      if (again !== undefined || this.#isStopped) {
        resolve(again);
        return;
      }
      const batch = this.#ahead ?? this.#read();
      this.#ahead = batch.then((read) => (read === undefined ? undefined : this.#read()));
      // Who takes the batch is told.
      this.#ahead.catch(() => undefined);
      const stop = () => {
        resolve(undefined);
      };
      this.#waiting.add(stop);
      batch.then(resolve, reject).finally(() => this.#waiting.delete(stop));
    });
  }

  putBack({ rows, range }: Batch<Row>, error: unknown): boolean {
    if (rows.length < 2 || !isTooMuchAtOnce(error)) return false;
    const size = Math.ceil(rows.length / partsOf(error));
    this.#batchSize = Math.min(this.#batchSize, size);
    for (let start = 0; start < rows.length; start += size) {
      const part = rows.slice(start, start + size);
      const from = range.from + start;
      this.#again.push({ rows: part, range: { from, to: from + part.length } });
    }
    return true;
  }

  stop(): void {
    this.#isStopped = true;
    this.#again.length = 0;
    for (const stop of this.#waiting) stop();
  }

  /** Ends the iterable, unless it has ended by itself; one that is being waited for ends when it has answered. */
  async close(): Promise<void> {
    // One that is not slow answers meanwhile.
    if (this.#isReading) await sleep(0);
    if (this.#isOver) return;
    this.#isOver = true;
    const ended = Promise.resolve(this.#return());
    if (this.#isReading) ended.catch(() => undefined);
    else await ended;
  }

  /** Reads the next batch. */
  async #read(): Promise<Batch<Row> | undefined> {
    const range = this.#wanted.find(({ to }) => to > this.#position);
    if (range === undefined) return undefined;
    while (this.#position < range.from && (await this.#pull()) !== undefined) this.#position++;
    const from = this.#position;
    const most = Math.min(range.to - from, this.#batchSize);
    const rows: Row[] = [];
    const size = new WriteSize(this.#rowCostBytes);
    while (rows.length < most) {
      const row = await this.#pull();
      if (row === undefined) break;
      const fits = size.add(row.value);
      // A row that is too large for every batch is for the server to refuse.
      if (fits || rows.length === 0) rows.push(row.value);
      else this.#carried = row;
      if (!fits) break;
    }
    if (rows.length === 0 || this.#isStopped) return undefined;
    this.#position += rows.length;
    return { rows, range: { from, to: this.#position } };
  }

  /** The next row; nothing where there is none, or no further one is wanted. */
  async #pull(): Promise<{ readonly value: Row } | undefined> {
    const carried = this.#carried;
    this.#carried = undefined;
    if (carried !== undefined) return carried;
    if (this.#isOver || this.#isStopped) return undefined;
    this.#isReading = true;
    try {
      const step = await this.#step();
      if (step.done === true) {
        this.#isOver = true;
        this.#end = this.#pulled;
        return undefined;
      }
      // As `for await` does: a promise is no row, and who yields one has not failed when that is rejected.
      const value = await step.value;
      this.#pulled++;
      return { value };
    } finally {
      this.#isReading = false;
    }
  }

  async #step(): Promise<IteratorResult<Row | PromiseLike<Row>>> {
    try {
      return await this.#next();
    } catch (error) {
      this.#isOver = true;
      throw error;
    }
  }
}
