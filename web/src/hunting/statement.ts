// Which part of an editor tab runs: the block under the cursor. Blank lines separate blocks, unless the text plainly goes on.

export interface Block {
  text: string;
  // The editor's line of the block's first line, from 1.
  line: number;
}

const comment = /^\s*\/\//;

function goesOn(before: string[], after: string): boolean {
  const code = before.filter((l) => !comment.test(l) && l.trim() !== '');
  if (code.length === 0) return true;
  if (/^\s*[|)\]}]/.test(after)) return true;
  const last = (code.at(-1) ?? '').replace(/\/\/.*$/, '').trimEnd();
  return /[;|,([{]$/.test(last);
}

// blocks splits a text into the queries it holds.
export function blocks(text: string): Block[] {
  const out: Block[] = [];
  const lines = text.split(/\r?\n/);
  let held: string[] = [];
  let start = 0;
  let gap = 0;
  lines.forEach((line, i) => {
    if (line.trim() === '') {
      gap++;
      return;
    }
    if (held.length === 0) {
      held = [line];
      start = i;
    } else if (gap > 0 && !goesOn(held, line)) {
      out.push({ text: held.join('\n'), line: start + 1 });
      held = [line];
      start = i;
    } else {
      for (let n = 0; n < gap; n++) held.push('');
      held.push(line);
    }
    gap = 0;
  });
  if (held.length > 0) out.push({ text: held.join('\n'), line: start + 1 });
  return out;
}

// blockAt is the block that a line belongs to, or the nearest one above it, or the first.
export function blockAt(text: string, line: number): Block | undefined {
  const all = blocks(text);
  let found = all[0];
  for (const b of all) if (b.line <= line) found = b;
  return found;
}

// description is the text of the comment on the first line, which names the query.
export function description(text: string): string {
  const first = text.split(/\r?\n/).find((l) => l.trim() !== '') ?? '';
  return comment.test(first) ? first.replace(/^\s*\/\/\s*/, '').trim() : '';
}

// withCondition adds a test on a column's value as a line of its own.
export function withCondition(text: string, column: string, value: unknown, equal: boolean): string {
  return `${text.trimEnd()}\n| where ${columnName(column)} ${equal ? '==' : '!='} ${literal(value)}`;
}

export function columnName(column: string): string {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(column) ? column : `['${column.replaceAll("'", "\\'")}']`;
}

export function literal(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (value === null || value === undefined) return '""';
  if (typeof value === 'object') return `dynamic(${JSON.stringify(value)})`;
  const text = String(value);
  if (/^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(text)) return `datetime(${text})`;
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n').replaceAll('\r', '\\r').replaceAll('\t', '\\t')}"`;
}

const presets: Record<string, string> = { '1d': 'P1D', '3d': 'P3D', '1w': 'P7D', '30d': 'P30D', '6m': 'P183D' };

// timespan writes a range of the address as the API wants it; undefined means all time.
export function timespan(range: string | undefined): string | undefined {
  if (range === undefined || range === 'all' || range === '') return undefined;
  const preset = presets[range];
  if (preset) return preset;
  const [from = '', to = ''] = range.split('~');
  if (from === '' && to === '') return undefined;
  return `${from === '' ? '1970-01-01T00:00:00Z' : from}/${to === '' ? '9999-12-31T23:59:59Z' : to}`;
}
