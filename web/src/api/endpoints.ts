// Every call the portal makes, by area, in the words of the API.
import { client, query, send, type Params } from './client';
import type {
  Activity,
  ApiToken,
  Asset,
  Assignee,
  BulkResult,
  DeviceClock,
  EntityHit,
  EvidenceRow,
  Facets,
  Graph,
  Health,
  Investigation,
  Lab,
  LabRemoved,
  ManagePatch,
  Page,
  PortalUser,
  Quota,
  Refused,
  Role,
  Rule,
  Sender,
  Session,
  Setting,
  Source,
  Story,
  WireAlert,
  WireIncident,
} from './types';
import * as wire from './wire';

const id = encodeURIComponent;

// An incident's id is a number to the server.
const number = (incident: string) => (/^\d+$/.test(incident) ? Number(incident) : incident);

const pageOf = <T>(path: string, params: Params = {}, signal?: AbortSignal) => client.get<Page<T>>(path, params, signal);

export const session = {
  get: () => client.get<Session>('/api/session'),
  signIn: (name: string, password: string) => client.post<Session | undefined>('/api/session', { name, password }),
  signOut: () => client.delete<undefined>('/api/session'),
  changePassword: (current: string, next: string) => client.post<undefined>('/api/session/password', { current, new: next }),
};

export const incidents = {
  list: async (params: Params, signal?: AbortSignal) =>
    wire.page(await client.get<Page<WireIncident>>('/api/incidents', params, signal), wire.incident),
  facets: (params: Params, signal?: AbortSignal) => client.get<Facets>('/api/incidents/facets', params, signal),
  get: async (incident: string) => wire.incident(await client.get<WireIncident>(`/api/incidents/${id(incident)}`)),
  patch: (incident: string, patch: ManagePatch) => client.patch<unknown>(`/api/incidents/${id(incident)}`, patch),
  bulk: (ids: string[], patch: ManagePatch) => client.post<BulkResult>('/api/incidents/bulk', { ids: ids.map(number), patch }),
  comment: (incident: string, comment: string) => client.post<unknown>(`/api/incidents/${id(incident)}/comments`, { comment }),
  alerts: async (incident: string, params: Params = {}) =>
    wire.page(await client.get<Page<WireAlert>>(`/api/incidents/${id(incident)}/alerts`, params), wire.alert),
  assets: (incident: string, kind: 'devices' | 'users' | 'mailboxes', params: Params = {}) =>
    pageOf<Asset>(`/api/incidents/${id(incident)}/${kind}`, params),
  investigations: (incident: string) => pageOf<Investigation>(`/api/incidents/${id(incident)}/investigations`, { $top: 200 }),
  evidence: (incident: string, params: Params = {}) => pageOf<EvidenceRow>(`/api/incidents/${id(incident)}/evidence`, params),
  activities: (incident: string) => pageOf<Activity>(`/api/incidents/${id(incident)}/activities`, { $top: 500 }),
  graph: async (incident: string) => wire.graph(await client.get<Graph>(`/api/incidents/${id(incident)}/graph`)),
  merge: (incident: string, intoId: string, comment: string) =>
    client.post<unknown>(`/api/incidents/${id(incident)}/merge`, { intoId: number(intoId), comment }),
};

export const alerts = {
  list: async (params: Params, signal?: AbortSignal) =>
    wire.page(await client.get<Page<WireAlert>>('/api/alerts', params, signal), wire.alert),
  facets: (params: Params, signal?: AbortSignal) => client.get<Facets>('/api/alerts/facets', params, signal),
  get: async (alert: string) => wire.alert(await client.get<WireAlert>(`/api/alerts/${id(alert)}`)),
  patch: (alert: string, patch: ManagePatch) => client.patch<unknown>(`/api/alerts/${id(alert)}`, patch),
  bulk: (ids: string[], patch: ManagePatch) => client.post<BulkResult>('/api/alerts/bulk', { ids, patch }),
  comment: (alert: string, comment: string) => client.post<unknown>(`/api/alerts/${id(alert)}/comments`, { comment }),
  story: (alert: string) => client.get<Story>(`/api/alerts/${id(alert)}/story`),
  activities: (alert: string) => pageOf<Activity>(`/api/alerts/${id(alert)}/activities`, { $top: 500 }),
  unlink: (alert: string, comment: string) => client.post<unknown>(`/api/alerts/${id(alert)}/unlink`, { comment }),
  move: (alertIds: string[], incidentId: string | null, comment: string) =>
    client.post<{ incidentId?: number | string } | undefined>('/api/alerts/move', {
      alertIds,
      incidentId: incidentId === null ? null : number(incidentId),
      comment,
    }),
};

export const rules = {
  list: (params: Params, signal?: AbortSignal) => pageOf<Rule>('/api/rules', params, signal),
  get: (rule: string) => client.get<Rule>(`/api/rules/${id(rule)}`),
  setEnabled: (rule: string, enabled: boolean) => client.patch<Rule>(`/api/rules/${id(rule)}`, { enabled }),
  create: (kind: string, text: string) => client.post<Rule>('/api/rules', { kind, text }),
  delete: (rule: string) => client.delete<undefined>(`/api/rules/${id(rule)}`),
};

export const sources = {
  list: () => pageOf<Source>('/api/sources', { $top: 1000 }),
  refused: (params: Params, signal?: AbortSignal) => pageOf<Refused>('/api/sources/refused', params, signal),
  replay: (ids: readonly string[]) =>
    client.post<{ sent: number; left: { number: number; message: string }[] }>('/api/sources/refused/replay', { ids }),
  forget: (ids: readonly string[]) => client.post<undefined>('/api/sources/refused/delete', { ids }),
  senders: () => pageOf<Sender>('/api/sources/senders', { $top: 1000 }),
  clocks: () => pageOf<DeviceClock>('/api/sources/clocks', { $top: 1000 }),
};

export const lab = {
  get: () => client.get<Lab>('/api/lab'),
  run: (scenario: string) => client.post<unknown>('/api/lab/runs', scenario === 'all' ? { all: true } : { scenario }),
  removeAll: () => client.delete<LabRemoved>('/api/lab/runs'),
};

export const access = {
  users: () => pageOf<PortalUser>('/api/users', { $top: 1000 }),
  roles: () => pageOf<Role>('/api/roles', { $top: 1000 }),
  assignees: () => pageOf<Assignee>('/api/assignees', { $top: 1000 }),
  createUser: (body: { name: string; displayName: string; password?: string; roles: string[] }) =>
    client.post<PortalUser>('/api/users', body),
  updateUser: (user: string, body: { password?: string; roles?: string[]; disabled?: boolean }) =>
    client.patch<PortalUser>(`/api/users/${id(user)}`, body),
  tokens: () => pageOf<ApiToken>('/api/tokens', { $top: 1000 }),
  createToken: (body: { name: string; scopes: string[]; expires?: string }) => client.post<ApiToken>('/api/tokens', body),
  setQuota: (token: string, quota: Quota) => client.put<unknown>(`/api/tokens/${id(token)}/quota`, quota),
  deleteToken: (token: string) => client.delete<undefined>(`/api/tokens/${id(token)}`),
};

export const settings = {
  list: () => pageOf<Setting>('/api/settings', { $top: 1000 }),
  put: (name: string, value: string) => client.put<unknown>('/api/settings', { name, value }),
};

export const entities = {
  search: (q: string, signal?: AbortSignal) => pageOf<EntityHit>('/api/entities/search', { q }, signal),
};

export const health = {
  get: () => client.get<Health>('/api/health'),
};

// download streams an export to a file of the browser.
export async function download(path: string, name: string, body?: unknown, params: Params = {}): Promise<void> {
  const response = await send(body === undefined ? 'GET' : 'POST', path + query(params), body);
  saveBlob(await response.blob(), name);
}

export function saveBlob(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
