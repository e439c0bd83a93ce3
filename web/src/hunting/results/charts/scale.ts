// Axes with round numbers and times.
import { clock, short, type Zone } from '../../../design/time';
import { day } from '../words';

// ticks gives round numbers that cover a range; it begins at 0 unless a lower or a fixed beginning is asked for.
export function ticks(min: number, max: number, wanted = 5, zero = true): number[] {
  const low = zero ? Math.min(0, min) : min;
  const high = zero ? Math.max(0, max) : max;
  const span = Math.max(high - low, 1e-9);
  const raw = span / wanted;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = ([1, 2, 5, 10].find((m) => m * power >= raw * 0.999) ?? 10) * power;
  const out: number[] = [];
  for (let v = Math.floor(low / step + 1e-9) * step; v < high + step * 0.999; v += step) out.push(Number(v.toPrecision(12)));
  return out;
}

// logTicks gives powers of ten that cover a range of positive numbers.
export function logTicks(min: number, max: number): number[] {
  const out: number[] = [];
  const low = Math.floor(Math.log10(Math.max(min, 1e-9)));
  const high = Math.ceil(Math.log10(Math.max(max, 1e-9)));
  for (let p = low; p <= Math.max(high, low + 1) && out.length < 30; p++) out.push(10 ** p);
  return out;
}

const minute = 60_000;
const steps = [
  1000,
  5000,
  15_000,
  30_000,
  minute,
  5 * minute,
  15 * minute,
  30 * minute,
  3_600_000,
  3 * 3_600_000,
  6 * 3_600_000,
  12 * 3_600_000,
  86_400_000,
  2 * 86_400_000,
  7 * 86_400_000,
  30 * 86_400_000,
  91 * 86_400_000,
  365 * 86_400_000,
  2 * 365 * 86_400_000,
  5 * 365 * 86_400_000,
  10 * 365 * 86_400_000,
  50 * 365 * 86_400_000,
];

// timeTicks gives round times within a range.
export function timeTicks(from: number, to: number, wanted: number): number[] {
  const span = Math.max(1, to - from);
  const step = steps.find((s) => span / s <= wanted) ?? span / Math.max(1, wanted);
  const out: number[] = [];
  for (let t = Math.ceil(from / step) * step; t <= to && out.length < 40; t += step) out.push(t);
  return out.length > 0 ? out : [from];
}

export function timeLabel(t: number, span: number, zone: Zone): string {
  const iso = new Date(t).toISOString();
  if (span < 10 * minute) return clock(iso, zone);
  return span > 20 * 86_400_000 ? day(iso, zone) : short(iso, zone);
}

// compact writes a number for an axis, full for a label.
export const compact = (n: number) => Intl.NumberFormat(undefined, { notation: 'compact', maximumFractionDigits: 2 }).format(n);
export const full = (n: number) => n.toLocaleString(undefined, { maximumFractionDigits: Math.abs(n) >= 100 ? 2 : 4 });

export interface Box {
  x: number;
  y: number;
  w: number;
  h: number;
}

// squares lays values out as rectangles whose areas are as the values, and that are as square as can be (Bruls, Huizing, van Wijk 2000).
export function squares(values: readonly number[], box: Box): Box[] {
  const total = values.reduce((a, b) => a + b, 0);
  if (total <= 0 || box.w <= 0 || box.h <= 0) return values.map(() => ({ x: box.x, y: box.y, w: 0, h: 0 }));
  const areas = values.map((v) => (v / total) * box.w * box.h);
  const out: Box[] = [];
  let { x, y, w, h } = box;
  let i = 0;
  const worst = (row: readonly number[], side: number) => {
    const sum = row.reduce((a, b) => a + b, 0);
    return Math.max((side * side * Math.max(...row)) / (sum * sum), (sum * sum) / (side * side * Math.max(Math.min(...row), 1e-12)));
  };
  while (i < areas.length) {
    const side = Math.max(1e-9, Math.min(w, h));
    const row = [areas[i] ?? 0];
    let n = i + 1;
    while (n < areas.length && worst([...row, areas[n] ?? 0], side) <= worst(row, side)) row.push(areas[n++] ?? 0);
    const sum = row.reduce((a, b) => a + b, 0);
    const thick = sum / side;
    let along = 0;
    for (const area of row) {
      const length = thick > 0 ? area / thick : 0;
      out.push(w >= h ? { x, y: y + along, w: thick, h: length } : { x: x + along, y, w: length, h: thick });
      along += length;
    }
    if (w >= h) {
      x += thick;
      w -= thick;
    } else {
      y += thick;
      h -= thick;
    }
    i = n;
  }
  return out;
}
