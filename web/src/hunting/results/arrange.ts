// Which rows of a result show, and in which order: filters, a text, several sort columns, groups. A hundred thousand rows are worked through in slices.
import type { Cell } from '../../api/types';
import { cellText, compareKeys, isEmpty, sortKey } from './cells';
import { Slices } from './slices';

export interface Order {
  column: number;
  descending: boolean;
}

export type TextTest = 'contains' | 'equals' | 'startswith' | 'endswith' | 'notcontains';

// Filter is a test on a column: one of some values, a text, or a range of numbers or times (both ends belong to it).
export type Filter =
  | { column: number; kind: 'values'; values: readonly string[]; not?: boolean }
  | { column: number; kind: 'text'; test: TextTest; text: string }
  | { column: number; kind: 'range'; from?: number; to?: number };

export interface Table {
  schema: readonly { name: string; type: string }[];
  rows: readonly (readonly Cell[])[];
}

export interface Arrangement {
  filters: readonly Filter[];
  find: string;
  orders: readonly Order[];
  group?: number;
}

export interface Group {
  value: string;
  // null and the empty text are different groups.
  missing: boolean;
  rows: Int32Array;
}

export interface Arranged {
  rows: Int32Array;
  groups?: Group[];
}

// shape writes a column's shape, by which two results count as alike.
export function shape(schema: Table['schema']): string {
  return schema.map((c) => `${c.name}:${c.type}`).join('|');
}

// tester makes a filter into a test of a row.
export function tester(table: Table, filter: Filter): (row: readonly Cell[]) => boolean {
  const { column } = filter;
  const type = table.schema[column]?.type ?? 'string';
  switch (filter.kind) {
    case 'values': {
      const values = new Set(filter.values);
      const wanted = !filter.not;
      return (row) => values.has(cellText(row[column])) === wanted;
    }
    case 'range': {
      const from = filter.from ?? -Infinity;
      const to = filter.to ?? Infinity;
      return (row) => {
        const key = sortKey(row[column], type);
        return typeof key === 'number' && key >= from && key <= to;
      };
    }
    case 'text': {
      const text = filter.text.toLowerCase();
      switch (filter.test) {
        case 'contains':
          return (row) => cellText(row[column]).toLowerCase().includes(text);
        case 'notcontains':
          return (row) => !cellText(row[column]).toLowerCase().includes(text);
        case 'equals':
          return (row) => cellText(row[column]).toLowerCase() === text;
        case 'startswith':
          return (row) => cellText(row[column]).toLowerCase().startsWith(text);
        case 'endswith':
          return (row) => cellText(row[column]).toLowerCase().endsWith(text);
      }
    }
  }
}

const finder = (find: string) => {
  const wanted = find.trim();
  if (wanted === '') return undefined;
  const pattern = new RegExp(wanted.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'), 'i');
  return (row: readonly Cell[]) => {
    for (const cell of row)
      if (
        cell !== null &&
        pattern.test(typeof cell === 'string' ? cell : typeof cell === 'boolean' ? (cell ? 'True' : 'False') : cellText(cell))
      )
        return true;
    return false;
  };
};

// arrange works out the rows to show. It gives way to the page every few milliseconds and ends with Stopped when the signal says so.
export async function arrange(table: Table, a: Arrangement, signal?: AbortSignal): Promise<Arranged> {
  const slices = new Slices(signal);
  let rows = await passing(table, a, slices);
  if (a.orders.length > 0) rows = await sorted(table, rows, a.orders, slices);
  if (a.group === undefined) return { rows };
  return { rows, groups: await grouped(table, rows, a.group, slices) };
}

async function passing(table: Table, a: Arrangement, slices: Slices): Promise<Int32Array> {
  const tests = a.filters.map((f) => tester(table, f));
  const find = finder(a.find);
  if (find) tests.push(find);
  const count = table.rows.length;
  const out = new Int32Array(count);
  if (tests.length === 0) {
    for (let i = 0; i < count; i++) out[i] = i;
    return out;
  }
  let n = 0;
  for (let i = 0; i < count; i++) {
    const row = table.rows[i];
    if (row?.length !== undefined && tests.every((test) => test(row))) out[n++] = i;
    if ((i & 127) === 127 && slices.due()) await slices.pause();
  }
  return out.slice(0, n);
}

type Key = number | string | undefined;

// keysOf reads the sort keys of a column for the given rows; indexed by row number.
async function keysOf(table: Table, rows: Int32Array, order: Order, slices: Slices): Promise<Key[]> {
  const type = table.schema[order.column]?.type ?? 'string';
  const keys = new Array<Key>(table.rows.length);
  for (let i = 0; i < rows.length; i++) {
    const r = rows[i] ?? 0;
    keys[r] = sortKey(table.rows[r]?.[order.column], type);
    if ((i & 255) === 255 && slices.due()) await slices.pause();
  }
  return keys;
}

// sorted orders rows by several columns; empty cells come last in either direction, equal rows keep their order.
async function sorted(table: Table, rows: Int32Array, orders: readonly Order[], slices: Slices): Promise<Int32Array> {
  const keys: Key[][] = [];
  for (const order of orders) keys.push(await keysOf(table, rows, order, slices));
  const before = (a: number, b: number): number => {
    for (let k = 0; k < keys.length; k++) {
      const x = keys[k]?.[a];
      const y = keys[k]?.[b];
      if (x === y) continue;
      if (x === undefined) return 1;
      if (y === undefined) return -1;
      const c = compareKeys(x, y);
      if (c !== 0) return orders[k]?.descending ? -c : c;
    }
    return a - b;
  };
  // Pieces are sorted by the engine, then merged pairwise.
  const piece = 4096;
  let from = rows.slice();
  for (let at = 0; at < from.length; at += piece) {
    from.subarray(at, at + piece).sort(before);
    await slices.pause();
  }
  let to = new Int32Array(from.length);
  for (let width = piece; width < from.length; width *= 2) {
    for (let at = 0; at < from.length; at += 2 * width) {
      const mid = Math.min(at + width, from.length);
      const end = Math.min(at + 2 * width, from.length);
      let [i, j] = [at, mid];
      for (let k = at; k < end; k++) {
        const x = from[i] ?? 0;
        const y = from[j] ?? 0;
        if (j >= end || (i < mid && before(x, y) <= 0)) {
          to[k] = x;
          i++;
        } else {
          to[k] = y;
          j++;
        }
        if ((k & 511) === 511 && slices.due()) await slices.pause();
      }
    }
    [from, to] = [to, from];
  }
  return from;
}

// grouped puts rows with the same value of a column together, the largest group first; rows keep their order within a group.
async function grouped(table: Table, rows: Int32Array, column: number, slices: Slices): Promise<Group[]> {
  const lists = new Map<string, { value: string; missing: boolean; rows: number[] }>();
  for (let i = 0; i < rows.length; i++) {
    const r = rows[i] ?? 0;
    const cell = table.rows[r]?.[column];
    const missing = cell === null || cell === undefined;
    const value = cellText(cell);
    const key = missing ? '\u0000' : value;
    const held = lists.get(key);
    if (held) held.rows.push(r);
    else lists.set(key, { value, missing, rows: [r] });
    if ((i & 255) === 255 && slices.due()) await slices.pause();
  }
  return [...lists.values()]
    .sort((a, b) => b.rows.length - a.rows.length || (a.value < b.value ? -1 : 1))
    .map((g) => ({ value: g.value, missing: g.missing, rows: Int32Array.from(g.rows) }));
}

export interface Counted {
  value: string;
  count: number;
}

// distinct counts the values of a column, most frequent first, and says how many there are when not all are listed.
export async function distinct(
  table: Table,
  column: number,
  limit = 1000,
  signal?: AbortSignal,
): Promise<{ values: Counted[]; total: number }> {
  const slices = new Slices(signal);
  const counts = new Map<string, number>();
  for (let i = 0; i < table.rows.length; i++) {
    const text = cellText(table.rows[i]?.[column]);
    counts.set(text, (counts.get(text) ?? 0) + 1);
    if ((i & 255) === 255 && slices.due()) await slices.pause();
  }
  const values = [...counts]
    .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
    .slice(0, limit)
    .map(([value, count]) => ({ value, count }));
  return { values, total: counts.size };
}

// Blank finds the columns without a value. It goes on where it stopped when more rows have come.
export class Blank {
  private seen = 0;
  private left: Set<number>;

  constructor(private readonly table: Table) {
    this.left = new Set(table.schema.map((_, i) => i));
  }

  columns(): ReadonlySet<number> {
    const before = this.left.size;
    for (; this.seen < this.table.rows.length && this.left.size > 0; this.seen++) {
      const row = this.table.rows[this.seen];
      for (const i of this.left) if (!isEmpty(row?.[i])) this.left.delete(i);
    }
    if (this.left.size !== before) this.left = new Set(this.left);
    return this.left;
  }
}

// filterText says what a filter does, for its pill.
export function filterText(filter: Filter, name: string, show: (n: number) => string): string {
  switch (filter.kind) {
    case 'values': {
      const [first = '', ...more] = filter.values;
      const value = first === '' ? '(empty)' : first.length > 40 ? `${first.slice(0, 39)}…` : first;
      return `${name}${filter.not ? ' is not' : ':'} ${value}${more.length > 0 ? ` and ${more.length} more` : ''}`;
    }
    case 'text':
      return `${name} ${{ contains: 'contains', equals: 'is', startswith: 'starts with', endswith: 'ends with', notcontains: 'does not contain' }[filter.test]} "${filter.text}"`;
    case 'range':
      if (filter.from !== undefined && filter.to !== undefined) return `${name}: ${show(filter.from)} – ${show(filter.to)}`;
      return filter.from !== undefined ? `${name} ≥ ${show(filter.from)}` : `${name} ≤ ${show(filter.to ?? 0)}`;
  }
}
