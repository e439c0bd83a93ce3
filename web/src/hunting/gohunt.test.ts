import { describe, expect, it } from 'vitest';
import type { EvidenceRow } from '../api/types';
import { hunted, huntEntity, huntEvidence, huntIncident, huntRelated } from './gohunt';

const row = (e: Partial<EvidenceRow>) => e as EvidenceRow;

describe('entity hunts', () => {
  it('asks all tables around the first activity, with the weaker tests as comments', () => {
    const text = huntEvidence(row({ type: 'device', hostName: 'pc1', deviceId: 'd1', firstSeen: '2026-01-02T03:04:05Z' }));
    expect(text.split('\n')).toEqual([
      '// Device pc1, an hour before and after its first activity',
      'let t0 = datetime(2026-01-02T03:04:05.000Z);',
      expect.stringMatching(/^search in \(DeviceProcessEvents, .*AlertEvidence\)$/),
      '    Timestamp between ((t0 - 1h) .. (t0 + 1h)) and',
      '    DeviceName =~ "pc1"',
      '    // or RemoteDeviceName =~ "pc1"',
      '    // or DeviceId == "d1"',
      '| take 100',
    ]);
  });
  it('leaves time out when it is not known', () => {
    const text = huntEntity(hunted(row({ type: 'ip', address: '192.0.2.1' })));
    expect(text).not.toContain('t0');
    expect(text).toContain('(RemoteIP == "192.0.2.1" or LocalIP == "192.0.2.1"');
  });
  it('keeps an attacker’s name within its string and comment', () => {
    const text = huntEvidence(row({ type: 'file', fileName: 'a.exe"\n| take 0 //', firstSeen: '2026-01-02T03:04:05Z' }));
    expect(text.split('\n')[0]).toBe('// File a.exe" | take 0 //, an hour before and after its first activity');
    expect(text).toContain('FileName =~ "a.exe\\"\\n| take 0 //"');
    expect(text.split('\n').filter((l) => l.startsWith('|'))).toEqual(['| take 100']);
  });
  it('has a test for every kind of entity', () => {
    const all: Partial<EvidenceRow>[] = [
      { type: 'user', accountUpn: 'a@b' },
      { type: 'mailbox', mailbox: 'a@b' },
      { type: 'mailMessage', networkMessageId: 'n' },
      { type: 'file', sha256: 'f' },
      { type: 'process', fileName: 'p', processId: 4 },
      { type: 'url', url: 'http://x', domain: 'x' },
      { type: 'cloudApp', application: 'A' },
      { type: 'registry', registryKey: 'HKLM' },
      { type: 'securityGroup', name: 'G' },
      { type: 'unheardOf', name: 'N' },
    ];
    for (const e of all) expect(hunted(row(e)).tests.length, e.type).toBeGreaterThan(0);
  });
});

it('sorts what happened around an event', () => {
  const text = huntRelated({ id: 'd"1', name: 'pc1' }, '2026-01-02T03:04:05Z', 7);
  expect(text).toContain('DeviceId == "d\\"1"');
  expect(text).toContain('case(Timestamp == t0 and ReportId == 7, "Selected event"');
  expect(huntRelated({ name: 'pc1' }, '2026-01-02T03:04:05Z', '7) or true')).not.toContain('true');
});

it('hunts an incident by what it names', () => {
  const base = { id: '7', name: 'N', firstActivity: '2026-01-02T03:00:00Z', lastActivity: '2026-01-02T04:00:00Z' };
  expect(huntIncident({ ...base, devices: [{ key: 'k', name: 'pc' }] } as never)).toContain('DeviceName in~ ("pc")');
  expect(huntIncident({ ...base, users: [{ key: 'k', name: 'D\\u' }] } as never)).toContain('AccountName in~ ("u")');
  expect(huntIncident(base as never)).toContain('between (datetime(2026-01-02T02:00:00.000Z) .. datetime(2026-01-02T05:00:00.000Z))');
});
