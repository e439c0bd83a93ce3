import { expect, it } from 'vitest';
import { emptyModel } from './builder/model';
import { schemaLines } from './panes/SchemaPane';
import { add, addBuilder, change, close, duplicate, load, move, rename, unsaved } from './tabs';

it('starts with one tab, also from damaged storage', () => {
  for (const text of [null, '{', '{"tabs":[{}]}', '{"tabs":[null]}', '[]']) {
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

it('keeps tabs over a reload, builders with their conditions', () => {
  let state = add(load(null), 'A', 'first');
  state = addBuilder(state, emptyModel('email'));
  const back = load(JSON.stringify(state));
  expect(back).toEqual(state);
  expect(back.tabs.at(-1)?.model?.domain).toBe('email');
});

it('reads tabs of before builders', () => {
  const old = load('{"tabs":[{"id":"a","title":"T","text":"X"}],"current":"a"}');
  expect(old.tabs[0]?.kind).toBe('editor');
});

it('renames, duplicates and moves', () => {
  let state = add(add(load(null), 'A', 'first'), 'B', 'second');
  const [, first, second] = state.tabs.map((t) => t.id);
  state = rename(state, first ?? '', '  Better ');
  expect(state.tabs[1]).toMatchObject({ title: 'Better', named: true });
  expect(rename(state, first ?? '', ' ')).toBe(state);
  state = duplicate(state, first ?? '');
  expect(state.tabs.map((t) => t.title)).toEqual(['New query', 'Better', 'Better (copy)', 'second']);
  expect(state.current).toBe(state.tabs[2]?.id);
  state = move(state, second ?? '', -10);
  expect(state.tabs.map((t) => t.title)).toEqual(['second', 'New query', 'Better', 'Better (copy)']);
});

it('names tabs without a title apart', () => {
  const state = add(add(load(null)), '');
  expect(state.tabs.map((t) => t.title)).toEqual(['New query', 'New query 2', 'New query 3']);
});

it('says what is not saved', () => {
  const state = add(load(null), 'A', 'opened', { saved: 'q1', savedText: 'A' });
  const [starter, opened] = state.tabs;
  if (!starter || !opened) throw new Error('no tabs');
  expect(unsaved(starter)).toBe(false);
  expect(unsaved({ ...starter, text: 'X' })).toBe(true);
  expect(unsaved(opened)).toBe(false);
  expect(unsaved({ ...opened, text: 'A | take 1' })).toBe(true);
});

it('lists tables by group, favourites first, and opens those whose columns match a search', () => {
  const table = (name: string, columns: string[]) => ({
    name,
    workload: 'Devices',
    summary: '',
    timeColumn: '',
    rows: 0,
    group: '',
    kind: 'event' as const,
    retentionDays: 30,
    actionTypes: [],
    columns: columns.map((c) => ({ name: c, type: 'string' })),
  });
  const tables = [table('Beta', ['FileName', 'X']), table('Alpha', ['Y'])];
  expect(schemaLines(tables, new Set(), '').map((l) => l.label)).toEqual(['Devices', 'Alpha', 'Beta']);
  expect(schemaLines(tables, new Set(), 'filen').map((l) => l.label)).toEqual(['Devices', 'Beta', 'FileName']);
  expect(schemaLines(tables, new Set(['table:Beta']), 'beta').map((l) => l.label)).toEqual(['Devices', 'Beta', 'FileName', 'X']);
  expect(schemaLines(tables, new Set(['closed:Devices']), '').map((l) => l.label)).toEqual(['Devices']);
  const starred = schemaLines(tables, new Set(), '', new Set(['Beta']));
  expect(starred.map((l) => l.label)).toEqual(['Favourites', 'Beta', 'Devices', 'Alpha', 'Beta']);
  expect(new Set(starred.map((l) => l.id)).size).toBe(starred.length);
});
