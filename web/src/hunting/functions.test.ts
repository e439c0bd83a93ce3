import { expect, it } from 'vitest';
import { batches } from './panes/importing';
import { columnsOf, example, letText, signature, wrong } from './functions';
import { alertCount, guessImpacted, problems, queryOf, ruleText, workloadOf, type RuleDraft } from './ruleText';
import { filed } from './folders';
import { perDay, rangeWords } from './usage/summary';

const fn = {
  id: '1',
  name: 'F',
  kind: 'mine' as const,
  folder: '',
  description: '',
  owner: 'a',
  mine: true,
  tables: [],
  tabular: true,
  parameters: [
    { name: 'T', type: 'table', columns: [{ name: 'A', type: 'string' }] },
    { name: 'n', type: 'long' },
    { name: 'd', type: 'timespan', default: '1h' },
  ],
  body: 'T\n| where A == n',
};

it('writes signatures, calls and code of functions', () => {
  expect(signature(fn)).toBe('F(T:(A:string), n:long, d:timespan = 1h)');
  expect(example(fn)).toBe('| invoke F(0)');
  expect(example({ ...fn, parameters: [{ name: 's', type: 'string' }] })).toBe('F("")');
  expect(letText(fn)).toContain('let F = (T:(A:string), n:long, d:timespan = 1h) {\n    T\n    | where A == n\n};');
});

it('says what is wrong with a function', () => {
  const draft = { name: 'F', folder: '', description: '', parameters: fn.parameters, body: 'T', shared: false };
  expect(wrong(draft)).toBeUndefined();
  expect(wrong({ ...draft, name: '1x' })).toMatchObject({ field: 'name' });
  expect(wrong({ ...draft, body: ' ' })).toMatchObject({ field: 'body' });
  expect(
    wrong({
      ...draft,
      parameters: [
        { name: 'a', type: 'long', default: '1' },
        { name: 'b', type: 'long' },
      ],
    }),
  ).toMatchObject({ field: 1 });
  expect(
    wrong({
      ...draft,
      parameters: [
        { name: 'a', type: 'long' },
        { name: 'a', type: 'long' },
      ],
    }),
  ).toMatchObject({ field: 1 });
  expect(columnsOf('A:string, B : long')).toEqual([
    { name: 'A', type: 'string' },
    { name: 'B', type: 'long' },
  ]);
  expect(columnsOf('A')).toBeUndefined();
  expect(columnsOf('')).toEqual([]);
});

const rule: RuleDraft = {
  title: 'A "rule": x',
  description: 'says # this',
  severity: 'high',
  category: 'Execution',
  techniques: ['T1059.001'],
  recommended: '',
  workload: 'endpoint',
  frequency: '1h',
  lookback: '4h',
  query: 'DeviceProcessEvents\n| where a == "x: y"\n\n  // indented\n| take 1',
  impacted: { device: 'DeviceName' },
  alertTitle: '{FileName} on {DeviceName}',
};

it('writes a rule file and reads its query back', () => {
  const text = ruleText(rule);
  expect(text).toContain('title: "A \\"rule\\": x"');
  expect(text).toMatch(/id: "a-rule-x-[a-z0-9]+"/);
  expect(queryOf(text)).toBe(rule.query);
  expect(queryOf(ruleText({ ...rule, query: '  a\n b' }))).toBe('  a\n b');
  expect(queryOf(ruleText({ ...rule, query: 'a \u0001 b' }))).toBe('a \u0001 b');
  expect(queryOf('T | take 1')).toBe('T | take 1');
  expect(queryOf('id: x\nquery: |\n  T\n  | take 1\nseverity: low\n')).toBe('T\n| take 1');
});

it('checks a rule before the server does', () => {
  expect(problems(rule, ['DeviceName', 'FileName'])).toEqual({});
  expect(problems({ ...rule, impacted: {} }, [])).toHaveProperty('impacted');
  expect(problems(rule, ['FileName'])).toHaveProperty('impacted');
  expect(problems({ ...rule, techniques: ['1059'] }, undefined)).toHaveProperty('techniques');
  expect(problems({ ...rule, alertTitle: '{a} {b} {c} {d}' }, undefined)).toHaveProperty('alertTitle');
});

it('guesses entities and workload, and counts alerts', () => {
  expect(guessImpacted(['X', 'AccountName', 'DeviceId'])).toEqual({ device: 'DeviceId', user: 'AccountName' });
  expect(workloadOf('EmailEvents | take 1')).toBe('email');
  expect(workloadOf('union EmailEvents, DeviceInfo')).toBe('xdr');
  expect(
    alertCount(
      [
        ['a', 1],
        ['a', 2],
        ['b', 1],
      ],
      ['DeviceName', 'n'],
      { device: 'DeviceName' },
    ),
  ).toBe(2);
  expect(alertCount([['a']], ['x'], {})).toBe(0);
});

it('puts things into folders, with counts', () => {
  const items = [
    { id: '1', folder: 'A/B', name: 'x' },
    { id: '2', folder: 'A', name: 'y' },
    { id: '3', folder: '', name: 'z' },
  ];
  const of = (opened: string[], searching = false) =>
    filed({ id: 'r', label: 'Root' }, items, new Set(opened), searching, () => ({})).map((l) => `${l.depth}${l.label}`);
  expect(of([])).toEqual(['0Root']);
  expect(of(['r'])).toEqual(['0Root', '1A', '1z']);
  expect(of(['r', 'r/A'])).toEqual(['0Root', '1A', '2B', '2y', '1z']);
  expect(of([], true)).toEqual(['0Root', '1A', '2B', '3x', '2y', '1z']);
});

it('splits imports into calls', () => {
  const files = Array.from({ length: 5 }, (_, i) => ({ path: `${i}`, text: 'x'.repeat(10) }));
  expect(batches(files, 50).map((b) => b.length)).toEqual([2, 2, 1]);
  expect(batches(files, 1000, 3).map((b) => b.length)).toEqual([3, 2]);
  expect(batches([])).toEqual([]);
});

it('writes the time range of a run', () => {
  expect(rangeWords(undefined, 'UTC')).toBe('All time');
  expect(rangeWords('P7D', 'UTC')).toBe('Last 7 days');
  expect(rangeWords('2026-01-01T10:00:00Z/2026-01-02T11:00:00Z', 'UTC')).toMatch(/^[^TZ]*10:00[^TZ]* – [^TZ]*11:00[^TZ]*$/);
  expect(rangeWords('odd/range', 'UTC')).toBe('odd to range');
});

it('adds usage up by day', () => {
  const point = (time: string, runs: number, cpuMs: number, peakCpuMs: number) => ({
    time,
    interface: 'portal' as const,
    runs,
    cpuMs,
    peakCpuMs,
  });
  expect(
    perDay([point('2026-01-02T01:00:00Z', 1, 10, 10), point('2026-01-02T05:00:00Z', 3, 30, 25), point('2026-01-01T05:00:00Z', 1, 1, 1)]),
  ).toEqual([
    { day: '2026-01-01', interface: 'portal', runs: 1, average: 1, peak: 1 },
    { day: '2026-01-02', interface: 'portal', runs: 4, average: 10, peak: 25 },
  ]);
});
