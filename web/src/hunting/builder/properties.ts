// The filters of the query builder: what a person may ask about, and which columns of which tables carry it.
import type { SchemaTable } from '../../api/types';
import type { Domain } from './model';

export type PropertyType = 'string' | 'choice' | 'number' | 'bool' | 'datetime';

export interface Property {
  id: string;
  label: string;
  section: string;
  type: PropertyType;
  // The columns that carry it, by table.
  columns: Readonly<Record<string, readonly string[]>>;
  domains: readonly Domain[];
  basic?: boolean;
  // The closed list of values; 'ActionType' takes those of the tables.
  values?: readonly string[] | 'ActionType';
  lookup?: 'device' | 'user';
  // Entity state: rows of other tables match through the entity's id.
  state?: 'DeviceInfo' | 'IdentityInfo';
}

const deviceTables = [
  'DeviceProcessEvents',
  'DeviceNetworkEvents',
  'DeviceFileEvents',
  'DeviceRegistryEvents',
  'DeviceLogonEvents',
  'DeviceImageLoadEvents',
  'DeviceEvents',
];
const identityTables = ['IdentityLogonEvents', 'IdentityDirectoryEvents', 'IdentityQueryEvents'];
const emailTables = ['EmailEvents', 'EmailAttachmentInfo', 'EmailUrlInfo', 'EmailPostDeliveryEvents', 'UrlClickEvents'];

const endpoints: readonly Domain[] = ['all', 'endpoints'];
const identities: readonly Domain[] = ['all', 'identities'];
const email: readonly Domain[] = ['all', 'email'];

const inAll = (tables: readonly string[], ...columns: string[]) => Object.fromEntries(tables.map((t) => [t, columns]));

type More = Partial<Pick<Property, 'basic' | 'values' | 'lookup' | 'type' | 'state'>>;

function section(
  name: string,
  prefix: string,
  of: readonly Domain[],
  list: readonly [string, string, Property['columns'], More?][],
): Property[] {
  return list.map(([id, label, columns, more]) => ({
    id: `${prefix}.${id}`,
    label,
    section: name,
    columns,
    domains: of,
    type: more?.values ? 'choice' : 'string',
    ...more,
  }));
}

const processes = 'DeviceProcessEvents';
const files = ['DeviceFileEvents', 'DeviceImageLoadEvents', 'DeviceEvents'];
const action: More = { values: 'ActionType' };

// properties lists every filter, in the order of the sections.
export const properties: readonly Property[] = [
  ...section(
    'Time',
    'time',
    ['all', 'endpoints', 'identities', 'email'],
    [
      [
        'timestamp',
        'Time of the event',
        {
          ...inAll([...deviceTables, ...identityTables, ...emailTables], 'Timestamp'),
          CloudAppEvents: ['Timestamp'],
          EntraIdSignInEvents: ['Timestamp'],
        },
        { type: 'datetime' },
      ],
    ],
  ),
  ...section('Device info', 'device', endpoints, [
    ['os', 'OS platform', { DeviceInfo: ['OSPlatform'] }, { state: 'DeviceInfo' }],
    ['osVersion', 'OS version', { DeviceInfo: ['OSVersion'] }, { state: 'DeviceInfo' }],
    ['exposure', 'Exposure level', { DeviceInfo: ['ExposureLevel'] }, { state: 'DeviceInfo', values: ['None', 'Low', 'Medium', 'High'] }],
    ['group', 'Device group', { DeviceInfo: ['MachineGroup'] }, { state: 'DeviceInfo' }],
    ['type', 'Device type', { DeviceInfo: ['DeviceType'] }, { state: 'DeviceInfo' }],
    ['facing', 'Faces the internet', { DeviceInfo: ['IsInternetFacing'] }, { state: 'DeviceInfo', type: 'bool' }],
    ['onboarding', 'Onboarding status', { DeviceInfo: ['OnboardingStatus'] }, { state: 'DeviceInfo' }],
    ['publicIp', 'Public IP address', { DeviceInfo: ['PublicIP'] }, { state: 'DeviceInfo' }],
    ['value', 'Asset value', { DeviceInfo: ['AssetValue'] }, { state: 'DeviceInfo', values: ['Low', 'Normal', 'High'] }],
  ]),
  ...section('Identity info', 'identity', identities, [
    ['department', 'Department', { IdentityInfo: ['Department'] }, { state: 'IdentityInfo' }],
    ['job', 'Job title', { IdentityInfo: ['JobTitle'] }, { state: 'IdentityInfo' }],
    ['city', 'City', { IdentityInfo: ['City'] }, { state: 'IdentityInfo' }],
    ['country', 'Country', { IdentityInfo: ['Country'] }, { state: 'IdentityInfo' }],
    ['enabled', 'Account is enabled', { IdentityInfo: ['IsAccountEnabled'] }, { state: 'IdentityInfo', type: 'bool' }],
    ['risk', 'Risk level', { IdentityInfo: ['RiskLevel'] }, { state: 'IdentityInfo', values: ['None', 'Low', 'Medium', 'High'] }],
  ]),
  ...section('Device events', 'deviceEvents', endpoints, [
    ['name', 'Device name', inAll(deviceTables, 'DeviceName'), { basic: true, lookup: 'device' }],
    ['id', 'Device ID', inAll(deviceTables, 'DeviceId')],
    ['action', 'Event type', inAll(deviceTables, 'ActionType'), { ...action, basic: true }],
    ['initiating', 'Initiating process file name', inAll(deviceTables, 'InitiatingProcessFileName'), { basic: true }],
    ['initiatingCommand', 'Initiating process command line', inAll(deviceTables, 'InitiatingProcessCommandLine')],
    ['initiatingParent', 'Parent of the initiating process', inAll(deviceTables, 'InitiatingProcessParentFileName')],
    ['initiatingAccount', 'Initiating process account', inAll(deviceTables, 'InitiatingProcessAccountName'), { lookup: 'user' }],
    ['remoteSession', 'From a remote session', inAll(deviceTables, 'IsInitiatingProcessRemoteSession'), { type: 'bool' }],
  ]),
  ...section('Process events', 'process', endpoints, [
    ['name', 'Process file name', { [processes]: ['FileName'] }, { basic: true }],
    ['command', 'Command line', { [processes]: ['ProcessCommandLine'], DeviceEvents: ['ProcessCommandLine'] }, { basic: true }],
    ['folder', 'Process folder', { [processes]: ['FolderPath'] }],
    ['account', 'Account name', { [processes]: ['AccountName'] }, { lookup: 'user' }],
    ['integrity', 'Integrity level', { [processes]: ['ProcessIntegrityLevel'] }, { values: ['Low', 'Medium', 'High', 'System'] }],
    ['original', 'Original file name', { [processes]: ['ProcessVersionInfoOriginalFileName'] }],
    ['company', 'Company of the file', { [processes]: ['ProcessVersionInfoCompanyName'] }],
    ['pid', 'Process ID', { [processes]: ['ProcessId'] }, { type: 'number' }],
    ['started', 'Start of the process', { [processes]: ['ProcessCreationTime'] }, { type: 'datetime' }],
  ]),
  ...section('File events', 'file', endpoints, [
    ['name', 'File name', inAll(files, 'FileName'), { basic: true }],
    ['folder', 'Folder path', inAll(files, 'FolderPath')],
    ['sha256', 'SHA256', { ...inAll(files, 'SHA256'), [processes]: ['SHA256'] }, { basic: true }],
    ['sha1', 'SHA1', { ...inAll(files, 'SHA1'), [processes]: ['SHA1'] }],
    ['md5', 'MD5', { ...inAll(files, 'MD5'), [processes]: ['MD5'] }],
    ['size', 'File size in bytes', inAll(files, 'FileSize'), { type: 'number' }],
    ['origin', 'Origin URL', { DeviceFileEvents: ['FileOriginUrl'], DeviceEvents: ['FileOriginUrl'] }],
    ['share', 'Share name', { DeviceFileEvents: ['ShareName'] }],
    ['action', 'File event type', { DeviceFileEvents: ['ActionType'] }, action],
  ]),
  ...section('Registry events', 'registry', endpoints, [
    ['key', 'Registry key', { DeviceRegistryEvents: ['RegistryKey'], DeviceEvents: ['RegistryKey'] }],
    ['name', 'Value name', { DeviceRegistryEvents: ['RegistryValueName'], DeviceEvents: ['RegistryValueName'] }],
    ['data', 'Value data', { DeviceRegistryEvents: ['RegistryValueData'], DeviceEvents: ['RegistryValueData'] }],
    ['action', 'Registry event type', { DeviceRegistryEvents: ['ActionType'] }, action],
  ]),
  ...section(
    'Logon events',
    'logon',
    ['all', 'endpoints', 'identities'],
    [
      [
        'account',
        'Account name',
        { DeviceLogonEvents: ['AccountName'], IdentityLogonEvents: ['AccountName'] },
        { basic: true, lookup: 'user' },
      ],
      ['type', 'Logon type', { DeviceLogonEvents: ['LogonType'], IdentityLogonEvents: ['LogonType'], EntraIdSignInEvents: ['LogonType'] }],
      ['protocol', 'Protocol', { DeviceLogonEvents: ['Protocol'], IdentityLogonEvents: ['Protocol'] }],
      ['failure', 'Reason of failure', { DeviceLogonEvents: ['FailureReason'], IdentityLogonEvents: ['FailureReason'] }],
      ['admin', 'Local administrator', { DeviceLogonEvents: ['IsLocalAdmin'] }, { type: 'bool' }],
      ['action', 'Logon result', { DeviceLogonEvents: ['ActionType'], IdentityLogonEvents: ['ActionType'] }, action],
      [
        'upn',
        'User principal name',
        { IdentityLogonEvents: ['AccountUpn'], EntraIdSignInEvents: ['AccountUpn'] },
        { basic: true, lookup: 'user' },
      ],
      ['error', 'Sign-in error code', { EntraIdSignInEvents: ['ErrorCode'] }, { type: 'number' }],
      ['app', 'App signed in to', { EntraIdSignInEvents: ['Application'], IdentityLogonEvents: ['Application'] }],
      ['country', 'Country of the sign-in', { EntraIdSignInEvents: ['Country'] }],
    ],
  ),
  ...section(
    'IP address events',
    'ip',
    ['all', 'endpoints', 'identities'],
    [
      [
        'remote',
        'Remote IP address',
        {
          ...inAll(['DeviceNetworkEvents', 'DeviceLogonEvents', 'DeviceEvents'], 'RemoteIP'),
          IdentityLogonEvents: ['IPAddress'],
          EntraIdSignInEvents: ['IPAddress'],
          CloudAppEvents: ['IPAddress'],
        },
        { basic: true },
      ],
      ['port', 'Remote port', { DeviceNetworkEvents: ['RemotePort'], DeviceEvents: ['RemotePort'] }, { type: 'number' }],
      ['url', 'Remote URL', { DeviceNetworkEvents: ['RemoteUrl'], DeviceEvents: ['RemoteUrl'] }, { basic: true }],
      ['local', 'Local IP address', { DeviceNetworkEvents: ['LocalIP'], DeviceEvents: ['LocalIP'] }],
      ['localPort', 'Local port', { DeviceNetworkEvents: ['LocalPort'], DeviceEvents: ['LocalPort'] }, { type: 'number' }],
      ['protocol', 'Network protocol', { DeviceNetworkEvents: ['Protocol'] }],
      ['action', 'Network event type', { DeviceNetworkEvents: ['ActionType'] }, action],
    ],
  ),
  ...section('Email events', 'email', email, [
    ['from', 'Sender address', { EmailEvents: ['SenderFromAddress'], EmailAttachmentInfo: ['SenderFromAddress'] }, { basic: true }],
    ['domain', 'Sender domain', { EmailEvents: ['SenderFromDomain'] }, { basic: true }],
    ['mailFrom', 'Envelope sender', { EmailEvents: ['SenderMailFromAddress'] }],
    ['ip', 'Sender IP address', { EmailEvents: ['SenderIPv4', 'SenderIPv6'] }],
    [
      'recipient',
      'Recipient',
      {
        ...inAll(['EmailEvents', 'EmailAttachmentInfo', 'EmailPostDeliveryEvents'], 'RecipientEmailAddress'),
        UrlClickEvents: ['AccountUpn'],
      },
      { basic: true, lookup: 'user' },
    ],
    ['subject', 'Subject', { EmailEvents: ['Subject'] }, { basic: true }],
    ['direction', 'Direction', { EmailEvents: ['EmailDirection'] }, { values: ['Inbound', 'Outbound', 'Intra-org', 'Unknown'] }],
    [
      'delivery',
      'Delivery action',
      { EmailEvents: ['DeliveryAction'] },
      { basic: true, values: ['Delivered', 'Junked', 'Blocked', 'Replaced'] },
    ],
    [
      'location',
      'Delivery location',
      { EmailEvents: ['DeliveryLocation'], EmailPostDeliveryEvents: ['DeliveryLocation'] },
      { values: ['Inbox/folder', 'Junk folder', 'Quarantine', 'Deleted folder', 'On-premises/external', 'Failed', 'Dropped'] },
    ],
    ['threat', 'Threat types', { EmailEvents: ['ThreatTypes'], EmailAttachmentInfo: ['ThreatTypes'], UrlClickEvents: ['ThreatTypes'] }],
    ['message', 'Network message ID', inAll(emailTables, 'NetworkMessageId')],
    ['attachments', 'Number of attachments', { EmailEvents: ['AttachmentCount'] }, { type: 'number' }],
    ['urls', 'Number of URLs', { EmailEvents: ['UrlCount'] }, { type: 'number' }],
    ['first', 'First contact of the sender', { EmailEvents: ['IsFirstContact'] }, { type: 'bool' }],
    ['file', 'Attachment name', { EmailAttachmentInfo: ['FileName'] }, { basic: true }],
    ['fileHash', 'Attachment SHA256', { EmailAttachmentInfo: ['SHA256'] }],
    ['url', 'URL in the message', { EmailUrlInfo: ['Url'], UrlClickEvents: ['Url'] }, { basic: true }],
    ['urlDomain', 'Domain of a URL', { EmailUrlInfo: ['UrlDomain'] }],
    ['click', 'Click action', { UrlClickEvents: ['ActionType'] }, action],
    ['action', 'Action after delivery', { EmailPostDeliveryEvents: ['ActionType'] }, action],
  ]),
  ...section('Identity events', 'identityEvents', identities, [
    ['action', 'Event type', inAll(identityTables, 'ActionType'), { ...action, basic: true }],
    ['upn', 'User principal name', inAll(['IdentityDirectoryEvents', 'IdentityLogonEvents'], 'AccountUpn'), { lookup: 'user' }],
    ['account', 'Account name', inAll(identityTables, 'AccountName'), { basic: true, lookup: 'user' }],
    ['device', 'Device name', inAll(identityTables, 'DeviceName'), { lookup: 'device' }],
    ['target', 'Target account', { IdentityDirectoryEvents: ['TargetAccountUpn', 'TargetAccountDisplayName'] }, { lookup: 'user' }],
    ['protocol', 'Protocol', inAll(identityTables, 'Protocol')],
  ]),
  ...section('App events', 'app', identities, [
    ['name', 'App', { CloudAppEvents: ['Application'] }, { basic: true }],
    ['action', 'Activity', { CloudAppEvents: ['ActionType'] }, { basic: true }],
    ['account', 'Account', { CloudAppEvents: ['AccountDisplayName', 'AccountId'] }, { basic: true, lookup: 'user' }],
    ['object', 'Object name', { CloudAppEvents: ['ObjectName'] }],
    ['country', 'Country code', { CloudAppEvents: ['CountryCode'] }],
    ['agent', 'User agent', { CloudAppEvents: ['UserAgent'] }],
    ['admin', 'Administrator activity', { CloudAppEvents: ['IsAdminOperation'] }, { type: 'bool' }],
    ['anonymous', 'Anonymous proxy', { CloudAppEvents: ['IsAnonymousProxy'] }, { type: 'bool' }],
    ['external', 'External user', { CloudAppEvents: ['IsExternalUser'] }, { type: 'bool' }],
  ]),
];

const byId = new Map(properties.map((p) => [p.id, p]));

export function propertyOf(id: string): Property | undefined {
  return byId.get(id);
}

// offered lists the filters of a domain that at least one table a person may see carries.
export function offered(domain: Domain, tables: readonly SchemaTable[]): Property[] {
  return properties.filter((p) => p.domains.includes(domain) && carriers(p, tables).length > 0);
}

// carriers lists the columns of the visible tables that carry a property.
export function carriers(p: Property, tables: readonly SchemaTable[]): { table: string; columns: string[] }[] {
  return Object.entries(p.columns).flatMap(([table, columns]) => {
    const known = tables.find((t) => t.name === table);
    const have = known ? columns.filter((c) => known.columns.some((k) => k.name === c)) : [];
    return have.length > 0 ? [{ table, columns: have }] : [];
  });
}

export interface Operator {
  id: string;
  label: string;
  // None takes no value; many takes several.
  values: 'none' | 'one' | 'many';
  negative?: boolean;
}

const texts: readonly Operator[] = [
  { id: 'equals', label: 'equals', values: 'many' },
  { id: 'notEquals', label: 'does not equal', values: 'many', negative: true },
  { id: 'contains', label: 'contains', values: 'many' },
  { id: 'notContains', label: 'does not contain', values: 'many', negative: true },
  { id: 'has', label: 'has the word', values: 'many' },
  { id: 'startsWith', label: 'starts with', values: 'many' },
  { id: 'notStartsWith', label: 'does not start with', values: 'many', negative: true },
  { id: 'endsWith', label: 'ends with', values: 'many' },
  { id: 'notEndsWith', label: 'does not end with', values: 'many', negative: true },
  { id: 'empty', label: 'is empty', values: 'none' },
  { id: 'notEmpty', label: 'is not empty', values: 'none' },
];

// operators lists what can be asked of a property, by its type; the first one is the default.
export const operators: Readonly<Record<PropertyType, readonly Operator[]>> = {
  string: texts,
  choice: [
    { id: 'in', label: 'is one of', values: 'many' },
    { id: 'notIn', label: 'is none of', values: 'many', negative: true },
  ],
  number: [
    { id: 'equals', label: 'equals', values: 'many' },
    { id: 'notEquals', label: 'does not equal', values: 'many', negative: true },
    { id: 'greater', label: 'is greater than', values: 'one' },
    { id: 'atLeast', label: 'is at least', values: 'one' },
    { id: 'less', label: 'is less than', values: 'one' },
    { id: 'atMost', label: 'is at most', values: 'one' },
  ],
  bool: [
    { id: 'true', label: 'is true', values: 'none' },
    { id: 'false', label: 'is false', values: 'none' },
  ],
  datetime: [
    { id: 'after', label: 'is after', values: 'one' },
    { id: 'before', label: 'is before', values: 'one' },
  ],
};

export function operatorOf(p: Property, id: string): Operator | undefined {
  return operators[p.type].find((o) => o.id === id);
}
