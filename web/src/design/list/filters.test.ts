import { describe, expect, it } from 'vitest';
import { parseSearch, stringifySearch, text, texts } from '../../app/url';
import { cleared, filtered, noneValue, optionsOf, params, summary, type Filter } from './filters';

const filters: Filter[] = [
  { id: 'severity', label: 'Severity', options: ['High', 'Low'] },
  { id: 'assignedTo', label: 'Assigned to', none: 'Nobody', word: (v) => v },
  { id: 'lab', label: 'Lab data', kind: 'one' },
];

describe('address', () => {
  it('reads back what it writes', () => {
    for (const search of [
      { severity: ['High', 'Low'], search: 'a b&c', orderby: 'name:asc' },
      { range: '2026-01-01T00:00:00.000Z~' },
      {},
    ]) {
      expect(parseSearch(stringifySearch(search))).toEqual(search);
    }
  });
  it('leaves out what is empty', () => {
    expect(stringifySearch({ a: undefined, b: '', c: [] })).toBe('');
    expect(texts(undefined)).toEqual([]);
    expect(text(['a', 'b'])).toBe('a');
  });
});

describe('params', () => {
  it('asks for lists as lists, single values as one, and nobody as the empty text', () => {
    const asked = params(filters, { severity: 'High', assignedTo: [noneValue, 'ana'], lab: ['true', 'false'], search: 'x' }, 'name:asc');
    expect(asked).toMatchObject({ severity: ['High'], assignedTo: ['', 'ana'], lab: 'true', search: 'x', orderby: 'name:asc' });
  });
  it('turns a range into times', () => {
    const now = Date.parse('2026-01-10T12:00:30Z');
    expect(params(filters, { range: '1d' }, '', now)).toMatchObject({ from: '2026-01-09T12:00:00.000Z', to: undefined });
    expect(params(filters, { range: 'nonsense' }, '', now)).toMatchObject({ from: undefined, to: undefined });
  });
});

it('knows whether anything narrows the list, and clears it', () => {
  const search = { severity: 'High', range: '1d', orderby: 'name:asc', columns: 'a' };
  expect(filtered(filters, search)).toBe(true);
  expect(filtered(filters, cleared(filters, search))).toBe(false);
  expect(cleared(filters, search)).toMatchObject({ orderby: 'name:asc', columns: 'a' });
});

it('offers known values, then found ones, with counts', () => {
  expect(optionsOf(filters[0] as Filter, { severity: { Low: 2, Odd: 1, '': 4 } }, ['Gone'])).toEqual([
    { value: 'High', count: 0 },
    { value: 'Low', count: 2 },
    { value: 'Odd', count: 1 },
    { value: 'Gone', count: 0 },
  ]);
  expect(optionsOf(filters[1] as Filter, { assignedTo: { '': 7 } }, [])[0]).toEqual({ value: noneValue, count: 7 });
});

it('names a chip shortly', () => {
  expect(summary(filters[0] as Filter, ['High', 'InProgress'])).toBe('Severity: High, In progress');
  expect(summary(filters[0] as Filter, ['a', 'b', 'c'])).toBe('Severity: 3 chosen');
  expect(summary(filters[1] as Filter, [noneValue])).toBe('Assigned to: Nobody');
});
