import { expect, it } from 'vitest';
import { bytes, sizeOf } from './bytes';

it('writes sizes with three figures', () => {
  expect([0, 999, 1000, 12_345, 999_600, 123_456_789, 5e12].map((n) => bytes(n, 'en'))).toEqual([
    '0 B',
    '999 B',
    '1 kB',
    '12.3 kB',
    '1 MB',
    '123 MB',
    '5 TB',
  ]);
  expect(bytes(undefined)).toBe('–');
  expect(bytes(Number.NaN)).toBe('–');
});

it('reads what people write', () => {
  expect(['10 GB', '1.5tb', '4096', '2 GiB', '1,5 MB', ' 7k '].map(sizeOf)).toEqual([10e9, 1.5e12, 4096, 2 * 1024 ** 3, 1.5e6, 7000]);
  for (const text of ['', 'GB', '-1', '1 XB', '1 GB extra', '9'.repeat(30)]) expect(sizeOf(text)).toBeUndefined();
});

it('reads back what it writes', () => {
  for (const n of [1, 250, 3e3, 45e6, 7e9, 2e12]) expect(sizeOf(bytes(n, 'en'))).toBe(n);
});
