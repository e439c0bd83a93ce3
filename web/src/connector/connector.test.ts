import { describe, expect, it } from 'vitest';
import type { Connector, ConnectorKind } from '../api/connectors';
import { adviceFor, bodyOf, draftOf, fieldOf, nextWords, problems } from './connector';

const kind: ConnectorKind = {
  kind: 'sample',
  name: 'Sample service',
  family: 'sample',
  description: '',
  steps: '',
  interval: 300,
  fields: [
    { name: 'url', label: 'Address', type: 'text', required: true },
    { name: 'key', label: 'Key', type: 'secret', required: true },
    { name: 'other', label: 'Other key', type: 'secret', required: false },
    { name: 'all', label: 'Everything', type: 'boolean', required: false, default: 'true' },
    { name: 'pages', label: 'Pages', type: 'number', required: false },
  ],
};

const kept: Connector = {
  id: '1',
  kind: 'sample',
  name: 'Mine',
  enabled: false,
  config: { url: 'https://a.example', key: { set: true }, other: { set: false }, all: false, pages: 5 },
  interval: 300,
  state: 'paused',
  cursor: '',
  records: 0,
  bytes: 0,
  forgotten: 0,
  refused: 0,
  created: '',
  createdBy: '',
  changed: '',
  changedBy: '',
};

describe('draft', () => {
  it('starts with the defaults of the kind and lacks what is required', () => {
    const draft = draftOf(kind);
    expect(draft.values.all).toBe('true');
    expect(Object.keys(problems(kind, draft))).toEqual(['url', 'key']);
  });
  it('keeps secrets that are kept: never shown, not needed again, not sent', () => {
    const draft = draftOf(kind, kept);
    expect(draft.values).toEqual({ url: 'https://a.example', key: '', other: '', all: 'false', pages: '5' });
    expect(problems(kind, draft, kept)).toEqual({});
    expect(bodyOf(kind, draft, kept)).toEqual({
      kind: 'sample',
      name: 'Mine',
      enabled: false,
      interval: 300,
      config: { url: 'https://a.example', all: false, pages: '5' },
    });
  });
  it('sends a secret that was typed, spaces and all', () => {
    const draft = draftOf(kind, kept);
    draft.values.key = ' new key ';
    expect(bodyOf(kind, draft, kept).config.key).toBe(' new key ');
  });
  it('refuses what cannot be', () => {
    const draft = draftOf(kind, kept);
    draft.values.pages = 'many';
    draft.interval = '0.1';
    draft.name = ' ';
    expect(Object.keys(problems(kind, draft, kept)).sort()).toEqual(['interval', 'name', 'pages']);
  });
  it('finds the field of a refusal', () => {
    expect(['config.url', 'body.config.url', 'name'].map(fieldOf)).toEqual(['url', 'url', 'name']);
  });
});

it('says when it runs again and what to do about a failure', () => {
  const now = Date.parse('2026-11-23T12:00:00Z');
  expect(nextWords({ state: 'waiting', nextRun: '2026-11-23T12:05:00Z' }, now, 'en')).toBe('in 5 minutes');
  expect(nextWords({ state: 'waiting', nextRun: '2026-11-23T11:59:59Z' }, now)).toBe('Due now');
  expect(nextWords({ state: 'paused', nextRun: '2026-11-23T12:05:00Z' }, now)).toContain('paused');
  expect(adviceFor('unauthorized')).toContain('credentials');
  expect(adviceFor('a code of tomorrow')).not.toBe('');
});
