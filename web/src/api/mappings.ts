// The calls of the mappings page.
import { client } from './client';
import type { Page } from './types';

const id = encodeURIComponent;

export interface Mapping {
  name: string;
  text: string;
  enabled: boolean;
  origin: string;
  description?: string;
  changed?: string;
  changedBy?: string;
}

export interface MappingDraft {
  name: string;
  text: string;
  enabled: boolean;
}

export interface MappingProblem {
  code: string;
  message: string;
  line?: number;
  column?: number;
}

export interface SampleOutcome {
  sample: string;
  matched: boolean;
  rows: { table: string; values: Record<string, unknown> }[];
  unmapped?: string | string[];
  error?: MappingProblem;
}

export const mappings = {
  list: () => client.get<Page<Mapping>>('/api/mappings', { $top: 1000 }),
  get: (name: string) => client.get<Mapping>(`/api/mappings/${id(name)}`),
  create: (draft: MappingDraft) => client.post<Mapping>('/api/mappings', draft),
  update: (name: string, draft: MappingDraft) => client.put<Mapping>(`/api/mappings/${id(name)}`, draft),
  remove: (name: string) => client.delete<undefined>(`/api/mappings/${id(name)}`),
  test: (text: string, samples: readonly string[]) => client.post<{ value: SampleOutcome[] }>('/api/mappings/test', { text, samples }),
};
