// The calls of the connectors page.
import { client } from './client';
import type { components } from './generated';
import type { Loose, Page } from './types';

type Schemas = components['schemas'];

const id = encodeURIComponent;

export type ConnectorField = Loose<Schemas['Field']>;

// ConnectorKind is a service that can be fetched from; steps is Markdown that says how to get the credentials.
export type ConnectorKind = Omit<Schemas['ConnectorKind'], 'fields'> & { fields: ConnectorField[] };

// A secret shows only whether it is set.
export type ConfigValue = string | number | boolean | { set: boolean };

export type Connector = Omit<Schemas['Connector'], '$schema' | 'config'> & { config: Record<string, ConfigValue> };
export type ConnectorRun = Schemas['PullRun'];
export type ConnectorDraft = Omit<Schemas['ConnectorCreateBody'], '$schema' | 'config' | 'kind'> & {
  kind: string;
  config: Record<string, ConfigValue>;
};
export type ConnectorTest = Schemas['Tested'];

const root = '/api/connectors';
const of = (connector: string) => `${root}/${id(connector)}`;

export const connectors = {
  kinds: () => client.get<{ value: ConnectorKind[] }>(`${root}/kinds`),
  list: () => client.get<Page<Connector>>(root, { $top: 1000 }),
  get: (connector: string) => client.get<Connector>(of(connector)),
  create: (draft: ConnectorDraft) => client.post<Connector>(root, draft),
  update: (connector: string, draft: ConnectorDraft) => client.put<Connector>(of(connector), draft),
  remove: (connector: string) => client.delete<undefined>(of(connector)),
  test: ({ kind, config }: ConnectorDraft) => client.post<ConnectorTest>(`${root}/test`, { kind, config }),
  testKept: (connector: string) => client.post<ConnectorTest>(`${of(connector)}/test`),
  run: (connector: string) => client.post<unknown>(`${of(connector)}/run`),
  pause: (connector: string) => client.post<unknown>(`${of(connector)}/pause`),
  resume: (connector: string) => client.post<unknown>(`${of(connector)}/resume`),
  reset: (connector: string, since: string) => client.post<unknown>(`${of(connector)}/reset`, { since }),
  runs: (connector: string) => client.get<Page<ConnectorRun>>(`${of(connector)}/runs`, { $top: 50 }),
};
