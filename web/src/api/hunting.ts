// The calls of the hunting page beside running a query: functions, community queries, favourites, usage, formatting.
import { client, type Params } from './client';
import type { HistoryEntry, Page, SavedQuery, SchemaTable } from './types';

const id = encodeURIComponent;

// TableInfo is a table of the schema with what the reference shows beside its columns.
export interface TableInfo extends Omit<SchemaTable, 'columns'> {
  columns: { name: string; type: string; summary?: string }[];
  group?: string;
  retentionDays?: number;
  kind?: 'event' | 'snapshot' | 'state';
  actionTypes?: string[] | null;
}

export interface FunctionParameter {
  name: string;
  type: string;
  default?: string;
  columns?: { name: string; type: string }[] | null;
}

export interface HuntFunction {
  id: string;
  name: string;
  kind: 'builtin' | 'shared' | 'mine';
  folder?: string;
  description?: string;
  parameters?: FunctionParameter[] | null;
  body?: string;
  owner?: string;
  mine?: boolean;
  createdTime?: string;
  modifiedTime?: string;
}

// FunctionUse is a query or rule that calls a function.
export interface FunctionUse {
  kind: 'query' | 'rule';
  id?: string;
  name: string;
  owner?: string;
}

export interface FunctionDraft {
  name: string;
  folder: string;
  description: string;
  parameters: FunctionParameter[];
  body: string;
  shared: boolean;
}

export interface CommunityQuery {
  id: string;
  folder: string;
  name: string;
  description?: string;
  techniques?: string[] | null;
  tables?: string[] | null;
  source?: string;
  path?: string;
  // Why it cannot run here; empty when it can.
  issue?: string;
  query?: string;
}

export interface ImportAnswer {
  added: number;
  replaced: number;
  unchanged?: number;
  skipped?: number;
  refused?: { path: string; code: string; message: string; line?: number }[] | null;
}

export type FavouriteKind = 'table' | 'function' | 'query' | 'community';

export interface Favourite {
  kind: FavouriteKind;
  name: string;
}

export interface Usage {
  id: string;
  time: string;
  interface: 'portal' | 'api' | 'rule' | 'command';
  user: string;
  grade: string;
  cpuMs: number;
  ms: number;
  rows: number;
  bytes: number;
  state: 'completed' | 'failed' | 'throttled' | 'cancelled';
  error?: string;
  query: string;
  timespan?: string;
}

export interface UsagePoint {
  time: string;
  interface: string;
  runs: number;
  cpuMs: number;
  peakCpuMs: number;
}

// PastRun is a line of the history; the later members are there since the server keeps them.
export interface PastRun extends Omit<HistoryEntry, '$schema'> {
  timespan?: string;
  grade?: string;
  cpuMs?: number;
}

export interface QueryDraft {
  name: string;
  folder: string;
  description?: string;
  query: string;
  shared: boolean;
}

export interface Saved extends Omit<SavedQuery, '$schema'> {
  description?: string;
}

const all = { $top: 1000 };
const mostCommunity = 20_000;

export const hunt = {
  schema: () => client.get<{ tables: TableInfo[] }>('/api/hunting/schema'),
  format: (query: string, signal?: AbortSignal) => client.post<{ query: string }>('/api/hunting/format', { query }, signal),
  history: () => client.get<Page<PastRun>>('/api/hunting/history', { $top: 30 }),

  queries: () => client.get<Page<Saved>>('/api/hunting/queries', all),
  saveQuery: (draft: QueryDraft) => client.post<Saved>('/api/hunting/queries', draft),
  updateQuery: (query: string, draft: QueryDraft) => client.put<Saved>(`/api/hunting/queries/${id(query)}`, draft),
  deleteQuery: (query: string) => client.delete<undefined>(`/api/hunting/queries/${id(query)}`),

  functions: () => client.get<{ value: HuntFunction[] }>('/api/hunting/functions'),
  function: (fn: string) => client.get<HuntFunction & { usedBy?: FunctionUse[] | null }>(`/api/hunting/functions/${id(fn)}`),
  saveFunction: (draft: FunctionDraft) => client.post<HuntFunction>('/api/hunting/functions', draft),
  updateFunction: (fn: string, draft: FunctionDraft) => client.put<HuntFunction>(`/api/hunting/functions/${id(fn)}`, draft),
  deleteFunction: (fn: string) => client.delete<undefined>(`/api/hunting/functions/${id(fn)}`),

  // All of them, page by page.
  community: async (signal?: AbortSignal): Promise<{ value: CommunityQuery[] }> => {
    const value: CommunityQuery[] = [];
    for (let skip = 0; skip < mostCommunity; skip += all.$top) {
      const page = await client.get<Page<CommunityQuery>>('/api/hunting/community', { ...all, $skip: skip }, signal);
      value.push(...page.value);
      if (page.value.length < all.$top) break;
    }
    return { value };
  },
  communityQuery: (query: string) => client.get<CommunityQuery>(`/api/hunting/community/${id(query)}`),
  importCommunity: (files: { path: string; text: string }[]) => client.post<ImportAnswer>('/api/hunting/community', { files }),

  favourites: () => client.get<{ value: Favourite[] }>('/api/hunting/favorites'),
  addFavourite: (kind: FavouriteKind, name: string) => client.put<unknown>(`/api/hunting/favorites/${kind}/${id(name)}`, {}),
  removeFavourite: (kind: FavouriteKind, name: string) => client.delete<undefined>(`/api/hunting/favorites/${kind}/${id(name)}`),

  usage: (params: Params, signal?: AbortSignal) => client.get<Page<Usage>>('/api/hunting/usage', params, signal),
  usageSummary: (params: Params, signal?: AbortSignal) => client.get<{ value: UsagePoint[] }>('/api/hunting/usage/summary', params, signal),
};
