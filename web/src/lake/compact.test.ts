import { expect, it } from 'vitest';
import { saved } from './Compact';

it('says what a compaction saved', () => {
  expect(saved({ state: 'done', before: 100e6, after: 40e6 })).toBe('100 MB before, 40 MB after: 60 MB less (60 %)');
  expect(saved({ state: 'done', before: 100e6, after: 101e6 })).toBe('100 MB before, 101 MB after');
  expect(saved({ state: 'never', before: 0, after: 0 })).toBe('');
});
