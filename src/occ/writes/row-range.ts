/** A part of a list of rows, or of what an iterable yields. */
export interface RowRange {
  /** The index of its first row. */
  readonly from: number;
  /** The index after its last row; `Infinity` where it reaches to the end of an iterable that was not read so far. */
  readonly to: number;
}

/** How many rows there are in some ranges. */
export function countOf(ranges: readonly RowRange[]): number {
  return ranges.reduce((sum, { from, to }) => sum + to - from, 0);
}

/** Ranges in the order of their rows. */
export function inOrder(ranges: readonly RowRange[]): RowRange[] {
  return [...ranges].sort((one, other) => one.from - other.from);
}

/** Ranges in the order of their rows, and one for those that follow each other. */
export function joined(ranges: readonly RowRange[]): RowRange[] {
  const result: RowRange[] = [];
  for (const range of inOrder(ranges)) {
    const last = result.at(-1);
    if (last === undefined || last.to < range.from) result.push(range);
    else result.splice(-1, 1, { from: last.from, to: Math.max(last.to, range.to) });
  }
  return result;
}

/** What is left of ranges without others; both in order. */
export function without(ranges: readonly RowRange[], others: readonly RowRange[]): RowRange[] {
  return ranges.flatMap(({ from, to }) => {
    const left: RowRange[] = [];
    let start = from;
    for (const other of others) {
      if (other.from > start) left.push({ from: start, to: Math.min(to, other.from) });
      start = Math.max(start, other.to);
      if (start >= to) return left.filter((range) => range.from < range.to);
    }
    return [...left, { from: start, to }].filter((range) => range.from < range.to);
  });
}

/** Parts of ranges of at most so many rows. */
export function split(ranges: readonly RowRange[], size: number): RowRange[] {
  return ranges.flatMap(({ from, to }) =>
    Array.from({ length: Math.ceil((to - from) / size) }, (_, index) => {
      const start = from + index * size;
      return { from: start, to: Math.min(start + size, to) };
    }),
  );
}
