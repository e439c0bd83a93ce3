// The calls of the connectors page.
import { client } from './client';
import type { Page } from './types';

const id = encodeURIComponent;

export interface ConnectorField {
  name: string;
  label: string;
  type: 'text' | 'secret' | 'select' | 'boolean' | 'number';
  required: boolean;
  default?: string;
  help?: string;
  options?: string[];
}

// ConnectorKind is a service that can be fetched from; steps is Markdown that says how to get the credentials.
export interface ConnectorKind {
  kind: string;
  name: string;
  family: string;
  description: string;
  fields: ConnectorField[];
  steps: string;
  interval?: number;
}

export interface ConnectorError {
  code: string;
  message: string;
  time?: string;
  attempt?: number;
}

export type ConfigValue = string | number | boolean | { set: boolean };

export interface Connector {
  id: string;
  kind: string;
  name: string;
  enabled: boolean;
  config: Record<string, ConfigValue>;
  interval: number;
  state: string;
  lastRun?: string;
  nextRun?: string;
  lastError?: ConnectorError;
  cursor: string;
  records: number;
  refused: number;
  bytes?: number;
  lagSeconds?: number;
  created: string;
  createdBy: string;
  changed: string;
  changedBy: string;
}

export interface ConnectorRun {
  id: string;
  started: string;
  ended?: string;
  records: number;
  refused: number;
  bytes: number;
  state: string;
  error?: ConnectorError;
}

export interface ConnectorDraft {
  kind: string;
  name: string;
  enabled: boolean;
  config: Record<string, ConfigValue>;
  interval?: number;
  since?: string;
}

export interface ConnectorCheck {
  name: string;
  ok: boolean;
  message: string;
}

export interface ConnectorTest {
  ok: boolean;
  message: string;
  details: ConnectorCheck[];
}

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
