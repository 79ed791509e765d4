import { init, type EChartsOption } from 'echarts';
import type { Result } from './result';

const WIDTH = 820;
/** Wide enough where the reader's font is wider than what the library reckons with. */
const LABEL_WIDTH = 230;
const LEGEND_GAP = 36;
const BAR_HEIGHT = 14;
const ROW_GAP = 16;
const LINES_HEIGHT = 360;
const TOP = 76;
const BOTTOM = 66;
/** Distinct to those who see few colours (Okabe and Ito, 2008). */
const COLOURS = ['#999999', '#0072b2', '#e69f00', '#009e73', '#cc79a7'];

/** A result as an SVG: bars, or lines where its rows are on an axis. */
export function plot(result: Result): string {
  const { title, unit, better, series, rows, isAxis } = result;
  const barsHeight = TOP + BOTTOM + rows.length * (series.length * BAR_HEIGHT + ROW_GAP);
  const chart = init(null, null, {
    renderer: 'svg',
    ssr: true,
    width: WIDTH,
    height: isAxis ? LINES_HEIGHT : barsHeight,
  });
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    color: series.length > 1 ? COLOURS : COLOURS.slice(1),
    textStyle: { fontFamily: 'sans-serif' },
    title: {
      text: title,
      subtext: `${unit}, ${better} is better`,
      left: 12,
      textStyle: { fontSize: 15 },
    },
    ...(series.length > 1 && { legend: { bottom: 8, itemGap: LEGEND_GAP } }),
    ...(isAxis ? linesOf(result) : barsOf(result)),
  } satisfies EChartsOption);
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}

function barsOf({ series, rows }: Result): EChartsOption {
  return {
    grid: { left: LABEL_WIDTH, right: 64, top: TOP, bottom: BOTTOM },
    xAxis: { type: 'value', splitNumber: 5 },
    yAxis: { type: 'category', inverse: true, data: rows.map(({ name }) => name) },
    series: series.map((name, index) => ({
      name,
      type: 'bar' as const,
      barWidth: BAR_HEIGHT,
      barGap: '0%',
      label: { show: true, position: 'right' as const, fontSize: 11 },
      data: rows.map(({ values }) => values[index] ?? null),
    })),
  };
}

function linesOf({ series, rows }: Result): EChartsOption {
  return {
    grid: { left: 72, right: 32, top: TOP, bottom: BOTTOM },
    xAxis: { type: 'log' },
    yAxis: { type: 'log' },
    series: series.map((name, index) => ({
      name,
      type: 'line' as const,
      symbolSize: 7,
      data: rows.map((row) => [Number(row.name), row.values[index] ?? null]),
    })),
  };
}
