import { expect, it, vi } from 'vitest';

vi.mock('elkjs/lib/elk-worker.min.js?url', () => ({ default: '' }));

const { collapse, groupAbove, neighbours, only, trim } = await import('./layout');

const graph = {
  nodes: [
    { id: 'a', kind: 'alert', label: 'A' },
    { id: 'b', kind: 'alert', label: 'B' },
    { id: 'u', kind: 'user', label: 'U' },
    ...Array.from({ length: groupAbove }, (_, i) => ({ id: `ip${i}`, kind: 'ip', label: `ip${i}` })),
  ],
  edges: [
    { source: 'a', target: 'b', kind: 'sameUser', text: 'x' },
    { source: 'a', target: 'u', kind: 'compromised', text: '' },
    ...Array.from({ length: groupAbove }, (_, i) => ({ source: 'a', target: `ip${i}`, kind: 'source', text: '' })),
  ],
};

it('groups many like nodes that hang on the same alerts, until the group is opened', () => {
  const shown = collapse(graph, new Set());
  const group = shown.nodes.find((n) => n.members);
  expect(group?.members).toHaveLength(groupAbove);
  expect(shown.nodes).toHaveLength(4);
  expect(shown.edges.find((e) => e.target === group?.id)?.count).toBe(groupAbove);
  expect(collapse(graph, new Set([group?.id ?? ''])).nodes).toHaveLength(graph.nodes.length);
});

it('focuses on a node and what it touches', () => {
  const near = neighbours(graph, 'b');
  expect([...near].sort()).toEqual(['a', 'b']);
  expect(only(graph, near).edges).toHaveLength(1);
});

it('keeps the strongest join of each later alert and every tie to an entity', () => {
  const nodes = ['a', 'b', 'c'].map((id) => ({ id, kind: 'alert', label: id }));
  const weights: Record<string, number> = { ab: 1, ac: 1, bc: 3 };
  const edges = [
    { source: 'a', target: 'b', kind: 'x', text: 'ab' },
    { source: 'a', target: 'c', kind: 'x', text: 'ac' },
    { source: 'b', target: 'c', kind: 'x', text: 'bc' },
    { source: 'a', target: 'u', kind: 'attacked', text: '' },
  ];
  const trimmed = trim({ nodes: [...nodes, { id: 'u', kind: 'user', label: 'u' }], edges }, (e) => weights[e.text] ?? 0);
  expect(trimmed.edges.map((e) => e.text)).toEqual(['ab', 'bc', '']);
});
