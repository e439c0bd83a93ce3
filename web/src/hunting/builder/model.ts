// What a query of the builder says: a domain, a tree of conditions, and how many rows to take.

export type Domain = 'all' | 'endpoints' | 'identities' | 'email';

export const domains: readonly { id: Domain; label: string }[] = [
  { id: 'all', label: 'All domains' },
  { id: 'endpoints', label: 'Endpoints' },
  { id: 'identities', label: 'Apps and identities' },
  { id: 'email', label: 'Email and collaboration' },
];

export interface Condition {
  kind: 'condition';
  id: string;
  // Id of a property; empty until one is chosen.
  property: string;
  operator: string;
  values: readonly string[];
}

export interface Group {
  kind: 'group';
  id: string;
  op: 'and' | 'or';
  items: readonly Item[];
}

export type Item = Condition | Group;

export interface BuilderModel {
  domain: Domain;
  // basic shows a fixed set of filters joined by AND; all shows the tree.
  mode: 'basic' | 'all';
  root: Group;
  sample: number;
}

export const samples = [10, 100, 1000, 10_000] as const;

// Bounds keep the generated text within what the server takes.
export const maxDepth = 5;
export const maxConditions = 60;
export const maxValues = 200;

let count = 0;

// itemId makes a name for a row of the builder, unique in this browser.
export function itemId(): string {
  count += 1;
  return `i${Date.now().toString(36)}${count.toString(36)}`;
}

export function condition(property = '', operator = '', values: readonly string[] = []): Condition {
  return { kind: 'condition', id: itemId(), property, operator, values };
}

export function group(op: 'and' | 'or', items: readonly Item[] = []): Group {
  return { kind: 'group', id: itemId(), op, items };
}

export function emptyModel(domain: Domain = 'all'): BuilderModel {
  return { domain, mode: 'basic', root: group('and'), sample: 10_000 };
}

// update changes the item of an id anywhere below a group; undefined removes it. Groups that become empty stay, except below.
export function update(root: Group, id: string, patch: (item: Item) => Item | undefined): Group {
  const items = root.items.flatMap((item): Item[] => {
    if (item.id === id) {
      const next = patch(item);
      return next ? [next] : [];
    }
    return [item.kind === 'group' ? update(item, id, patch) : item];
  });
  return { ...root, items };
}

// insert adds an item at the end of the group of an id.
export function insert(root: Group, into: string, item: Item): Group {
  if (root.id === into) return { ...root, items: [...root.items, item] };
  return { ...root, items: root.items.map((i) => (i.kind === 'group' ? insert(i, into, item) : i)) };
}

// conditions lists all conditions of a tree.
export function conditions(root: Group): Condition[] {
  return root.items.flatMap((i) => (i.kind === 'group' ? conditions(i) : [i]));
}

export function depth(root: Group): number {
  return 1 + Math.max(0, ...root.items.map((i) => (i.kind === 'group' ? depth(i) : 0)));
}
