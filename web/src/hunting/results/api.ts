// Calls of the results beside running a query.
import { client } from '../../api/client';
import type { components } from '../../api/generated';
import type { Cell, Loose } from '../../api/types';

type Schemas = components['schemas'];

export type Lineage = Omit<Schemas['Lineage'], '$schema'>;
export type Explanation = Omit<Schemas['HuntExplanation'], '$schema'>;
export type LinkEntity = Schemas['LinkEntity'];

// LinkRequest has the rows and the incident that the description leaves open.
export type LinkRequest = Omit<Loose<Schemas['LinkInputBody']>, '$schema' | 'incidentId' | 'rows'> & {
  incidentId?: number;
  rows: Cell[][];
};

export const lineage = (table: string, row: Record<string, Cell>, signal?: AbortSignal) =>
  client.post<Lineage>('/api/hunting/lineage', { table, row }, signal);

export const explain = (query: string, timespan: string | undefined, signal?: AbortSignal) =>
  client.post<Explanation>('/api/hunting/explain', { query, ...(timespan === undefined ? {} : { timespan }) }, signal);

export const link = (request: LinkRequest) => client.post<Omit<Schemas['LinkedAnswer'], '$schema'>>('/api/hunting/link', request);
