import type { RowRange } from './row-range';

/** Rows that are read as they are needed; a promise among them is awaited, as `for await` does. */
export type IterableRows<Row> = Iterable<Row | PromiseLike<Row>> | AsyncIterable<Row>;

/** Rows that are written in one transaction. */
export interface Batch<Row> {
  readonly rows: readonly Row[];
  readonly range: RowRange;
}

/** Where batches come from. */
export interface RowSource<Row> {
  /** The next batch; nothing where there is none, or no further one is wanted. */
  take(): Batch<Row> | undefined | Promise<Batch<Row> | undefined>;
  /**
   * A batch was not written.
   *
   * @returns whether it can be taken again, in smaller ones: it was too much at once
   */
  putBack(batch: Batch<Row>, error: unknown): boolean;
  /** No further batch is wanted. */
  stop(): void;
  /** Nothing is under way any more. */
  close(): Promise<void>;
}
