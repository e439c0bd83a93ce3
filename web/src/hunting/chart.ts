// What a chart draws, from a result and the query's render hint: the axis, the series, the points.
import type { Cell, HuntResult, RenderHint } from '../api/types';
import { cellText, isNumeric } from './result';

export type ChartKind = 'bar' | 'column' | 'line' | 'area' | 'time' | 'pie' | 'scatter';

export interface Series {
  name: string;
  points: { x: string; at: number; y: number }[];
}

export interface Chart {
  kind: ChartKind;
  title: string;
  xName: string;
  time: boolean;
  labels: string[];
  series: Series[];
}

const kinds: Record<string, ChartKind> = {
  barchart: 'bar',
  columnchart: 'column',
  linechart: 'line',
  timechart: 'time',
  areachart: 'area',
  stackedareachart: 'area',
  piechart: 'pie',
  scatterchart: 'scatter',
};

export const chartKinds: readonly { kind: ChartKind; label: string }[] = [
  { kind: 'column', label: 'Column chart' },
  { kind: 'bar', label: 'Bar chart' },
  { kind: 'line', label: 'Line chart' },
  { kind: 'time', label: 'Time chart' },
  { kind: 'area', label: 'Area chart' },
  { kind: 'pie', label: 'Pie chart' },
];

// hinted is the kind of chart the query asked for, if it is one the portal draws.
export function hinted(render: RenderHint | undefined): ChartKind | undefined {
  return render ? kinds[render.kind.toLowerCase()] : undefined;
}

const maxSeries = 12;
const maxPoints = 500;

function number(cell: Cell | undefined): number {
  const n = typeof cell === 'number' ? cell : Number(cell);
  return Number.isFinite(n) ? n : 0;
}

// chart picks the axis (the hint's column, else the first datetime, else the first text) and the numbers; a further text column makes the series.
// It gives nothing when no column holds numbers.
export function chart(result: HuntResult, kind: ChartKind): Chart | undefined {
  const { schema } = result;
  const hint: Partial<RenderHint> = result.render ?? {};
  const byName = (name: string | undefined) => (name === undefined ? -1 : schema.findIndex((c) => c.name === name));
  let x = byName(hint.xcolumn);
  if (x < 0) x = schema.findIndex((c) => c.type === 'datetime');
  if (x < 0 || kind === 'pie' || kind === 'bar' || kind === 'column') {
    const text =
      byName(hint.xcolumn) >= 0 ? x : schema.findIndex((c) => !isNumeric(c.type) && c.type !== 'datetime' && c.type !== 'dynamic');
    if (text >= 0 && (x < 0 || schema[x]?.type !== 'datetime' || kind === 'pie')) x = text;
  }
  if (x < 0) x = 0;
  let ys = (hint.ycolumns ?? []).map(byName).filter((i) => i >= 0);
  if (ys.length === 0) ys = schema.flatMap((c, i) => (i !== x && isNumeric(c.type) ? [i] : []));
  if (ys.length === 0) return undefined;
  const split = schema.findIndex((c, i) => i !== x && !ys.includes(i) && (c.type === 'string' || c.type === 'bool'));
  const time = schema[x]?.type === 'datetime';
  const series = new Map<string, Series>();
  const labels = new Map<string, number>();
  for (const row of result.rows) {
    const label = cellText(row[x]);
    if (!labels.has(label)) labels.set(label, labels.size);
    for (const y of ys) {
      const name =
        split >= 0 ? (ys.length > 1 ? `${cellText(row[split])} ${schema[y]?.name ?? ''}` : cellText(row[split])) : (schema[y]?.name ?? '');
      let s = series.get(name);
      if (!s) {
        if (series.size >= maxSeries) continue;
        s = { name, points: [] };
        series.set(name, s);
      }
      if (s.points.length < maxPoints)
        s.points.push({ x: label, at: time ? Date.parse(label) : (labels.get(label) ?? 0), y: number(row[y]) });
    }
  }
  const out = [...series.values()];
  if (time || kind === 'line' || kind === 'time' || kind === 'area') for (const s of out) s.points.sort((a, b) => a.at - b.at);
  let list = [...labels.keys()];
  if (time) list = list.sort();
  return { kind, title: hint.title ?? '', xName: schema[x]?.name ?? '', time, labels: list.slice(0, maxPoints), series: out };
}

// ticks gives round numbers from 0 (or below) to at least the largest value.
export function ticks(min: number, max: number, wanted = 5): number[] {
  const low = Math.min(0, min);
  const span = Math.max(max - low, 1e-9);
  const raw = span / wanted;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = ([1, 2, 5, 10].find((m) => m * power >= raw) ?? 10) * power;
  const out: number[] = [];
  for (let v = Math.floor(low / step) * step; v < max + step * 0.999; v += step) out.push(Number(v.toPrecision(12)));
  return out;
}
