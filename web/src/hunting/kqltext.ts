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

// datetime writes a time in UTC; what is no time becomes null. A text keeps its digits below the millisecond, so that it equals the time it was read from.
export function datetime(value: string | Date): string {
  const date = typeof value !== 'string' ? value : new Date(/^\d{4}-\d\d-\d\d/.test(value) ? value : Number.NaN);
  if (Number.isNaN(date.getTime())) return 'datetime(null)';
  const iso = date.toISOString();
  const below = typeof value === 'string' ? /T\d\d:\d\d:\d\d\.\d{3}(\d{1,4})/.exec(value)?.[1] : undefined;
  return `datetime(${below ? `${iso.slice(0, -1)}${below}Z` : iso})`;
}

// typed writes a value, given as text, as a literal of a column's type.
export function typed(text: string, type: string): string {
  switch (type) {
    case 'datetime':
      return /^[\d:.TZ+-]+$/.test(text) ? `datetime(${text})` : quoted(text);
    case 'timespan':
      return /^-?[\d:.]+$/.test(text) ? `time(${text})` : quoted(text);
    case 'guid':
      return /^[0-9a-fA-F-]+$/.test(text) ? `guid(${text})` : quoted(text);
    case 'bool':
      return /^(true|false)$/i.test(text) ? text.toLowerCase() : 'bool(null)';
    case 'decimal':
      return /^[-+\d.eE]+$/.test(text) ? `decimal(${text})` : quoted(text);
    case 'real':
    case 'double':
    case 'int':
    case 'long':
      return /^[-+\d.eE]+$/.test(text)
        ? text
        : `${type === 'double' ? 'real' : type}(${/^(nan|[+-]?inf)$/i.test(text) ? text.toLowerCase() : 'null'})`;
    default:
      return quoted(text);
  }
}

// list writes strings as the right side of in or has_any.
export function list(values: readonly string[]): string {
  return `(${values.map(quoted).join(', ')})`;
}

// remark writes a text as a comment of one line.
export function remark(text: string): string {
  return `// ${text.replace(/[\s\u0085\u2028\u2029]+/g, ' ').trim()}`;
}
