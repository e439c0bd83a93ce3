// What a connector is asked for and what its state means.
import type { ConfigValue, Connector, ConnectorDraft, ConnectorField, ConnectorKind } from '../api/connectors';
import { relative } from '../design/time';

// Draft is a connector as it is typed: every field as text, booleans as "true" and "false", secrets empty while they stay as they are.
export interface Draft {
  name: string;
  interval: string;
  since: string;
  values: Record<string, string>;
}

const isSet = (v: ConfigValue | undefined): boolean => typeof v === 'object' && v.set;

// hasSecret says whether the server keeps a secret for a field.
export function hasSecret(connector: Connector | undefined, field: string): boolean {
  return isSet(connector?.config[field]);
}

// draftOf is what the form shows at first: the connector's own values, or the defaults of its kind.
export function draftOf(kind: ConnectorKind, connector?: Connector): Draft {
  const values: Record<string, string> = {};
  for (const f of kind.fields) {
    const own = connector?.config[f.name];
    values[f.name] = f.type === 'secret' ? '' : own === undefined || typeof own === 'object' ? (f.default ?? '') : String(own);
  }
  return {
    name: connector?.name ?? kind.name,
    interval: connector ? String(Math.round(connector.interval / 60)) : '',
    since: '',
    values,
  };
}

// problems says what of a draft cannot be sent, by the name of the field; "name" and "interval" are the connector's own.
export function problems(kind: ConnectorKind, draft: Draft, connector?: Connector): Record<string, string> {
  const out: Record<string, string> = {};
  if (draft.name.trim() === '') out.name = 'Name the connector.';
  if (draft.interval.trim() !== '' && !(Number(draft.interval) >= 0.5 && Number(draft.interval) <= 7 * 24 * 60))
    out.interval = 'Write minutes, from half a minute to 7 days.';
  for (const f of kind.fields) {
    const value = (draft.values[f.name] ?? '').trim();
    if (value === '') {
      if (f.required && !(f.type === 'secret' && hasSecret(connector, f.name))) out[f.name] = `${f.label} is needed.`;
    } else if (f.type === 'number' && !/^-?\d+$/.test(value)) out[f.name] = 'Write a whole number.';
  }
  return out;
}

const valueOf = (f: ConnectorField, text: string): ConfigValue => (f.type === 'boolean' ? text === 'true' : text);

// bodyOf is what is sent. A secret that was not typed again is left out when it is kept already.
export function bodyOf(kind: ConnectorKind, draft: Draft, connector?: Connector): ConnectorDraft {
  const config: Record<string, ConfigValue> = {};
  for (const f of kind.fields) {
    const text = draft.values[f.name] ?? '';
    if (f.type === 'secret') {
      if (text !== '') config[f.name] = text;
    } else if (text.trim() !== '') config[f.name] = valueOf(f, text.trim());
  }
  const minutes = Number(draft.interval);
  return {
    kind: kind.kind,
    name: draft.name.trim(),
    enabled: connector?.enabled ?? true,
    config,
    ...(draft.interval.trim() !== '' && minutes > 0 ? { interval: Math.round(minutes * 60) } : {}),
    ...(draft.since !== '' ? { since: new Date(draft.since).toISOString() } : {}),
  };
}

// fieldOf is the field that a refusal of the server points at, "config.bucket" or "name".
export function fieldOf(target: string): string {
  return target.replace(/^(?:body\.)?(?:config\.)?/, '');
}

export interface StateWord {
  word: string;
  tone: 'good' | 'bad' | 'busy' | 'calm';
}

// The states of connectors, and of their runs.
const states: Record<string, StateWord> = {
  new: { word: 'New', tone: 'calm' },
  running: { word: 'Running', tone: 'busy' },
  waiting: { word: 'Waiting', tone: 'good' },
  failing: { word: 'Failing', tone: 'bad' },
  paused: { word: 'Paused', tone: 'calm' },
  succeeded: { word: 'Succeeded', tone: 'good' },
  failed: { word: 'Failed', tone: 'bad' },
  broken: { word: 'Cut off', tone: 'bad' },
};

export function stateWord(state: string): StateWord {
  return states[state] ?? { word: state, tone: 'calm' };
}

// nextWords says when a connector runs again.
export function nextWords(c: Pick<Connector, 'state' | 'nextRun'>, now: number, locale?: string): string {
  if (c.state === 'paused') return 'Not while it is paused';
  if (c.state === 'running') return 'Now';
  if (!c.nextRun) return '–';
  return Date.parse(c.nextRun) <= now ? 'Due now' : relative(c.nextRun, now, locale);
}

const advice: Record<string, string> = {
  unauthorized: 'Check the credentials, and set them again if they were changed or have expired.',
  permission: 'The credentials work but do not suffice: grant the permissions that the steps of this connector name.',
  forbidden: 'The credentials work but do not suffice: grant the permissions that the steps of this connector name.',
  invalid: 'Change the settings of this connector.',
  busy: 'The service asks for patience. It is tried again by itself.',
  unavailable:
    'The service or the way to it does not answer. It is tried again by itself; check the address, proxy and network if it lasts.',
};

// adviceFor says what to do about a failure, by its code.
export function adviceFor(code: string): string {
  return advice[code] ?? 'It is tried again by itself.';
}
