// From a record to what else there is: which cells name an entity, and the queries that look around it.
import type { Cell } from '../../api/types';
import { huntEntity, huntRelated, type Hunted } from '../gohunt';
import { quoted, remark } from '../kqltext';
import { cellText } from './cells';

export type EntityKind = 'alert' | 'incident' | 'device' | 'user' | 'mailbox' | 'file' | 'ip' | 'url' | 'mailMessage';

const names: Record<string, EntityKind> = {
  AlertId: 'alert',
  IncidentId: 'incident',
  DeviceId: 'device',
  DeviceName: 'device',
  RemoteDeviceName: 'device',
  TargetDeviceName: 'device',
  DestinationDeviceName: 'device',
  AccountUpn: 'user',
  AccountSid: 'user',
  AccountObjectId: 'user',
  AccountName: 'user',
  TargetAccountUpn: 'user',
  InitiatingProcessAccountUpn: 'user',
  InitiatingProcessAccountSid: 'user',
  InitiatingProcessAccountName: 'user',
  InitiatingProcessAccountObjectId: 'user',
  RecipientEmailAddress: 'mailbox',
  SenderFromAddress: 'mailbox',
  SenderMailFromAddress: 'mailbox',
  RemoteIP: 'ip',
  LocalIP: 'ip',
  IPAddress: 'ip',
  SenderIPv4: 'ip',
  SenderIPv6: 'ip',
  FileOriginIP: 'ip',
  PublicIP: 'ip',
  RemoteUrl: 'url',
  Url: 'url',
  FileOriginUrl: 'url',
  SHA1: 'file',
  SHA256: 'file',
  MD5: 'file',
  InitiatingProcessSHA1: 'file',
  InitiatingProcessSHA256: 'file',
  InitiatingProcessMD5: 'file',
  NetworkMessageId: 'mailMessage',
};

// entityKind is what the values of a column name, if it is an entity.
export function entityKind(column: string): EntityKind | undefined {
  return Object.hasOwn(names, column) ? names[column] : undefined;
}

export const kindWords: Record<EntityKind, string> = {
  alert: 'alert',
  incident: 'incident',
  device: 'device',
  user: 'user',
  mailbox: 'mailbox',
  file: 'file',
  ip: 'IP address',
  url: 'URL',
  mailMessage: 'mail message',
};

// pageOf is the page of the portal about an entity: alerts and incidents have their own, the others the incidents they occur in.
export function pageOf(kind: EntityKind, value: string): { to: string; search: Record<string, string> } {
  if (kind === 'alert') return { to: `/alerts/${encodeURIComponent(value)}`, search: {} };
  if (kind === 'incident' && /^\d+$/.test(value)) return { to: `/incidents/${value}`, search: {} };
  return { to: '/incidents', search: { search: value } };
}

const kinds: Record<Exclude<EntityKind, 'alert' | 'incident'>, { kind: Hunted['kind']; columns: readonly string[] }> = {
  device: { kind: 'device', columns: ['DeviceName', 'RemoteDeviceName'] },
  user: { kind: 'user', columns: ['AccountName', 'InitiatingProcessAccountName'] },
  mailbox: { kind: 'mailbox', columns: ['RecipientEmailAddress', 'SenderFromAddress', 'AccountUpn'] },
  file: { kind: 'file', columns: ['SHA256', 'InitiatingProcessSHA256'] },
  ip: { kind: 'ip', columns: ['RemoteIP', 'LocalIP', 'IPAddress', 'SenderIPv4', 'SenderIPv6'] },
  url: { kind: 'url', columns: ['RemoteUrl', 'Url', 'FileOriginUrl'] },
  mailMessage: { kind: 'mail', columns: ['NetworkMessageId'] },
};

// goHunt is the query that looks for the entity of a cell everywhere, an hour around the record's time.
export function goHunt(column: string, text: string, time: string | undefined): string | undefined {
  const kind = entityKind(column);
  if (!kind || kind === 'incident') return undefined;
  if (kind === 'alert') return [remark(`Evidence of the alert ${text}`), 'AlertEvidence', `| where AlertId == ${quoted(text)}`].join('\n');
  const k = kinds[kind];
  // The column's own family: a SHA1 is looked for as a SHA1, a SID as a SID.
  const own = column.replace(/^InitiatingProcess(Parent)?|^(Target|Remote|Destination)(?=Device|Account)/, '');
  const columns =
    kind === 'file' || (kind === 'user' && own !== 'AccountName')
      ? [own, `InitiatingProcess${own}`]
      : kind === 'device' && column === 'DeviceId'
        ? ['DeviceId']
        : k.columns;
  const test = columns.map((c) => `${c} =~ ${quoted(text)}`);
  return huntEntity({ kind: k.kind, name: text, tests: [test.length === 1 ? (test[0] ?? '') : `(${test.join(' or ')})`] }, time);
}

// timeOf is the time of a record.
export function timeOf(record: ReadonlyMap<string, Cell>): string | undefined {
  for (const name of ['Timestamp', 'TimeGenerated', 'ActivityTimestamp']) {
    const text = cellText(record.get(name));
    if (text !== '' && !Number.isNaN(Date.parse(text))) return text;
  }
  return undefined;
}

// relatedEvents is the query for what happened on the same device half an hour before and after an event; undefined when the record names no device or no time.
export function relatedEvents(record: ReadonlyMap<string, Cell>): string | undefined {
  const id = cellText(record.get('DeviceId'));
  const name = cellText(record.get('DeviceName'));
  const time = timeOf(record);
  if ((id === '' && name === '') || time === undefined) return undefined;
  return huntRelated({ ...(id ? { id } : {}), ...(name ? { name } : {}) }, time, cellText(record.get('ReportId')));
}
