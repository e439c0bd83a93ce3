import { useCallback, useEffect, useId, useLayoutEffect, useMemo, useRef, useState, type KeyboardEvent, type MouseEvent } from 'react';
import { makeStyles, mergeClasses, tokens } from '@fluentui/react-components';
import { ChevronDown12Regular, ChevronRight12Regular } from '@fluentui/react-icons';
import type { Cell } from '../../api/types';
import { useZone } from '../../design/Time';
import type { Arranged, Order } from './arrange';
import { cellText, isEmpty, tree, widthOf } from './cells';
import type { Path } from './condition';
import { display, groupKey, Heights, rowHeight } from './display';
import { GridHead, headHeight } from './GridHead';
import { GridRow, useRowStyles } from './GridRow';
import { JsonTree, lineCount } from './JsonTree';
import { inWindow, moved, place, withWidth, type Layout } from './layout';
import type { Result } from './outcome';

const useStyles = makeStyles({
  scroller: {
    flexGrow: 1,
    minHeight: 0,
    minWidth: 0,
    overflow: 'auto',
    position: 'relative',
    outline: 'none',
    // Rows move under the pointer; the browser's own anchoring would fight with the window of rows.
    overflowAnchor: 'none',
    ':focus-visible': { boxShadow: `inset 0 0 0 2px ${tokens.colorStrokeFocus2}` },
  },
  body: { position: 'relative', minWidth: '100%' },
  panel: {
    position: 'absolute',
    left: 0,
    backgroundColor: tokens.colorNeutralBackground2,
    borderBottom: `1px solid ${tokens.colorNeutralStroke2}`,
    boxSizing: 'border-box',
  },
  panelBody: {
    position: 'sticky',
    left: 0,
    height: '100%',
    overflow: 'auto',
    boxSizing: 'border-box',
    padding: `${tokens.spacingVerticalXS} ${tokens.spacingHorizontalL} ${tokens.spacingVerticalXS} 44px`,
  },
});

// Place is a cell of the result, or a value inside of one.
export interface CellPlace {
  row: number;
  column: number;
  at: DOMRect;
  path?: Path;
  value: Cell | undefined;
}

export interface GridProps {
  table: Result;
  received: number;
  arranged: Arranged;
  layout: Layout;
  onLayout: (layout: Layout) => void;
  empty: ReadonlySet<number>;
  orders: readonly Order[];
  onOrders: (orders: readonly Order[]) => void;
  filtered: ReadonlySet<number>;
  group: number | undefined;
  openGroups: ReadonlySet<string>;
  onOpenGroups: (open: ReadonlySet<string>) => void;
  selected: ReadonlySet<number>;
  onSelected: (rows: ReadonlySet<number>) => void;
  inspected: number | undefined;
  onInspect: (row: number) => void;
  onCellMenu: (place: CellPlace) => void;
  onColumnMenu: (column: number, at: DOMRect) => void;
  onCopyCell: (cell: Cell | undefined) => void;
  onCopyRows: (rows: readonly number[]) => void;
}

// nextOrders is the sorting after a click on a column's heading: ascending, descending, none; with more, beside the columns that sort already.
export function nextOrders(orders: readonly Order[], column: number, more: boolean): Order[] {
  const had = orders.find((o) => o.column === column);
  const others = more ? orders.filter((o) => o.column !== column) : [];
  if (!had) return [...(more ? orders : []), { column, descending: false }];
  if (had.descending) return others;
  return more ? orders.map((o) => (o.column === column ? { column, descending: true } : o)) : [{ column, descending: true }];
}

const panelOpen = 2;
const panelLines = 12;

// Grid shows the rows of a result, virtual in both directions. One cell is active: arrow keys, Page Up and Down, Home and End move it, Enter inspects
// its row, Space selects it (with Shift a range), E expands it, Ctrl+C copies, the context-menu key opens its menu. Above the first row lie the headings.
export function Grid(props: GridProps) {
  const s = useStyles();
  const r = useRowStyles();
  const { zone } = useZone();
  const id = useId();
  const { table, arranged, layout, empty, selected, onSelected, openGroups, onOpenGroups, received } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, left: 0, width: 1000, height: 400 });
  const [active, setActive] = useState<{ line: number; index: number } | undefined>();
  const [expanded, setExpanded] = useState<ReadonlyMap<number, number>>(new Map());
  const anchor = useRef<number>(0);

  useLayoutEffect(() => {
    const el = scroller.current;
    if (!el) return;
    const read = () => setView({ top: el.scrollTop, left: el.scrollLeft, width: el.clientWidth, height: el.clientHeight });
    let frame = 0;
    const later = () => {
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(read);
    };
    read();
    const watch = new ResizeObserver(later);
    watch.observe(el);
    el.addEventListener('scroll', later, { passive: true });
    return () => {
      watch.disconnect();
      cancelAnimationFrame(frame);
      el.removeEventListener('scroll', later);
    };
  }, []);
  useEffect(() => {
    scroller.current?.scrollTo({ top: 0 });
  }, [props.orders, props.group, table]);

  // Widths follow the first rows; they are not guessed anew with every batch.
  const sampled = Math.min(received, 60);
  const guessed = useMemo(() => table.schema.map((_, i) => widthOf(table.schema, table.rows.slice(0, sampled), i)), [table, sampled]);
  const placed = useMemo(() => place(layout, empty, (c) => guessed[c] ?? 120), [layout, empty, guessed]);
  const shown = useMemo(() => [...placed.pinned, ...placed.rest], [placed]);
  const lines = useMemo(() => display(arranged, openGroups, (g) => groupKey(arranged, g)), [arranged, openGroups]);
  const panelOf = useCallback(
    (row: number, column: number): { value: Cell; height: number } => {
      const cells = table.rows[row] ?? [];
      const value: Cell =
        column >= 0
          ? (tree(cells[column]) ?? {})
          : Object.fromEntries(table.schema.flatMap((c, i) => (isEmpty(cells[i]) ? [] : [[c.name, tree(cells[i]) ?? cells[i] ?? null]])));
      const open = column >= 0 ? panelOpen : 1;
      return { value, height: Math.min(panelLines, lineCount(value, open, panelLines)) * 20 + 12 };
    },
    [table],
  );
  const heights = useMemo(
    () =>
      new Heights(
        lines.count,
        [...expanded].map(([row, column]) => [lines.lineOf(row), panelOf(row, column).height] as const),
      ),
    [lines, expanded, panelOf],
  );

  const gutter = 56 + Math.max(3, String(table.rows.length).length) * 8;
  const width = Math.max(view.width, gutter + placed.pinnedWidth + placed.width);
  const [first, after] = inWindow(placed.rest, view.left, view.left + view.width - gutter - placed.pinnedWidth);
  const rest = useMemo(() => placed.rest.slice(first, after), [placed, first, after]);
  const from = Math.max(0, heights.lineAt(Math.max(0, view.top - headHeight)) - 6);
  const to = lines.count === 0 ? 0 : Math.min(lines.count, heights.lineAt(view.top + view.height) + 7);

  const reveal = (line: number, index: number) => {
    const el = scroller.current;
    if (!el) return;
    if (line >= 0) {
      const top = heights.top(line);
      if (top < el.scrollTop) el.scrollTop = top;
      else if (top + rowHeight + headHeight > el.scrollTop + el.clientHeight) el.scrollTop = top + rowHeight + headHeight - el.clientHeight;
    } else el.scrollTop = 0;
    const c = shown[index];
    if (c && !c.pinned) {
      const room = el.clientWidth - gutter - placed.pinnedWidth;
      if (c.left < el.scrollLeft) el.scrollLeft = c.left;
      else if (c.left + c.width > el.scrollLeft + room) el.scrollLeft = Math.min(c.left, c.left + c.width - room);
    }
  };
  const go = (line: number, index: number) => {
    const next = { line: Math.max(-1, Math.min(lines.count - 1, line)), index: Math.max(0, Math.min(shown.length - 1, index)) };
    setActive(next);
    reveal(next.line, next.index);
    return next;
  };
  const toggleGroup = (group: number) => {
    const key = groupKey(arranged, group);
    const next = new Set(openGroups);
    if (!next.delete(key)) next.add(key);
    onOpenGroups(next);
  };
  const toggleExpand = (row: number, column: number) => {
    const next = new Map(expanded);
    if (next.get(row) === column) next.delete(row);
    else next.set(row, column);
    setExpanded(next);
  };
  const select = (line: number, range: boolean) => {
    const next = new Set(selected);
    if (range) {
      const [a, b] = [Math.min(anchor.current, line), Math.max(anchor.current, line)];
      for (let i = a; i <= b; i++) {
        const row = lines.at(i);
        if (row >= 0) next.add(row);
      }
    } else {
      const at = lines.at(line);
      const rows = at >= 0 ? [at] : [...(arranged.groups?.[-1 - at]?.rows ?? [])];
      const all = rows.every((x) => next.has(x));
      for (const x of rows) {
        if (all) next.delete(x);
        else next.add(x);
      }
      anchor.current = line;
    }
    onSelected(next);
  };
  const rectOf = (line: number, index: number): DOMRect =>
    document.getElementById(line < 0 ? `${id}-h-${index}` : `${id}-${line}-${index}`)?.getBoundingClientRect() ??
    scroller.current?.getBoundingClientRect() ??
    new DOMRect();
  const openMenu = (line: number, index: number, at: DOMRect) => {
    const column = shown[index]?.column;
    if (column === undefined) return;
    if (line < 0) return props.onColumnMenu(column, at);
    const row = lines.at(line);
    if (row >= 0) props.onCellMenu({ row, column, at, value: table.rows[row]?.[column] });
  };

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.target !== scroller.current) return;
    const at = active ?? { line: 0, index: 0 };
    const row = at.line >= 0 && at.line < lines.count ? lines.at(at.line) : undefined;
    const column = shown[at.index]?.column ?? -1;
    const page = Math.max(1, Math.floor((view.height - headHeight) / rowHeight) - 1);
    const command = event.ctrlKey || event.metaKey;
    const isGroup = row !== undefined && row < 0;
    const step = (line: number, index: number) => {
      const next = go(line, index);
      const to = next.line >= 0 ? lines.at(next.line) : -1;
      // An open record follows.
      if (props.inspected !== undefined && to >= 0) props.onInspect(to);
      if (event.shiftKey && !command && next.line >= 0 && line !== at.line) select(next.line, true);
    };
    if (event.shiftKey && (event.key === 'ArrowDown' || event.key === 'ArrowUp') && selected.size === 0)
      anchor.current = Math.max(0, at.line);
    switch (event.key) {
      case 'ArrowDown':
        if (event.altKey && at.line < 0) openMenu(-1, at.index, rectOf(-1, at.index));
        else step(active ? at.line + 1 : 0, at.index);
        break;
      case 'ArrowUp':
        step(at.line - 1, at.index);
        break;
      case 'j':
        step(active ? at.line + 1 : 0, at.index);
        break;
      case 'k':
        step(Math.max(0, at.line - 1), at.index);
        break;
      case 'ArrowRight':
        if (isGroup && !openGroups.has(groupKey(arranged, -1 - row))) toggleGroup(-1 - row);
        else go(at.line, at.index + 1);
        break;
      case 'ArrowLeft':
        if (isGroup && openGroups.has(groupKey(arranged, -1 - row))) toggleGroup(-1 - row);
        else go(at.line, at.index - 1);
        break;
      case 'PageDown':
        step(Math.max(0, at.line) + page, at.index);
        break;
      case 'PageUp':
        step(Math.max(0, at.line - page), at.index);
        break;
      case 'Home':
        go(command ? 0 : at.line, 0);
        break;
      case 'End':
        go(command ? lines.count - 1 : at.line, shown.length - 1);
        break;
      case 'Enter':
        if (at.line < 0) props.onOrders(nextOrders(props.orders, column, event.shiftKey));
        else if (isGroup) toggleGroup(-1 - row);
        else if (row !== undefined && active) props.onInspect(row);
        else return;
        break;
      case ' ':
        if (at.line >= 0 && row !== undefined) select(at.line, event.shiftKey);
        break;
      case 'Escape':
        if (selected.size === 0) return;
        onSelected(new Set());
        break;
      case 'ContextMenu':
        openMenu(at.line, at.index, rectOf(at.line, at.index));
        break;
      case 'F10':
        if (!event.shiftKey) return;
        openMenu(at.line, at.index, rectOf(at.line, at.index));
        break;
      default: {
        const key = event.key.toLowerCase();
        if (command && key === 'a') onSelected(new Set(arranged.rows));
        else if (command && key === 'c' && (window.getSelection()?.toString() ?? '') === '') {
          if (selected.size > 0) props.onCopyRows([...arranged.rows].filter((x) => selected.has(x)));
          else if (row !== undefined && row >= 0) {
            if (event.shiftKey) props.onCopyRows([row]);
            else props.onCopyCell(table.rows[row]?.[column]);
          }
        } else if (!command && key === 'e' && row !== undefined && row >= 0)
          toggleExpand(row, tree(table.rows[row]?.[column]) ? column : -1);
        else return;
      }
    }
    event.preventDefault();
  };

  const placeOf = (target: EventTarget | null) => {
    const el = target as HTMLElement;
    const line = Number(el.closest<HTMLElement>('[data-line]')?.dataset.line ?? NaN);
    const cell = el.closest<HTMLElement>('[data-index]');
    return {
      line,
      index: Number(cell?.dataset.index ?? NaN),
      column: Number(cell?.dataset.column ?? -1),
      does: el.closest<HTMLElement>('[data-do]')?.dataset.do,
      link: el.closest('a') !== null,
    };
  };
  const onClick = (event: MouseEvent) => {
    const at = placeOf(event.target);
    if (Number.isNaN(at.line) || at.line >= lines.count) return;
    const row = lines.at(at.line);
    if (at.does === 'group') {
      setActive({ line: at.line, index: 0 });
      return toggleGroup(-1 - row);
    }
    if (row < 0) return;
    if (at.does === 'select') return select(at.line, event.shiftKey);
    if (at.does === 'expand') return toggleExpand(row, -1);
    if (at.does === 'tree') return toggleExpand(row, at.column);
    if (Number.isNaN(at.index)) return;
    scroller.current?.focus({ preventScroll: true });
    setActive({ line: at.line, index: at.index });
    if (event.shiftKey) {
      window.getSelection()?.removeAllRanges();
      return select(at.line, true);
    }
    if (event.ctrlKey || event.metaKey) return select(at.line, false);
    anchor.current = at.line;
    if (!at.link && (window.getSelection()?.toString() ?? '') === '') props.onInspect(row);
  };
  const onContextMenu = (event: MouseEvent) => {
    if (event.target === scroller.current) {
      event.preventDefault();
      if (active) openMenu(active.line, active.index, rectOf(active.line, active.index));
      return;
    }
    const at = placeOf(event.target);
    if (Number.isNaN(at.line) || Number.isNaN(at.index)) return;
    event.preventDefault();
    setActive({ line: at.line, index: at.index });
    openMenu(at.line, at.index, new DOMRect(event.clientX, event.clientY, 0, 0));
  };

  // The heading is drawn seldom: its callbacks stay the same.
  const latest = useRef(props);
  useEffect(() => {
    latest.current = props;
  });
  const onSort = useCallback(
    (column: number, more: boolean) => latest.current.onOrders(nextOrders(latest.current.orders, column, more)),
    [],
  );
  const onColumnMenu = useCallback((column: number, at: DOMRect) => latest.current.onColumnMenu(column, at), []);
  const onWidth = useCallback((column: number, w: number) => latest.current.onLayout(withWidth(latest.current.layout, column, w)), []);
  const onFit = useCallback(
    (column: number) => latest.current.onLayout(withWidth(latest.current.layout, column, fit(latest.current, column))),
    [],
  );
  const onMove = useCallback((column: number, before: number) => latest.current.onLayout(moved(latest.current.layout, column, before)), []);
  const onAll = useCallback(() => {
    const p = latest.current;
    p.onSelected(p.selected.size >= p.arranged.rows.length ? new Set() : new Set(p.arranged.rows));
  }, []);

  // Only what is drawn can be named as the active cell.
  const drawn =
    active !== undefined &&
    (active.line < 0 || (active.line >= from && active.line < to)) &&
    (active.index < placed.pinned.length || (active.index >= placed.pinned.length + first && active.index < placed.pinned.length + after));
  // Lines that leave the window lend their elements to those that enter it.
  const pool = Math.ceil(view.height / rowHeight) + 16;
  const items = [];
  for (let line = from; line < to; line++) {
    const row = lines.at(line);
    const top = heights.top(line);
    if (row < 0) {
      const g = arranged.groups?.[-1 - row];
      const open = openGroups.has(groupKey(arranged, -1 - row));
      const label = g?.missing ? 'null' : g?.value === '' ? 'empty' : (g?.value ?? '').slice(0, 300);
      items.push(
        <div
          key={`g${groupKey(arranged, -1 - row)}`}
          role="row"
          aria-rowindex={line + 2}
          aria-expanded={open}
          aria-level={1}
          data-line={line}
          className={mergeClasses(r.row, r.group)}
          style={{ transform: `translateY(${top}px)`, width, height: rowHeight }}
        >
          <div
            role="gridcell"
            id={`${id}-${line}-${active?.index ?? 0}`}
            className={mergeClasses(active?.line === line && r.active)}
            style={{ height: '100%' }}
          >
            <button type="button" tabIndex={-1} className={r.groupLabel} data-do="group" dir="auto">
              {open ? <ChevronDown12Regular /> : <ChevronRight12Regular />}
              {table.schema[props.group ?? -1]?.name}: {label}
              <span className={r.count}>
                {(g?.rows.length ?? 0).toLocaleString()} {g?.rows.length === 1 ? 'row' : 'rows'}
              </span>
            </button>
          </div>
        </div>,
      );
      continue;
    }
    const cells = table.rows[row];
    if (!cells) continue;
    const column = expanded.get(row);
    items.push(
      <GridRow
        key={`l${line % pool}`}
        id={id}
        line={line}
        row={row}
        number={arranged.groups ? row + 1 : line + 1}
        top={top}
        width={width}
        gutter={gutter}
        pinnedWidth={placed.pinnedWidth}
        cells={cells}
        schema={table.schema}
        pinned={placed.pinned}
        rest={rest}
        first={first}
        zone={zone}
        active={active?.line === line ? active.index : -1}
        selected={selected.has(row)}
        inspected={props.inspected === row}
        expanded={column !== undefined}
      />,
    );
    if (column !== undefined) {
      const panel = panelOf(row, column);
      items.push(
        <div
          key={`p${row}`}
          className={s.panel}
          role="row"
          style={{ transform: `translateY(${top + rowHeight}px)`, width, height: panel.height }}
        >
          <div role="gridcell" className={s.panelBody} style={{ width: view.width }} tabIndex={0}>
            <JsonTree
              key={column}
              value={panel.value}
              open={column >= 0 ? panelOpen : 1}
              label={column >= 0 ? (table.schema[column]?.name ?? '') : 'Record'}
              onMenu={(path, value, at) => {
                const name = path[0];
                const of = column >= 0 ? column : table.schema.findIndex((c) => c.name === name);
                const inner = column >= 0 ? path : path.slice(1);
                props.onCellMenu({
                  row,
                  column: of,
                  at,
                  value: inner.length > 0 ? value : table.rows[row]?.[of],
                  ...(inner.length > 0 ? { path: inner } : {}),
                });
              }}
            />
          </div>
        </div>,
      );
    }
  }

  return (
    <div
      ref={scroller}
      className={s.scroller}
      role={arranged.groups ? 'treegrid' : 'grid'}
      aria-label="Results"
      aria-rowcount={lines.count + 1}
      aria-colcount={shown.length + 1}
      aria-multiselectable
      tabIndex={0}
      aria-activedescendant={drawn ? (active.line < 0 ? `${id}-h-${active.index}` : `${id}-${active.line}-${active.index}`) : undefined}
      onKeyDown={onKeyDown}
      onClick={onClick}
      onContextMenu={onContextMenu}
      onMouseDown={(event) => {
        if (event.shiftKey) event.preventDefault();
      }}
    >
      <GridHead
        id={id}
        schema={table.schema}
        pinned={placed.pinned}
        rest={rest}
        first={first}
        gutter={gutter}
        pinnedWidth={placed.pinnedWidth}
        width={width}
        orders={props.orders}
        filtered={props.filtered}
        active={active?.line === -1 ? active.index : -1}
        all={selected.size === 0 ? 'none' : selected.size >= arranged.rows.length ? 'all' : 'some'}
        onAll={onAll}
        onSort={onSort}
        onMenu={onColumnMenu}
        onWidth={onWidth}
        onFit={onFit}
        onMove={onMove}
      />
      <div className={s.body} role="rowgroup" style={{ height: heights.total(), width }}>
        {items}
      </div>
    </div>
  );
}

const fitRows = 2000;

// fit is the width that shows the longest of a column's first rows in the order of the grid.
export function fit(p: Pick<GridProps, 'table' | 'arranged'>, column: number): number {
  let longest = 0;
  for (let i = 0; i < p.arranged.rows.length && i < fitRows; i++)
    longest = Math.max(longest, cellText(p.table.rows[p.arranged.rows[i] ?? 0]?.[column]).length);
  const { name = '', type = '' } = p.table.schema[column] ?? {};
  if (type === 'datetime') longest = Math.min(longest, 24);
  return Math.max(name.length * 7.4 + 62, Math.min(900, longest * 6.9 + 30));
}
