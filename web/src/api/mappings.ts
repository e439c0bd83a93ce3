// The calls of the mappings page.
import { client } from './client';
import type { components } from './generated';
import type { Page } from './types';

type Schemas = components['schemas'];

const id = encodeURIComponent;

export type Mapping = Schemas['MappingView'];

// A draft without a text changes only whether the mapping is on.
export type MappingDraft = Omit<Schemas['MappingBody'], '$schema'>;
export type MappingProblem = Schemas['MappingProblem'];

// SampleOutcome is what a mapping made of one record.
export type SampleOutcome = Schemas['MappingOutcome'];

export const mappings = {
  list: () => client.get<Page<Mapping>>('/api/mappings', { $top: 1000 }),
  get: (name: string) => client.get<Mapping>(`/api/mappings/${id(name)}`),
  create: (draft: MappingDraft) => client.post<Mapping>('/api/mappings', draft),
  update: (name: string, draft: MappingDraft) => client.put<Mapping>(`/api/mappings/${id(name)}`, draft),
  remove: (name: string) => client.delete<undefined>(`/api/mappings/${id(name)}`),
  test: (text: string, samples: readonly string[]) => client.post<{ value: SampleOutcome[] }>('/api/mappings/test', { text, samples }),
};
