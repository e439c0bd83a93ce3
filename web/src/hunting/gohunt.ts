// "Go hunt": queries about an entity or an event, to be read and changed by the person who opens them.
import type { Evidence, EvidenceRow, Incident } from '../api/types';
import { datetime, list, quoted, remark } from './kqltext';

// Hunted is what is known of an entity; id is what its tables call it.
export interface Hunted {
  kind: 'device' | 'user' | 'mailbox' | 'mail' | 'mailCluster' | 'file' | 'process' | 'group' | 'ip' | 'url' | 'app' | 'registry' | 'other';
  // What people call it, for the comment on the first line.
  name: string;
  // The tests that find it, the best one first; the others stand below it as comments.
  tests: readonly string[];
}

const devices =
  'DeviceProcessEvents, DeviceNetworkEvents, DeviceFileEvents, DeviceRegistryEvents, DeviceLogonEvents, DeviceImageLoadEvents, DeviceEvents';

const tables: Record<Hunted['kind'], string> = {
  device: `${devices}, DeviceInfo, DeviceNetworkInfo, IdentityLogonEvents, AlertEvidence`,
  user: 'DeviceProcessEvents, DeviceLogonEvents, DeviceFileEvents, DeviceNetworkEvents, IdentityLogonEvents, IdentityDirectoryEvents, IdentityQueryEvents, EntraIdSignInEvents, CloudAppEvents, UrlClickEvents, EmailEvents, AlertEvidence',
  mailbox: 'EmailEvents, EmailAttachmentInfo, EmailPostDeliveryEvents, UrlClickEvents, CloudAppEvents',
  mail: 'EmailEvents, EmailAttachmentInfo, EmailUrlInfo, EmailPostDeliveryEvents, UrlClickEvents, AlertEvidence',
  mailCluster: 'EmailEvents',
  file: 'DeviceProcessEvents, DeviceFileEvents, DeviceImageLoadEvents, DeviceEvents, EmailAttachmentInfo, AlertEvidence',
  process: `${devices}`,
  group: 'IdentityDirectoryEvents, IdentityQueryEvents, CloudAppEvents',
  ip: 'DeviceNetworkEvents, DeviceLogonEvents, DeviceEvents, DeviceFileEvents, IdentityLogonEvents, IdentityDirectoryEvents, EntraIdSignInEvents, CloudAppEvents, UrlClickEvents, EmailEvents, AlertEvidence',
  url: 'DeviceNetworkEvents, DeviceFileEvents, DeviceEvents, EmailUrlInfo, UrlClickEvents, AlertEvidence',
  app: 'CloudAppEvents, EntraIdSignInEvents, AlertEvidence',
  registry: 'DeviceRegistryEvents, DeviceEvents, AlertEvidence',
  other: 'DeviceProcessEvents, DeviceEvents, CloudAppEvents, IdentityLogonEvents, EmailEvents',
};

const either = (tests: readonly string[]) => (tests.length === 1 ? (tests[0] ?? '') : `(${tests.join(' or ')})`);
const same = (columns: readonly string[], op: '==' | '=~', value: string) => either(columns.map((c) => `${c} ${op} ${quoted(value)}`));

// testsOf gives the tests that find an entity of an alert, the surest first.
export function hunted(e: Evidence | EvidenceRow): Hunted {
  const name = e.name || e.displayName || '';
  switch (e.type) {
    case 'device': {
      const tests: string[] = [];
      if (e.hostName) tests.push(same(['DeviceName'], '=~', e.hostName), same(['RemoteDeviceName'], '=~', e.hostName));
      if (e.deviceId) tests.push(same(['DeviceId'], '==', e.deviceId));
      return { kind: 'device', name: e.hostName || e.deviceId || name, tests };
    }
    case 'user': {
      const tests: string[] = [];
      if (e.accountUpn) tests.push(same(['AccountUpn', 'InitiatingProcessAccountUpn', 'RecipientEmailAddress'], '=~', e.accountUpn));
      if (e.accountName) tests.push(same(['AccountName', 'InitiatingProcessAccountName'], '=~', e.accountName));
      if (e.accountSid) tests.push(same(['AccountSid', 'InitiatingProcessAccountSid'], '==', e.accountSid));
      if (e.accountObjectId) tests.push(same(['AccountObjectId', 'InitiatingProcessAccountObjectId'], '==', e.accountObjectId));
      return { kind: 'user', name: e.accountUpn || e.accountName || e.accountSid || name, tests };
    }
    case 'mailbox': {
      const address = e.mailbox || e.accountUpn || name;
      return {
        kind: 'mailbox',
        name: address,
        tests: address ? [same(['RecipientEmailAddress', 'SenderFromAddress', 'AccountUpn'], '=~', address)] : [],
      };
    }
    case 'mailMessage': {
      const tests: string[] = [];
      if (e.networkMessageId) tests.push(same(['NetworkMessageId'], '==', e.networkMessageId));
      if (e.internetMessageId) tests.push(same(['InternetMessageId'], '==', e.internetMessageId));
      if (e.sender) tests.push(same(['SenderFromAddress'], '=~', e.sender));
      return { kind: 'mail', name: e.subject || e.networkMessageId || name, tests };
    }
    case 'mailCluster':
      return { kind: 'mailCluster', name, tests: /^\d+$/.test(name) ? [`EmailClusterId == ${name}`] : [] };
    case 'file': {
      const tests: string[] = [];
      if (e.sha256) tests.push(same(['SHA256', 'InitiatingProcessSHA256'], '==', e.sha256));
      if (e.sha1) tests.push(same(['SHA1', 'InitiatingProcessSHA1'], '==', e.sha1));
      if (e.fileName) tests.push(same(['FileName', 'InitiatingProcessFileName'], '=~', e.fileName));
      return { kind: 'file', name: e.fileName || e.sha256 || e.sha1 || name, tests };
    }
    case 'process': {
      const tests: string[] = [];
      if (e.fileName) tests.push(same(['FileName', 'InitiatingProcessFileName'], '=~', e.fileName));
      if (e.sha256) tests.push(same(['SHA256', 'InitiatingProcessSHA256'], '==', e.sha256));
      if (e.processId !== undefined) tests.push(either([`ProcessId == ${e.processId}`, `InitiatingProcessId == ${e.processId}`]));
      if (e.commandLine) tests.push(same(['ProcessCommandLine', 'InitiatingProcessCommandLine'], '==', e.commandLine));
      return { kind: 'process', name: e.fileName || e.commandLine || name, tests };
    }
    case 'ip':
      return {
        kind: 'ip',
        name: e.address ?? name,
        tests: e.address
          ? [same(['RemoteIP', 'LocalIP', 'IPAddress', 'DestinationIPAddress', 'SenderIPv4', 'SenderIPv6'], '==', e.address)]
          : [],
      };
    case 'url': {
      const tests: string[] = [];
      if (e.url) tests.push(same(['RemoteUrl', 'Url', 'FileOriginUrl'], '=~', e.url));
      if (e.domain)
        tests.push(either([`RemoteUrl has ${quoted(e.domain)}`, `Url has ${quoted(e.domain)}`, `UrlDomain =~ ${quoted(e.domain)}`]));
      return { kind: 'url', name: e.url || e.domain || name, tests };
    }
    case 'cloudApp':
    case 'oauthApp': {
      const app = e.application || name;
      return { kind: 'app', name: app, tests: app ? [same(['Application'], '=~', app)] : [] };
    }
    case 'registry': {
      const tests: string[] = [];
      if (e.registryKey) tests.push(same(['RegistryKey'], '=~', e.registryKey));
      if (e.registryValueName) tests.push(same(['RegistryValueName'], '=~', e.registryValueName));
      return { kind: 'registry', name: [e.registryKey, e.registryValueName].filter(Boolean).join('\\') || name, tests };
    }
    case 'securityGroup':
      return { kind: 'group', name, tests: name ? [`* has ${quoted(name)}`] : [] };
    default:
      return { kind: 'other', name: name || e.entityKey || '', tests: name ? [`* has ${quoted(name)}`] : [] };
  }
}

const words: Record<Hunted['kind'], string> = {
  device: 'Device',
  user: 'User',
  mailbox: 'Mailbox',
  mail: 'Message',
  mailCluster: 'Message cluster',
  file: 'File',
  process: 'Process',
  group: 'Group',
  ip: 'IP address',
  url: 'URL',
  app: 'App',
  registry: 'Registry value',
  other: 'Entity',
};

// huntEntity writes the query that looks for an entity everywhere it can occur, an hour around its first activity when that is known.
export function huntEntity(h: Hunted, around?: string): string {
  const best = h.tests[0] ?? `* has ${quoted(h.name)}`;
  const time = around && !Number.isNaN(Date.parse(around)) ? around : undefined;
  return [
    remark(`${words[h.kind]} ${h.name}${time ? ', an hour before and after its first activity' : ''}`),
    ...(time ? [`let t0 = ${datetime(time)};`] : []),
    `search in (${tables[h.kind]})`,
    ...(time ? ['    Timestamp between ((t0 - 1h) .. (t0 + 1h)) and', `    ${best}`] : [`    ${best}`]),
    ...h.tests.slice(1).map((t) => `    // or ${t.replace(/[\r\n]+/g, ' ')}`),
    '| take 100',
  ].join('\n');
}

// huntEvidence is huntEntity for an entity of an alert or incident.
export function huntEvidence(e: Evidence | EvidenceRow): string {
  return huntEntity(hunted(e), 'firstSeen' in e ? e.firstSeen : undefined);
}

const relatedTables = devices.split(', ');

// huntRelated writes the query for what happened on a device half an hour around an event, newest first.
export function huntRelated(device: { id?: string; name?: string }, time: string, reportId?: string | number): string {
  const test = device.id ? `DeviceId == ${quoted(device.id)}` : `DeviceName =~ ${quoted(device.name ?? '')}`;
  const selected =
    reportId === undefined || reportId === '' || !/^-?\d+$/.test(String(reportId))
      ? 'Timestamp == t0'
      : `Timestamp == t0 and ReportId == ${String(reportId)}`;
  return [
    remark(`What happened on ${device.name || device.id || 'the device'} half an hour before and after the event`),
    `let t0 = ${datetime(time)};`,
    `union ${relatedTables.join(', ')}`,
    '| where Timestamp between ((t0 - 30m) .. (t0 + 30m))',
    `| where ${test}`,
    `| extend Relevance = case(${selected}, "Selected event", Timestamp < t0, "Earlier event", "Later event")`,
    '| project-reorder Relevance, Timestamp, ActionType',
    '| sort by Timestamp desc',
    '| take 1000',
  ].join('\n');
}

const mostNamed = 20;

// huntIncident writes the query for what happened to an incident's devices, mailboxes or accounts around its activity.
export function huntIncident(
  i: Pick<Incident, 'id' | 'name' | 'firstActivity' | 'lastActivity' | 'devices' | 'users' | 'mailboxes'>,
): string {
  const hour = 3_600_000;
  const times =
    i.firstActivity && i.lastActivity
      ? [
          `| where Timestamp between (${datetime(new Date(Date.parse(i.firstActivity) - hour))} .. ${datetime(new Date(Date.parse(i.lastActivity) + hour))})`,
        ]
      : [];
  const head = remark(`Activity around incident ${i.id}: ${i.name}`);
  const tail = ['| sort by Timestamp asc', '| take 1000'];
  const deviceNames = (i.devices ?? []).slice(0, mostNamed).map((d) => d.name);
  const addresses = (i.mailboxes ?? []).slice(0, mostNamed).map((m) => m.name);
  const accounts = (i.users ?? []).slice(0, mostNamed).map((u) => u.name.split('\\').at(-1) ?? u.name);
  if (deviceNames.length > 0)
    return [
      head,
      'union DeviceProcessEvents, DeviceNetworkEvents, DeviceFileEvents, DeviceLogonEvents',
      ...times,
      `| where DeviceName in~ ${list(deviceNames)}`,
      ...tail,
    ].join('\n');
  if (addresses.length > 0)
    return [head, 'EmailEvents', ...times, `| where RecipientEmailAddress in~ ${list(addresses)}`, ...tail].join('\n');
  if (accounts.length > 0)
    return [
      head,
      'IdentityLogonEvents',
      ...times,
      `| where AccountName in~ ${list(accounts)} or AccountUpn in~ ${list(accounts)}`,
      ...tail,
    ].join('\n');
  return [head, 'AlertInfo', ...times, ...tail].join('\n');
}

// huntAlert writes the query for the evidence of an alert.
export function huntAlert(alert: { id: string; title: string }): string {
  return [remark(`Evidence of the alert "${alert.title}"`), 'AlertEvidence', `| where AlertId == ${quoted(alert.id)}`].join('\n');
}

// huntWord writes the query that looks for a word in the tables where names, addresses and files stand.
export function huntWord(word: string): string {
  const all = [...new Set(`${tables.user}, ${tables.file}, ${tables.mail}`.split(', '))].join(', ');
  return [remark(`Where ${word} occurs`), `search in (${all}) ${quoted(word)}`, '| take 100'].join('\n');
}
