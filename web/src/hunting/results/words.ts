// What the limits and states of a run are called.
import type { Result } from './outcome';

// limitText says plainly what a limit did.
export function limitText(limit: string, rows: number): string {
  switch (limit) {
    case 'hunt.rows':
      return `The row limit was reached: these are the first ${rows.toLocaleString()} rows that were found, and there are more.`;
    case 'hunt.bytes':
      return `The size limit was reached: these are the ${rows.toLocaleString()} rows that fit, and there are more.`;
    case 'hunt.timeout':
      return 'The time limit was reached before every row was found.';
    case 'hunt.cpu':
      return 'Your queries have used much of the computing time that this quarter of an hour allows. Queries are refused when all of it is used.';
    default:
      return `A limit was reached: ${limit}.`;
  }
}

// limitNotes says what is missing from a result.
export function limitNotes(result: Result): string[] {
  const { stats } = result;
  const notes = (stats.limits ?? []).map((l) => limitText(l, result.rows.length));
  if (notes.length === 0 && stats.truncated) notes.push(limitText('hunt.rows', result.rows.length));
  if (stats.partial && !(stats.limits ?? []).some((l) => l !== 'hunt.cpu'))
    notes.push('A source did not answer in full, so rows may be missing.');
  return notes;
}

// duration writes milliseconds.
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms).toLocaleString()} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}

// size writes bytes.
export function size(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let n = bytes;
  let unit = 0;
  while (n >= 1000 && unit < units.length - 1) {
    n /= 1000;
    unit++;
  }
  return `${n >= 100 || unit === 0 ? Math.round(n).toLocaleString() : n.toFixed(1)} ${units[unit] ?? ''}`;
}

// day writes the date of a time, without its hour.
export function day(time: string, zone: string): string {
  return new Date(time).toLocaleDateString(undefined, {
    year: 'numeric',
    month: 'short',
    day: 'numeric',
    ...(zone === 'local' ? {} : { timeZone: zone }),
  });
}
