// Cells of a result: as text, as sort keys, as they are shown.
import type { Cell } from '../../api/types';

// cellText writes a cell as it is copied, searched and exported.
export function cellText(cell: Cell | undefined): string {
  if (typeof cell === 'string') return cell;
  if (cell === null || cell === undefined) return '';
  if (typeof cell === 'object') return JSON.stringify(cell);
  if (typeof cell === 'boolean') return cell ? 'True' : 'False';
  return String(cell);
}

const numeric = new Set(['int', 'long', 'real', 'double', 'decimal']);

export function isNumeric(type: string): boolean {
  return numeric.has(type);
}

// isEmpty is true of null and of the empty text.
export function isEmpty(cell: Cell | undefined): boolean {
  return cell === null || cell === undefined || cell === '';
}

const digit = (text: string, at: number) => text.charCodeAt(at) - 48;
const two = (text: string, at: number) => digit(text, at) * 10 + digit(text, at + 1);

// timeKey is a time in milliseconds; the digits below a millisecond are its fraction. NaN is no time. Times as the server writes them are read by
// their places, which is many times as fast as the general way.
export function timeKey(text: string): number {
  const last = text.length - 1;
  if (last >= 19 && text.charCodeAt(last) === 90 && text.charCodeAt(10) === 84 && text.charCodeAt(4) === 45) {
    let fraction = 0;
    for (let i = 20, unit = 100; i < last; i++, unit /= 10) fraction += digit(text, i) * unit;
    const whole = Date.UTC(two(text, 0) * 100 + two(text, 2), two(text, 5) - 1, two(text, 8), two(text, 11), two(text, 14), two(text, 17));
    // The years before 100 are what Date.UTC takes for the last century.
    if (text.charCodeAt(0) !== 48) return whole + fraction;
  }
  return Date.parse(text);
}

// spanKey is a time span ("1.02:03:04.5", "-00:00:01") in seconds.
export function spanKey(text: string): number {
  const m = /^(-)?(?:(\d+)\.)?(\d+):(\d\d):(\d\d(?:\.\d+)?)$/.exec(text);
  if (!m) return NaN;
  const seconds = Number(m[2] ?? 0) * 86_400 + Number(m[3]) * 3600 + Number(m[4]) * 60 + Number(m[5]);
  return m[1] ? -seconds : seconds;
}

// sortKey is what a cell sorts by: a number or a text; undefined for an empty one. Cells of dynamic columns that are numbers sort as numbers, before texts.
export function sortKey(cell: Cell | undefined, type: string): number | string | undefined {
  if (isEmpty(cell)) return undefined;
  if (isNumeric(type)) {
    const n = Number(cell);
    return Number.isNaN(n) ? undefined : n;
  }
  if (type === 'datetime') {
    const n = timeKey(cellText(cell));
    return Number.isNaN(n) ? undefined : n;
  }
  if (type === 'timespan') {
    const n = spanKey(cellText(cell));
    return Number.isNaN(n) ? undefined : n;
  }
  if (typeof cell === 'boolean') return cell ? 1 : 0;
  if (typeof cell === 'number') return cell;
  return cellText(cell).toLowerCase();
}

export function compareKeys(a: number | string, b: number | string): number {
  if (typeof a === typeof b) return a < b ? -1 : a > b ? 1 : 0;
  return typeof a === 'number' ? -1 : 1;
}

const longestJson = 1_000_000;

// tree is the structure of a cell that holds one: an object or array, or a text that is JSON of one.
export function tree(cell: Cell | undefined): Cell[] | { [key: string]: Cell } | undefined {
  if (cell !== null && typeof cell === 'object') return cell;
  if (typeof cell !== 'string' || !looksLikeTree(cell) || cell.length > longestJson) return undefined;
  try {
    const value = JSON.parse(cell) as Cell;
    return value !== null && typeof value === 'object' ? value : undefined;
  } catch {
    return undefined;
  }
}

// looksLikeTree tells cheaply whether a cell may be expanded.
export function looksLikeTree(cell: Cell | undefined): boolean {
  if (cell !== null && typeof cell === 'object') return Object.keys(cell).length > 0;
  if (typeof cell !== 'string' || cell.length < 3) return false;
  const first = cell.charCodeAt(0);
  const last = cell.charCodeAt(cell.length - 1);
  return (first === 123 && last === 125) || (first === 91 && last === 93 && cell !== '[]' && /^\[\s*["[{\d\-tfn]/.test(cell));
}

// widthOf guesses a column's width from its name and the first rows.
export function widthOf(schema: readonly { name: string; type: string }[], rows: readonly Cell[][], column: number, most = 360): number {
  const { name = '', type = '' } = schema[column] ?? {};
  let longest = 0;
  for (let i = 0; i < rows.length && i < 60; i++) longest = Math.max(longest, cellText(rows[i]?.[column]).length);
  if (type === 'datetime') longest = 23;
  return Math.round(Math.min(most, Math.max(88, name.length * 7.4 + 62, longest * 6.9 + 26)));
}
