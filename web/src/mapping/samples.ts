// Samples of records as people paste them, and what a test says of them.
import type { ApiError } from '../api/client';
import type { MappingProblem } from '../api/mappings';

export const mostSamples = 100;

// end is where the JSON value that begins at a place ends, or -1 when it does not.
function end(text: string, from: number): number {
  let depth = 0;
  let quoted = false;
  for (let i = from; i < text.length; i++) {
    const c = text.charAt(i);
    if (quoted) {
      if (c === '\\') i++;
      else if (c === '"') quoted = false;
    } else if (c === '"') quoted = true;
    else if (c === '{' || c === '[') depth++;
    else if (c === '}' || c === ']') {
      depth--;
      if (depth === 0) return i + 1;
      if (depth < 0) return -1;
    }
  }
  return -1;
}

// samplesOf takes pasted text apart: JSON objects over any number of lines, the members of a JSON array, or else one record a line.
export function samplesOf(text: string): string[] {
  const whole = text.trim();
  if (whole.startsWith('[')) {
    try {
      const list: unknown = JSON.parse(whole);
      if (Array.isArray(list)) return list.map((x) => (typeof x === 'string' ? x : JSON.stringify(x)));
    } catch {
      // Not one array: read it as lines.
    }
  }
  const out: string[] = [];
  let at = 0;
  while (at < text.length) {
    if (/\s/.test(text.charAt(at))) {
      at++;
      continue;
    }
    const line = text.indexOf('\n', at);
    const stop = line < 0 ? text.length : line;
    const close = text.charAt(at) === '{' ? end(text, at) : -1;
    // A value that ends within a line which goes on is a line of text that only begins like JSON.
    const rest = close < 0 ? -1 : text.indexOf('\n', close);
    if (close > 0 && text.slice(close, rest < 0 ? text.length : rest).trim() === '') {
      out.push(text.slice(at, close));
      at = close;
    } else {
      out.push(text.slice(at, stop).trim());
      at = stop;
    }
  }
  return out;
}

// problemOf reads what the server says is wrong with the text of a mapping, with its place when it names one.
export function problemOf(err: Pick<ApiError, 'code' | 'message' | 'details'>): MappingProblem {
  const { line, column } = err.details;
  return {
    code: err.code,
    message: err.message,
    ...(typeof line === 'number' ? { line } : {}),
    ...(typeof column === 'number' ? { column } : {}),
  };
}

// valueText writes a value of a row for a cell.
export function valueText(value: unknown): string {
  return typeof value === 'string' ? value : value === null || value === undefined ? '' : JSON.stringify(value);
}
