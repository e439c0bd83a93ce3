import { describe, expect, it } from 'vitest';
import { beginning, decoded, placeOf } from './refused';

const base64 = (text: string) => Buffer.from(text, 'utf8').toString('base64');

describe('refused records', () => {
  it('shows the beginning of a record on one line', () => {
    expect(beginning(base64('{"a":\n  1}'))).toBe('{"a": 1}');
    expect(beginning(base64('\u0000\u0001garbage'))).toBe('··garbage');
    expect(beginning(base64('äöü'.repeat(100)), 5)).toBe('äöüäö…');
    expect(beginning(undefined)).toBe('');
    expect(decoded('not base64 %')).toBe('not base64 %');
  });

  it('says where a record stood', () => {
    expect(placeOf({ path: 'a.zip#b.evtx', record: 1200 })).toBe(`a.zip#b.evtx, record ${(1200).toLocaleString()}`);
    expect(placeOf({ path: 'mail.eml', record: 0 })).toBe('mail.eml');
    expect(placeOf({ record: 241 * 2 ** 20 + 2 })).toBe('Record 3 of delivery 241');
    expect(placeOf({ record: 7 })).toBe('Record 7');
    expect(placeOf({ record: 0 })).toBe('');
  });
});
