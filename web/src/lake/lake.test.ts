import { describe, expect, it } from 'vitest';
import type { LakeTable } from '../api/lake';
import { filtered, goes, retentionWords, sorted, wrongRetention } from './lake';

const table = (name: string, over: Partial<LakeTable> = {}): LakeTable => ({
  table: name,
  kind: 'event',
  rows: 10,
  bytes: 100,
  retentionDays: 180,
  retentionBytes: null,
  retentionFrom: 'default',
  ...over,
});

describe('tables', () => {
  const list = [
    table('B', { bytes: 5, newest: '2026-02-01T00:00:00Z', oldest: '2026-01-01T00:00:00Z' }),
    table('A', { bytes: 5, newest: '2026-03-01T00:00:00Z', oldest: '2026-01-02T00:00:00Z' }),
    table('C', { bytes: 9, rows: 0 }),
  ];
  const names = (l: LakeTable[]) => l.map((t) => t.table).join('');
  it('are ordered, what has no time last', () => {
    expect(names(sorted(list, 'bytes'))).toBe('CAB');
    expect(names(sorted(list, 'table'))).toBe('ABC');
    expect(names(sorted(list, 'newest'))).toBe('ABC');
    expect(names(sorted(list, 'oldest'))).toBe('BAC');
  });
  it('are found by name; empty ones when asked for', () => {
    expect(names(filtered(list, '', false))).toBe('BA');
    expect(names(filtered(list, ' c ', true))).toBe('C');
  });
});

describe('retention', () => {
  it('is said in words', () => {
    expect(retentionWords(table('A'))).toBe('180 days');
    expect(retentionWords(table('A', { retentionDays: 1, retentionBytes: 2e9 }))).toBe('1 day, at most 2 GB');
    expect(retentionWords(table('A', { retentionDays: 0 }))).toBe('For ever');
  });
  it('refuses what cannot be', () => {
    expect(wrongRetention({ days: '', size: '' })).toEqual({});
    expect(wrongRetention({ days: '90', size: '1 TB' })).toEqual({});
    expect(Object.keys(wrongRetention({ days: '0', size: 'much' }))).toEqual(['days', 'size']);
    expect(Object.keys(wrongRetention({ days: '3651', size: '1 kB' }))).toEqual(['days', 'size']);
  });
  it('knows when rows go at once', () => {
    const now = Date.parse('2026-11-23T00:00:00Z');
    const t = table('A', { oldest: '2026-11-01T00:00:00Z', bytes: 5e6 });
    expect(goes(t, { days: '30', size: '' }, now)).toBe(false);
    expect(goes(t, { days: '10', size: '' }, now)).toBe(true);
    expect(goes(t, { days: '', size: '1 MB' }, now)).toBe(true);
    expect(goes(t, { days: '', size: '' }, now)).toBe(false);
  });
});
