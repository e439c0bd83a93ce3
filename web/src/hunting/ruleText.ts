// Detection rules as text: the YAML of a rule made from a query, and the query out of the YAML of a rule.

export interface RuleDraft {
  title: string;
  description: string;
  severity: 'informational' | 'low' | 'medium' | 'high';
  category: string;
  techniques: readonly string[];
  recommended: string;
  workload: 'endpoint' | 'email' | 'identity' | 'cloudapps' | 'xdr';
  frequency: string;
  lookback: string;
  query: string;
  impacted: { device?: string; user?: string; mailbox?: string };
  alertTitle: string;
}

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
  'Malware',
  'Ransomware',
  'SuspiciousActivity',
  'UnwantedSoftware',
] as const;

export const schedules: readonly { label: string; frequency: string; lookback: string }[] = [
  { label: 'Every hour, over the last 4 hours', frequency: '1h', lookback: '4h' },
  { label: 'Every 3 hours, over the last 12 hours', frequency: '3h', lookback: '12h' },
  { label: 'Every 12 hours, over the last 2 days', frequency: '12h', lookback: '48h' },
  { label: 'Every day, over the last 30 days', frequency: '24h', lookback: '30d' },
];

const devices = ['DeviceName', 'DeviceId', 'RemoteDeviceName'];
const users = [
  'AccountUpn',
  'AccountName',
  'AccountSid',
  'AccountObjectId',
  'InitiatingProcessAccountUpn',
  'InitiatingProcessAccountName',
  'InitiatingProcessAccountSid',
];
const mailboxes = ['RecipientEmailAddress', 'SenderFromAddress', 'SenderMailFromAddress'];

// guessImpacted picks the columns of a result that name what an alert is about.
export function guessImpacted(columns: readonly string[]): RuleDraft['impacted'] {
  const first = (of: readonly string[]) => of.find((c) => columns.includes(c));
  const [device, user, mailbox] = [first(devices), first(users), first(mailboxes)];
  return { ...(device ? { device } : {}), ...(user ? { user } : {}), ...(mailbox ? { mailbox } : {}) };
}

// workloadOf tells whose signals a query reads.
export function workloadOf(query: string): RuleDraft['workload'] {
  const reads = {
    endpoint: /\bDevice[A-Z]\w+/.test(query),
    email: /\b(?:Email[A-Z]\w+|UrlClickEvents|Message\w+)\b/.test(query),
    identity: /\b(?:Identity[A-Z]\w+|EntraId\w+|AADSignIn\w+)\b/.test(query),
    cloudapps: /\bCloudAppEvents\b/.test(query),
  };
  const found = (Object.keys(reads) as (keyof typeof reads)[]).filter((k) => reads[k]);
  return found.length === 1 ? (found[0] ?? 'xdr') : 'xdr';
}

// problems says what keeps a draft from being a rule, by field.
export function problems(
  d: RuleDraft,
  columns: readonly string[] | undefined,
): Partial<Record<'title' | 'query' | 'techniques' | 'impacted' | 'alertTitle', string>> {
  const out: ReturnType<typeof problems> = {};
  if (d.title.trim() === '') out.title = 'Enter a title.';
  if (d.query.trim() === '') out.query = 'There is no query.';
  const bad = d.techniques.find((t) => !/^T\d{4}(\.\d{3})?$/.test(t));
  if (bad) out.techniques = `${bad} is not an ATT&CK id such as T1003 or T1003.001.`;
  const named = Object.values(d.impacted).filter((c) => c !== '');
  if (named.length === 0) out.impacted = 'Choose at least one column that names a device, user or mailbox.';
  else if (columns) {
    const gone = named.find((c) => !columns.includes(c));
    if (gone) out.impacted = `The query has no column ${gone}.`;
  }
  const references = [...d.alertTitle.matchAll(/\{([A-Za-z_]\w*)\}/g)].map((m) => m[1] ?? '');
  const unknown = columns ? references.find((r) => !columns.includes(r)) : undefined;
  if (references.length > 3) out.alertTitle = 'At most three columns may be named.';
  else if (unknown) out.alertTitle = `The query has no column ${unknown}.`;
  return out;
}

function idOf(title: string): string {
  const words = title
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 60);
  return `${words || 'rule'}-${Date.now().toString(36)}`;
}

// Every JSON string is a YAML string.
const scalar = (text: string) => JSON.stringify(text);

function block(text: string): string {
  // eslint-disable-next-line no-control-regex -- YAML's literal blocks hold printable text only
  if (/[\u0000-\u0008\u000b-\u001f\u007f-\u0084\u0086-\u009f\u2028\u2029\ufeff]/.test(text) || text.trim() === '') return scalar(text);
  return `|2-\n${text
    .replace(/\s+$/, '')
    .split('\n')
    .map((l) => (l === '' ? '' : `  ${l}`))
    .join('\n')}`;
}

// ruleText writes a rule file.
export function ruleText(d: RuleDraft): string {
  const impacted = Object.entries(d.impacted).filter(([, column]) => column !== '');
  return [
    `id: ${scalar(idOf(d.title))}`,
    `title: ${scalar(d.title.trim())}`,
    ...(d.description.trim() ? [`description: ${scalar(d.description.trim())}`] : []),
    ...(d.recommended.trim() ? [`recommended: ${scalar(d.recommended.trim())}`] : []),
    `severity: ${d.severity}`,
    `category: ${d.category}`,
    ...(d.techniques.length > 0 ? [`techniques: [${d.techniques.join(', ')}]`] : []),
    `workload: ${d.workload}`,
    `frequency: ${d.frequency}`,
    `lookback: ${d.lookback}`,
    'impactedEntities:',
    ...impacted.map(([kind, column]) => `  ${kind}: ${scalar(column)}`),
    ...(d.alertTitle.trim() ? ['alert:', `  title: ${scalar(d.alertTitle.trim())}`] : []),
    `query: ${block(d.query.replaceAll('\r\n', '\n'))}`,
    '',
  ].join('\n');
}

// queryOf takes the query out of a rule file; a text that is none is the query itself.
export function queryOf(text: string): string {
  const lines = text.split(/\r?\n/);
  const at = lines.findIndex((l) => /^query\s*:/.test(l));
  if (at < 0) return text;
  const head = (lines[at] ?? '').replace(/^query\s*:\s*/, '');
  if (!/^[|>]/.test(head)) {
    if (head.startsWith('"')) {
      try {
        return JSON.parse(head) as string;
      } catch {
        return head;
      }
    }
    return head.replace(/^'(.*)'\s*$/, (_, inner: string) => inner.replaceAll("''", "'"));
  }
  const body: string[] = [];
  for (const line of lines.slice(at + 1)) {
    if (line.trim() !== '' && !/^\s/.test(line)) break;
    body.push(line);
  }
  const given = /^[|>](\d)/.exec(head)?.[1];
  const indent = given ? Number(given) : Math.min(...body.filter((l) => l.trim() !== '').map((l) => /^ */.exec(l)?.[0].length ?? 0), 40);
  return body
    .map((l) => l.slice(indent))
    .join('\n')
    .trimEnd();
}

// alertCount says how many alerts a result would raise: one for each combination of the columns that alerts are about.
export function alertCount(rows: readonly (readonly unknown[])[], columns: readonly string[], impacted: RuleDraft['impacted']): number {
  const at = Object.values(impacted)
    .filter((c) => c !== '')
    .map((c) => columns.indexOf(c))
    .filter((i) => i >= 0);
  if (at.length === 0) return 0;
  return new Set(rows.map((r) => JSON.stringify(at.map((i) => r[i] ?? null)))).size;
}
