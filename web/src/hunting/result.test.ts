import { describe, expect, it } from 'vitest';
import type { HuntResult } from '../api/types';
import { chart, hinted, ticks } from './chart';
import { processChain } from './RecordPane';
import { arrange, cellText, distinct, emptyColumns } from './result';

const result: HuntResult = {
  schema: [
    { name: 'Name', type: 'string' },
    { name: 'Count', type: 'long' },
    { name: 'Nothing', type: 'string' },
  ],
  rows: [
    ['b', 10, null],
    ['a', 9, ''],
    ['c', null, null],
    ['a', 100, null],
  ],
  stats: { rows: 4, ms: 1, truncated: false, partial: false, limits: [] },
};

describe('arrange', () => {
  it('sorts numbers as numbers and puts empty cells last in both directions', () => {
    expect(arrange(result, { column: 1, descending: false }, new Map(), '')).toEqual([1, 0, 3, 2]);
    expect(arrange(result, { column: 1, descending: true }, new Map(), '')).toEqual([3, 0, 1, 2]);
  });
  it('keeps the order of equal rows', () => {
    expect(arrange(result, { column: 0, descending: false }, new Map(), '')).toEqual([1, 3, 0, 2]);
  });
  it('filters by chosen values and by text', () => {
    expect(arrange(result, undefined, new Map([[0, new Set(['a'])]]), '')).toEqual([1, 3]);
    expect(arrange(result, undefined, new Map([[0, new Set<string>()]]), '10')).toEqual([0, 3]);
  });
});

it('counts the values of a column and finds the empty ones', () => {
  expect(distinct(result, 0)).toEqual([
    { value: 'a', count: 2 },
    { value: 'b', count: 1 },
    { value: 'c', count: 1 },
  ]);
  expect([...emptyColumns(result)]).toEqual([2]);
});

it('writes cells as text', () => {
  expect(cellText(true)).toBe('True');
  expect(cellText({ a: [1] })).toBe('{"a":[1]}');
  expect(cellText(null)).toBe('');
});

describe('chart', () => {
  it('takes the hint of render and knows what it does not draw', () => {
    expect(hinted({ kind: 'timechart' })).toBe('time');
    expect(hinted({ kind: 'treemap' })).toBeUndefined();
    expect(hinted(undefined)).toBeUndefined();
  });
  it('uses the text for the axis and the numbers for the bars', () => {
    const c = chart(result, 'bar');
    expect(c?.xName).toBe('Name');
    expect(c?.labels).toEqual(['b', 'a', 'c']);
  });
  it('splits by a further text column and orders by time', () => {
    const c = chart(
      {
        ...result,
        schema: [
          { name: 'T', type: 'datetime' },
          { name: 'Kind', type: 'string' },
          { name: 'n', type: 'long' },
        ],
        rows: [
          ['2026-01-02T00:00:00Z', 'x', 2],
          ['2026-01-01T00:00:00Z', 'x', 1],
          ['2026-01-01T00:00:00Z', 'y', 5],
        ],
      },
      'time',
    );
    expect(c?.time).toBe(true);
    expect(c?.series.map((s) => [s.name, s.points.map((p) => p.y)])).toEqual([
      ['x', [1, 2]],
      ['y', [5]],
    ]);
  });
  it('says when there is nothing to draw', () => {
    expect(chart({ ...result, schema: [{ name: 'a', type: 'string' }], rows: [['x']] }, 'line')).toBeUndefined();
  });
  it('has round ticks that cover the values', () => {
    expect(ticks(0, 97)).toEqual([0, 20, 40, 60, 80, 100]);
    expect(ticks(-5, 5)[0]).toBeLessThanOrEqual(-5);
    expect(ticks(0, 0)[0]).toBe(0);
  });
});

it('reads the process chain of a record', () => {
  const record = new Map([
    ['InitiatingProcessParentFileName', 'explorer.exe'],
    ['InitiatingProcessFileName', 'cmd.exe'],
    ['InitiatingProcessCommandLine', 'cmd /c x'],
    ['FileName', 'x.exe'],
    ['ProcessCommandLine', 'x.exe 1'],
  ]);
  expect(processChain(record).map((p) => p.name)).toEqual(['explorer.exe', 'cmd.exe', 'x.exe']);
  expect(processChain(new Map([['FileName', 'a.dll']]))).toEqual([]);
});
