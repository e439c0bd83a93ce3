// The clipboard, and rows as text for it.
import type { Cell } from '../../api/types';
import { cellText } from './cells';
import type { Table } from './arrange';

// copyText puts a text on the clipboard. Pages that were not loaded by HTTPS have no clipboard of their own and copy the old way.
export async function copyText(text: string): Promise<void> {
  if (window.isSecureContext) return navigator.clipboard.writeText(text);
  const field = document.createElement('textarea');
  field.value = text;
  field.style.position = 'fixed';
  field.style.opacity = '0';
  const focused = document.activeElement;
  document.body.append(field);
  field.select();
  const done = document.execCommand('copy');
  field.remove();
  if (focused instanceof HTMLElement) focused.focus();
  if (!done) throw new Error('The browser does not let this page copy.');
}

// tsv writes rows for a spreadsheet: columns by tabs, line breaks and tabs inside of values as spaces.
export function tsv(table: Table, rows: Iterable<number>, columns: readonly number[]): string {
  const plain = (text: string) => text.replace(/[\t\r\n]+/g, ' ');
  const lines = [columns.map((c) => plain(table.schema[c]?.name ?? '')).join('\t')];
  for (const r of rows) lines.push(columns.map((c) => plain(cellText(table.rows[r]?.[c]))).join('\t'));
  return lines.join('\n');
}

// asObjects makes objects of rows; of columns with the same name the later gets a number.
export function asObjects(table: Table, rows: Iterable<number>, columns: readonly number[]): Record<string, Cell>[] {
  const seen = new Set<string>();
  const names = columns.map((c) => {
    const name = table.schema[c]?.name ?? '';
    let own = name;
    for (let n = 2; seen.has(own); n++) own = `${name}_${n}`;
    seen.add(own);
    return own;
  });
  const out: Record<string, Cell>[] = [];
  for (const r of rows) out.push(Object.fromEntries(columns.map((c, i) => [names[i] ?? '', table.rows[r]?.[c] ?? null])));
  return out;
}
