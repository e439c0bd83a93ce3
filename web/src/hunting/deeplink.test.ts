import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { linkedIn, linkTo, pack, unpack } from './deeplink';

const query = '// Ünï\nDeviceProcessEvents\n| where FileName =~ "a+b/c" and x == \'&=?#\'\n| take 10';

it('reads back what it packs', async () => {
  for (const text of [query, '', 'a', 'x'.repeat(50_000)]) expect(await unpack(await pack(text))).toBe(text);
});

it('reads compressed texts of both encodings, and plain ones', async () => {
  expect(await unpack(gzipSync(query).toString('base64'))).toBe(query);
  expect(await unpack(gzipSync(query).toString('base64').replaceAll('+', ' '))).toBe(query);
  expect(await unpack(gzipSync(Buffer.from(`\ufeff${query}`, 'utf16le')).toString('base64'))).toBe(query);
  expect(await unpack('DeviceInfo | take 1')).toBe('DeviceInfo | take 1');
});

it('refuses what is damaged or grows too large', async () => {
  await expect(unpack(gzipSync('x'.repeat(10_000_000)).toString('base64'))).rejects.toThrow('too long');
  await expect(unpack('x'.repeat(100_000))).rejects.toThrow('too long');
  await expect(unpack(`H4sIAAAA${'A'.repeat(40)}`)).rejects.toThrow();
});

it('makes links that it reads', async () => {
  const url = new URL(await linkTo('http://h', query, '1w'));
  expect(url.pathname).toBe('/hunting');
  const linked = linkedIn(Object.fromEntries(url.searchParams));
  expect(linked).toMatchObject({ run: true, range: '1w' });
  expect(await unpack(linked?.query ?? '')).toBe(query);
  const custom = '2026-01-01T00:00:00.000Z~';
  expect(linkedIn(Object.fromEntries(new URL(await linkTo('http://h', query, custom, false)).searchParams))).toMatchObject({
    run: false,
    range: custom,
  });
});

it('leaves addresses without a query alone, and ranges that are none', () => {
  expect(linkedIn({ range: '1d' })).toBeUndefined();
  expect(linkedIn({ query: 'T', range: 'nonsense' })).toEqual({ query: 'T', run: false });
  expect(linkedIn({ query: 'T', timeRangeId: 'week' })).toEqual({ query: 'T', run: false, range: '1w' });
});
