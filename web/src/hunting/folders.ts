// Things in folders as the lines of a tree.
import type { TreeLine } from './Tree';

export interface Filed {
  id: string;
  // "A/B" or "A / B"; empty at the top.
  folder: string;
  name: string;
}

interface Folder<T> {
  name: string;
  path: string;
  folders: Map<string, Folder<T>>;
  items: T[];
}

const byName = (a: { name: string }, b: { name: string }) =>
  a.name.localeCompare(b.name, undefined, { numeric: true, sensitivity: 'base' });

function total<T>(f: Folder<T>): number {
  return f.items.length + [...f.folders.values()].reduce((n, x) => n + total(x), 0);
}

// filed lists a root with the folders below it and what is in the open ones. A root or folder is open when its path is in opened, or all are while
// searching.
export function filed<T extends Filed>(
  root: { id: string; label: string },
  items: readonly T[],
  opened: ReadonlySet<string>,
  searching: boolean,
  line: (item: T) => Partial<TreeLine>,
  depth = 0,
): TreeLine[] {
  const top: Folder<T> = { name: root.label, path: root.id, folders: new Map(), items: [] };
  for (const item of items) {
    let at = top;
    for (const part of item.folder.split('/').flatMap((p) => p.trim() || [])) {
      let next = at.folders.get(part);
      if (!next) {
        next = { name: part, path: `${at.path}/${part}`, folders: new Map(), items: [] };
        at.folders.set(part, next);
      }
      at = next;
    }
    at.items.push(item);
  }
  const out: TreeLine[] = [];
  const walk = (f: Folder<T>, level: number) => {
    const open = searching || opened.has(f.path);
    out.push({
      id: f.path,
      depth: level,
      label: f.name,
      open,
      note: total(f).toLocaleString(),
      ...(level === depth ? { look: 'head' } : {}),
    });
    if (!open) return;
    for (const sub of [...f.folders.values()].sort(byName)) walk(sub, level + 1);
    for (const item of [...f.items].sort(byName)) out.push({ id: item.id, depth: level + 1, label: item.name, ...line(item) });
  };
  walk(top, depth);
  return out;
}

// toggled is a set with an element put in or taken out.
export function toggled(set: ReadonlySet<string>, id: string): ReadonlySet<string> {
  const next = new Set(set);
  if (!next.delete(id)) next.add(id);
  return next;
}

// matches says whether all words of a search occur in a text.
export function matches(find: string, ...texts: (string | undefined)[]): boolean {
  const words = find.trim().toLowerCase().split(/\s+/);
  const all = texts.join(' ').toLowerCase();
  return words.every((w) => all.includes(w));
}
