import { expect, it } from 'vitest';
import { advice, retryAt } from './advice';
import { actionContext, actionTypes, suggestions, widened } from './editing';
import { commented } from './PlainEditor';

it('reads the names of a hint', () => {
  expect(suggestions('did you mean `FileName`?')).toEqual(['FileName']);
  expect(suggestions('did you mean `A` or `B`?')).toEqual(['A', 'B']);
  expect(suggestions('`has` takes a word')).toEqual([]);
  expect(suggestions(undefined)).toEqual([]);
});

it('knows where a value of ActionType belongs', () => {
  expect(actionContext('T | where ActionType == "Pro')).toEqual({ quoted: true, typed: 'Pro' });
  expect(actionContext('T | where ActionType == ')).toEqual({ quoted: false, typed: '' });
  expect(actionContext('T | where ActionType in ("A", "B')).toEqual({ quoted: true, typed: 'B' });
  expect(actionContext('T | where ActionType !in~ (')).toEqual({ quoted: false, typed: '' });
  expect(actionContext('T | where ActionType == "A" and x == "')).toBeUndefined();
  expect(actionContext('T | where FileName == "')).toBeUndefined();
});

it('offers the kinds of the tables that a query names', () => {
  const table = (name: string, actionTypes: string[]) => ({
    name,
    workload: '',
    summary: '',
    timeColumn: '',
    rows: 0,
    columns: [],
    actionTypes,
    group: '',
    kind: 'event' as const,
    retentionDays: 30,
  });
  const tables = [table('A', ['X', 'Y']), table('B', ['Y', 'Z'])];
  expect(actionTypes('A | where ActionType == ', tables).map((a) => a.value)).toEqual(['X', 'Y']);
  expect(actionTypes('C', tables).map((a) => a.value)).toEqual(['X', 'Y', 'Z']);
});

it('comments lines out and in again', () => {
  const lines = ['a', '', '  b'];
  const out = commented(lines);
  expect(out).toEqual(['// a', '', '//   b']);
  expect(commented(out)).toEqual(lines);
  expect(commented(['// a', 'b'])).toEqual(['// // a', '// b']);
});

it('says what to do by the class of an error', () => {
  const error = (code: string, message = '', status = 422) => ({ code, message, status, details: {} });
  expect(advice(error('name')).title).toMatch(/name/i);
  expect(advice(error('limit', 'the query ran out of memory')).title).toMatch(/memory/);
  expect(advice(error('limit', 'over the time limit')).title).toMatch(/time/);
  expect(advice(error('whatever', '', 504)).title).toMatch(/time/);
  expect(advice(error('whatever')).todo).toMatch(/request id/);
});

it('reads when a throttled query may run again', () => {
  expect(retryAt({ details: { retryAfter: 30 } }, 1000)).toBe(31_000);
  expect(retryAt({ details: { retryAfter: '30' } }, 1000)).toBe(31_000);
  expect(retryAt({ details: { retryAfter: '2026-01-01T00:00:00Z' } })).toBe(Date.parse('2026-01-01T00:00:00Z'));
  expect(retryAt({ details: {} })).toBeUndefined();
});

it('widens a problem to its word', () => {
  const at = (line: number, column: number, endColumn = column + 1) => ({
    code: 'name',
    message: '',
    severity: 'error' as const,
    line,
    column,
    endLine: line,
    endColumn,
  });
  expect(widened(at(2, 9), 'T\n| where FileNam == 1').endColumn).toBe(16);
  expect(widened(at(2, 9, 12), 'T\n| where FileNam == 1').endColumn).toBe(12);
  expect(widened(at(1, 3), 'T | where').endColumn).toBe(4);
  expect(widened(at(9, 1), 'T').endColumn).toBe(2);
});
