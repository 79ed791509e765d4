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
  /** Of each value, where it is the quietest of several rounds, the middle half of what these have measured. */
  readonly spreads?: readonly (Spread | null)[];
}

/** The lower and the upper quartile. */
export type Spread = readonly [lower: number, upper: number];

/** What the quietest round and the middle half of several have measured. */
export interface Measured {
  readonly value: number;
  readonly spread: Spread;
}

/** @param better - which of the rounds is the quietest */
export function measuredOf(rounds: readonly number[], better: Result['better']): Measured {
  return {
    value: better === 'less' ? Math.min(...rounds) : Math.max(...rounds),
    spread: [quantile(rounds, 0.25), quantile(rounds, 0.75)],
  };
}

/** A row of what several rounds have measured. */
export function rowOf(name: string, measured: readonly Measured[]): Row {
  return {
    name,
    values: measured.map(({ value }) => value),
    spreads: measured.map(({ spread }) => spread),
  };
}

/** Prints a result, and hands it to the process that has started this one: `bench/main.ts`. */
export function report(result: Result): void {
  const { title, unit, better, series, comparedWith } = result;
  const rows = result.rows.map(roundedRow);
  console.log(`\n${title} (${unit}, ${better} is better)`);
  const base = series.indexOf(comparedWith ?? '');
  console.table(
    Object.fromEntries(
      rows.map((row) => [row.name, { ...columns(series, row), ...ratios(series, row.values, base) }]),
    ),
  );
  process.send?.({ ...result, rows } satisfies Result);
}

function columns(series: readonly string[], { values, spreads }: Row): Record<string, number | string> {
  const shown = (index: number) => {
    const value = values[index] ?? '';
    const spread = spreads?.[index];
    return spread ? `${value} (${spread.join(' to ')})` : value;
  };
  return Object.fromEntries(series.map((name, index) => [name, shown(index)]));
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

function roundedRow({ name, values, spreads }: Row): Row {
  const roundedSpread = (spread: Spread | null): Spread | null =>
    spread && [rounded(spread[0]) ?? Number.NaN, rounded(spread[1]) ?? Number.NaN];
  return {
    name,
    values: values.map(rounded),
    ...(spreads && { spreads: spreads.map(roundedSpread) }),
  };
}

/** `'0,1,5'` as numbers. */
export const numbersOf = (list: string): readonly number[] => list.split(',').map(Number);

export const median = (values: readonly number[]): number => quantile(values, 0.5);

export function quantile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? Number.NaN;
}
