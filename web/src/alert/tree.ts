// The alert story as a tree: parents before children, children by time, and the moves the keyboard makes in it.
import type { StoryNode } from '../api/types';

export interface TreeNode {
  node: StoryNode;
  level: number;
  children: TreeNode[];
  parent: TreeNode | undefined;
}

// grow builds the tree. A node whose parent is missing is a root; a cycle is cut where it closes.
export function grow(nodes: readonly StoryNode[]): TreeNode[] {
  const byId = new Map<string, TreeNode>();
  for (const node of nodes) if (!byId.has(node.id)) byId.set(node.id, { node, level: 1, children: [], parent: undefined });
  const roots: TreeNode[] = [];
  const within = (n: TreeNode | undefined, of: TreeNode): boolean => {
    for (let at = n; at; at = at.parent) if (at === of) return true;
    return false;
  };
  for (const t of byId.values()) {
    const parent = t.node.parentId === undefined ? undefined : byId.get(t.node.parentId);
    if (parent && !within(parent, t)) {
      t.parent = parent;
      parent.children.push(t);
    } else roots.push(t);
  }
  const order = (list: TreeNode[], level: number) => {
    list.sort((a, b) => (a.node.time ?? '').localeCompare(b.node.time ?? ''));
    for (const t of list) {
      t.level = level;
      order(t.children, level + 1);
    }
  };
  order(roots, 1);
  return roots;
}

// visible lists the nodes that show, top to bottom, when some branches are closed.
export function visible(roots: readonly TreeNode[], closed: ReadonlySet<string>): TreeNode[] {
  const out: TreeNode[] = [];
  const walk = (list: readonly TreeNode[]) => {
    for (const t of list) {
      out.push(t);
      if (!closed.has(t.node.id)) walk(t.children);
    }
  };
  walk(roots);
  return out;
}

export interface Move {
  to?: string;
  open?: string;
  close?: string;
}

// press says what a key does at a node: where the focus goes, or which branch opens or closes.
export function press(key: string, at: string, roots: readonly TreeNode[], closed: ReadonlySet<string>): Move {
  const rows = visible(roots, closed);
  const i = rows.findIndex((t) => t.node.id === at);
  const here = rows[i];
  const to = (t: TreeNode | undefined): Move => (t ? { to: t.node.id } : {});
  if (!here) return to(rows[0]);
  switch (key) {
    case 'ArrowDown':
    case 'j':
      return to(rows[i + 1]);
    case 'ArrowUp':
    case 'k':
      return to(rows[i - 1]);
    case 'Home':
      return to(rows[0]);
    case 'End':
      return to(rows.at(-1));
    case 'ArrowRight':
      if (here.children.length === 0) return {};
      return closed.has(at) ? { open: at } : to(here.children[0]);
    case 'ArrowLeft':
      if (here.children.length > 0 && !closed.has(at)) return { close: at };
      return to(here.parent);
    default:
      return {};
  }
}

// closedAtFirst closes big branches that hold neither the focus nor an alert, so that a long story starts readable.
export function closedAtFirst(roots: readonly TreeNode[], above = 60): Set<string> {
  const closed = new Set<string>();
  if (visible(roots, closed).length <= above) return closed;
  const matters = (t: TreeNode): boolean => {
    const inside = t.children.map(matters).some(Boolean);
    if (!inside && t.children.length > 0) closed.add(t.node.id);
    return inside || t.node.focus === true || (t.node.alertIds ?? []).length > 0;
  };
  roots.forEach(matters);
  return closed;
}
