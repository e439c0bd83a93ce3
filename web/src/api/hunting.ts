// The calls of the hunting page: queries, functions, community queries, favourites, usage, formatting.
import { client, type Params } from './client';
import type { components } from './generated';
import type { Diagnostic, HuntResult, Loose, Page, SavedQuery, SchemaTable } from './types';

type Schemas = components['schemas'];

const id = encodeURIComponent;

// TableInfo is a table of the schema with what the reference shows beside its columns.
export type TableInfo = SchemaTable;

export type FunctionParameter = Loose<Schemas['Parameter']>;
export type HuntFunction = Omit<Loose<Schemas['Function']>, 'shared'>;

// FunctionUse is a query or rule that calls a function.
export type FunctionUse = Schemas['Use'];
export type FunctionDraft = Required<Omit<Loose<Schemas['FunctionInputBody']>, '$schema'>>;

export type CommunityQuery = Omit<Schemas['CommunityQuery'], '$schema'>;
export type ImportAnswer = Omit<Schemas['ImportReport'], '$schema'>;
export type Favourite = Schemas['Favorite'];
export type FavouriteKind = Favourite['kind'];
export type Usage = Schemas['Run'];
export type UsagePoint = Schemas['UsageHour'];
export type PastRun = Schemas['Run'];
export type QueryDraft = Omit<Schemas['SavedInputBody'], '$schema'>;
export type Saved = Omit<SavedQuery, '$schema'>;

const all = { $top: 1000 };
const mostCommunity = 20_000;

export const hunt = {
  run: (body: { query: string; timespan?: string; limit?: number }, signal?: AbortSignal) =>
    client.post<HuntResult>('/api/hunting/run', body, signal),
  check: (query: string, signal?: AbortSignal) => client.post<{ diagnostics: Diagnostic[] }>('/api/hunting/check', { query }, signal),
  schema: () => client.get<{ tables: TableInfo[] }>('/api/hunting/schema'),
  format: (query: string, signal?: AbortSignal) => client.post<{ query: string }>('/api/hunting/format', { query }, signal),
  history: () => client.get<Page<PastRun>>('/api/hunting/history', { $top: 30 }),

  queries: () => client.get<Page<Saved>>('/api/hunting/queries', all),
  saveQuery: (draft: QueryDraft) => client.post<Saved>('/api/hunting/queries', draft),
  updateQuery: (query: string, draft: QueryDraft) => client.put<Saved>(`/api/hunting/queries/${id(query)}`, draft),
  deleteQuery: (query: string) => client.delete<undefined>(`/api/hunting/queries/${id(query)}`),

  functions: () => client.get<{ value: HuntFunction[] }>('/api/hunting/functions'),
  function: (fn: string) => client.get<HuntFunction & { usedBy?: FunctionUse[] }>(`/api/hunting/functions/${id(fn)}`),
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
