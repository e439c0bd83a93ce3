import { describe, expect, it } from 'vitest';
import { columnName, datetime, list, quoted, remark } from './kqltext';

// read undoes quoted the way the language reads a string, and fails where the text would end early.
function read(text: string): string {
  expect(text.startsWith('"') && text.endsWith('"')).toBe(true);
  const inner = text.slice(1, -1);
  let out = '';
  for (let i = 0; i < inner.length; i++) {
    const c = inner.charAt(i);
    expect(c).not.toBe('"');
    expect(c.charCodeAt(0)).toBeGreaterThanOrEqual(0x20);
    if (c !== '\\') {
      out += c;
      continue;
    }
    const e = inner.charAt(++i);
    if (e === 'u') {
      out += String.fromCharCode(parseInt(inner.slice(i + 1, i + 5), 16));
      i += 4;
    } else out += { n: '\n', r: '\r', t: '\t', '"': '"', '\\': '\\' }[e] ?? '?';
  }
  return out;
}

describe('quoted', () => {
  it('gives back every text, whatever it holds', () => {
    const odd = [
      '',
      '"',
      '\\',
      '\\"',
      '\n| take 1',
      '\r',
      '\t',
      "'",
      '`',
      '\u0000',
      '\u2028',
      '// x',
      'C:\\a\\',
      '") or 1==1 //',
      '🙂',
      'مرحبا',
    ];
    for (const a of odd) for (const b of odd) expect(read(quoted(a + b))).toBe(a + b);
  });
  it('gives back random texts', () => {
    let seed = 7;
    const next = () => (seed = (seed * 1103515245 + 12345) % 2147483648);
    for (let n = 0; n < 300; n++) {
      const text = Array.from({ length: next() % 20 }, () => String.fromCharCode(next() % 300)).join('');
      expect(read(quoted(text))).toBe(text);
    }
  });
});

it('writes names, lists, times and comments', () => {
  expect(columnName('Device_1')).toBe('Device_1');
  expect(columnName('a "b"')).toBe('["a \\"b\\""]');
  expect(list(['a', '"'])).toBe('("a", "\\"")');
  expect(datetime('2026-01-02T03:04:05Z')).toBe('datetime(2026-01-02T03:04:05.000Z)');
  expect(datetime('2026-01-02T03:04:05.1234567Z')).toBe('datetime(2026-01-02T03:04:05.1234567Z)');
  expect(datetime('2026-01-02T03:04:05.1234567+01:00')).toBe('datetime(2026-01-02T02:04:05.1234567Z)');
  expect(datetime('2026-01-02T03:04:05.1234567890Z')).toBe('datetime(2026-01-02T03:04:05.1234567Z)');
  expect(datetime('now) | take 1 //')).toBe('datetime(null)');
  expect(remark('a\nb\r\n| c\u2028d')).toBe('// a b | c d');
});
