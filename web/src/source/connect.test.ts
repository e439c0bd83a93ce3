import { describe, expect, it } from 'vitest';
import { guides } from './connect';

describe('guides', () => {
  const to = { origin: 'https://soc.example:8443', token: 'bztn_secret' };

  it.each(guides.filter((g) => !g.syslog).map((g) => [g.id, g] as const))('%s says where to and with which token', (_, g) => {
    const text = g.configuration(to);
    expect(text).toContain('bztn_secret');
    expect(text).toContain('soc.example');
    expect(text).toContain('8443');
    expect(text).not.toMatch(/undefined|null/);
  });

  it('names the port of an address without one', () => {
    const rsyslog = guides.find((g) => g.id === 'rsyslog');
    expect(rsyslog?.configuration({ origin: 'http://soc.example', token: 't' })).toContain('serverport="80" usehttps="off"');
    expect(rsyslog?.configuration({ origin: 'https://soc.example', token: 't' })).toContain('serverport="443" usehttps="on"');
  });

  it('has ids of its own', () => {
    expect(new Set(guides.map((g) => g.id)).size).toBe(guides.length);
  });
});
