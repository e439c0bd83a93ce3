// Work on a result in the browser: cells as text, sort, filter, columns without values, widths.
import type { Cell, Column, HuntResult } from '../api/types';

// cellText writes a cell as it is copied and exported.
export function cellText(cell: Cell | undefined): string {
  if (cell === null || cell === undefined) return '';
  if (typeof cell === 'object') return JSON.stringify(cell);
  if (typeof cell === 'boolean') return cell ? 'True' : 'False';
  return String(cell);
}

const numeric = new Set(['int', 'long', 'real', 'decimal']);

export function isNumeric(type: string): boolean {
  return numeric.has(type);
}

// compare orders two cells of a column; empty ones come last in either direction.
export function compare(a: Cell | undefined, b: Cell | undefined, type: string): number {
  if (isNumeric(type)) return Number(a) - Number(b);
  const [x, y] = [cellText(a), cellText(b)];
  return x < y ? -1 : x > y ? 1 : 0;
}

export interface Order {
  column: number;
  descending: boolean;
}

// arrange gives the row numbers to show: filtered by chosen values and a text, sorted, stable.
export function arrange(
  result: HuntResult,
  order: Order | undefined,
  chosen: ReadonlyMap<number, ReadonlySet<string>>,
  find: string,
): number[] {
  const wanted = find.trim().toLowerCase();
  let rows: number[] = [];
  result.rows.forEach((row, i) => {
    for (const [column, values] of chosen) if (values.size > 0 && !values.has(cellText(row[column]))) return;
    if (wanted !== '' && !row.some((c) => cellText(c).toLowerCase().includes(wanted))) return;
    rows.push(i);
  });
  if (order) {
    const type = result.schema[order.column]?.type ?? 'string';
    const filled: number[] = [];
    const blank: number[] = [];
    for (const i of rows) (cellText(result.rows[i]?.[order.column]) === '' ? blank : filled).push(i);
    filled.sort(
      (a, b) => compare(result.rows[a]?.[order.column], result.rows[b]?.[order.column], type) * (order.descending ? -1 : 1) || a - b,
    );
    rows = [...filled, ...blank];
  }
  return rows;
}

// distinct counts the values of a column, most frequent first.
export function distinct(result: HuntResult, column: number, limit = 200): { value: string; count: number }[] {
  const counts = new Map<string, number>();
  for (const row of result.rows) {
    const text = cellText(row[column]);
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  return [...counts]
    .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
    .slice(0, limit)
    .map(([value, count]) => ({ value, count }));
}

// emptyColumns are those without any value in the result.
export function emptyColumns(result: HuntResult): Set<number> {
  const out = new Set(result.schema.map((_, i) => i));
  for (const row of result.rows) {
    for (const i of out) if (cellText(row[i]) !== '') out.delete(i);
    if (out.size === 0) break;
  }
  return out;
}

// widthOf guesses a column's width from its name and the first rows.
export function widthOf(result: HuntResult, column: number): number {
  let longest = (result.schema[column]?.name.length ?? 0) + 4;
  for (const row of result.rows.slice(0, 50)) longest = Math.max(longest, cellText(row[column]).length);
  return Math.round(Math.min(360, Math.max(72, longest * 7.2 + 16)));
}

// columnsOf names the columns by position, for keys; two may have the same name.
export function columnsOf(schema: readonly Column[]): string[] {
  return schema.map((c, i) => `${i} ${c.name}`);
}
