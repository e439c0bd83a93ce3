// Which columns of a result name entities that an alert is about, and how many alerts its rows become.
import type { Cell } from '../../api/types';
import type { LinkEntity } from './api';
import { cellText } from './cells';

export type Mapping = LinkEntity;
export type Role = Mapping['role'];
export type EntityType = Mapping['type'];

export const entityTypes: readonly { type: EntityType; label: string; roles: readonly Role[] }[] = [
  { type: 'device', label: 'Device', roles: ['impacted', 'related'] },
  { type: 'user', label: 'User', roles: ['impacted', 'related'] },
  { type: 'mailbox', label: 'Mailbox', roles: ['impacted', 'related'] },
  { type: 'cloudApp', label: 'Cloud app', roles: ['related'] },
  { type: 'ip', label: 'IP address', roles: ['related'] },
  { type: 'file', label: 'File', roles: ['related'] },
  { type: 'process', label: 'Process', roles: ['related'] },
  { type: 'url', label: 'URL', roles: ['related'] },
  { type: 'mailMessage', label: 'Mail message', roles: ['related'] },
];

// For each entity the columns of the hunting tables that name it, the best first; of each line the first column that has values is taken.
const native: readonly { role: Role; type: EntityType; columns: readonly string[] }[] = [
  { role: 'impacted', type: 'device', columns: ['DeviceId', 'DeviceName'] },
  { role: 'impacted', type: 'user', columns: ['AccountObjectId', 'AccountUpn', 'AccountSid', 'AccountName'] },
  { role: 'impacted', type: 'mailbox', columns: ['RecipientEmailAddress'] },
  { role: 'related', type: 'process', columns: ['InitiatingProcessId', 'ProcessId'] },
  { role: 'related', type: 'file', columns: ['SHA256', 'SHA1', 'FileName'] },
  { role: 'related', type: 'ip', columns: ['RemoteIP', 'IPAddress', 'SenderIPv4'] },
  { role: 'related', type: 'url', columns: ['RemoteUrl', 'Url'] },
  { role: 'related', type: 'mailMessage', columns: ['NetworkMessageId'] },
];

type Schema = readonly { name: string; type: string }[];

// guessMappings maps the columns of the hunting tables that have values in the chosen rows.
export function guessMappings(schema: Schema, rows: readonly (readonly Cell[])[]): Mapping[] {
  const filled = (name: string) => {
    const at = schema.findIndex((c) => c.name === name);
    return at >= 0 && rows.some((r) => cellText(r[at]) !== '' && cellText(r[at]) !== '0');
  };
  const out: Mapping[] = [];
  for (const line of native) {
    const column = line.columns.find(filled);
    if (column !== undefined) out.push({ role: line.role, type: line.type, column });
  }
  // An account that stands only for the process is what the alert is about when there is no other.
  if (!out.some((m) => m.type === 'user')) {
    const column = ['InitiatingProcessAccountUpn', 'InitiatingProcessAccountSid', 'InitiatingProcessAccountName'].find(filled);
    if (column !== undefined) out.push({ role: 'impacted', type: 'user', column });
  }
  return out;
}

// combinations counts the distinct combinations of impacted values: each becomes an alert.
export function combinations(schema: Schema, rows: readonly (readonly Cell[])[], mappings: readonly Mapping[]): number {
  const at = mappings.filter((m) => m.role === 'impacted').map((m) => schema.findIndex((c) => c.name === m.column));
  return new Set(rows.map((r) => JSON.stringify(at.map((i) => (i < 0 ? '' : cellText(r[i]).toLowerCase()))))).size;
}

export const mostRows = 1000;
export const mostAlerts = 100;
