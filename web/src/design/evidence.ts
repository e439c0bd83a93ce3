// How an entity of an alert is named and described.
import type { Evidence } from '../api/types';
import type { Fact } from './Facts';

// evidenceName is the shortest text that tells an entity from others of its type.
export function evidenceName(e: Evidence): string {
  switch (e.type) {
    case 'device':
      return e.hostName || e.deviceId || '';
    case 'user':
      return (
        e.accountUpn ||
        (e.accountDomain && e.accountName ? `${e.accountDomain}\\${e.accountName}` : e.accountName) ||
        e.displayName ||
        e.accountSid ||
        ''
      );
    case 'ip':
      return e.address ?? '';
    case 'file':
      return e.fileName || e.folderPath || e.sha256 || e.sha1 || '';
    case 'process':
      return e.fileName || e.commandLine || (e.processId !== undefined ? `Process ${e.processId}` : '');
    case 'url':
      return e.url || e.domain || '';
    case 'mailbox':
      return e.mailbox || e.displayName || '';
    case 'mailMessage':
      return e.subject || e.networkMessageId || e.internetMessageId || '';
    case 'cloudApp':
    case 'oauthApp':
      return e.application || e.name || e.applicationId || '';
    case 'registry':
      return [e.registryKey, e.registryValueName].filter(Boolean).join('\\');
    default:
      return e.name || e.displayName || e.entityKey || '';
  }
}

const named: [keyof Evidence, string][] = [
  ['hostName', 'Device'],
  ['deviceId', 'Device ID'],
  ['osPlatform', 'OS'],
  ['accountName', 'Account'],
  ['accountDomain', 'Domain'],
  ['accountUpn', 'UPN'],
  ['accountSid', 'SID'],
  ['accountObjectId', 'Object ID'],
  ['displayName', 'Display name'],
  ['address', 'Address'],
  ['url', 'URL'],
  ['domain', 'Host'],
  ['fileName', 'File'],
  ['folderPath', 'Path'],
  ['sha256', 'SHA256'],
  ['sha1', 'SHA1'],
  ['md5', 'MD5'],
  ['commandLine', 'Command line'],
  ['processId', 'Process ID'],
  ['processCreationTime', 'Started'],
  ['parentFileName', 'Parent'],
  ['parentProcessId', 'Parent process ID'],
  ['parentCommandLine', 'Parent command line'],
  ['mailbox', 'Mailbox'],
  ['sender', 'Sender'],
  ['recipient', 'Recipient'],
  ['subject', 'Subject'],
  ['networkMessageId', 'Network message ID'],
  ['internetMessageId', 'Internet message ID'],
  ['registryKey', 'Registry key'],
  ['registryValueName', 'Registry value'],
  ['registryValueData', 'Registry data'],
  ['application', 'Application'],
  ['applicationId', 'Application ID'],
  ['name', 'Name'],
];

// evidenceFacts lists everything known of an entity in a stable order.
export function evidenceFacts(e: Evidence): Fact[] {
  return named.flatMap(([key, name]): Fact[] => {
    const value = e[key];
    return value === undefined || value === '' || typeof value === 'object' ? [] : [[name, String(value)]];
  });
}

// evidenceDetail is the line below the name: the command line of a process, the path of a file, the sender of a message.
export function evidenceDetail(e: Evidence): string {
  if (e.type === 'process') return e.commandLine ?? '';
  if (e.type === 'file') return e.folderPath ?? e.sha256 ?? '';
  if (e.type === 'mailMessage') return [e.sender, e.recipient].filter(Boolean).join(' → ');
  if (e.type === 'registry') return e.registryValueData ?? '';
  if (e.type === 'device') return e.osPlatform ?? '';
  if (e.type === 'user') return e.accountSid ?? '';
  return '';
}
