import { expect, it } from 'vitest';
import { instant, isRange, rangeName, wallTime } from './ranges';

it('reads clock times of a zone, also around a change of the clock', () => {
  expect(instant('2026-07-01T12:00', 'UTC')).toBe('2026-07-01T12:00:00.000Z');
  expect(instant('2026-07-01T12:00', 'Europe/Berlin')).toBe('2026-07-01T10:00:00.000Z');
  expect(instant('2026-01-01T12:00', 'Europe/Berlin')).toBe('2026-01-01T11:00:00.000Z');
  expect(instant('2026-03-29T03:30', 'Europe/Berlin')).toBe('2026-03-29T01:30:00.000Z');
  expect(instant('2026-01-01T12:00', 'Asia/Kolkata')).toBe('2026-01-01T06:30:00.000Z');
  expect(instant('', 'UTC')).toBeUndefined();
  expect(instant('soon', 'UTC')).toBeUndefined();
});

it('writes what it reads', () => {
  for (const zone of ['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kolkata'])
    expect(wallTime(instant('2026-11-23T15:04', zone), zone)).toBe('2026-11-23T15:04');
});

it('knows ranges', () => {
  for (const r of ['1h', '1d', '1w', '30d', 'all', '2026-01-01T00:00:00Z~', '~2026-01-01T00:00:00Z']) expect(isRange(r)).toBe(true);
  for (const r of ['', '~', 'x', '1~2~3']) expect(isRange(r)).toBe(false);
  expect(rangeName('1w', 'UTC')).toBe('Last 7 days');
  expect(rangeName('2026-01-01T00:00:00Z~', 'UTC')).toMatch(/^Since /);
});
