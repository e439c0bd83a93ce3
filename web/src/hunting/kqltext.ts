// Writing KQL: the one place where a person's values become text of a query.

// quoted writes a text as a KQL string. Control characters are written as escapes, so that a value stays on its line.
export function quoted(value: string): string {
  const plain = value
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r')
    .replaceAll('\t', '\\t')
    // eslint-disable-next-line no-control-regex -- control characters are what it is about
    .replace(/[\u0000-\u001f\u007f\u0085\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return `"${plain}"`;
}

// columnName writes the name of a column or table, in brackets where it is no plain word.
export function columnName(name: string): string {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? name : `[${quoted(name)}]`;
}

// datetime writes a time; what is no time becomes null.
export function datetime(value: string | Date): string {
  const date = typeof value !== 'string' ? value : new Date(/^\d{4}-\d\d-\d\d/.test(value) ? value : Number.NaN);
  return Number.isNaN(date.getTime()) ? 'datetime(null)' : `datetime(${date.toISOString()})`;
}

// literal writes a value as a KQL literal.
export function literal(value: unknown): string {
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : 'real(null)';
  if (typeof value === 'boolean') return String(value);
  if (value === null || value === undefined) return '""';
  if (typeof value === 'object') return `dynamic(${JSON.stringify(value)})`;
  const text = String(value);
  if (/^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(text)) return `datetime(${text})`;
  return quoted(text);
}

// list writes strings as the right side of in or has_any.
export function list(values: readonly string[]): string {
  return `(${values.map(quoted).join(', ')})`;
}

// remark writes a text as a comment of one line.
export function remark(text: string): string {
  return `// ${text.replace(/[\s\u0085\u2028\u2029]+/g, ' ').trim()}`;
}
