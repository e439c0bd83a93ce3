// Selection of rows by id, with ranges by index from the last row that was ticked.

export interface Selection {
  ids: ReadonlySet<string>;
  anchor: number;
}

export const nothing: Selection = { ids: new Set(), anchor: -1 };

// toggle ticks or unticks one row and makes it the anchor.
export function toggle(selection: Selection, id: string, index: number): Selection {
  const ids = new Set(selection.ids);
  if (!ids.delete(id)) ids.add(id);
  return { ids, anchor: index };
}

// extend ticks every row from the anchor to the index. Rows that are not loaded are left out.
export function extend(selection: Selection, index: number, idAt: (index: number) => string | undefined): Selection {
  const anchor = selection.anchor < 0 ? index : selection.anchor;
  const ids = new Set(selection.ids);
  for (let i = Math.min(anchor, index); i <= Math.max(anchor, index); i++) {
    const id = idAt(i);
    if (id !== undefined) ids.add(id);
  }
  return { ids, anchor };
}
