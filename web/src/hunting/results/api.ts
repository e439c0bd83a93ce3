// Calls of the results beside running a query.
import { client } from '../../api/client';
import type { Cell, StoryNode } from '../../api/types';
import type { Warning } from './outcome';

export interface Lineage {
  nodes: StoryNode[];
  cut?: boolean;
  note?: string;
}

export interface Explanation {
  engine: string;
  plan: string;
  columns?: { name: string; type: string }[];
  steps?: { where: string; what: string; sql: string }[];
  warnings?: Warning[];
}

export interface LinkRequest {
  incidentId?: number;
  alert: {
    title: string;
    severity: string;
    category: string;
    description?: string;
    recommendedActions?: string;
    mitreTechniques?: string[];
  };
  query: string;
  timespan?: string;
  columns: { name: string; type: string }[];
  rows: Cell[][];
  entities: { role: 'impacted' | 'related'; type: string; column: string }[];
}

export const lineage = (table: string, row: Record<string, Cell>, signal?: AbortSignal) =>
  client.post<Lineage>('/api/hunting/lineage', { table, row }, signal);

export const explain = (query: string, timespan: string | undefined, signal?: AbortSignal) =>
  client.post<Explanation>('/api/hunting/explain', { query, ...(timespan === undefined ? {} : { timespan }) }, signal);

export const link = (request: LinkRequest) => client.post<{ incidentId: number; alertIds: string[] }>('/api/hunting/link', request);
