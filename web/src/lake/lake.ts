// The lake's tables as they are listed, and what a retention says.
import type { LakeTable } from '../api/lake';
import { bytes, sizeOf } from '../design/bytes';
import { count } from '../design/words';

export const orders = ['bytes', 'table', 'rows', 'newest', 'oldest'] as const;
export type Order = (typeof orders)[number];

// sorted orders tables: names upwards, everything else downwards; what is missing comes last.
export function sorted(tables: readonly LakeTable[], by: Order): LakeTable[] {
  const byName = (a: LakeTable, b: LakeTable) => a.table.localeCompare(b.table);
  if (by === 'table') return tables.toSorted(byName);
  if (by === 'oldest') return tables.toSorted((a, b) => (a.oldest ?? '9').localeCompare(b.oldest ?? '9') || byName(a, b));
  if (by === 'newest') return tables.toSorted((a, b) => (b.newest ?? '').localeCompare(a.newest ?? '') || byName(a, b));
  return tables.toSorted((a, b) => b[by] - a[by] || byName(a, b));
}

// filtered keeps the tables whose name has the words, and those with rows unless empty ones are wanted too.
export function filtered(tables: readonly LakeTable[], words: string, empty: boolean): LakeTable[] {
  const wanted = words.trim().toLowerCase();
  return tables.filter((t) => (empty || t.rows > 0) && t.table.toLowerCase().includes(wanted));
}

// retentionWords says how long rows of a table stay.
export function retentionWords(t: Pick<LakeTable, 'retentionDays' | 'retentionBytes'>): string {
  const parts = [
    t.retentionDays > 0 ? count(t.retentionDays, 'day', 'days') : 'For ever',
    t.retentionBytes ? `at most ${bytes(t.retentionBytes)}` : '',
  ];
  return parts.filter((x) => x !== '').join(', ');
}

// Retention is what is typed into the form.
export interface Retention {
  days: string;
  size: string;
}

const mostDays = 3650;
const leastSize = 2 ** 20;

// wrongRetention says what of a retention cannot be.
export function wrongRetention(r: Retention): Partial<Record<keyof Retention, string>> {
  const out: Partial<Record<keyof Retention, string>> = {};
  if (r.days.trim() !== '' && !(/^[1-9]\d{0,3}$/.test(r.days.trim()) && Number(r.days) <= mostDays))
    out.days = `Write a whole number of days, from 1 to ${mostDays.toLocaleString()}.`;
  const size = sizeOf(r.size);
  if (r.size.trim() !== '' && (size === undefined || size < leastSize))
    out.size = 'Write a number and a unit, such as 20 GB; at least 1 MiB.';
  return out;
}

// goes says whether a new retention deletes rows that the table has now.
export function goes(t: LakeTable, r: Retention, now: number): boolean {
  const days = Number(r.days);
  const size = sizeOf(r.size);
  return (
    (days > 0 && t.oldest !== undefined && Date.parse(t.oldest) < now - days * 86_400_000) ||
    (size !== undefined && size > 0 && t.bytes > size)
  );
}

// kinds of tables in the words of the page.
const kinds: Record<LakeTable['kind'], string> = { event: 'Events', snapshot: 'Snapshots', state: 'State', custom: 'Custom' };

export function kindWord(kind: LakeTable['kind']): string {
  return kinds[kind];
}
