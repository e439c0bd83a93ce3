// What a chart draws, from the rows that show and the query's render hint: the axis, the series, the points.
import type { Cell } from '../../../api/types';
import { cellText, isNumeric, timeKey } from '../cells';
import type { Table } from '../arrange';
import { familyOf, property, stackingOf, type ChartKind, type Family, type Hint, type Stacking } from './kinds';

export interface Point {
  // The label on the axis, and the place: a time, a number, or the label's position.
  label: string;
  at: number;
  y: number;
  // An unusual value of an anomaly chart.
  odd?: boolean;
}

export interface Series {
  name: string;
  points: Point[];
}

export interface Chart {
  kind: ChartKind;
  family: Family;
  stacking: Stacking;
  title: string;
  xTitle: string;
  yTitle: string;
  legend: boolean;
  yMin?: number;
  yMax?: number;
  log: boolean;
  axis: 'time' | 'number' | 'label';
  labels: string[];
  series: Series[];
  // What is left out, said below the chart.
  left: string[];
}

const mostSeries = 24;
const mostLabels = 300;
const mostPoints = 20_000;

type Shape = Table['schema'];

const toNumber = (cell: Cell | undefined): number => {
  if (cell === null || cell === undefined || cell === '') return NaN;
  const n = typeof cell === 'boolean' ? (cell ? 1 : 0) : Number(cell);
  return Number.isFinite(n) ? n : NaN;
};

const isTime = (cell: Cell | undefined) => typeof cell === 'string' && /^\d{4}-\d\d-\d\dT/.test(cell);

// unfold turns the arrays that make-series gives into rows: an element of each array per row.
export function unfold(table: Table, rows: ArrayLike<number>): { schema: Shape; rows: readonly (readonly Cell[])[] } {
  const list: (readonly Cell[])[] = [];
  for (let i = 0; i < rows.length; i++) {
    const row = table.rows[rows[i] ?? 0];
    if (row) list.push(row);
  }
  const first = list.slice(0, 20);
  const series = table.schema.flatMap((c, i) =>
    c.type === 'dynamic' &&
    first.length > 0 &&
    first.every((r) => Array.isArray(r[i]) && r[i].length > 0 && !(r[i][0] !== null && typeof r[i][0] === 'object'))
      ? [i]
      : [],
  );
  if (series.length === 0 || table.schema.some((c) => isNumeric(c.type))) return { schema: table.schema, rows: list };
  const schema = table.schema.map((c, i) => {
    if (!series.includes(i)) return c;
    const cell = list[0]?.[i];
    return { name: c.name, type: Array.isArray(cell) && isTime(cell[0]) ? 'datetime' : 'real' };
  });
  const out: Cell[][] = [];
  for (const row of list) {
    const length = Math.max(...series.map((i) => (Array.isArray(row[i]) ? row[i].length : 0)));
    for (let n = 0; n < length && out.length < 500_000; n++)
      out.push(row.map((cell, i) => (series.includes(i) && Array.isArray(cell) ? (cell[n] ?? null) : cell)));
  }
  return { schema, rows: out };
}

interface Axes {
  x: number;
  ys: number[];
  by: number[];
}

// axes picks the columns: those that render names; else the first text or time for x (a time where the kind asks for one), the numbers for y, and
// the next text for the series.
export function axes(schema: Shape, kind: ChartKind, hint: Hint | undefined): Axes {
  const byName = (name: string | undefined) => {
    if (name === undefined || name === '') return -1;
    const exact = schema.findIndex((c) => c.name === name);
    return exact >= 0 ? exact : schema.findIndex((c) => c.name.toLowerCase() === name.toLowerCase());
  };
  const family = familyOf(kind);
  const odd = new Set((property(hint, 'anomalycolumns') ?? '').split(',').map((n) => byName(n.trim())));
  let x = byName(hint?.xcolumn);
  const named = (hint?.ycolumns ?? []).map(byName).filter((i) => i >= 0 && i !== x);
  const by = (hint?.series ?? []).map(byName).filter((i) => i >= 0 && i !== x);
  const free = (i: number) => !named.includes(i) && !by.includes(i) && !odd.has(i);
  const firstOf = (test: (type: string) => boolean) => schema.findIndex((c, i) => free(i) && test(c.type));
  if (x < 0 && (kind === 'time' || kind === 'anomaly' || family === 'lines' || family === 'areas')) x = firstOf((t) => t === 'datetime');
  if (x < 0 && family === 'scatter') x = firstOf((t) => t === 'datetime' || isNumeric(t));
  if (x < 0 && (family === 'pie' || family === 'treemap')) x = firstOf((t) => t === 'string' || t === 'bool' || t === 'guid');
  if (x < 0) x = firstOf((t) => t === 'string' || t === 'datetime' || t === 'bool' || t === 'guid');
  if (x < 0) x = firstOf((t) => !isNumeric(t));
  const numbers = schema.flatMap((c, i) => (i !== x && !by.includes(i) && !odd.has(i) && isNumeric(c.type) ? [i] : []));
  if (x < 0 && numbers.length > 1 && named.length === 0) x = numbers.shift() ?? -1;
  const ys = named.length > 0 ? named : numbers.filter((i) => i !== x);
  if (by.length === 0 && family !== 'pie' && family !== 'treemap') {
    const split = schema.findIndex(
      (c, i) => i !== x && !ys.includes(i) && !odd.has(i) && (c.type === 'string' || c.type === 'bool' || c.type === 'guid'),
    );
    if (split >= 0) by.push(split);
  }
  return { x, ys, by };
}

// oddColumns finds the flags of an anomaly chart: one column per y in the order of both.
function oddColumns(schema: Shape, ys: readonly number[], kind: ChartKind, hint: Hint | undefined): Map<number, number> {
  const out = new Map<number, number>();
  if (kind !== 'anomaly') return out;
  const names = (property(hint, 'anomalycolumns') ?? '')
    .split(',')
    .map((n) => n.trim())
    .filter((n) => n !== '');
  names.forEach((name, i) => {
    const at = schema.findIndex((c) => c.name === name);
    const y = ys[i] ?? ys[0];
    if (at >= 0 && y !== undefined) out.set(y, at);
  });
  return out;
}

// chart makes the model of a chart; undefined when no column holds numbers.
export function chart(table: Table, shown: ArrayLike<number>, kind: ChartKind, hint: Hint | undefined): Chart | undefined {
  const { schema, rows } = unfold(table, shown);
  const { x, ys, by } = axes(schema, kind, hint);
  if (ys.length === 0) return undefined;
  const family = familyOf(kind);
  const xType = x < 0 ? '' : (schema[x]?.type ?? '');
  const continuous = family === 'lines' || family === 'areas' || family === 'scatter';
  const axis =
    xType === 'datetime' && family !== 'pie' && family !== 'treemap' && family !== 'bars'
      ? 'time'
      : isNumeric(xType) && continuous
        ? 'number'
        : 'label';
  const flags = oddColumns(schema, ys, kind, hint);
  const left: string[] = [];
  const labels = new Map<string, number>();
  const series = new Map<string, { series: Series; at: Map<string, Point>; sum: number }>();
  const summed = !(family === 'lines' || family === 'scatter');
  let points = 0;
  let manyLabels = 0;
  for (const row of rows) {
    const label = x < 0 ? String(labels.size + 1) : cellText(row[x]);
    const place = axis === 'time' ? timeKey(label) : axis === 'number' ? toNumber(row[x]) : 0;
    if (Number.isNaN(place)) continue;
    let at = labels.get(label);
    if (at === undefined) {
      if (axis === 'label' && labels.size >= mostLabels) {
        manyLabels++;
        continue;
      }
      at = labels.size;
      labels.set(label, at);
    }
    const prefix = by.map((i) => cellText(row[i]) || '(empty)').join(', ');
    for (const y of ys) {
      const value = toNumber(row[y]);
      if (Number.isNaN(value)) continue;
      const own = schema[y]?.name ?? '';
      const name = by.length === 0 ? own : ys.length > 1 ? `${prefix}: ${own}` : prefix;
      let held = series.get(name);
      if (!held) series.set(name, (held = { series: { name, points: [] }, at: new Map(), sum: 0 }));
      held.sum += Math.abs(value);
      const same = summed ? held.at.get(label) : undefined;
      if (same) {
        same.y += value;
        continue;
      }
      if (points >= mostPoints) continue;
      points++;
      const flag = flags.get(y);
      const odd = flag !== undefined && toNumber(row[flag]) !== 0 && !Number.isNaN(toNumber(row[flag]));
      const point: Point = { label, at: axis === 'label' ? at : place, y: value, ...(odd ? { odd: true } : {}) };
      held.series.points.push(point);
      if (summed) held.at.set(label, point);
    }
  }
  let list = [...series.values()];
  if (list.length > mostSeries) {
    left.push(`${(list.length - mostSeries).toLocaleString()} more series are not drawn; these are the largest.`);
    const largest = new Set([...list].sort((a, b) => b.sum - a.sum).slice(0, mostSeries));
    list = list.filter((s) => largest.has(s));
  }
  if (points >= mostPoints) left.push(`Only the first ${mostPoints.toLocaleString()} points are drawn.`);
  if (manyLabels > 0) left.push(`Only the first ${mostLabels} values of ${schema[x]?.name ?? ''} are drawn.`);
  const out = list.map((s) => s.series);
  if (axis !== 'label') for (const s of out) s.points.sort((a, b) => a.at - b.at);
  let names = [...labels.keys()];
  if (axis === 'time') names = names.sort((a, b) => timeKey(a) - timeKey(b));
  const limit = (name: string) => {
    const n = Number(property(hint, name) ?? NaN);
    return Number.isFinite(n) ? n : undefined;
  };
  const yMin = limit('ymin');
  const yMax = limit('ymax');
  return {
    kind,
    family,
    stacking: stackingOf(kind),
    title: hint?.title ?? property(hint, 'title') ?? '',
    xTitle: property(hint, 'xtitle') ?? schema[x]?.name ?? '',
    yTitle: property(hint, 'ytitle') ?? (ys.length === 1 ? (schema[ys[0] ?? 0]?.name ?? '') : ''),
    legend: property(hint, 'legend')?.toLowerCase() !== 'hidden',
    ...(yMin === undefined ? {} : { yMin }),
    ...(yMax === undefined ? {} : { yMax }),
    log: property(hint, 'yaxis')?.toLowerCase() === 'log',
    axis,
    labels: names,
    series: property(hint, 'accumulate') === 'true' ? out.map(accumulated) : out,
    left,
  };
}

function accumulated(s: Series): Series {
  let sum = 0;
  return { ...s, points: s.points.map((p) => ({ ...p, y: (sum += p.y) })) };
}

// Layer is a point of a stack: from where to where.
export interface Layer {
  point: Point;
  from: number;
  to: number;
}

// stack lays the series on one another (positive values upwards, negative ones downwards), as shares of a hundred where asked.
export function stack(c: Chart): Layer[][] {
  const up = new Map<number, number>();
  const down = new Map<number, number>();
  const total = new Map<number, number>();
  if (c.stacking === 'full') for (const s of c.series) for (const p of s.points) total.set(p.at, (total.get(p.at) ?? 0) + Math.abs(p.y));
  return c.series.map((s) =>
    s.points.map((point) => {
      const y = c.stacking === 'full' ? (point.y / (total.get(point.at) || 1)) * 100 : point.y;
      if (c.stacking === 'none') return { point, from: 0, to: y };
      const sums = y < 0 ? down : up;
      const from = sums.get(point.at) ?? 0;
      sums.set(point.at, from + y);
      return { point, from, to: from + y };
    }),
  );
}

// filled gives every series a point at every place, so that areas can be stacked.
export function filled(c: Chart): Chart {
  const places = [...new Map(c.series.flatMap((s) => s.points.map((p) => [p.at, p.label] as const)))].sort((a, b) => a[0] - b[0]);
  return {
    ...c,
    series: c.series.map((s) => {
      const own = new Map(s.points.map((p) => [p.at, p]));
      return { ...s, points: places.map(([at, label]) => own.get(at) ?? { at, label, y: 0 }) };
    }),
  };
}

// slices are the parts of a pie or tree map, the largest first, small ones together.
export function slices(c: Chart, most: number): { label: string; y: number }[] {
  const sums = new Map<string, number>();
  for (const s of c.series) for (const p of s.points) if (p.y > 0) sums.set(p.label, (sums.get(p.label) ?? 0) + p.y);
  const all = [...sums].map(([label, y]) => ({ label, y })).sort((a, b) => b.y - a.y);
  if (all.length <= most) return all;
  const rest = all.slice(most - 1).reduce((n, p) => n + p.y, 0);
  return [...all.slice(0, most - 1), { label: `${(all.length - most + 1).toLocaleString()} others`, y: rest }];
}

export interface Span {
  lane: string;
  from: number;
  to: number;
  text: string;
}

// spans are the bars of a ladder chart (from one time to the next) or the marks of a time pivot (one time each), in lanes by their text columns.
export function spans(
  table: Table,
  shown: ArrayLike<number>,
  kind: ChartKind,
  hint: Hint | undefined,
): { lanes: string[]; spans: Span[]; left: string[] } | undefined {
  const byName = (name: string | undefined) => (name ? table.schema.findIndex((c) => c.name === name) : -1);
  const times = table.schema.flatMap((c, i) => (c.type === 'datetime' ? [i] : []));
  const start = byName(hint?.xcolumn) >= 0 ? byName(hint?.xcolumn) : (times[0] ?? -1);
  if (start < 0) return undefined;
  const end = kind === 'ladder' ? (times.find((t) => t !== start) ?? start) : start;
  const named = (hint?.series ?? []).map(byName).filter((i) => i >= 0);
  const lane =
    named.length > 0 ? named : table.schema.flatMap((c, i) => (c.type === 'string' ? [i] : [])).slice(0, kind === 'timepivot' ? 2 : 1);
  const lanes: string[] = [];
  const seen = new Set<string>();
  const out: Span[] = [];
  const left: string[] = [];
  let more = 0;
  for (let i = 0; i < shown.length; i++) {
    const row = table.rows[shown[i] ?? 0] ?? [];
    const from = timeKey(cellText(row[start]));
    const to = timeKey(cellText(row[end]));
    if (Number.isNaN(from)) continue;
    const name = lane.map((c) => cellText(row[c]) || '(empty)').join(' / ');
    if (!seen.has(name)) {
      if (seen.size >= 60) {
        more++;
        continue;
      }
      seen.add(name);
      lanes.push(name);
    }
    if (out.length < 5000)
      out.push({
        lane: name,
        from: Math.min(from, Number.isNaN(to) ? from : to),
        to: Math.max(from, Number.isNaN(to) ? from : to),
        text: name,
      });
    else more++;
  }
  if (more > 0) left.push(`${more.toLocaleString()} more rows are not drawn.`);
  return { lanes, spans: out, left };
}

// crossed is a pivot table: a text down, another across, the sum of a number in each cell.
export function crossed(
  table: Table,
  shown: ArrayLike<number>,
):
  | { down: string; across: string; value: string; rows: string[]; columns: string[]; cells: Map<string, number>; left: string[] }
  | undefined {
  const texts = table.schema.flatMap((c, i) => (isNumeric(c.type) || c.type === 'dynamic' ? [] : [i]));
  const value = table.schema.findIndex((c) => isNumeric(c.type));
  const [down, across] = texts;
  if (down === undefined || across === undefined) return undefined;
  const rows = new Set<string>();
  const columns = new Set<string>();
  const cells = new Map<string, number>();
  let more = 0;
  for (let i = 0; i < shown.length; i++) {
    const row = table.rows[shown[i] ?? 0] ?? [];
    const [a, b] = [cellText(row[down]), cellText(row[across])];
    if ((!rows.has(a) && rows.size >= 200) || (!columns.has(b) && columns.size >= 40)) {
      more++;
      continue;
    }
    rows.add(a);
    columns.add(b);
    const key = `${a}\u0000${b}`;
    cells.set(key, (cells.get(key) ?? 0) + (value < 0 ? 1 : toNumber(row[value]) || 0));
  }
  return {
    down: table.schema[down]?.name ?? '',
    across: table.schema[across]?.name ?? '',
    value: value < 0 ? 'Rows' : (table.schema[value]?.name ?? ''),
    rows: [...rows],
    columns: [...columns].sort(),
    cells,
    left: more > 0 ? [`${more.toLocaleString()} rows are left out: at most 200 rows and 40 columns are shown.`] : [],
  };
}
