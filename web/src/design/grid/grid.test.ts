import { describe, expect, it } from 'vitest';
import { defaultLayout, fit, fromAddress, move, toAddress, type GridColumn } from './columns';
import { pagesOf } from './paged';
import { extend, nothing, toggle } from './selection';

const column = (id: string, hidden = false): GridColumn<unknown> => ({ id, header: id, width: 100, hidden, cell: () => id });
const columns = [column('a'), column('b'), column('c', true)];

describe('columns', () => {
  it('fits a remembered layout to the columns there are now', () => {
    const layout = fit([...columns, column('new'), column('newHidden', true)], {
      order: ['b', 'gone', 'a'],
      hidden: ['a', 'gone'],
      widths: { a: 50, gone: 10, b: 9999 },
    });
    expect(layout.order).toContain('new');
    expect(layout.order.indexOf('b')).toBeLessThan(layout.order.indexOf('a'));
    expect(layout.hidden.sort()).toEqual(['a', 'c', 'newHidden']);
    expect(layout.widths).toEqual({ a: 50 });
  });
  it('writes only a choice that differs from the default into the address', () => {
    const base = defaultLayout(columns);
    expect(toAddress(columns, base)).toBeUndefined();
    expect(toAddress(columns, move(base, 'b', 'a'))).toBe('b,a');
    const read = fromAddress(columns, 'c,nonsense,a', base);
    expect(read.order).toEqual(['c', 'a', 'b']);
    expect(read.hidden).toEqual(['b']);
    expect(fromAddress(columns, 'nonsense', base)).toBe(base);
  });
  it('moves a column before another or to the end', () => {
    expect(move(defaultLayout(columns), 'c', 'a').order).toEqual(['c', 'a', 'b']);
    expect(move(defaultLayout(columns), 'a', undefined).order).toEqual(['b', 'c', 'a']);
  });
});

describe('selection', () => {
  const idAt = (i: number) => (i === 3 ? undefined : `r${i}`);
  it('ticks, unticks and extends from the anchor in both directions', () => {
    let s = toggle(nothing, 'r5', 5);
    s = extend(s, 2, idAt);
    expect([...s.ids].sort()).toEqual(['r2', 'r4', 'r5']);
    expect(s.anchor).toBe(5);
    s = toggle(s, 'r5', 5);
    expect(s.ids.has('r5')).toBe(false);
  });
});

it('lists the pages on screen, always with the first', () => {
  expect(pagesOf(0, 30, 100)).toEqual([0]);
  expect(pagesOf(950, 1010, 100)).toEqual([0, 9, 10]);
});
