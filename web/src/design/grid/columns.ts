// The columns of a list: which are shown, in which order, how wide. Remembered per person and list; a copied address carries a choice too.
import type { ReactNode } from 'react';

export interface GridColumn<T> {
  id: string;
  header: string;
  width: number;
  minWidth?: number;
  // The server's name to order by; a column without one cannot be sorted.
  sort?: string;
  hidden?: boolean;
  numeric?: boolean;
  cell: (row: T) => ReactNode;
  // The plain text for exports and for the narrow layout.
  text?: (row: T) => string;
}

export interface Layout {
  order: string[];
  hidden: string[];
  widths: Record<string, number>;
}

const prefix = 'bartizan.columns.';

export function defaultLayout<T>(columns: readonly GridColumn<T>[]): Layout {
  return { order: columns.map((c) => c.id), hidden: columns.filter((c) => c.hidden).map((c) => c.id), widths: {} };
}

// fit keeps what a remembered layout says of columns that still exist and adds the new ones where they belong by default.
export function fit<T>(columns: readonly GridColumn<T>[], layout: Partial<Layout> | null): Layout {
  const base = defaultLayout(columns);
  if (!layout) return base;
  const known = new Set(base.order);
  const order = (layout.order ?? []).filter((id) => known.has(id));
  const seen = new Set(order);
  columns.forEach((c, i) => {
    if (seen.has(c.id)) return;
    order.splice(Math.min(i, order.length), 0, c.id);
  });
  const remembered = new Set(layout.order ?? []);
  const hidden = [...(layout.hidden ?? []).filter((id) => known.has(id)), ...base.hidden.filter((id) => !remembered.has(id))];
  const widths = Object.fromEntries(Object.entries(layout.widths ?? {}).filter(([id, w]) => known.has(id) && w >= 40 && w <= 2000));
  return { order, hidden: [...new Set(hidden)], widths };
}

export function remembered<T>(person: string, list: string, columns: readonly GridColumn<T>[]): Layout {
  try {
    const text = localStorage.getItem(`${prefix}${person}.${list}`);
    return fit(columns, text === null ? null : (JSON.parse(text) as Partial<Layout>));
  } catch {
    return defaultLayout(columns);
  }
}

export function remember(person: string, list: string, layout: Layout): void {
  localStorage.setItem(`${prefix}${person}.${list}`, JSON.stringify(layout));
}

// fromAddress reads "name,severity,status": these columns in this order, the others hidden.
export function fromAddress<T>(columns: readonly GridColumn<T>[], text: string, base: Layout): Layout {
  const known = new Set(columns.map((c) => c.id));
  const shown = text.split(',').filter((id) => known.has(id));
  if (shown.length === 0) return base;
  const rest = base.order.filter((id) => !shown.includes(id));
  return { order: [...shown, ...rest], hidden: rest, widths: base.widths };
}

// toAddress writes the shown columns, or nothing when they are the default ones.
export function toAddress<T>(columns: readonly GridColumn<T>[], layout: Layout): string | undefined {
  const base = defaultLayout(columns);
  const shown = (l: Layout) => l.order.filter((id) => !l.hidden.includes(id)).join(',');
  return shown(layout) === shown(base) ? undefined : shown(layout);
}

// move puts a column before another one, or at the end.
export function move(layout: Layout, id: string, before: string | undefined): Layout {
  if (id === before) return layout;
  const order = layout.order.filter((c) => c !== id);
  const at = before === undefined ? order.length : order.indexOf(before);
  order.splice(at < 0 ? order.length : at, 0, id);
  return { ...layout, order };
}
