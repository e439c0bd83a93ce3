import { expect, it } from 'vitest';
import { nameOf, renamed, starter } from './mapping';

it('reads the name that a text gives itself', () => {
  expect(nameOf('# a\nname: opn-sense # which\nmatch: x')).toBe('opn-sense');
  expect(nameOf('name: "quoted one"')).toBe('quoted one');
  expect(nameOf("name: 'a'")).toBe('a');
  expect(nameOf('  name: inner\ntable: X')).toBe('');
  expect(nameOf(starter)).toBe('my-product');
});

it('renames a copy', () => {
  expect(renamed('name: a\ntable: T', 'b')).toBe('name: b\ntable: T');
  expect(renamed('table: T', 'b')).toBe('name: b\ntable: T');
});
