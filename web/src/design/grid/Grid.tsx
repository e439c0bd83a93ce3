import { useEffect, useMemo, useRef, useState, type KeyboardEvent, type MouseEvent, type ReactNode } from 'react';
import { Checkbox, makeStyles, mergeClasses, SkeletonItem, tokens } from '@fluentui/react-components';
import { ChevronDown16Regular, ChevronRight16Regular } from '@fluentui/react-icons';
import { getCoreRowModel, useReactTable, type ColumnDef } from '@tanstack/react-table';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useKeys } from '../../app/keys';
import { move, type GridColumn, type Layout } from './columns';
import { HeaderCell } from './HeaderCell';
import { extend, toggle, type Selection } from './selection';

export interface GridProps<T> {
  label: string;
  columns: readonly GridColumn<T>[];
  layout: Layout;
  onLayout: (layout: Layout) => void;
  count: number;
  row: (index: number) => T | undefined;
  idOf: (row: T) => string;
  nameOf: (row: T) => string;
  onShow?: (first: number, last: number) => void;
  rowHeight?: 32 | 40;
  orderby?: string | undefined;
  onOrder?: (orderby: string) => void;
  selection?: Selection;
  onSelection?: (selection: Selection) => void;
  // The row whose pane is open.
  current?: string | undefined;
  onCurrent?: (row: T | undefined, index: number) => void;
  onOpen?: (row: T) => void;
  // What a narrow screen shows of a row instead of columns.
  narrow?: (row: T) => ReactNode;
  expand?: (row: T) => ReactNode;
  dimmed?: boolean;
  keys?: boolean;
}

const checkWidth = 36;
const expandWidth = 28;
const narrowBelow = 600;
const narrowHeight = 72;

const useStyles = makeStyles({
  scroller: {
    overflow: 'auto',
    flexGrow: 1,
    minHeight: 0,
    position: 'relative',
    outline: 'none',
    borderTop: `1px solid ${tokens.colorNeutralStroke2}`,
    ':focus-visible': { boxShadow: `inset 0 0 0 2px ${tokens.colorStrokeFocus2}` },
  },
  head: {
    position: 'sticky',
    top: 0,
    zIndex: 2,
    display: 'flex',
    height: '32px',
    backgroundColor: tokens.colorNeutralBackground1,
    borderBottom: `1px solid ${tokens.colorNeutralStroke1}`,
  },
  row: {
    position: 'absolute',
    top: 0,
    left: 0,
    minWidth: '100%',
    boxSizing: 'border-box',
    borderBottom: `1px solid ${tokens.colorNeutralStroke3}`,
    backgroundColor: tokens.colorNeutralBackground1,
    cursor: 'default',
    ':hover': { backgroundColor: tokens.colorNeutralBackground1Hover },
  },
  line: { display: 'flex', alignItems: 'center' },
  selected: { backgroundColor: tokens.colorBrandBackground2, ':hover': { backgroundColor: tokens.colorBrandBackground2 } },
  current: {
    boxShadow: `inset 3px 0 0 0 ${tokens.colorBrandForeground1}`,
    backgroundColor: tokens.colorBrandBackground2,
    ':hover': { backgroundColor: tokens.colorBrandBackground2 },
  },
  cursor: { outline: `1px solid ${tokens.colorStrokeFocus2}`, outlineOffset: '-1px' },
  cell: {
    boxSizing: 'border-box',
    flexShrink: 0,
    paddingLeft: tokens.spacingHorizontalS,
    paddingRight: tokens.spacingHorizontalS,
    overflow: 'hidden',
    textOverflow: 'ellipsis',
    whiteSpace: 'nowrap',
    minWidth: 0,
    display: 'block',
  },
  numeric: { textAlign: 'right', fontVariantNumeric: 'tabular-nums' },
  check: { width: `${checkWidth}px`, flexShrink: 0, display: 'flex', alignItems: 'center', justifyContent: 'center' },
  expander: {
    width: `${expandWidth}px`,
    height: '28px',
    flexShrink: 0,
    display: 'flex',
    alignItems: 'center',
    justifyContent: 'center',
    color: tokens.colorNeutralForeground2,
    backgroundColor: 'transparent',
    border: 'none',
    padding: 0,
    cursor: 'pointer',
  },
  dimmed: { opacity: 0.55 },
  narrowCell: { flexGrow: 1, minWidth: 0, paddingLeft: tokens.spacingHorizontalS, paddingRight: tokens.spacingHorizontalM },
});

// Grid is the virtual grid behind every list. It asks for rows by index, keeps a cursor for the keyboard (j, k, x, Enter, arrows, Home, End),
// and leaves sorting, selection and column layout to its owner.
export function Grid<T>(props: GridProps<T>) {
  const s = useStyles();
  const { columns, layout, count, row, idOf, selection, onSelection, onCurrent, onOpen, onShow, rowHeight = 32 } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(1200);
  const [cursor, setCursor] = useState(-1);
  const [expanded, setExpanded] = useState<ReadonlySet<string>>(new Set());

  useEffect(() => {
    const el = scroller.current;
    if (!el) return;
    const watch = new ResizeObserver(() => setWidth(el.clientWidth));
    watch.observe(el);
    return () => watch.disconnect();
  }, []);
  const narrow = props.narrow !== undefined && width < narrowBelow;

  const defs = useMemo<ColumnDef<T>[]>(
    () => columns.map((c) => ({ id: c.id, header: c.header, size: c.width, minSize: c.minWidth ?? 56, maxSize: 2000 })),
    [columns],
  );
  const empty = useMemo<T[]>(() => [], []);
  const table = useReactTable<T>({
    data: empty,
    columns: defs,
    getCoreRowModel: getCoreRowModel(),
    manualSorting: true,
    manualPagination: true,
    state: {
      columnOrder: layout.order,
      columnSizing: layout.widths,
      columnVisibility: Object.fromEntries(layout.hidden.map((id) => [id, false])),
    },
  });
  const byId = useMemo(() => new Map(columns.map((c) => [c.id, c])), [columns]);
  const shown = table.getVisibleLeafColumns().flatMap((c) => {
    const column = byId.get(c.id);
    return column ? [{ column, width: c.getSize() }] : [];
  });
  const lead = (selection ? checkWidth : 0) + (props.expand && !narrow ? expandWidth : 0);
  const fixedTotal = lead + shown.reduce((sum, c) => sum + c.width, 0);
  // The first column takes what the window leaves over.
  const spare = Math.max(0, width - fixedTotal);
  const total = narrow ? width : fixedTotal + spare;
  const height = narrow ? narrowHeight : rowHeight;

  const virtual = useVirtualizer({
    count,
    getScrollElement: () => scroller.current,
    estimateSize: () => height,
    overscan: 12,
    scrollMargin: 0,
  });
  useEffect(() => virtual.measure(), [virtual, height]);
  const items = virtual.getVirtualItems();
  const firstShown = items[0]?.index ?? 0;
  const lastShown = items.at(-1)?.index ?? 0;
  useEffect(() => onShow?.(firstShown, lastShown), [onShow, firstShown, lastShown]);

  // A pane that is stepped from outside moves the cursor with it.
  const currentIndex = props.current === undefined ? -1 : (items.find((v) => idOfIndex(v.index) === props.current)?.index ?? -1);
  useEffect(() => {
    if (currentIndex >= 0) setCursor(currentIndex);
  }, [currentIndex]);

  function idOfIndex(index: number): string | undefined {
    const r = row(index);
    return r === undefined ? undefined : idOf(r);
  }

  function go(to: number) {
    if (count === 0) return;
    const next = Math.max(0, Math.min(count - 1, to));
    setCursor(next);
    virtual.scrollToIndex(next, { align: 'auto' });
    const r = row(next);
    if (props.current !== undefined && r !== undefined) onCurrent?.(r, next);
  }

  const tick = () => {
    const id = idOfIndex(cursor);
    if (id !== undefined && selection) onSelection?.(toggle(selection, id, cursor));
  };
  const open = () => {
    const r = row(cursor);
    if (r !== undefined) onOpen?.(r);
  };
  useKeys(
    {
      j: () => go(cursor + 1),
      k: () => go(cursor - 1),
      x: tick,
      Enter: (event) => {
        const target = event.target;
        if (target instanceof Element && target.closest('a,button,[role="tab"],[role="checkbox"]')) return;
        if (cursor >= 0) {
          event.preventDefault();
          open();
        }
      },
    },
    props.keys ?? true,
  );

  const onKeyDown = (event: KeyboardEvent) => {
    const steps: Record<string, number> = {
      ArrowDown: cursor + 1,
      ArrowUp: cursor - 1,
      PageDown: cursor + Math.max(1, items.length - 26),
      PageUp: cursor - Math.max(1, items.length - 26),
      Home: 0,
      End: count - 1,
    };
    const to = steps[event.key];
    if (to !== undefined && event.target === scroller.current) {
      event.preventDefault();
      go(to);
    } else if (event.key === ' ' && event.target === scroller.current) {
      event.preventDefault();
      const r = row(cursor);
      if (r !== undefined) onCurrent?.(r, cursor);
    } else if (event.key === 'ArrowRight' && event.target === scroller.current && props.expand) {
      const id = idOfIndex(cursor);
      if (id !== undefined) setExpanded((e) => new Set(e).add(id));
    } else if (event.key === 'ArrowLeft' && event.target === scroller.current && props.expand) {
      const id = idOfIndex(cursor);
      setExpanded((e) => new Set([...e].filter((x) => x !== id)));
    }
  };

  const click = (event: MouseEvent, r: T, index: number) => {
    if (event.target instanceof Element && event.target.closest('a,button,input,label,[data-no-row]')) return;
    setCursor(index);
    if (event.shiftKey && selection) {
      event.preventDefault();
      onSelection?.(extend(selection, index, idOfIndex));
      return;
    }
    if ((event.ctrlKey || event.metaKey) && selection) {
      onSelection?.(toggle(selection, idOf(r), index));
      return;
    }
    onCurrent?.(r, index);
  };

  const tickBox = (event: MouseEvent | KeyboardEvent, r: T, index: number) => {
    if (!selection) return;
    if (event.shiftKey) onSelection?.(extend(selection, index, idOfIndex));
    else onSelection?.(toggle(selection, idOf(r), index));
  };
  const [sortId, sortWay] = (props.orderby ?? '').split(':');
  const loadedIds = items.map((v) => idOfIndex(v.index)).filter((id) => id !== undefined);
  const allTicked = selection !== undefined && loadedIds.length > 0 && loadedIds.every((id) => selection.ids.has(id));

  return (
    <div
      ref={scroller}
      className={s.scroller}
      role={props.expand && !narrow ? 'treegrid' : 'grid'}
      aria-label={props.label}
      aria-rowcount={count + 1}
      aria-multiselectable={selection ? true : undefined}
      tabIndex={0}
      aria-activedescendant={
        cursor >= 0 && cursor >= firstShown && cursor <= lastShown ? `${props.label}-row-${cursor}`.replaceAll(' ', '-') : undefined
      }
      onKeyDown={onKeyDown}
    >
      {narrow ? null : (
        <div className={s.head} role="row" aria-rowindex={1} style={{ width: total }}>
          {selection ? (
            <div className={s.check} role="columnheader">
              <Checkbox
                aria-label="Select the rows on screen"
                checked={allTicked ? true : selection.ids.size > 0 ? 'mixed' : false}
                onChange={() => onSelection?.({ ids: selection.ids.size > 0 ? new Set() : new Set(loadedIds), anchor: -1 })}
              />
            </div>
          ) : null}
          {props.expand ? <div style={{ width: expandWidth, flexShrink: 0 }} role="columnheader" aria-label="Expand" /> : null}
          {shown.map(({ column, width: w }, i) => (
            <HeaderCell
              key={column.id}
              column={column}
              width={i === 0 ? w + spare : w}
              sorted={column.sort !== undefined && column.sort === sortId ? (sortWay === 'asc' ? 'asc' : 'desc') : undefined}
              onSort={
                column.sort !== undefined && props.onOrder
                  ? () => props.onOrder?.(`${column.sort}:${column.sort === sortId && sortWay !== 'asc' ? 'asc' : 'desc'}`)
                  : undefined
              }
              onResize={(next) =>
                props.onLayout({ ...layout, widths: { ...layout.widths, [column.id]: Math.round(Math.max(column.minWidth ?? 56, next)) } })
              }
              onDropBefore={(moved) => props.onLayout(move(layout, moved, column.id))}
            />
          ))}
        </div>
      )}
      <div
        style={{ height: virtual.getTotalSize(), width: total, position: 'relative' }}
        className={props.dimmed ? s.dimmed : undefined}
        role="rowgroup"
      >
        {items.map((v) => {
          const r = row(v.index);
          const id = r === undefined ? undefined : idOf(r);
          const isSelected = id !== undefined && selection?.ids.has(id) === true;
          const isCurrent = id !== undefined && id === props.current;
          const isExpanded = id !== undefined && expanded.has(id) && !narrow;
          return (
            <div
              key={v.key}
              id={`${props.label}-row-${v.index}`.replaceAll(' ', '-')}
              ref={virtual.measureElement}
              data-index={v.index}
              data-row-id={id}
              role="row"
              aria-rowindex={v.index + 2}
              aria-selected={selection ? isSelected : undefined}
              aria-expanded={props.expand && !narrow ? isExpanded : undefined}
              aria-level={props.expand && !narrow ? 1 : undefined}
              className={mergeClasses(s.row, isSelected && s.selected, isCurrent && s.current, v.index === cursor && s.cursor)}
              style={{ transform: `translateY(${v.start}px)`, width: total }}
              onClick={r === undefined ? undefined : (event) => click(event, r, v.index)}
              onDoubleClick={
                r === undefined
                  ? undefined
                  : (event) => {
                      if (event.target instanceof Element && event.target.closest('a,button,input,label')) return;
                      onOpen?.(r);
                    }
              }
            >
              <div className={s.line} style={{ height: height - 1 }}>
                {selection ? (
                  <div className={s.check} role="gridcell">
                    {r !== undefined ? (
                      <Checkbox
                        tabIndex={-1}
                        aria-label={`Select ${props.nameOf(r)}`}
                        checked={isSelected}
                        onClick={(event) => {
                          event.stopPropagation();
                          tickBox(event, r, v.index);
                        }}
                      />
                    ) : null}
                  </div>
                ) : null}
                {props.expand && !narrow ? (
                  <div role="gridcell">
                    <button
                      type="button"
                      tabIndex={-1}
                      className={s.expander}
                      aria-label={`${isExpanded ? 'Collapse' : 'Expand'} ${r === undefined ? 'row' : props.nameOf(r)}`}
                      onClick={() => {
                        if (id === undefined) return;
                        setExpanded((e) => (e.has(id) ? new Set([...e].filter((x) => x !== id)) : new Set(e).add(id)));
                      }}
                    >
                      {isExpanded ? <ChevronDown16Regular /> : <ChevronRight16Regular />}
                    </button>
                  </div>
                ) : null}
                {r === undefined ? (
                  <div role="gridcell" style={{ width: '60%', paddingLeft: 8 }}>
                    <SkeletonItem size={12} />
                  </div>
                ) : narrow ? (
                  <div className={s.narrowCell} role="gridcell">
                    {props.narrow?.(r)}
                  </div>
                ) : (
                  shown.map(({ column, width: w }, i) => (
                    <div
                      key={column.id}
                      role="gridcell"
                      className={mergeClasses(s.cell, column.numeric && s.numeric)}
                      style={{ width: i === 0 ? w + spare : w }}
                    >
                      {column.cell(r)}
                    </div>
                  ))
                )}
              </div>
              {isExpanded && r !== undefined ? (
                <div data-no-row style={{ width: Math.min(total, width) }}>
                  {props.expand?.(r)}
                </div>
              ) : null}
            </div>
          );
        })}
      </div>
    </div>
  );
}
