import { describe, expect, it } from 'vitest';
import type { StoryNode } from '../api/types';
import { closedAtFirst, grow, press, visible } from './tree';

const node = (id: string, parentId?: string, time = '', more: Partial<StoryNode> = {}): StoryNode => ({
  id,
  kind: 'process',
  label: id,
  focus: false,
  alertIds: [],
  ...(parentId ? { parentId } : {}),
  ...(time ? { time } : {}),
  ...more,
});

const roots = grow([node('c', 'a', '2'), node('a'), node('b', 'a', '1'), node('d', 'b'), node('lost', 'nowhere')]);

describe('grow', () => {
  it('puts parents before children and children in order of time', () => {
    expect(visible(roots, new Set()).map((t) => `${t.level}${t.node.id}`)).toEqual(['1a', '2b', '3d', '2c', '1lost']);
  });
  it('cuts a cycle and takes a repeated id once', () => {
    const cycle = grow([node('x', 'y'), node('y', 'x'), node('x')]);
    expect(
      visible(cycle, new Set())
        .map((t) => t.node.id)
        .sort(),
    ).toEqual(['x', 'y']);
    expect(grow([node('self', 'self')])).toHaveLength(1);
  });
});

describe('press', () => {
  const none = new Set<string>();
  it('moves up and down over what shows', () => {
    expect(press('ArrowDown', 'a', roots, none)).toEqual({ to: 'b' });
    expect(press('ArrowDown', 'a', roots, new Set(['a']))).toEqual({ to: 'lost' });
    expect(press('ArrowUp', 'a', roots, none)).toEqual({});
    expect(press('End', 'a', roots, none)).toEqual({ to: 'lost' });
    expect(press('Home', 'd', roots, none)).toEqual({ to: 'a' });
  });
  it('opens, enters, closes and leaves branches', () => {
    expect(press('ArrowRight', 'a', roots, new Set(['a']))).toEqual({ open: 'a' });
    expect(press('ArrowRight', 'a', roots, none)).toEqual({ to: 'b' });
    expect(press('ArrowLeft', 'b', roots, none)).toEqual({ close: 'b' });
    expect(press('ArrowLeft', 'd', roots, none)).toEqual({ to: 'b' });
    expect(press('ArrowRight', 'd', roots, none)).toEqual({});
    expect(press('q', 'a', roots, none)).toEqual({});
  });
});

it('starts a long story with the branches closed that hold neither focus nor alert', () => {
  const many = Array.from({ length: 80 }, (_, i) => node(`n${i}`, i < 40 ? 'quiet' : 'loud'));
  const long = grow([node('root'), node('quiet', 'root'), node('loud', 'root'), ...many, node('hit', 'loud', '', { alertIds: ['x'] })]);
  expect([...closedAtFirst(long)]).toEqual(['quiet']);
  expect(closedAtFirst(roots).size).toBe(0);
});
