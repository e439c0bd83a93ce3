import { describe, expect, it } from 'vitest';
import type { Table } from '../arrange';
import { familyOf, kindOf, stackingOf } from './kinds';
import { axes, chart, crossed, filled, slices, spans, stack, unfold } from './model';
import { squares, ticks, timeTicks } from './scale';

const all = (t: Table) => t.rows.map((_, i) => i);
const named: Table = {
  schema: [
    { name: 'Name', type: 'string' },
    { name: 'Count', type: 'long' },
  ],
  rows: [
    ['b', 10],
    ['a', 9],
    ['c', null],
    ['a', 100],
  ],
};
const timed: Table = {
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
};

describe('kinds', () => {
  it('follow render', () => {
    expect(kindOf({ kind: 'timechart' })).toBe('time');
    expect(kindOf({ kind: 'columnchart', properties: { Kind: 'stacked' } })).toBe('stackedcolumn');
    expect(kindOf({ kind: 'areachart', properties: { kind: 'stacked100' } })).toBe('stackedarea100');
    expect(kindOf({ kind: 'table' })).toBeUndefined();
    expect(kindOf({ kind: 'hologram' })).toBeUndefined();
    expect(kindOf(undefined)).toBeUndefined();
    expect(stackingOf('stackedbar100')).toBe('full');
    expect(familyOf('anomaly')).toBe('lines');
  });
});

describe('model', () => {
  it('uses the text for the axis and adds up what has the same label', () => {
    const c = chart(named, all(named), 'bar', undefined);
    expect(c?.xTitle).toBe('Name');
    expect(c?.labels).toEqual(['b', 'a', 'c']);
    expect(c?.series[0]?.points.map((p) => p.y)).toEqual([10, 109]);
  });
  it('splits by a further text column and orders by time', () => {
    const c = chart(timed, all(timed), 'time', undefined);
    expect(c?.axis).toBe('time');
    expect(c?.series.map((s) => [s.name, s.points.map((p) => p.y)])).toEqual([
      ['x', [1, 2]],
      ['y', [5]],
    ]);
  });
  it('honours what render names', () => {
    const hint = {
      kind: 'columnchart',
      xcolumn: 'Kind',
      ycolumns: ['n'],
      title: 'A title',
      properties: { ymin: '0', ymax: '50', xtitle: 'X', legend: 'hidden', yaxis: 'log' },
    };
    expect(axes(timed.schema, 'column', hint)).toMatchObject({ x: 1, ys: [2] });
    expect(chart(timed, all(timed), 'column', hint)).toMatchObject({
      title: 'A title',
      yMin: 0,
      yMax: 50,
      xTitle: 'X',
      legend: false,
      log: true,
    });
    expect(axes(timed.schema, 'line', { kind: 'linechart', series: ['Kind'] })).toEqual({ x: 0, ys: [2], by: [1] });
  });
  it('takes a number for x when there is nothing else', () => {
    const t: Table = {
      schema: [
        { name: 'a', type: 'int' },
        { name: 'b', type: 'real' },
      ],
      rows: [
        [3, 1.5],
        [1, 2.5],
      ],
    };
    const c = chart(t, all(t), 'scatter', undefined);
    expect(c?.axis).toBe('number');
    expect(c?.series[0]?.points.map((p) => p.at)).toEqual([1, 3]);
    expect(axes(t.schema, 'column', undefined)).toEqual({ x: 0, ys: [1], by: [] });
  });
  it('unfolds the arrays of make-series and marks anomalies', () => {
    const t: Table = {
      schema: [
        { name: 'T', type: 'dynamic' },
        { name: 'n', type: 'dynamic' },
        { name: 'odd', type: 'dynamic' },
        { name: 'who', type: 'string' },
      ],
      rows: [[['2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z'], [1, 9], [0, 1], 'x']],
    };
    expect(unfold(t, [0]).rows).toHaveLength(2);
    const c = chart(t, [0], 'anomaly', { kind: 'anomalychart', properties: { anomalycolumns: 'odd' } });
    expect(c?.series[0]?.points.map((p) => [p.y, p.odd === true])).toEqual([
      [1, false],
      [9, true],
    ]);
  });
  it('stacks, as sums and as shares', () => {
    const c = chart(timed, all(timed), 'stackedcolumn', undefined);
    if (!c) throw new Error('no chart');
    expect(stack(filled(c))[1]?.map((l) => [l.from, l.to])).toEqual([
      [1, 6],
      [2, 2],
    ]);
    const shares = chart(timed, all(timed), 'stackedcolumn100', undefined);
    if (!shares) throw new Error('no chart');
    expect(stack(filled(shares))[1]?.[0]?.to).toBeCloseTo(100);
  });
  it('says what it leaves out', () => {
    const t: Table = { schema: timed.schema, rows: Array.from({ length: 60 }, (_, i) => ['2026-01-01T00:00:00Z', `s${i}`, i]) };
    const c = chart(t, all(t), 'time', undefined);
    expect(c?.series).toHaveLength(24);
    expect(c?.left[0]).toContain('36 more series');
  });
  it('has nothing to draw without numbers', () => {
    expect(chart({ schema: [{ name: 'a', type: 'string' }], rows: [['x']] }, [0], 'line', undefined)).toBeUndefined();
  });
  it('joins small slices', () => {
    const c = chart(named, all(named), 'pie', undefined);
    if (!c) throw new Error('no chart');
    expect(slices(c, 12)).toEqual([
      { label: 'a', y: 109 },
      { label: 'b', y: 10 },
    ]);
    expect(slices(c, 1)).toEqual([{ label: '2 others', y: 119 }]);
  });
  it('has lanes and crossed tables', () => {
    const lanes = spans(timed, all(timed), 'timepivot', undefined);
    expect(lanes?.lanes).toEqual(['x', 'y']);
    expect(lanes?.spans).toHaveLength(3);
    const p = crossed(
      {
        schema: [
          { name: 'a', type: 'string' },
          { name: 'b', type: 'string' },
          { name: 'n', type: 'long' },
        ],
        rows: [
          ['x', 'k', 1],
          ['x', 'k', 2],
          ['y', 'l', 3],
        ],
      },
      [0, 1, 2],
    );
    expect(p?.cells.get('x\u0000k')).toBe(3);
    expect(p?.columns).toEqual(['k', 'l']);
  });
});

describe('scale', () => {
  it('has round ticks that cover the values', () => {
    expect(ticks(0, 97)).toEqual([0, 20, 40, 60, 80, 100]);
    expect(ticks(-5, 5)[0]).toBeLessThanOrEqual(-5);
    expect(ticks(0, 0)[0]).toBe(0);
    expect(ticks(1000, 1010, 5, false)[0]).toBeGreaterThanOrEqual(990);
  });
  it('has round times', () => {
    const day = 86_400_000;
    expect(timeTicks(0, 10 * day, 6).every((t) => t % day === 0)).toBe(true);
    expect(timeTicks(5, 5, 6)).toHaveLength(1);
  });
  it('fills an area with rectangles as large as the values', () => {
    const boxes = squares([6, 6, 4, 3, 2, 2, 1], { x: 0, y: 0, w: 6, h: 4 });
    expect(boxes.reduce((n, b) => n + b.w * b.h, 0)).toBeCloseTo(24);
    expect(boxes[0] && boxes[0].w * boxes[0].h).toBeCloseTo(6);
    for (const b of boxes) {
      expect(b.x).toBeGreaterThanOrEqual(-1e-9);
      expect(b.y + b.h).toBeLessThanOrEqual(4 + 1e-9);
    }
  });
});
