// Files out of a result.
import { download, saveBlob } from '../../api/endpoints';
import { csv } from '../../design/csv';
import type { Table } from './arrange';
import { cellText } from './cells';
import { asObjects } from './copy';

export type ServerFormat = 'csv' | 'ndjson' | 'parquet';

const stamp = () => new Date().toISOString().slice(0, 19).replaceAll(':', '').replace('T', '-');

// exportAll has the server run the query once more and write all of its rows, also those beyond the page's limit.
export async function exportAll(query: string, timespan: string | undefined, format: ServerFormat): Promise<void> {
  await download('/api/hunting/export', `hunting-${stamp()}.${format}`, { query, format, ...(timespan === undefined ? {} : { timespan }) });
}

// exportShown writes the given rows and columns as CSV. Cells that a spreadsheet would run are made plain text.
export function exportShown(table: Table, rows: Iterable<number>, columns: readonly number[]): number {
  let count = 0;
  function* lines() {
    for (const r of rows) {
      count++;
      yield columns.map((c) => cellText(table.rows[r]?.[c]));
    }
  }
  const body = csv(
    columns.map((c) => table.schema[c]?.name ?? ''),
    lines(),
  );
  saveBlob(new Blob(['\ufeff', body], { type: 'text/csv;charset=utf-8' }), `hunting-${stamp()}.csv`);
  return count;
}

// exportShownJson writes the given rows as one JSON object per line.
export function exportShownJson(table: Table, rows: Iterable<number>, columns: readonly number[]): number {
  const list = asObjects(table, rows, columns);
  saveBlob(new Blob([list.map((o) => `${JSON.stringify(o)}\n`).join('')], { type: 'application/x-ndjson' }), `hunting-${stamp()}.ndjson`);
  return list.length;
}

export { saveBlob, stamp };
