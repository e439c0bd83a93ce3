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

// withLines adds lines ("| where …") to the end of the query that holds the given line of the editor, by default the last query.
// A semicolon or comment at the query's end stays behind the new lines.
export function withLines(text: string, lines: readonly string[], line?: number): string {
  const all = blocks(text);
  const block = (line === undefined ? undefined : all.findLast((b) => b.line <= line)) ?? all.at(-1);
  if (!block) return lines.join('\n');
  const rows = text.split(/\r?\n/);
  let last = block.line - 1 + block.text.split('\n').length;
  while (last > block.line && comment.test(rows[last - 1] ?? '')) last--;
  const end = rows[last - 1] ?? '';
  const semicolon = /;\s*$/.test(end);
  if (semicolon) rows[last - 1] = end.replace(/\s*;\s*$/, '');
  rows.splice(last, 0, ...lines.map((l, i) => (semicolon && i === lines.length - 1 ? `${l};` : l)));
  return rows.join('\n').trimEnd();
}

const presets: Record<string, string> = { '1h': 'PT1H', '1d': 'P1D', '3d': 'P3D', '1w': 'P7D', '30d': 'P30D', '6m': 'P183D' };

// timespan writes a range of the address as the API wants it; undefined means all time.
export function timespan(range: string | undefined): string | undefined {
  if (range === undefined || range === 'all' || range === '') return undefined;
  const preset = presets[range];
  if (preset) return preset;
  const [from = '', to = ''] = range.split('~');
  if (from === '' && to === '') return undefined;
  return `${from === '' ? '1970-01-01T00:00:00Z' : from}/${to === '' ? '9999-12-31T23:59:59Z' : to}`;
}

// ownTime says whether a query filters on time itself, so that the narrower of its range and the chosen one applies.
export function ownTime(text: string): boolean {
  const code = text.replace(/"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'/g, '""').replace(/\/\/.*$/gm, '');
  return /\b(?:Timestamp|TimeGenerated)\b\s*(?:[<>]=?|==|!?between|in\b)/.test(code) || /\bago\s*\(/.test(code);
}
