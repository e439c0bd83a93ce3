import { expect, it } from 'vitest';
import { lines } from './SchemaPane';
import { add, change, close, load } from './tabs';

it('starts with one tab, also from damaged storage', () => {
  for (const text of [null, '{', '{"tabs":[{}]}', '[]']) {
    const state = load(text);
    expect(state.tabs).toHaveLength(1);
    expect(state.current).toBe(state.tabs[0]?.id);
  }
});

it('opens the same query once and keeps a neighbour open after closing', () => {
  let state = load(null);
  state = add(state, 'A', 'first');
  const first = state.current;
  state = add(state, ' A ');
  expect(state.tabs).toHaveLength(2);
  state = add(state, 'B', 'second');
  state = close(state, state.current);
  expect(state.current).toBe(first);
  for (const t of [...state.tabs]) state = close(state, t.id);
  expect(state.tabs).toHaveLength(1);
  expect(change(state, state.current, { text: 'C' }).tabs[0]?.text).toBe('C');
});

it('lists tables by workload and opens those whose columns match a search', () => {
  const table = (name: string, columns: string[]) => ({
    name,
    workload: 'Devices',
    summary: '',
    timeColumn: '',
    rows: 0,
    columns: columns.map((c) => ({ name: c, type: 'string' })),
  });
  const tables = [table('Beta', ['FileName', 'X']), table('Alpha', ['Y'])];
  expect(lines(tables, new Set(), '').map((l) => (l.kind === 'table' ? l.table.name : l.kind))).toEqual(['group', 'Alpha', 'Beta']);
  expect(lines(tables, new Set(), 'filen').map((l) => l.kind)).toEqual(['group', 'table', 'column']);
  expect(lines(tables, new Set(['Beta']), 'beta').map((l) => l.kind)).toEqual(['group', 'table', 'column', 'column']);
});
