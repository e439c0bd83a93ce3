// The words the portal shows for the codes the API speaks.

const labels: Record<string, string> = {
  InProgress: 'In progress',
  TruePositive: 'True positive',
  FalsePositive: 'False positive',
  InformationalExpectedActivity: 'Informational, expected activity',
  Unknown: 'Not set',
  NotAvailable: 'Not available',
  MultiStagedAttack: 'Multi-staged attack',
  MaliciousUserActivity: 'Malicious user activity',
  CompromisedAccount: 'Compromised account',
  UnwantedSoftware: 'Unwanted software',
  SecurityTesting: 'Security testing',
  LineOfBusinessApplication: 'Line-of-business application',
  ConfirmedActivity: 'Confirmed activity',
  Clean: 'Not malicious',
  NoEnoughDataToValidate: 'Not enough data to validate',
  NoThreatsFound: 'No threats found',
  PartiallyRemediated: 'Partially remediated',
  PendingApproval: 'Pending approval',
  NotFound: 'Not found',
  endpoint: 'Endpoint',
  email: 'Email',
  identity: 'Identity',
  cloudapps: 'Cloud apps',
  cloudApps: 'Cloud apps',
  xdr: 'Cross-workload',
  edr: 'Endpoint detection',
  customDetection: 'Custom detection',
  thirdPartySensor: 'Third-party product',
  smartScreen: 'URL reputation',
  antivirus: 'Antivirus',
  manual: 'Manual',
  cloudAppSecurity: 'Cloud app security',
  commandAndControl: 'Command and control',
  CommandAndControl: 'Command and control',
  policyViolator: 'Policy violator',
  mailMessage: 'Email message',
  mailCluster: 'Email cluster',
  cloudApp: 'Cloud app',
  ip: 'IP address',
  url: 'URL',
  message: 'Email message',
  SameFile: 'Same file',
  ProximateTime: 'Close in time',
  ok: 'OK',
  kql: 'KQL',
  sigma: 'Sigma',
};

// label turns a code into words: a known label, or the CamelCase code in sentence case.
export function label(code: string | undefined | null): string {
  if (!code) return '';
  const known = labels[code];
  if (known !== undefined) return known;
  if (!/^[A-Za-z]+([A-Z][a-z]+|[_-][a-z]+)*$/.test(code)) return code;
  const words = code.replace(/[_-]+/g, ' ').replace(/([a-z])([A-Z])/g, (_, a: string, b: string) => `${a} ${b.toLowerCase()}`);
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export interface DeterminationGroup {
  classification: string;
  determinations: readonly string[];
}

// determinationTable lists which determinations a classification allows; other pairs are refused by the server.
export const determinationTable: readonly DeterminationGroup[] = [
  { classification: 'Unknown', determinations: ['NotAvailable'] },
  {
    classification: 'TruePositive',
    determinations: [
      'MultiStagedAttack',
      'MaliciousUserActivity',
      'CompromisedAccount',
      'Malware',
      'Phishing',
      'UnwantedSoftware',
      'Other',
    ],
  },
  {
    classification: 'InformationalExpectedActivity',
    determinations: ['SecurityTesting', 'LineOfBusinessApplication', 'ConfirmedActivity', 'Other'],
  },
  { classification: 'FalsePositive', determinations: ['Clean', 'NoEnoughDataToValidate', 'Other'] },
];

export const severities = ['High', 'Medium', 'Low', 'Informational'] as const;
export const incidentStatuses = ['Active', 'InProgress', 'Resolved'] as const;
export const alertStatuses = ['New', 'InProgress', 'Resolved'] as const;

export const categories = [
  'InitialAccess',
  'Execution',
  'Persistence',
  'PrivilegeEscalation',
  'DefenseEvasion',
  'CredentialAccess',
  'Discovery',
  'LateralMovement',
  'Collection',
  'CommandAndControl',
  'Exfiltration',
  'Impact',
  'Reconnaissance',
  'ResourceDevelopment',
  'Malware',
  'Ransomware',
  'SuspiciousActivity',
  'UnwantedSoftware',
] as const;

export const serviceSources = ['endpoint', 'email', 'identity', 'cloudapps', 'xdr'] as const;
export const detectionSources = [
  'edr',
  'antivirus',
  'customDetection',
  'email',
  'identity',
  'cloudAppSecurity',
  'thirdPartySensor',
  'manual',
  'xdr',
] as const;

// count writes a number grouped by locale, and the word for it in singular or plural.
export function count(n: number, one: string, many: string): string {
  return `${n.toLocaleString()} ${n === 1 ? one : many}`;
}

const plurals: Record<string, string> = {
  process: 'Processes',
  mailbox: 'Mailboxes',
  ip: 'IP addresses',
  url: 'URLs',
  registry: 'Registry values',
};

// plural names several things of a kind.
export function plural(kind: string): string {
  return plurals[kind] ?? `${label(kind)}s`;
}
