// The assets that a record names: devices, users, mailboxes.
import type { Cell } from '../../api/types';
import { cellText } from './cells';
import type { EntityKind } from './pivot';

export interface Asset {
  kind: EntityKind;
  column: string;
  value: string;
  name: string;
  role: string;
}

interface Look {
  kind: EntityKind;
  columns: readonly string[];
  domain?: string;
  role: string;
}

// For each asset the columns that name it, the best first.
const looks: readonly Look[] = [
  { kind: 'device', columns: ['DeviceName', 'DeviceId'], role: 'device' },
  { kind: 'device', columns: ['RemoteDeviceName'], role: 'remote device' },
  { kind: 'device', columns: ['TargetDeviceName', 'DestinationDeviceName'], role: 'target device' },
  {
    kind: 'user',
    columns: ['AccountUpn', 'AccountName', 'AccountObjectId', 'AccountSid', 'AccountDisplayName'],
    domain: 'AccountDomain',
    role: 'account',
  },
  { kind: 'user', columns: ['TargetAccountUpn', 'TargetAccountDisplayName'], role: 'target account' },
  {
    kind: 'user',
    columns: ['InitiatingProcessAccountUpn', 'InitiatingProcessAccountName', 'InitiatingProcessAccountSid'],
    domain: 'InitiatingProcessAccountDomain',
    role: 'account of the process',
  },
  { kind: 'mailbox', columns: ['RecipientEmailAddress'], role: 'recipient' },
  { kind: 'mailbox', columns: ['SenderFromAddress'], role: 'sender' },
];

// assetsOf lists the assets of a record, each once.
export function assetsOf(record: ReadonlyMap<string, Cell>): Asset[] {
  const out: Asset[] = [];
  for (const look of looks) {
    for (const column of look.columns) {
      const value = cellText(record.get(column));
      if (value === '') continue;
      const domain = look.domain && /AccountName$/.test(column) ? cellText(record.get(look.domain)) : '';
      const name = domain === '' ? value : `${domain}\\${value}`;
      if (!out.some((a) => a.kind === look.kind && a.name.toLowerCase() === name.toLowerCase()))
        out.push({ kind: look.kind, column, value, name, role: look.role });
      break;
    }
  }
  return out;
}
