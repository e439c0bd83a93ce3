import { describe, expect, it } from 'vitest';
import { blockAt, blocks, description, ownTime, timespan, withLines } from './statement';

describe('blocks', () => {
  it('separates queries at blank lines and keeps their place', () => {
    expect(blocks('A\n| take 1\n\n\nB\n| take 2')).toEqual([
      { text: 'A\n| take 1', line: 1 },
      { text: 'B\n| take 2', line: 5 },
    ]);
  });
  it('goes on after a let statement, before a pipe and inside brackets', () => {
    expect(blocks('let x = 1;\n\nA\n| where b == x\n\n| take 1')).toHaveLength(1);
    expect(blocks('union (A),\n\n(B)')).toHaveLength(1);
  });
  it('keeps a leading comment with its query', () => {
    expect(blocks('// what it does\n\nA')).toEqual([{ text: '// what it does\n\nA', line: 1 }]);
  });
  it('is not fooled by a comment at the end of a line', () => {
    expect(blocks('A // note;\n\nB')).toHaveLength(2);
  });
  it('finds the block of a line, also from the blank line below it', () => {
    expect(blockAt('A\n\nB\n\n', 1)?.text).toBe('A');
    expect(blockAt('A\n\nB\n\n', 5)?.text).toBe('B');
    expect(blockAt('\n\nA', 1)?.text).toBe('A');
    expect(blockAt('  \n', 1)).toBeUndefined();
  });
});

describe('conditions from a cell', () => {
  it('appends a line to the query of a line, before its semicolon', () => {
    expect(withLines('T\n', ['| where x == 1'])).toBe('T\n| where x == 1');
    expect(withLines('A\n\nB;', ['| take 1'], 1)).toBe('A\n| take 1\n\nB;');
    expect(withLines('A\n\nB;', ['| take 1'], 3)).toBe('A\n\nB\n| take 1;');
  });
});

it('names a query by its first comment', () => {
  expect(description('\n// Find it \nT')).toBe('Find it');
  expect(description('T // no')).toBe('');
});

it('writes ranges as timespans', () => {
  expect(timespan('30d')).toBe('P30D');
  expect(timespan('all')).toBeUndefined();
  expect(timespan('2026-01-01T00:00:00.000Z~')).toBe('2026-01-01T00:00:00.000Z/9999-12-31T23:59:59Z');
  expect(timespan('~2026-01-01T00:00:00.000Z')).toBe('1970-01-01T00:00:00Z/2026-01-01T00:00:00.000Z');
});

it('sees whether a query filters on time itself', () => {
  expect(ownTime('T | where Timestamp > ago(1d)')).toBe(true);
  expect(ownTime('T | where TimeGenerated between (a .. b)')).toBe(true);
  expect(ownTime('T | top 5 by Timestamp // Timestamp > ago(1d)')).toBe(false);
  expect(ownTime('T | where x == "Timestamp > ago(1d)"')).toBe(false);
});
