// The columns of the grid: their order, which are hidden or pinned, how wide they are.
export interface Layout {
  order: number[];
  hidden: ReadonlySet<number>;
  pinned: ReadonlySet<number>;
  widths: ReadonlyMap<number, number>;
}

export const narrowest = 56;
export const widest = 1600;

export function plain(columns: number): Layout {
  return { order: Array.from({ length: columns }, (_, i) => i), hidden: new Set(), pinned: new Set(), widths: new Map() };
}

// Placed is a column with its place: pinned ones are counted from the left edge of the window, the others from the end of the pinned ones.
export interface Placed {
  column: number;
  left: number;
  width: number;
  pinned: boolean;
}

// place lays the columns out, pinned ones first.
export function place(
  layout: Layout,
  empty: ReadonlySet<number>,
  width: (column: number) => number,
): { pinned: Placed[]; rest: Placed[]; pinnedWidth: number; width: number } {
  const pinned: Placed[] = [];
  const rest: Placed[] = [];
  let [x, y] = [0, 0];
  for (const column of layout.order) {
    if (layout.hidden.has(column) || (empty.has(column) && !layout.pinned.has(column))) continue;
    const w = layout.widths.get(column) ?? width(column);
    if (layout.pinned.has(column)) {
      pinned.push({ column, left: x, width: w, pinned: true });
      x += w;
    } else {
      rest.push({ column, left: y, width: w, pinned: false });
      y += w;
    }
  }
  return { pinned, rest, pinnedWidth: x, width: y };
}

// inWindow gives the columns that touch a window of the unpinned part, with one more on either side.
export function inWindow(rest: readonly Placed[], from: number, to: number): [first: number, after: number] {
  let low = 0;
  let high = rest.length;
  while (low < high) {
    const mid = (low + high) >> 1;
    const c = rest[mid];
    if (c && c.left + c.width <= from) low = mid + 1;
    else high = mid;
  }
  let after = low;
  while (after < rest.length && (rest[after]?.left ?? 0) < to) after++;
  return [Math.max(0, low - 1), Math.min(rest.length, after + 1)];
}

// moved puts a column before another one, or at the end.
export function moved(layout: Layout, column: number, before: number | undefined): Layout {
  if (column === before) return layout;
  const order = layout.order.filter((c) => c !== column);
  const at = before === undefined ? order.length : order.indexOf(before);
  order.splice(at < 0 ? order.length : at, 0, column);
  return { ...layout, order };
}

export function withHidden(layout: Layout, column: number, hide: boolean): Layout {
  const hidden = new Set(layout.hidden);
  if (hide) hidden.add(column);
  else hidden.delete(column);
  return { ...layout, hidden };
}

export function withPinned(layout: Layout, column: number, pin: boolean): Layout {
  const pinned = new Set(layout.pinned);
  if (pin) pinned.add(column);
  else pinned.delete(column);
  return { ...layout, pinned };
}

export function withWidth(layout: Layout, column: number, width: number): Layout {
  return { ...layout, widths: new Map(layout.widths).set(column, Math.round(Math.max(narrowest, Math.min(widest, width)))) };
}
