// Rows over time: which column is their time, and how many fall into each bin.
import type { Cell } from '../../api/types';
import type { Table } from './arrange';
import { cellText, timeKey } from './cells';
import { Slices } from './slices';

const preferred = ['Timestamp', 'TimeGenerated', 'ActivityTimestamp'];

// timeColumn is the column that holds the rows' time: a well-known one, else the first of type datetime.
export function timeColumn(schema: Table['schema']): number | undefined {
  for (const name of preferred) {
    const at = schema.findIndex((c) => c.name === name && c.type === 'datetime');
    if (at >= 0) return at;
  }
  const at = schema.findIndex((c) => c.type === 'datetime');
  return at >= 0 ? at : undefined;
}

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;
const steps = [
  1,
  5,
  10,
  50,
  100,
  500,
  second,
  2 * second,
  5 * second,
  10 * second,
  15 * second,
  30 * second,
  minute,
  2 * minute,
  5 * minute,
  10 * minute,
  15 * minute,
  30 * minute,
  hour,
  2 * hour,
  3 * hour,
  6 * hour,
  12 * hour,
  day,
  2 * day,
  7 * day,
  14 * day,
  30 * day,
  91 * day,
  365 * day,
  5 * 365 * day,
  25 * 365 * day,
  100 * 365 * day,
];

// stepFor is the width of bins that cover a span with at most so many.
export function stepFor(span: number, bins: number): number {
  return steps.find((s) => span / s <= bins) ?? Math.ceil(span / bins);
}

export const otherSeries = 'Others';
const mostSeries = 8;

export interface Bins {
  start: number;
  step: number;
  // One list of counts per series; without a split there is one series.
  series: { name: string; counts: number[] }[];
  most: number;
  first: number;
  last: number;
}

// Times reads a column's times once; rows that arrive later are read when they are there.
export class Times {
  private readonly values: number[] = [];

  constructor(
    private readonly table: Table,
    private readonly column: number,
  ) {}

  at(row: number): number {
    for (let i = this.values.length; i <= row; i++) this.values.push(timeKey(cellText(this.table.rows[i]?.[this.column])));
    return this.values[row] ?? NaN;
  }
}

// bins counts rows by time; undefined when no row has one. The range, when there is one, is what the bins cover.
export function bins(
  table: Table,
  rows: ArrayLike<number>,
  times: Times,
  split: number | undefined,
  range?: { from?: number; to?: number },
  wanted = 60,
): Bins | undefined {
  let first = Infinity;
  let last = -Infinity;
  for (let i = 0; i < rows.length; i++) {
    const t = times.at(rows[i] ?? 0);
    if (t < first) first = t;
    if (t > last) last = t;
  }
  if (first > last) return undefined;
  const low = range?.from ?? first;
  const high = range?.to ?? last;
  const step = stepFor(Math.max(1, high - low), wanted);
  const start = Math.floor(low / step) * step;
  const count = Math.max(1, Math.min(wanted + 2, Math.floor((high - start) / step) + 1));
  const byName = new Map<string, number[]>();
  for (let i = 0; i < rows.length; i++) {
    const r = rows[i] ?? 0;
    const at = Math.floor((times.at(r) - start) / step);
    if (!(at >= 0 && at < count)) continue;
    const name = split === undefined ? '' : cellText(table.rows[r]?.[split]);
    let counts = byName.get(name);
    if (!counts) byName.set(name, (counts = new Array<number>(count).fill(0)));
    counts[at] = (counts[at] ?? 0) + 1;
  }
  const total = (counts: number[]) => counts.reduce((a, b) => a + b, 0);
  let series = [...byName].map(([name, counts]) => ({ name, counts })).sort((a, b) => total(b.counts) - total(a.counts));
  if (series.length > mostSeries) {
    const others = new Array<number>(count).fill(0);
    for (const s of series.slice(mostSeries - 1)) s.counts.forEach((n, i) => (others[i] = (others[i] ?? 0) + n));
    series = [...series.slice(0, mostSeries - 1), { name: otherSeries, counts: others }];
  }
  let most = 0;
  for (let i = 0; i < count; i++)
    most = Math.max(
      most,
      series.reduce((a, s) => a + (s.counts[i] ?? 0), 0),
    );
  return { start, step, series, most, first, last };
}

const enumerable = new Set(['string', 'bool', 'int', 'long', 'guid']);

// splits are the columns with 2 to 49 different values, by which the timeline may be split.
export async function splits(table: Table, count: number, signal?: AbortSignal): Promise<number[]> {
  const slices = new Slices(signal);
  const out: number[] = [];
  for (const [i, c] of table.schema.entries()) {
    if (!enumerable.has(c.type)) continue;
    const seen = new Set<Cell | undefined>();
    for (let r = 0; r < count && seen.size <= 50; r++) {
      seen.add(table.rows[r]?.[i]);
      if ((r & 1023) === 1023 && slices.due()) await slices.pause();
    }
    // null and the empty text are one value here.
    const values = new Set([...seen].map(cellText)).size;
    if (values >= 2 && values <= 49) out.push(i);
  }
  return out;
}
