import { describe, expect, it } from 'vitest';
import type { Cell } from '../../api/types';
import { arrange, Blank, distinct, filterText, type Arrangement, type Table } from './arrange';
import { assetsOf } from './assets';
import { cellText, looksLikeTree, sortKey, spanKey, timeKey, tree } from './cells';
import { condition, extend, include, pathText } from './condition';
import { asObjects, tsv } from './copy';
import { display, groupKey, Heights, rowHeight } from './display';
import { nextOrders } from './Grid';
import { inWindow, moved, place, plain, withHidden, withPinned, withWidth } from './layout';
import { combinations, guessMappings } from './link';
import { entityKind, goHunt, pageOf, relatedEvents } from './pivot';
import { chain } from './ProcessTree';
import { Reader } from './stream';
import { bins, splits, stepFor, timeColumn, Times } from './timeline';
import { limitNotes } from './words';

const table: Table = {
  schema: [
    { name: 'Name', type: 'string' },
    { name: 'Count', type: 'long' },
    { name: 'Nothing', type: 'string' },
    { name: 'At', type: 'datetime' },
  ],
  rows: [
    ['b', 10, null, '2026-01-01T00:00:00.0000002Z'],
    ['A', 9, '', '2026-01-01T00:00:00.0000001Z'],
    ['c', null, null, null],
    ['a', 100, null, '2025-01-01T00:00:00Z'],
  ],
};
const all: Arrangement = { filters: [], find: '', orders: [] };
const rowsOf = async (a: Partial<Arrangement>) => [...(await arrange(table, { ...all, ...a })).rows];

describe('cells', () => {
  it('are written as text', () => {
    expect(cellText(true)).toBe('True');
    expect(cellText({ a: [1] })).toBe('{"a":[1]}');
    expect(cellText(null)).toBe('');
    expect(cellText(0)).toBe('0');
  });
  it('sort by their type', () => {
    expect(sortKey('10', 'long')).toBe(10);
    expect(sortKey('', 'string')).toBeUndefined();
    expect(sortKey(false, 'bool')).toBe(0);
    expect(timeKey('2026-01-01T00:00:00.0000002Z')).toBeGreaterThan(timeKey('2026-01-01T00:00:00.0000001Z'));
    expect(timeKey('2026-01-01T00:00:00.1Z')).toBeGreaterThan(timeKey('2026-01-01T00:00:00Z'));
    for (const t of ['2026-11-23T18:24:36Z', '1999-02-28T23:59:59.999Z', '2024-02-29T00:00:00.1Z', '0001-01-01T00:00:00Z'])
      expect(timeKey(t)).toBe(Date.parse(t));
    expect(timeKey('soon')).toBeNaN();
    expect(spanKey('1.00:00:01')).toBe(86_401);
    expect(spanKey('-00:00:01.5')).toBe(-1.5);
    expect(spanKey('soon')).toBeNaN();
  });
  it('may hold a structure', () => {
    expect(tree('{"a":1}')).toEqual({ a: 1 });
    expect(tree('[1, 2]')).toEqual([1, 2]);
    expect(tree('[not json]')).toBeUndefined();
    expect(tree('{broken}')).toBeUndefined();
    expect(looksLikeTree('plain')).toBe(false);
    expect(looksLikeTree([])).toBe(false);
  });
});

describe('arrange', () => {
  it('sorts numbers as numbers and puts empty cells last in both directions', async () => {
    expect(await rowsOf({ orders: [{ column: 1, descending: false }] })).toEqual([1, 0, 3, 2]);
    expect(await rowsOf({ orders: [{ column: 1, descending: true }] })).toEqual([3, 0, 1, 2]);
  });
  it('sorts texts without regard to case, times to the last digit, and by several columns', async () => {
    expect(await rowsOf({ orders: [{ column: 0, descending: false }] })).toEqual([1, 3, 0, 2]);
    expect(await rowsOf({ orders: [{ column: 3, descending: true }] })).toEqual([0, 1, 3, 2]);
    const orders = [
      { column: 0, descending: false },
      { column: 1, descending: true },
    ];
    expect(await rowsOf({ orders })).toEqual([3, 1, 0, 2]);
  });
  it('sorts a large table stably and like the plain way', async () => {
    const rows: Cell[][] = Array.from({ length: 20_011 }, (_, i) => [(i * 7919) % 1009, i]);
    const big: Table = {
      schema: [
        { name: 'a', type: 'int' },
        { name: 'b', type: 'int' },
      ],
      rows,
    };
    const got = [...(await arrange(big, { ...all, orders: [{ column: 0, descending: true }] })).rows];
    const wanted = rows.map((_, i) => i).sort((a, b) => Number(rows[b]?.[0]) - Number(rows[a]?.[0]) || a - b);
    expect(got).toEqual(wanted);
  });
  it('filters by values, texts and ranges', async () => {
    expect(await rowsOf({ filters: [{ column: 0, kind: 'values', values: ['a', 'b'] }] })).toEqual([0, 3]);
    expect(await rowsOf({ filters: [{ column: 0, kind: 'values', values: ['a', 'b'], not: true }] })).toEqual([1, 2]);
    expect(await rowsOf({ filters: [{ column: 0, kind: 'text', test: 'equals', text: 'A' }] })).toEqual([1, 3]);
    expect(await rowsOf({ filters: [{ column: 1, kind: 'range', from: 9, to: 10 }] })).toEqual([0, 1]);
    expect(await rowsOf({ filters: [{ column: 3, kind: 'range', to: Date.parse('2025-06-01T00:00:00Z') }] })).toEqual([3]);
    expect(await rowsOf({ find: '10' })).toEqual([0, 3]);
    expect(await rowsOf({ find: '.*' })).toEqual([]);
  });
  it('groups, the largest group first, null apart from the empty text', async () => {
    const out = await arrange(table, { ...all, group: 2 });
    expect(out.groups?.map((g) => [g.missing, [...g.rows]])).toEqual([
      [true, [0, 2, 3]],
      [false, [1]],
    ]);
  });
  it('ends when nobody waits any more', async () => {
    const stop = new AbortController();
    stop.abort();
    await expect(arrange(table, { ...all, orders: [{ column: 0, descending: false }] }, stop.signal)).rejects.toThrow();
  });
  it('counts values', async () => {
    expect(await distinct(table, 2)).toEqual({ values: [{ value: '', count: 4 }], total: 1 });
  });
  it('finds columns without values, also when more rows come', () => {
    const rows: Cell[][] = [['a', null]];
    const grown = {
      schema: [
        { name: 'x', type: 'string' },
        { name: 'y', type: 'string' },
      ],
      rows,
    };
    const blank = new Blank(grown);
    expect([...blank.columns()]).toEqual([1]);
    rows.push(['b', 'z']);
    expect([...blank.columns()]).toEqual([]);
  });
  it('says what a filter does', () => {
    expect(filterText({ column: 0, kind: 'values', values: ['', 'b'] }, 'Name', String)).toBe('Name: (empty) and 1 more');
    expect(filterText({ column: 1, kind: 'range', from: 3 }, 'Count', String)).toBe('Count ≥ 3');
  });
});

describe('lines of the grid', () => {
  it('are rows and headings of groups', async () => {
    const out = await arrange(table, { ...all, group: 2 });
    const key = (g: number) => groupKey(out, g);
    const d = display(out, new Set([key(0)]), key);
    expect(Array.from({ length: d.count }, (_, i) => d.at(i))).toEqual([-1, 0, 2, 3, -2]);
    expect(d.lineOf(2)).toBe(2);
    expect(d.lineOf(1)).toBe(-1);
  });
  it('have their heights', () => {
    const h = new Heights(10, [
      [2, 100],
      [4, 50],
    ]);
    expect(h.total()).toBe(10 * rowHeight + 150);
    expect(h.top(3)).toBe(3 * rowHeight + 100);
    expect(h.top(5)).toBe(5 * rowHeight + 150);
    for (let line = 0; line < 10; line++) expect(h.lineAt(h.top(line) + 1)).toBe(line);
    expect(h.lineAt(h.top(2) + rowHeight + 50)).toBe(2);
  });
  it('sort by clicks', () => {
    const one = nextOrders([], 1, false);
    expect(one).toEqual([{ column: 1, descending: false }]);
    expect(nextOrders(one, 1, false)).toEqual([{ column: 1, descending: true }]);
    expect(nextOrders([{ column: 1, descending: true }], 1, false)).toEqual([]);
    expect(nextOrders(one, 2, true)).toEqual([...one, { column: 2, descending: false }]);
  });
});

describe('layout', () => {
  it('puts pinned columns first and leaves out hidden and empty ones', () => {
    const l = withHidden(withPinned(withWidth(plain(4), 2, 200), 2, true), 0, true);
    const at = place(l, new Set([3]), () => 100);
    expect(at.pinned).toEqual([{ column: 2, left: 0, width: 200, pinned: true }]);
    expect(at.rest.map((c) => c.column)).toEqual([1]);
    expect(moved(plain(3), 2, 0).order).toEqual([2, 0, 1]);
    expect(moved(plain(3), 0, undefined).order).toEqual([1, 2, 0]);
    expect(withWidth(plain(1), 0, 2).widths.get(0)).toBe(56);
  });
  it('finds the columns in the window', () => {
    const { rest } = place(plain(80), new Set(), () => 100);
    expect(inWindow(rest, 1000, 1500)).toEqual([9, 16]);
    expect(inWindow(rest, 0, 100)).toEqual([0, 2]);
    expect(inWindow([], 0, 100)).toEqual([0, 0]);
  });
});

describe('lines for the query', () => {
  const text = { name: 'FileName', type: 'string' };
  it('test a value by its type', () => {
    expect(condition(text, 'a "b"\\', '==')).toBe('| where FileName == "a \\"b\\"\\\\"');
    expect(condition({ name: 'n', type: 'long' }, 5, '>=')).toBe('| where n >= 5');
    expect(condition({ name: 't', type: 'datetime' }, '2026-01-01T00:00:00.1234567Z', '!=')).toBe(
      '| where t != datetime(2026-01-01T00:00:00.1234567Z)',
    );
    expect(condition(text, '', '==')).toBe('| where isempty(FileName)');
    expect(condition({ name: 'n', type: 'int' }, null, '!=')).toBe('| where isnotnull(n)');
    expect(condition({ name: 'd', type: 'dynamic' }, { a: 1 }, 'contains')).toBe('| where tostring(d) contains "{\\"a\\":1}"');
    expect(condition({ name: 'g', type: 'guid' }, 'x" or 1', '==')).toBe('| where g == "x\\" or 1"');
    expect(condition({ name: 'a b', type: 'string' }, 'x', 'startswith')).toBe('| where ["a b"] startswith "x"');
  });
  it('reach into structures', () => {
    const column = { name: 'AdditionalFields', type: 'string' };
    expect(pathText(column, ['a', 0, 'b c'])).toBe('parse_json(AdditionalFields).a[0]["b c"]');
    expect(include({ name: 'd', type: 'dynamic' }, ['a'], 'x', true)).toBe('| where tostring(d.a) == "x"');
    expect(include({ name: 'd', type: 'dynamic' }, ['a'], 3, false)).toBe('| where tolong(d.a) != 3');
    expect(extend({ name: 'd', type: 'dynamic' }, ['a', 'b'], 1.5, new Set(['a_b']))).toBe('| extend a_b_2 = toreal(d.a.b)');
    expect(extend({ name: 'd', type: 'dynamic' }, [0], 'x', new Set())).toBe('| extend d_0 = tostring(d[0])');
  });
});

it('copies rows for spreadsheets and as objects', () => {
  expect(tsv(table, [0, 1], [1, 0])).toBe('Count\tName\n10\tb\n9\tA');
  const twice: Table = {
    schema: [
      { name: 'a', type: 'string' },
      { name: 'a', type: 'string' },
    ],
    rows: [['x\ty\nz', 'q']],
  };
  expect(tsv(twice, [0], [0])).toBe('a\nx y z');
  expect(asObjects(twice, [0], [0, 1])).toEqual([{ a: 'x\ty\nz', a_2: 'q' }]);
});

describe('the stream of a run', () => {
  it('is put together from pieces cut anywhere', () => {
    const r = new Reader();
    const text =
      '{"id":"1","schema":[{"name":"a","type":"long"}],"render":{"kind":"piechart"}}\n{"rows":[[1],[2]]}\n{"rows":[[3]]}\n{"stats":{"rows":3,"ms":5,"truncated":false,"partial":false,"limits":[]},"warnings":[]}\n';
    for (const piece of text.match(/.{1,7}/gs) ?? []) r.take(piece);
    const out = r.end();
    expect(out.rows).toEqual([[1], [2], [3]]);
    expect(out.stats.ms).toBe(5);
    expect(out.render?.kind).toBe('piechart');
  });
  it('ends with the error of the server, or says that it broke off', () => {
    const r = new Reader();
    r.take('{"schema":[]}\n{"rows":[[]]}\n');
    expect(() => r.take('{"error":{"code":"limit","message":"too much"}}\n')).toThrow('too much');
    const cut = new Reader();
    cut.take('{"schema":[]}\n{"rows":[[');
    expect(() => cut.end()).toThrow('broke off');
  });
});

describe('timeline', () => {
  it('takes the well-known column first', () => {
    expect(
      timeColumn([
        { name: 'x', type: 'datetime' },
        { name: 'Timestamp', type: 'datetime' },
      ]),
    ).toBe(1);
    expect(timeColumn([{ name: 'Timestamp', type: 'string' }])).toBeUndefined();
  });
  it('counts by bins of a round width, split by a column', async () => {
    const t: Table = {
      schema: [
        { name: 'Timestamp', type: 'datetime' },
        { name: 'k', type: 'string' },
      ],
      rows: [
        ['2026-01-01T00:00:10Z', 'x'],
        ['2026-01-01T00:30:00Z', 'y'],
        ['2026-01-01T00:59:59Z', 'x'],
        [null, 'x'],
      ],
    };
    const b = bins(t, [0, 1, 2, 3], new Times(t, 0), 1, undefined, 60);
    expect(b?.step).toBe(60_000);
    expect(b?.series.map((s) => [s.name, s.counts.reduce((x, y) => x + y, 0)])).toEqual([
      ['x', 2],
      ['y', 1],
    ]);
    expect(b?.series[0]?.counts[0]).toBe(1);
    expect(await splits(t, 4)).toEqual([1]);
    expect(bins(t, [3], new Times(t, 0), undefined)).toBeUndefined();
  });
  it('has a width for every span', () => {
    expect(stepFor(1, 60)).toBe(1);
    expect(stepFor(3_600_000, 60)).toBe(60_000);
    expect(stepFor(1e16, 60) * 60).toBeGreaterThanOrEqual(1e16);
  });
});

describe('around a record', () => {
  const record = new Map<string, Cell>([
    ['Timestamp', '2026-01-01T00:00:00.5Z'],
    ['DeviceName', 'pc-1'],
    ['ReportId', 7],
    ['AccountDomain', 'CORP'],
    ['AccountName', 'ann'],
    ['InitiatingProcessAccountDomain', 'corp'],
    ['InitiatingProcessAccountName', 'Ann'],
    ['InitiatingProcessParentFileName', 'explorer.exe'],
    ['InitiatingProcessFileName', 'cmd.exe'],
    ['ProcessId', 5],
    ['FileName', 'x.exe'],
    ['ProcessCommandLine', 'x 1'],
  ]);
  it('knows what its columns name', () => {
    expect(entityKind('SHA256')).toBe('file');
    expect(entityKind('constructor')).toBeUndefined();
    expect(pageOf('alert', 'a/1').to).toBe('/alerts/a%2F1');
    expect(pageOf('device', 'pc-1')).toEqual({ to: '/incidents', search: { search: 'pc-1' } });
  });
  it('lists each asset once', () => {
    expect(assetsOf(record).map((a) => a.name)).toEqual(['pc-1', 'CORP\\ann']);
  });
  it('hunts for related events and entities', () => {
    const q = relatedEvents(record) ?? '';
    expect(q).toContain('DeviceName =~ "pc-1"');
    expect(q).toContain('ReportId == 7');
    expect(q).toContain('Relevance');
    expect(relatedEvents(new Map())).toBeUndefined();
    expect(goHunt('SHA1', 'ab', undefined)).toContain('SHA1 =~ "ab"');
    expect(goHunt('Nothing', 'x', undefined)).toBeUndefined();
  });
  it('has the chain of its processes', () => {
    expect(chain(record).map((n) => [n.label, n.focus])).toEqual([
      ['explorer.exe', false],
      ['cmd.exe', false],
      ['x.exe', true],
    ]);
    expect(chain(new Map<string, Cell>([['FileName', 'a.dll']]))).toEqual([]);
  });
});

describe('linking', () => {
  const schema = ['DeviceId', 'AccountUpn', 'SHA256', 'RemoteIP'].map((name) => ({ name, type: 'string' }));
  const rows = [
    ['d1', 'ann@x', '', '203.0.113.1'],
    ['d1', 'ANN@x', '', ''],
    ['d2', 'bob@x', '', ''],
  ];
  it('maps the columns that have values', () => {
    expect(guessMappings(schema, rows).map((m) => `${m.role} ${m.type} ${m.column}`)).toEqual([
      'impacted device DeviceId',
      'impacted user AccountUpn',
      'related ip RemoteIP',
    ]);
  });
  it('counts one alert per combination of impacted assets', () => {
    expect(combinations(schema, rows, guessMappings(schema, rows))).toBe(2);
    expect(combinations(schema, rows, [])).toBe(1);
  });
});

it('says what limits did', () => {
  const result = { schema: [], rows: [[1]], stats: { rows: 1, ms: 1, truncated: true, partial: false, limits: ['hunt.rows'] } };
  expect(limitNotes(result)).toHaveLength(1);
  expect(limitNotes({ ...result, stats: { ...result.stats, truncated: false, limits: [] } })).toEqual([]);
  expect(limitNotes({ ...result, stats: { ...result.stats, truncated: false, partial: true, limits: [] } })[0]).toContain('source');
});
