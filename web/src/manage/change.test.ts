import { describe, expect, it } from 'vitest';
import { target } from '../app/GlobalSearch';
import { holds } from '../app/session';
import { difference, empty, inverse, sentence } from './change';

const before = { id: '1', status: 'Active', severity: 'High', assignedTo: 'ana', classification: '', determination: '', tags: ['a'] };

describe('difference', () => {
  it('keeps what changed and nothing else', () => {
    expect(difference(before, { status: 'Active', severity: 'Low', assignedTo: 'ana', tags: ['a'], comment: '  ' })).toEqual({
      severity: 'Low',
    });
    expect(empty(difference(before, { classification: 'Unknown', determination: 'NotAvailable' }))).toBe(true);
  });
  it('sends classification and determination together', () => {
    expect(
      difference(
        { ...before, classification: 'TruePositive', determination: 'Malware' },
        { classification: 'TruePositive', determination: 'Phishing' },
      ),
    ).toEqual({
      classification: 'TruePositive',
      determination: 'Phishing',
    });
  });
  it('takes a resolution note only with the resolution', () => {
    expect(difference(before, { status: 'Resolved', resolvingComment: 'done' })).toEqual({ status: 'Resolved', resolvingComment: 'done' });
    expect(difference(before, { status: 'Active', resolvingComment: 'done' })).toEqual({});
  });
  it('can take the assignment away', () => {
    expect(difference(before, { assignedTo: '' })).toEqual({ assignedTo: '' });
  });
});

it('undoes what a patch changed, and never a comment', () => {
  const patch = { status: 'Resolved', assignedTo: 'ben', classification: 'FalsePositive', determination: 'Clean', tags: [], comment: 'x' };
  expect(inverse(before, patch)).toEqual({
    status: 'Active',
    assignedTo: 'ana',
    classification: 'Unknown',
    determination: 'NotAvailable',
    tags: ['a'],
  });
  expect(inverse(before, { comment: 'x' })).toEqual({});
});

it('says what was done', () => {
  expect(sentence({ status: 'InProgress', assignedTo: 'ana' })).toBe('Status in progress, assigned to ana');
  expect(sentence({ classification: 'FalsePositive', determination: 'Clean' })).toBe('Classified false positive, not malicious');
});

it('lets manage include read', () => {
  expect(holds(['settings.core.manage'], 'settings.core.read')).toBe(true);
  expect(holds(['settings.core.read'], 'settings.core.manage')).toBe(false);
});

it('follows only addresses of the portal in search results', () => {
  expect(target('device', 'device:x', '/incidents?entity=device%3Ax')).toEqual({ to: '/incidents', search: { entity: 'device:x' } });
  expect(target('incident', '7', '//evil.example/x')).toEqual({ to: '/incidents/7', search: {} });
  expect(target('incident', '7', 'https://evil.example')).toEqual({ to: '/incidents/7', search: {} });
});
