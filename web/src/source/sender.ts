// Who delivers, and the first record that comes of somebody new.
import type { Sender } from '../api/types';

const words: Record<string, string> = {
  token: 'API token',
  connector: 'Connector',
  syslog: 'Syslog',
  osquery: 'osquery',
  import: 'Import',
  lab: 'Evaluation lab',
};

export function senderWords(kind: string): string {
  return words[kind] ?? kind;
}

export interface Arrival {
  name: string;
  families: readonly string[];
  records: number;
  refused: number;
  time?: string;
}

// The id of a sender is its kind and what tells it from others of the kind.
const ofToken = (token: string) => `token:${token}`;

// tokenOf is the id of the token that a sender delivers with.
export function tokenOf(sender: Pick<Sender, 'id'>): string {
  return sender.id.replace(/^token:/, '');
}

// arrivals says who delivered since a list of senders was taken, the latest first. With the id of a token, only that one counts.
export function arrivals(before: readonly Sender[], now: readonly Sender[], token?: string): Arrival[] {
  const had = new Map(before.map((x) => [x.id, x]));
  return now
    .filter((x) => token === undefined || x.id === ofToken(token))
    .map((x) => {
      const was = had.get(x.id);
      return {
        name: x.name || x.id,
        families: x.families,
        records: x.records - (was?.records ?? 0),
        refused: x.refused - (was?.refused ?? 0),
        ...(x.lastSeen ? { time: x.lastSeen } : {}),
      };
    })
    .filter((x) => x.records > 0 || x.refused > 0)
    .sort((a, b) => (b.time ?? '').localeCompare(a.time ?? ''));
}

const device = [
  'DeviceProcessEvents',
  'DeviceNetworkEvents',
  'DeviceFileEvents',
  'DeviceRegistryEvents',
  'DeviceLogonEvents',
  'DeviceImageLoadEvents',
  'DeviceEvents',
];
const identity = ['IdentityLogonEvents', 'IdentityDirectoryEvents', 'IdentityQueryEvents'];

const tables: Record<string, readonly string[]> = {
  winlog: [...device, ...identity],
  mail: ['EmailEvents', 'EmailAttachmentInfo', 'EmailUrlInfo'],
  m365: ['CloudAppEvents', 'IdentityLogonEvents', 'EmailEvents', 'UrlClickEvents'],
  entra: [
    'EntraIdSignInEvents',
    'EntraIdSpnSignInEvents',
    'IdentityLogonEvents',
    'CloudAppEvents',
    'CloudAuditEvents',
    'GraphAPIAuditEvents',
  ],
  cloudtrail: ['CloudAppEvents', 'IdentityLogonEvents'],
  okta: ['CloudAppEvents', 'IdentityLogonEvents'],
  github: ['CloudAppEvents'],
  google: ['CloudAppEvents', 'IdentityLogonEvents'],
  linux: ['DeviceProcessEvents', 'DeviceNetworkEvents', 'DeviceFileEvents', 'DeviceLogonEvents', 'DeviceEvents'],
  network: ['DeviceNetworkEvents', 'DeviceFileEvents', 'IdentityLogonEvents'],
  alerts: ['AlertInfo'],
};

// huntFor is a query for the newest rows of a family, over those of its tables that are there; undefined when no table is known for it.
export function huntFor(family: string, known: readonly string[]): string | undefined {
  const there = new Set(known);
  const own = known.filter((n) => n.endsWith('_CL') && n.toLowerCase().startsWith(family.toLowerCase()));
  const of = [...(tables[family] ?? []).filter((n) => there.has(n)), ...own];
  const [first, ...more] = of;
  if (first === undefined) return undefined;
  return more.length === 0 ? `${first}\n| top 100 by Timestamp` : `union withsource = Table ${of.join(', ')}\n| top 100 by Timestamp`;
}
