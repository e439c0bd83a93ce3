// The calls of the data lake page.
import { client, currentTenant, query } from './client';
import type { components } from './generated';
import type { Page } from './types';

type Schemas = components['schemas'];

const id = encodeURIComponent;

export type LakeTable = Schemas['LakeTable'];
export type Lake = Schemas['LakeView'];
export type Compaction = Schemas['LakeCompaction'];
export type CustomTable = Schemas['CustomTable'];

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
