// The calls of the data lake page.
import { client, currentTenant, query } from './client';
import type { Page } from './types';

const id = encodeURIComponent;

export interface LakeTable {
  table: string;
  kind: string;
  rows: number;
  bytes: number;
  oldest?: string;
  newest?: string;
  lastIngest?: string;
  retentionDays: number;
  retentionBytes?: number | null;
  retentionFrom: string;
}

export interface Lake {
  value: LakeTable[];
  total: { rows: number; bytes: number; fileBytes: number; freeBytes: number; engine: string; worth?: string };
}

export interface Compaction {
  state: string;
  started?: string;
  ended?: string;
  before?: number;
  after?: number;
  message?: string;
}

export interface CustomTable {
  name: string;
  columns: { name: string; type: string; firstSeen?: string; conflicts: number }[];
  rows: number;
  source: string;
  created?: string;
}

export const lake = {
  tables: () => client.get<Lake>('/api/lake/tables'),
  retain: (table: string, body: { days?: number; bytes?: number }) => client.put<unknown>(`/api/lake/tables/${id(table)}/retention`, body),
  retainByDefault: (table: string) => client.delete<unknown>(`/api/lake/tables/${id(table)}/retention`),
  compact: () => client.post<unknown>('/api/lake/compact'),
  compaction: () => client.get<Compaction>('/api/lake/compact'),
  customTables: () => client.get<Page<CustomTable>>('/api/custom-tables', { $top: 1000 }),
  dropCustom: (table: string) => client.delete<undefined>(`/api/custom-tables/${id(table)}`),
};

// parquetAddress is where a browser downloads a table from; it streams to disk.
export function parquetAddress(table: string, from?: string, to?: string): string {
  return `/api/lake/tables/${id(table)}/parquet${query({ from, to, tid: currentTenant() })}`;
}
