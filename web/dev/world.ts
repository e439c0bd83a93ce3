// The made-up organisation of the development double.

type Row = Record<string, unknown>;

export interface World {
  incidents: Row[];
  alerts: Row[];
  activities: Row[];
  devices: { key: string; name: string }[];
  tables: Row[];
  queries: Row[];
  history: Row[];
  rules: Row[];
  sources: Row[];
  refused: Row[];
  lab: { scenarios: Row[]; runs: Row[] };
  settings: Row[];
  users: Row[];
  roles: Row[];
  tokens: Row[];
  health: Row;
  joins: (alerts: Row[]) => {
    alertId: string;
    toAlertId: string;
    kind: string;
    entity: string;
    weight: number;
    gapSeconds: number;
    rarity: number;
    text: string;
  }[];
  assets: (incident: Row, kind: string, alerts: Row[]) => Row[];
  evidence: (alerts: Row[]) => Row[];
  graph: (alerts: Row[]) => Row;
  full: (alert: Row) => Row;
  story: (alert: Row) => Row;
  hunt: (query: string) => Row;
}

// random is a small repeatable generator, so that screenshots can be compared.
function random(seed: number): () => number {
  let s = seed;
  return () => {
    s = (s * 1_664_525 + 1_013_904_223) % 4_294_967_296;
    return s / 4_294_967_296;
  };
}

const titles: [title: string, category: string, severity: string, source: string, technique: string][] = [
  ['Credential dump from the memory of LSASS', 'CredentialAccess', 'High', 'endpoint', 'T1003.001'],
  ['Office program started a script host', 'Execution', 'Medium', 'endpoint', 'T1059.005'],
  ['Encoded command line in PowerShell', 'Execution', 'Medium', 'endpoint', 'T1059.001'],
  ['Clicked link to a look-alike sign-in page', 'InitialAccess', 'High', 'email', 'T1566.002'],
  ['Inbox rule that forwards to an outside address', 'Collection', 'High', 'cloudapps', 'T1114.003'],
  ['Many failed sign-ins from one address', 'CredentialAccess', 'Medium', 'identity', 'T1110.003'],
  ['Sign-in from an unfamiliar country', 'InitialAccess', 'Low', 'identity', 'T1078.004'],
  ['Shadow copies deleted', 'Impact', 'High', 'endpoint', 'T1490'],
  ['Service installed on a remote device', 'LateralMovement', 'Medium', 'endpoint', 'T1021.002'],
  ['Account discovery by net.exe', 'Discovery', 'Informational', 'endpoint', 'T1087.002'],
  ['Scheduled task made by a script', 'Persistence', 'Medium', 'endpoint', 'T1053.005'],
  ['Connection to a rare domain', 'CommandAndControl', 'Low', 'endpoint', 'T1071.001'],
];

const people = ['mara.lind', 'tomas.reyes', 'yuki.abe', 'olu.adeyemi', 'svc-backup', 'elena.petrova', 'j.fitzgerald-montgomery'];
const odd = [
  'Multi-stage incident involving CredentialAccess and LateralMovement on multiple endpoints reported by multiple sources with an exceptionally long name that has to be cut somewhere sensible',
  'تسجيل دخول مشبوه من عنوان غير معروف على جهاز واحد',
];

export function makeWorld(): World {
  const r = random(42);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(r() * list.length)] as T;
  const now = Date.now();
  const iso = (ago: number) => new Date(now - ago).toISOString();
  const devices = Array.from({ length: 40 }, (_, i) => ({ key: `device:ws-${i + 100}.corp.example`, name: `ws-${i + 100}.corp.example` }));
  const incidents: Row[] = [];
  const alerts: Row[] = [];
  for (let n = 0; n < 260; n++) {
    const age = Math.floor((n + r()) * 2.2 * 3_600_000);
    const size = n === 0 ? 14 : n % 7 === 0 ? 6 : 1 + Math.floor(r() * 3);
    const id = 5000 - n;
    const device = pick(devices);
    const user = pick(people);
    const own: Row[] = [];
    const status = r() < 0.55 ? 'Active' : r() < 0.5 ? 'InProgress' : 'Resolved';
    for (let a = 0; a < size; a++) {
      const [title, category, severity, serviceSource, technique] =
        n === 0 ? (titles[a % titles.length] as (typeof titles)[number]) : pick(titles);
      const first = age + (size - a) * 240_000;
      own.push({
        id: `da${(id * 100 + a).toString(16)}-7b1e-4c55-9a0d-0000${(id * 100 + a).toString(16)}`,
        incidentId: id,
        title,
        description: `The rule "${title}" matched on ${device.name}. What it saw is listed below with the record it came from.`,
        recommendedActions: 'Find out who started the first process.\nIsolate the device if nobody knows.',
        severity,
        status: status === 'Active' ? 'New' : status,
        category,
        mitreTechniques: [technique],
        serviceSource,
        detectionSource: serviceSource === 'endpoint' ? 'edr' : serviceSource,
        ruleId: `rule-${titles.findIndex((t) => t[0] === title)}`,
        ruleTitle: title,
        classification: 'Unknown',
        determination: 'NotAvailable',
        assignedTo: r() < 0.3 ? 'ana' : '',
        tags: [],
        createdTime: iso(first - 60_000),
        lastUpdateTime: iso(age),
        firstActivity: iso(first),
        lastActivity: iso(first - 90_000),
        hitCount: 1 + Math.floor(r() * 40),
        devices: serviceSource === 'endpoint' ? [device] : [],
        users: [{ key: `user:${user}@corp.example`, name: `corp\\${user}` }],
        mailboxes: serviceSource === 'email' ? [{ key: `mailbox:${user}@corp.example`, name: `${user}@corp.example` }] : [],
        lab: n % 5 === 0,
      });
    }
    const severities = ['Informational', 'Low', 'Medium', 'High'];
    const worst = severities[Math.max(...own.map((a) => severities.indexOf(String(a.severity))))];
    const categories = [...new Set(own.map((a) => String(a.category)))];
    const name =
      n === 3
        ? odd[0]
        : n === 5
          ? odd[1]
          : size > 1
            ? `Multi-stage incident involving ${String(categories[0])
                .replace(/([a-z])([A-Z])/g, '$1 $2')
                .toLowerCase()} on ${device.name}`
            : `${String(own[0]?.title)} on one endpoint`;
    for (const a of own) a.incidentName = name;
    alerts.push(...own);
    incidents.push({
      id,
      name,
      severity: worst,
      status,
      assignedTo: r() < 0.35 ? pick(['ana', 'ben', 'chiara']) : '',
      classification: status === 'Resolved' ? 'TruePositive' : 'Unknown',
      determination: status === 'Resolved' ? 'CompromisedAccount' : 'NotAvailable',
      tags: n % 4 === 0 ? ['tier-2', 'finance'] : [],
      systemTags: [],
      createdTime: iso(age + 600_000),
      lastUpdateTime: iso(age),
      firstActivity: own[0]?.firstActivity,
      lastActivity: own.at(-1)?.lastActivity,
      alertCount: size,
      activeAlertCount: status === 'Resolved' ? 0 : size,
      devices: n === 0 ? devices.slice(0, 4) : [device],
      users: [{ key: `user:${user}@corp.example`, name: `corp\\${user}` }],
      mailboxes: own.some((a) => a.serviceSource === 'email')
        ? [{ key: `mailbox:${user}@corp.example`, name: `${user}@corp.example` }]
        : [],
      categories,
      techniques: [...new Set(own.flatMap((a) => a.mitreTechniques as string[]))],
      serviceSources: [...new Set(own.map((a) => a.serviceSource))],
      detectionSources: [...new Set(own.map((a) => a.detectionSource))],
      investigationState: '',
      lab: n % 5 === 0,
    });
  }

  const joins: World['joins'] = (list) =>
    list.slice(1).map((a, i) => {
      const to = list[Math.max(0, i - (i % 3))] as Row;
      const host = ((a.devices as { name: string; key: string }[])[0] ?? (a.users as { name: string; key: string }[])[0]) as {
        name: string;
        key: string;
      };
      const gapSeconds = Math.round((Date.parse(String(a.firstActivity)) - Date.parse(String(to.firstActivity))) / 1000);
      const kind = ['sameProcessTree', 'sameDevice', 'sameUser'][i % 3] as string;
      return {
        alertId: String(a.id),
        toAlertId: String(to.id),
        kind,
        entity: host.key,
        weight: 0.55 + (i % 5) * 0.08,
        gapSeconds,
        rarity: 0.4 + (i % 4) * 0.15,
        text:
          kind === 'sameProcessTree'
            ? `The process descends from the one in "${String(to.title)}" on ${host.name}`
            : `Both name ${host.name}, within ${Math.round(Math.abs(gapSeconds) / 60)} minutes`,
      };
    });
  const evidenceOf = (a: Row): Row[] => {
    const out: Row[] = [];
    for (const d of a.devices as { key: string; name: string }[])
      out.push({ type: 'device', entityKey: d.key, hostName: d.name, osPlatform: 'Windows11', roles: ['attacked'] });
    for (const u of a.users as { key: string; name: string }[])
      out.push({
        type: 'user',
        entityKey: u.key,
        accountName: u.name.split('\\')[1],
        accountDomain: 'corp',
        accountSid: 'S-1-5-21-1111-2222-3333-1104',
        roles: ['compromised'],
      });
    if (a.serviceSource === 'endpoint')
      out.push(
        {
          type: 'process',
          entityKey: `process:${String(a.id)}`,
          fileName: 'powershell.exe',
          folderPath: 'C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe',
          commandLine: 'powershell.exe -nop -w hidden -enc SQBFAFgAIAAoAE4AZQB3AC0ATwBiAGoAZQBjAHQA',
          processId: 4312,
          roles: ['suspicious'],
          verdict: 'Suspicious',
        },
        {
          type: 'file',
          entityKey: 'file:3f1b',
          fileName: 'invoice.docm',
          folderPath: 'C:\\Users\\mara.lind\\Downloads\\invoice.docm',
          sha256: '3f1b'.repeat(16),
          roles: ['source'],
          verdict: 'Malicious',
        },
      );
    out.push({ type: 'ip', entityKey: 'ip:203.0.113.77', address: '203.0.113.77', roles: ['commandAndControl'] });
    if (a.serviceSource === 'email')
      out.push({
        type: 'url',
        entityKey: 'url:login.example.net',
        url: 'https://login-corp.example.net/o365/index.html',
        roles: ['source'],
        verdict: 'Malicious',
      });
    return out;
  };
  const evidence = (list: Row[]): Row[] => {
    const all = new Map<string, Row>();
    for (const a of list)
      for (const e of evidenceOf(a)) {
        const before = all.get(String(e.entityKey));
        if (before) (before.alertIds as string[]).push(String(a.id));
        else all.set(String(e.entityKey), { ...e, firstSeen: a.firstActivity, lastSeen: a.lastActivity, alertIds: [String(a.id)] });
      }
    return [...all.values()];
  };
  const tables = [
    [
      'DeviceProcessEvents',
      'Devices',
      [
        'Timestamp datetime',
        'DeviceId string',
        'DeviceName string',
        'ActionType string',
        'FileName string',
        'FolderPath string',
        'SHA256 string',
        'ProcessId long',
        'ProcessCommandLine string',
        'AccountName string',
        'InitiatingProcessFileName string',
        'InitiatingProcessCommandLine string',
        'InitiatingProcessParentFileName string',
        'AdditionalFields string',
      ],
    ],
    [
      'DeviceNetworkEvents',
      'Devices',
      ['Timestamp datetime', 'DeviceName string', 'RemoteIP string', 'RemotePort int', 'RemoteUrl string'],
    ],
    [
      'EmailEvents',
      'Email & collaboration',
      ['Timestamp datetime', 'NetworkMessageId string', 'SenderFromAddress string', 'RecipientEmailAddress string', 'Subject string'],
    ],
    ['IdentityLogonEvents', 'Apps & identities', ['Timestamp datetime', 'AccountUpn string', 'ActionType string', 'IPAddress string']],
    ['AlertInfo', 'Alerts & behaviors', ['Timestamp datetime', 'AlertId string', 'Title string', 'Severity string']],
  ].map(([name, workload, columns]) => ({
    name,
    workload,
    summary: `${String(name)} as they were recorded.`,
    timeColumn: 'Timestamp',
    rows: 128_400,
    columns: (columns as string[]).map((c) => ({ name: c.split(' ')[0], type: c.split(' ')[1] })),
  }));

  return {
    incidents,
    alerts,
    activities: incidents.slice(0, 30).map((i) => ({
      time: i.createdTime,
      actor: 'correlation',
      actorKind: 'system',
      type: 'created',
      targetType: 'incident',
      targetId: String(i.id),
      text: 'Incident created',
    })),
    devices,
    tables,
    queries: [
      {
        id: 'q1',
        name: 'Encoded PowerShell',
        folder: 'Execution',
        query: '// Encoded PowerShell\nDeviceProcessEvents\n| where ProcessCommandLine has "-enc"',
        shared: true,
        owner: 'ben',
        mine: false,
      },
      {
        id: 'q2',
        name: 'My devices',
        folder: '',
        query: 'DeviceProcessEvents\n| summarize count() by DeviceName',
        shared: false,
        owner: 'ana',
        mine: true,
      },
    ],
    history: [{ id: 'h1', time: iso(600_000), query: 'DeviceProcessEvents\n| take 10', ms: 84, rows: 10, state: 'done' }],
    rules: titles.map(([title, category, severity, source, technique], i) => ({
      id: `rule-${i}`,
      kind: i % 4 === 3 ? 'kql' : 'sigma',
      title,
      description: `Finds: ${title.toLowerCase()}.`,
      severity,
      enabled: i % 5 !== 4,
      category,
      techniques: [technique],
      tags: [],
      origin: i % 3 === 0 ? 'import' : 'builtin',
      status: 'stable',
      author: 'The detection team',
      logsource: source === 'endpoint' ? 'windows/process_creation/-' : source,
      text: `title: ${title}\nid: rule-${i}\nstatus: stable\nlogsource:\n  product: windows\n  category: process_creation\ndetection:\n  selection:\n    Image|endswith: '\\powershell.exe'\n    CommandLine|contains: ' -enc '\n  condition: selection\nlevel: high\n`,
      alertCount: 12,
      lastHit: iso(3_600_000),
      ...(i === 6 ? { error: 'line 12: the field "Foo" is not known for this log source' } : {}),
    })),
    sources: ['sysmon', 'windows-security', 'powershell', 'mail', 'entra-signin', 'm365-audit'].map((id, i) => ({
      id,
      family: id,
      firstSeen: iso(30 * 86_400_000),
      lastSeen: iso(i === 4 ? 3 * 86_400_000 : i * 40_000),
      records: 1_240_000 / (i + 1),
      refused: i === 3 ? 37 : 0,
      ratePerMinute: 420 / (i + 1),
    })),
    refused: Array.from({ length: 37 }, (_, i) => ({
      id: `d${i}`,
      time: iso(i * 60_000),
      source: 'mail',
      path: `archive.tar.gz#messages/${i}.eml`,
      record: i + 1,
      code: 'mime_truncated',
      message: 'the message ends inside a part',
      sample: Buffer.from('From: a@example.org\r\nTo: b@example.org\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x').toString(
        'base64',
      ),
    })),
    lab: {
      scenarios: [
        [
          'phish-click',
          'Phish that is clicked',
          'A look-alike sign-in page is mailed to five people; one gives the password away and an inbox rule appears.',
          ['T1566.002', 'T1114.003'],
          ['email', 'identity', 'cloudapps'],
        ],
        [
          'macro',
          'Macro that runs',
          'A document starts a script host, which fetches a second stage and stays by a scheduled task.',
          ['T1059.005', 'T1053.005'],
          ['endpoint'],
        ],
        ['spray', 'Password spray', 'One address tries one password on two hundred accounts.', ['T1110.003'], ['identity']],
        [
          'ransom',
          'Ransomware precursor',
          'Shadow copies are deleted on three devices after lateral movement.',
          ['T1490', 'T1021.002'],
          ['endpoint'],
        ],
      ].map(([id, name, description, techniques, workloads], i) => ({
        id,
        name,
        description,
        techniques,
        workloads,
        ...(i < 2
          ? {
              lastRun: { id: `r${i}`, scenario: id, name, state: 'done', records: 1240, started: iso(7_200_000), finished: iso(7_100_000) },
            }
          : {}),
      })),
      runs: [
        {
          id: 'r0',
          scenario: 'phish-click',
          name: 'Phish that is clicked',
          state: 'done',
          records: 1240,
          started: iso(7_200_000),
          finished: iso(7_100_000),
        },
      ],
    },
    settings: [
      { name: 'zone', value: 'UTC', default: 'UTC', description: 'Zone of times in mails and exports' },
      { name: 'hunting.rows', value: '100000', default: '100000', description: 'Most rows of a query result' },
      { name: 'correlation.enabled', value: 'true', default: 'true', description: 'Join alerts into incidents' },
    ],
    users: [
      {
        id: 'u-ana',
        name: 'ana',
        displayName: 'Ana Moreno',
        roles: ['security-admin'],
        lastSignIn: iso(60_000),
        createdTime: iso(30 * 86_400_000),
      },
      {
        id: 'u-ben',
        name: 'ben',
        displayName: 'Ben Okafor',
        roles: ['security-operator'],
        lastSignIn: iso(86_400_000),
        createdTime: iso(20 * 86_400_000),
      },
      {
        id: 'u-chiara',
        name: 'chiara',
        displayName: 'Chiara Russo',
        roles: ['security-reader'],
        disabled: true,
        createdTime: iso(10 * 86_400_000),
      },
    ],
    roles: [
      { id: 'security-admin', name: 'Security administrator', description: 'Everything', permissions: [] },
      { id: 'security-operator', name: 'Security operator', description: 'Works on alerts and incidents', permissions: [] },
      { id: 'security-reader', name: 'Security reader', description: 'Looks, changes nothing', permissions: [] },
    ],
    tokens: [
      {
        id: 't1',
        name: 'Windows collectors',
        scopes: ['ingest'],
        createdBy: 'ana',
        createdTime: iso(86_400_000),
        lastUsed: iso(30_000),
        expires: iso(-80 * 86_400_000),
      },
    ],
    health: {
      status: 'healthy',
      version: '0.1.0',
      uptimeSeconds: 86_522,
      components: ['state database', 'lake', 'bus', 'jobs', 'blobs'].map((name) => ({
        name,
        ok: true,
        status: 'healthy',
        detail: 'answers in 2 ms',
      })),
      queues: [
        { name: 'records', waiting: 12, failed: 0, bytes: 18_400, maxBytes: 1_073_741_824 },
        { name: 'jobs', waiting: 0, failed: 0 },
      ],
      limits: [],
    },
    joins,
    evidence,
    assets: (incident, kind, list) =>
      (incident[kind] as { key: string; name: string }[]).map((a) => ({
        ...a,
        kind,
        alerts: list.length,
        severity: incident.severity,
        firstSeen: incident.firstActivity,
        lastSeen: incident.lastActivity,
        facts: kind === 'devices' ? { type: 'device', hostName: a.name, osPlatform: 'Windows11' } : { type: 'user', accountName: a.name },
      })),
    graph: (list) => {
      const nodes = new Map<string, Row>();
      const edges: Row[] = [];
      for (const a of list) {
        nodes.set(String(a.id), { id: String(a.id), kind: 'alert', label: a.title, alertId: a.id, severity: a.severity });
        for (const e of evidenceOf(a)) {
          const key = String(e.entityKey);
          nodes.set(key, {
            id: key,
            kind: e.type,
            label: String(e.hostName ?? e.accountName ?? e.fileName ?? e.address ?? e.url),
            entityKey: key,
          });
          edges.push({ source: String(a.id), target: key, kind: (e.roles as string[])[0], text: '' });
        }
      }
      for (const j of joins(list)) edges.push({ source: j.toAlertId, target: j.alertId, kind: j.kind, text: j.text });
      return { nodes: [...nodes.values()], edges, truncated: false };
    },
    full: (a) => ({
      evidence: evidenceOf(a),
      matched: [
        { field: 'Image', value: 'C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe', match: 'endswith \\powershell.exe' },
        {
          field: 'CommandLine',
          value: 'powershell.exe -nop -w hidden -enc SQBFAFgAIAAoAE4AZQB3AC0ATwBiAGoAZQBjAHQA',
          match: 'contains -enc',
        },
      ],
      hits: Array.from({ length: 14 }, (_, i) => ({ file: 'sysmon.jsonl.gz', record: 1200 + i, time: a.firstActivity })),
    }),
    story: (a) => {
      const at = Date.parse(String(a.firstActivity));
      const node = (id: string, parentId: string | undefined, kind: string, label: string, minutes: number, more: Row = {}): Row => ({
        id,
        ...(parentId ? { parentId } : {}),
        kind,
        label,
        time: new Date(at + minutes * 60_000).toISOString(),
        alertIds: [],
        focus: false,
        ...more,
      });
      return {
        nodes: [
          node('d', undefined, 'device', 'ws-104.corp.example', -61),
          node('1', 'd', 'process', 'explorer.exe', -60, { account: 'corp\\mara.lind', commandLine: 'C:\\Windows\\explorer.exe' }),
          node('2', '1', 'process', 'winword.exe', -5, {
            account: 'corp\\mara.lind',
            commandLine: '"C:\\Program Files\\Office\\WINWORD.EXE" /n "C:\\Users\\mara.lind\\Downloads\\invoice.docm"',
          }),
          node('3', '2', 'process', 'wscript.exe', -2, {
            account: 'corp\\mara.lind',
            commandLine: 'wscript.exe C:\\Users\\mara.lind\\AppData\\Local\\Temp\\a.vbs',
            alertIds: ['x'],
          }),
          node('4', '3', 'process', 'powershell.exe', 0, {
            account: 'corp\\mara.lind',
            commandLine:
              'powershell.exe -nop -w hidden -enc SQBFAFgAIAAoAE4AZQB3AC0ATwBiAGoAZQBjAHQAIABOAGUAdAAuAFcAZQBiAEMAbABpAGUAbgB0ACkA',
            path: 'C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe',
            sha256: 'ab12'.repeat(16),
            focus: true,
            alertIds: [String(a.id)],
            facts: { 'Process ID': '4312', Integrity: 'High' },
          }),
          node('5', '4', 'ip', '203.0.113.77', 1, { detail: 'Port 443' }),
          node('6', '4', 'file', 'stage2.dll', 1, { path: 'C:\\Users\\Public\\stage2.dll', sha256: 'cd34'.repeat(16) }),
          node('7', '4', 'process', 'schtasks.exe', 2, {
            commandLine: 'schtasks /create /tn Updater /tr "rundll32 C:\\Users\\Public\\stage2.dll,Run" /sc onlogon',
          }),
          node('8', '1', 'process', 'chrome.exe', -30, { commandLine: 'chrome.exe --type=renderer' }),
        ],
      };
    },
    hunt: (query) => {
      const render = /render\s+(\w+)/.exec(query)?.[1];
      if (/summarize/.test(query))
        return {
          schema: [
            { name: render === 'timechart' ? 'Timestamp' : 'FileName', type: render === 'timechart' ? 'datetime' : 'string' },
            { name: 'Count', type: 'long' },
            { name: 'Devices', type: 'long' },
          ],
          rows: ['svchost.exe', 'chrome.exe', 'powershell.exe', 'wscript.exe', 'net.exe', 'schtasks.exe', 'rundll32.exe'].map((f, i) => [
            render === 'timechart' ? iso((7 - i) * 3_600_000) : f,
            Math.round(4000 / (i + 1)),
            40 - i * 5,
          ]),
          stats: { rows: 7, ms: 41.2, truncated: false, partial: false, limits: [] },
          ...(render ? { render: { kind: render } } : {}),
        };
      const columns = (tables[0]?.columns ?? []) as { name: string; type: string }[];
      const n = /take (\d+)/.test(query) ? Number(/take (\d+)/.exec(query)?.[1]) : /nothing/.test(query) ? 0 : 5000;
      return {
        schema: columns,
        rows: Array.from({ length: n }, (_, i) => [
          iso(i * 61_000),
          `d${i % 40}`,
          devices[i % 40]?.name,
          'ProcessCreated',
          ['powershell.exe', 'cmd.exe', 'svchost.exe', 'chrome.exe'][i % 4],
          'C:\\Windows\\System32',
          'ab12'.repeat(16),
          1000 + i,
          `cmd.exe /c echo ${i} & whoami /all`,
          people[i % people.length],
          'explorer.exe',
          'C:\\Windows\\explorer.exe',
          'userinit.exe',
          null,
        ]),
        stats: { rows: n, ms: 120, truncated: false, partial: false, limits: [] },
      };
    },
  };
}
