import { describe, expect, it } from 'vitest';
import { rarityWords } from '../incident/WhyJoined';
import { csv, csvCell } from './csv';
import { evidenceName } from './evidence';
import { absolute, bounds, exact, gap, relative, resolve } from './time';
import { label } from './words';

it('turns codes into words and leaves the rest alone', () => {
  expect(label('CredentialAccess')).toBe('Credential access');
  expect(label('sameProcessTree')).toBe('Same process tree');
  expect(label('T1003.001')).toBe('T1003.001');
  expect(label('InProgress')).toBe('In progress');
  expect(label(undefined)).toBe('');
});

describe('time', () => {
  const now = Date.parse('2026-11-23T12:00:00Z');
  it('is relative in lists', () => {
    expect(relative('2026-11-23T11:55:00Z', now, 'en')).toBe('5 minutes ago');
    expect(relative('2026-11-20T12:00:00Z', now, 'en')).toBe('3 days ago');
    expect(relative('0001-01-01T00:00:00Z', now, 'en')).toBe('');
    expect(relative('nonsense', now, 'en')).toBe('');
  });
  it('is absolute with its zone', () => {
    expect(absolute('2026-11-23T11:55:01Z', 'UTC')).toMatch(/55.*01.*UTC/);
    expect(exact('2026-11-23T23:30:01.25Z', 'Europe/Berlin')).toBe('2026-11-24 00:30:01.250');
  });
  it('takes the tenant’s zone unless another is chosen, and survives one the browser does not know', () => {
    expect(resolve('tenant', 'Asia/Tokyo')).toBe('Asia/Tokyo');
    expect(resolve('utc', 'Asia/Tokyo')).toBe('UTC');
    expect(resolve('local', 'Asia/Tokyo')).toBe('local');
    expect(resolve('tenant', 'No/Where')).toBe('local');
  });
  it('reads ranges of the address', () => {
    expect(bounds('2026-01-01T00:00:00Z~2026-01-02T00:00:00Z')).toEqual({
      from: '2026-01-01T00:00:00.000Z',
      to: '2026-01-02T00:00:00.000Z',
    });
    expect(bounds('~')).toEqual({});
    expect(bounds(undefined)).toEqual({});
  });
  it('writes gaps in two units', () => {
    expect([gap(5), gap(120), gap(95), gap(3700), gap(90_000)]).toEqual(['5 s', '2 min', '1 min 35 s', '1 h 2 min', '1 d 1 h']);
  });
});

describe('csv', () => {
  it('quotes and keeps formulas from running', () => {
    expect(csvCell('a,"b"')).toBe('"a,""b"""');
    expect(csvCell('=1+1')).toBe("'=1+1");
    expect(csvCell('-5')).toBe('-5');
    expect(csvCell('-5+cmd')).toBe("'-5+cmd");
    expect(csvCell({ a: 1 })).toBe('"{""a"":1}"');
    expect(csv(['x'], [['a\nb']])).toBe('x\r\n"a\nb"\r\n');
  });
});

it('names entities by what tells them apart', () => {
  expect(evidenceName({ type: 'user', accountDomain: 'corp', accountName: 'ana' })).toBe('corp\\ana');
  expect(evidenceName({ type: 'process', commandLine: 'x' })).toBe('x');
  expect(evidenceName({ type: 'registry', registryKey: 'HKLM\\A', registryValueName: 'b' })).toBe('HKLM\\A\\b');
  expect(evidenceName({ type: 'odd', entityKey: 'odd:1' })).toBe('odd:1');
});

it('says how telling a shared entity is', () => {
  expect(rarityWords(0.95)).toBe('0.95 (very rare)');
  expect(rarityWords(0.1)).toBe('0.10 (common)');
  expect(rarityWords(undefined)).toBe('');
});
