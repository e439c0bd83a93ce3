import { describe, expect, it } from 'vitest';
import type { Sender } from '../api/types';
import { arrivals, huntFor } from './sender';
import { delay, rateWords, worstFirst } from './state';

const sender = (id: string, over: Partial<Sender> = {}): Sender => ({
  id: `token:${id}`,
  kind: 'token',
  name: `name of ${id}`,
  families: ['winlog'],
  records: 1,
  bytes: 10,
  refused: 0,
  ratePerMinute: 1,
  recent: [],
  state: 'delivering',
  throttled: 0,
  ...over,
});

describe('arrivals', () => {
  it('tells only the token that was made, once it delivers', () => {
    const before = [sender('old', { records: 5 })];
    const now = [sender('old', { records: 9 }), sender('made', { records: 2, lastSeen: '2026-11-23T10:00:00Z' })];
    expect(arrivals(before, before, 'made')).toEqual([]);
    expect(arrivals(before, now, 'made')).toEqual([
      { name: 'name of made', families: ['winlog'], records: 2, refused: 0, time: '2026-11-23T10:00:00Z' },
    ]);
    expect(arrivals(before, now).map((x) => x.records)).toEqual([4, 2].sort());
  });
  it('counts a first record that was refused: something did arrive', () => {
    expect(arrivals([], [sender('made', { records: 0, refused: 1 })], 'made')).toHaveLength(1);
  });
});

describe('huntFor', () => {
  it('asks the tables of the family that are there', () => {
    expect(huntFor('github', ['CloudAppEvents', 'EmailEvents'])).toBe('CloudAppEvents\n| top 100 by Timestamp');
    expect(huntFor('okta', ['CloudAppEvents', 'IdentityLogonEvents'])).toContain(
      'union withsource = Table CloudAppEvents, IdentityLogonEvents',
    );
    expect(huntFor('kong', ['Kong_CL', 'CloudAppEvents'])).toBe('Kong_CL\n| top 100 by Timestamp');
    expect(huntFor('unheard', ['CloudAppEvents'])).toBeUndefined();
  });
});

describe('state', () => {
  it('puts what needs a look on top', () => {
    const list = ['quiet', 'delivering', 'failing', 'silent'].map((state) => ({ id: state, state }));
    expect(worstFirst(list as never).map((x) => x.id)).toEqual(['failing', 'silent', 'delivering', 'quiet']);
  });
  it('writes delays and rates', () => {
    expect([delay(0.34), delay(12), delay(3700), delay(undefined), delay(-30)]).toEqual([
      `${(0.3).toLocaleString()} s`,
      '12 s',
      '1 h 2 min',
      '–',
      '30 s ahead',
    ]);
    expect(rateWords([0, 0])).toBe('No records in the last hour');
    expect(rateWords([1, 4])).toContain('at most 4 in a minute');
  });
});
