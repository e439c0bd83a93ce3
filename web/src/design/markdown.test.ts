import { expect, it } from 'vitest';
import { blocks, inline } from './markdown';

it('reads code, bold and links in a line', () => {
  expect(inline('Open **Apps**, run `x *y*` and [read](https://a.example/b) on')).toEqual([
    { kind: 'text', text: 'Open ' },
    { kind: 'bold', text: 'Apps' },
    { kind: 'text', text: ', run ' },
    { kind: 'code', text: 'x *y*' },
    { kind: 'text', text: ' and ' },
    { kind: 'link', text: 'read', href: 'https://a.example/b' },
    { kind: 'text', text: ' on' },
  ]);
});

it('reads what is meant to stand out, and no star that stands alone', () => {
  expect(inline('with *View log* (2 * 3 * 4)').map((s) => s.kind)).toEqual(['text', 'italic', 'text']);
});

it('makes no link of what leads elsewhere than the web', () => {
  expect(inline('[x](javascript:alert(1))').some((s) => s.kind === 'link')).toBe(false);
});

it('reads lists with their continuation, code and paragraphs', () => {
  expect(
    blocks('# How\n\n1. one\n   more\n\n2. two\n\n- dot\n\nsome\ntext\n\n```\na\n  b\n```').map((b) =>
      b.kind === 'list' ? [b.ordered, b.items.map((i) => i.map((s) => s.text).join(''))] : b.kind === 'code' ? b.text : b.kind,
    ),
  ).toEqual(['heading', [true, ['one more', 'two']], [false, ['dot']], 'paragraph', 'a\n  b']);
});
