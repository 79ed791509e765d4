/** What a bench has measured: a table of numbers of one unit, which becomes a plot. */
export interface Result {
  /** Lower case, with hyphens; the plot's file is named so. */
  readonly name: string;
  readonly title: string;
  readonly unit: string;
  readonly better: 'more' | 'less';
  /** What is compared: the columns. */
  readonly series: readonly string[];
  readonly rows: readonly Row[];
  /** The series that the others are divided by where the table is printed. */
  readonly comparedWith?: string;
  /** The names of the rows are numbers on an axis: the plot has lines. */
  readonly isAxis?: boolean;
  /** `true` unless given. */
  readonly isPlotted?: boolean;
}

/** One value for each series; `null` where there is none. */
export interface Row {
  readonly name: string;
  readonly values: readonly (number | null)[];
}

/** Prints a result, and hands it to the process that has started this one: `bench/main.ts`. */
export function report(result: Result): void {
  const { title, unit, better, series, comparedWith } = result;
  const rows = result.rows.map(({ name, values }) => ({ name, values: values.map(rounded) }));
  console.log(`\n${title} (${unit}, ${better} is better)`);
  const base = series.indexOf(comparedWith ?? '');
  console.table(
    Object.fromEntries(
      rows.map(({ name, values }) => [name, { ...columns(series, values), ...ratios(series, values, base) }]),
    ),
  );
  process.send?.({ ...result, rows } satisfies Result);
}

function columns(series: readonly string[], values: Row['values']): Record<string, number | string> {
  return Object.fromEntries(series.map((name, index) => [name, values[index] ?? '']));
}

function ratios(series: readonly string[], values: Row['values'], base: number): Record<string, number> {
  const divisor = values[base];
  if (typeof divisor !== 'number') return {};
  return Object.fromEntries(
    series.flatMap((name, index) => {
      const value = values[index];
      return index === base || typeof value !== 'number'
        ? []
        : [[`${name} : ${series[base] ?? ''}`, Number((value / divisor).toFixed(2))]];
    }),
  );
}

const DIGITS = 4;
const rounded = (value: number | null) =>
  value !== null && Number.isFinite(value) ? Number(value.toPrecision(DIGITS)) : null;

/** `'0,1,5'` as numbers. */
export const numbersOf = (list: string): readonly number[] => list.split(',').map(Number);

export const median = (values: readonly number[]): number => quantile(values, 0.5);

export function quantile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? Number.NaN;
}
