import { inOrder, split, type RowRange } from './row-range';
import type { Batch, RowSource } from './row-source';
import { isTooMuchAtOnce, partsOf, WriteSize } from './write-size';

/** The rows of a list that are not written yet, and how many of them make a batch. */
export class ListedRows<Row> implements RowSource<Row> {
  readonly #rows: readonly Row[];
  readonly #rowCostBytes: number | undefined;
  #batchSize: number;
  #ranges: RowRange[];

  constructor(
    rows: readonly Row[],
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

  take(): Batch<Row> | undefined {
    const first = this.#ranges.shift();
    if (first === undefined) return undefined;
    const { from } = first;
    const to = this.#endOf(first);
    if (to < first.to) this.#ranges.unshift({ from: to, to: first.to });
    return { rows: this.#rows.slice(from, to), range: { from, to } };
  }

  putBack({ range }: Batch<Row>, error: unknown): boolean {
    this.#ranges = inOrder([...this.#ranges, range]);
    const count = range.to - range.from;
    if (count < 2 || !isTooMuchAtOnce(error)) return false;
    this.#batchSize = Math.min(this.#batchSize, Math.ceil(count / partsOf(error)));
    return true;
  }

  stop(): void {
    // Who has failed asks for no other batch.
  }

  close(): Promise<void> {
    return Promise.resolve();
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
