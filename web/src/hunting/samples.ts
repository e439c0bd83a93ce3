// Queries to begin with: one for each common operator, some for a table, and three walk-throughs.
import type { TableInfo } from '../api/hunting';

export interface Sample {
  title: string;
  // What it shows, in a line.
  about: string;
  operator: string;
  query: string;
}

export const samples: readonly Sample[] = [
  {
    operator: 'where',
    title: 'Keep the rows that matter',
    about: 'Script engines that were started with a hidden or encoded command.',
    query: `// Script engines with hidden or encoded commands
DeviceProcessEvents
| where FileName in~ ("powershell.exe", "pwsh.exe", "cscript.exe", "wscript.exe")
| where ProcessCommandLine has_any ("-enc", "-encodedcommand", "hidden", "FromBase64String")
| project Timestamp, DeviceName, AccountName, FileName, ProcessCommandLine
| sort by Timestamp desc`,
  },
  {
    operator: 'summarize',
    title: 'Count and group',
    about: 'How often each program ran, and on how many devices: rare ones first.',
    query: `// Programs that ran on few devices
DeviceProcessEvents
| summarize Runs = count(), Devices = dcount(DeviceId), LastRun = max(Timestamp) by FileName
| sort by Devices asc, Runs asc
| take 100`,
  },
  {
    operator: 'extend',
    title: 'Compute a column',
    about: 'The folder that a file was written to, and how deep it lies.',
    query: `// Files written, by folder
DeviceFileEvents
| extend Folder = tolower(extract(@"^(.*)\\\\[^\\\\]*$", 1, FolderPath))
| summarize Files = count(), Examples = make_set(FileName, 5) by Folder
| top 50 by Files`,
  },
  {
    operator: 'project',
    title: 'Choose columns',
    about: 'Outbound connections with only the columns that answer who, where and to what.',
    query: `// Connections with the program that made them
DeviceNetworkEvents
| where isnotempty(RemoteIP) and not(ipv4_is_private(RemoteIP))
| project Timestamp, DeviceName, Program = InitiatingProcessFileName, RemoteIP, RemotePort, RemoteUrl
| take 200`,
  },
  {
    operator: 'join',
    title: 'Bring two tables together',
    about: 'Processes that made a network connection, by the process that did both.',
    query: `// Programs that started and then connected
DeviceProcessEvents
| project DeviceId, DeviceName, ProcessId, FileName, Started = Timestamp
| join kind=inner (
    DeviceNetworkEvents
    | project DeviceId, ProcessId = InitiatingProcessId, RemoteIP, RemotePort, Connected = Timestamp
) on DeviceId, ProcessId
| where Connected between (Started .. (Started + 1h))
| project Started, Connected, DeviceName, FileName, RemoteIP, RemotePort
| take 200`,
  },
  {
    operator: 'let',
    title: 'Name a list or a value',
    about: 'Logons of a list of accounts, with the list at the top where it is easy to change.',
    query: `// Logons of watched accounts
let Watched = dynamic(["administrator", "admin", "guest"]);
DeviceLogonEvents
| where AccountName in~ (Watched)
| summarize Logons = count(), From = make_set(RemoteIP, 10) by DeviceName, AccountName, LogonType`,
  },
  {
    operator: 'union',
    title: 'Look at several tables at once',
    about: 'Everything that one device did, in order of time.',
    query: `// What a device did, newest first
union DeviceProcessEvents, DeviceNetworkEvents, DeviceFileEvents, DeviceRegistryEvents
| project Timestamp, DeviceName, ActionType, FileName, RemoteIP, RegistryKey, InitiatingProcessFileName
| sort by Timestamp desc
| take 500`,
  },
  {
    operator: 'search',
    title: 'Look for a word anywhere',
    about: 'A word in any column of some tables. Name the tables: a search through all of them is slow.',
    query: `// A word in any column
search in (DeviceProcessEvents, DeviceFileEvents, EmailEvents) "invoice"
| take 100`,
  },
  {
    operator: 'arg_max',
    title: 'The newest row of each',
    about: 'The newest state of each device, of which a new row comes about every hour.',
    query: `// The newest state of each device
DeviceInfo
| summarize arg_max(Timestamp, *) by DeviceId
| project DeviceName, OSPlatform, OSVersion, LoggedOnUsers, Timestamp`,
  },
  {
    operator: 'bin',
    title: 'Over time, as a chart',
    about: 'Events per hour and kind, drawn as lines.',
    query: `// Events per hour
DeviceProcessEvents
| summarize Events = count() by bin(Timestamp, 1h), ActionType
| render timechart`,
  },
  {
    operator: 'parse_json',
    title: 'Read JSON in a column',
    about: 'A member of AdditionalFields, which holds JSON.',
    query: `// Members of AdditionalFields
DeviceEvents
| where isnotempty(AdditionalFields)
| extend Fields = parse_json(AdditionalFields)
| mv-expand Key = bag_keys(Fields) to typeof(string)
| summarize Events = count() by ActionType, Key
| sort by Events desc`,
  },
  {
    operator: 'mv-expand',
    title: 'A row for each element',
    about: 'Techniques of alerts, one row for each, with the number of alerts.',
    query: `// Techniques of alerts
AlertInfo
| mv-expand Technique = parse_json(AttackTechniques) to typeof(string)
| summarize Alerts = dcount(AlertId) by Technique
| top 30 by Alerts`,
  },
];

export interface Step {
  title: string;
  text: string;
  query: string;
}

export interface WalkThrough {
  id: string;
  title: string;
  about: string;
  steps: readonly Step[];
}

export const walkThroughs: readonly WalkThrough[] = [
  {
    id: 'process',
    title: 'From an odd program to its story',
    about: 'Find a program that few devices ran, see what started it and what it did next.',
    steps: [
      {
        title: 'Find what is rare',
        text: 'A program that ran on one device only deserves a look. summarize groups the rows, where keeps the rare groups.',
        query: `// 1. Programs that ran on one device
DeviceProcessEvents
| summarize Runs = count(), Devices = dcount(DeviceId), Example = take_any(ProcessCommandLine) by FileName
| where Devices == 1
| sort by Runs asc
| take 50`,
      },
      {
        title: 'See who starts whom',
        text: 'The parent often says more than the program. Pairs that occur rarely come first.',
        query: `// 2. Rare pairs of parent and child
DeviceProcessEvents
| where isnotempty(InitiatingProcessFileName)
| summarize Runs = count(), Devices = make_set(DeviceName, 5) by Parent = InitiatingProcessFileName, Child = FileName
| sort by Runs asc
| take 50`,
      },
      {
        title: 'Follow it to the network',
        text: 'Which programs talk to addresses outside? Click a value in the result to add it to the query.',
        query: `// 3. Programs with connections to the outside
DeviceNetworkEvents
| where isnotempty(RemoteIP) and not(ipv4_is_private(RemoteIP))
| summarize Connections = count(), Addresses = dcount(RemoteIP), Ports = make_set(RemotePort, 10) by InitiatingProcessFileName
| sort by Connections desc`,
      },
    ],
  },
  {
    id: 'mail',
    title: 'Follow a message',
    about: 'From senders that write for the first time to links, clicks and attachments.',
    steps: [
      {
        title: 'Who writes to us',
        text: 'Domains that sent a message, with how many people got one.',
        query: `// 1. Domains of senders
EmailEvents
| where EmailDirection == "Inbound"
| summarize Messages = count(), Recipients = dcount(RecipientEmailAddress) by SenderFromDomain
| sort by Messages desc
| take 100`,
      },
      {
        title: 'What the messages link to',
        text: 'join brings the links of each message beside its subject.',
        query: `// 2. Links of messages
EmailEvents
| project NetworkMessageId, Subject, SenderFromAddress, RecipientEmailAddress, DeliveryAction
| join kind=inner (EmailUrlInfo | project NetworkMessageId, Url, UrlDomain) on NetworkMessageId
| summarize Messages = dcount(NetworkMessageId), Example = take_any(Subject) by UrlDomain
| sort by Messages asc
| take 100`,
      },
      {
        title: 'What was attached',
        text: 'The same file sent by several addresses is worth a closer look.',
        query: `// 3. Attachments and who sent them
EmailAttachmentInfo
| where isnotempty(SHA256)
| summarize Messages = dcount(NetworkMessageId), Senders = make_set(SenderFromAddress, 10), Names = make_set(FileName, 5) by SHA256
| sort by Messages desc
| take 100`,
      },
    ],
  },
  {
    id: 'signin',
    title: 'Sign-ins that stand out',
    about: 'Failures in a row, new addresses, and where one address tries many accounts.',
    steps: [
      {
        title: 'Failures and successes',
        text: 'countif counts the rows for which a condition holds, so both figures stand side by side.',
        query: `// 1. Failed and successful logons by account
IdentityLogonEvents
| summarize Failed = countif(ActionType == "LogonFailed"), Succeeded = countif(ActionType == "LogonSuccess") by AccountName, AccountDomain
| sort by Failed desc
| take 100`,
      },
      {
        title: 'One address, many accounts',
        text: 'An address that fails for many accounts is trying passwords.',
        query: `// 2. Addresses that tried many accounts
union (IdentityLogonEvents | where ActionType == "LogonFailed" | project Timestamp, Account = AccountName, Address = IPAddress),
    (DeviceLogonEvents | where ActionType == "LogonFailed" | project Timestamp, Account = AccountName, Address = RemoteIP)
| where isnotempty(Address)
| summarize Accounts = dcount(Account), Tries = count(), First = min(Timestamp), Last = max(Timestamp) by Address
| sort by Accounts desc`,
      },
      {
        title: 'Over time',
        text: 'render draws the result. The rows stay: change the view above the results to see them.',
        query: `// 3. Logons per hour
IdentityLogonEvents
| summarize Logons = count() by bin(Timestamp, 1h), ActionType
| render timechart`,
      },
    ],
  },
];

// samplesOf gives queries to begin with for a table: written ones that start with it, and some made from its columns.
export function samplesOf(table: TableInfo): { title: string; query: string }[] {
  const has = (name: string) => table.columns.some((c) => c.name === name);
  const time = table.timeColumn;
  const out = samples.filter((s) => new RegExp(`^${table.name}\\b`, 'm').test(s.query)).map((s) => ({ title: s.title, query: s.query }));
  if (time) out.push({ title: 'The newest rows', query: `// Newest rows of ${table.name}\n${table.name}\n| top 100 by ${time} desc` });
  if (has('ActionType'))
    out.push({
      title: 'Kinds of events',
      query: `// Kinds of events in ${table.name}\n${table.name}\n| summarize Events = count()${time ? `, Last = max(${time})` : ''} by ActionType\n| sort by Events desc`,
    });
  if (time)
    out.push({
      title: 'Events over time',
      query: `// ${table.name} per day\n${table.name}\n| summarize Events = count() by bin(${time}, 1d)\n| render timechart`,
    });
  if (has('DeviceName'))
    out.push({
      title: 'By device',
      query: `// ${table.name} by device\n${table.name}\n| summarize Events = count() by DeviceName\n| top 50 by Events`,
    });
  if (!time) out.push({ title: 'Some rows', query: `// Some rows of ${table.name}\n${table.name}\n| take 100` });
  return out.slice(0, 6);
}
