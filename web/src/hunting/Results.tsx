import { useEffect, useMemo, useRef, useState, type KeyboardEvent } from 'react';
import {
  Button,
  Checkbox,
  makeStyles,
  Menu,
  MenuItem,
  MenuList,
  MenuPopover,
  mergeClasses,
  Popover,
  PopoverSurface,
  PopoverTrigger,
  tokens,
  type PositioningVirtualElement,
} from '@fluentui/react-components';
import { ArrowDown12Regular, ArrowUp12Regular, Filter12Filled, Filter12Regular } from '@fluentui/react-icons';
import { useVirtualizer } from '@tanstack/react-virtual';
import type { Cell, HuntResult } from '../api/types';
import { useZone } from '../design/Time';
import { exact } from '../design/time';
import { cellText, distinct, isNumeric, widthOf, type Order } from './result';

const rowHeight = 28;
const headHeight = 32;
const numberWidth = 56;

const useStyles = makeStyles({
  scroller: {
    flexGrow: 1,
    minHeight: 0,
    overflow: 'auto',
    position: 'relative',
    outline: 'none',
    ':focus-visible': { boxShadow: `inset 0 0 0 2px ${tokens.colorStrokeFocus2}` },
  },
  head: {
    position: 'sticky',
    top: 0,
    zIndex: 2,
    height: `${headHeight}px`,
    backgroundColor: tokens.colorNeutralBackground2,
    borderBottom: `1px solid ${tokens.colorNeutralStroke1}`,
  },
  headCell: {
    position: 'absolute',
    top: 0,
    height: `${headHeight}px`,
    boxSizing: 'border-box',
    display: 'flex',
    alignItems: 'center',
    borderRight: `1px solid ${tokens.colorNeutralStroke3}`,
    fontSize: tokens.fontSizeBase200,
    fontWeight: tokens.fontWeightSemibold,
  },
  sort: {
    flexGrow: 1,
    minWidth: 0,
    height: '100%',
    display: 'flex',
    alignItems: 'center',
    gap: '2px',
    padding: `0 ${tokens.spacingHorizontalS}`,
    border: 'none',
    background: 'none',
    font: 'inherit',
    color: 'inherit',
    cursor: 'pointer',
    textAlign: 'left',
    ':focus-visible': { outline: `2px solid ${tokens.colorStrokeFocus2}`, outlineOffset: '-2px' },
  },
  cut: { overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap' },
  filter: { minWidth: '24px', width: '24px', height: '24px', padding: 0, flexShrink: 0 },
  handle: {
    position: 'absolute',
    right: '-3px',
    top: 0,
    bottom: 0,
    width: '7px',
    cursor: 'col-resize',
    touchAction: 'none',
    zIndex: 1,
    ':hover': { backgroundColor: tokens.colorBrandStroke2 },
  },
  row: {
    position: 'absolute',
    left: 0,
    height: `${rowHeight}px`,
    borderBottom: `1px solid ${tokens.colorNeutralStroke3}`,
    boxSizing: 'border-box',
    ':hover': { backgroundColor: tokens.colorNeutralBackground1Hover },
  },
  picked: { backgroundColor: tokens.colorNeutralBackground1Selected },
  cell: {
    position: 'absolute',
    top: 0,
    height: `${rowHeight - 1}px`,
    lineHeight: `${rowHeight - 1}px`,
    boxSizing: 'border-box',
    padding: `0 ${tokens.spacingHorizontalS}`,
    overflow: 'hidden',
    textOverflow: 'ellipsis',
    whiteSpace: 'pre',
    fontSize: tokens.fontSizeBase200,
    cursor: 'cell',
  },
  numeric: { textAlign: 'right', fontVariantNumeric: 'tabular-nums' },
  active: { outline: `2px solid ${tokens.colorStrokeFocus2}`, outlineOffset: '-2px' },
  null: { color: tokens.colorNeutralForeground4 },
  number: {
    position: 'absolute',
    left: 0,
    top: 0,
    width: `${numberWidth}px`,
    height: `${rowHeight - 1}px`,
    border: 'none',
    background: 'none',
    font: 'inherit',
    fontSize: tokens.fontSizeBase200,
    color: tokens.colorNeutralForeground3,
    cursor: 'pointer',
    textAlign: 'right',
    padding: `0 ${tokens.spacingHorizontalS}`,
    ':hover': { textDecorationLine: 'underline', color: tokens.colorBrandForegroundLink },
  },
  surface: { maxHeight: '50vh', overflowY: 'auto', padding: tokens.spacingHorizontalM, maxWidth: '360px' },
  option: { display: 'flex', alignItems: 'center' },
  count: { marginLeft: 'auto', color: tokens.colorNeutralForeground3, fontSize: tokens.fontSizeBase200 },
});

export interface ResultsProps {
  result: HuntResult;
  rows: readonly number[];
  hidden: ReadonlySet<number>;
  order: Order | undefined;
  onOrder: (order: Order | undefined) => void;
  chosen: ReadonlyMap<number, ReadonlySet<string>>;
  onChosen: (column: number, values: ReadonlySet<string>) => void;
  inspected: number | undefined;
  onInspect: (row: number) => void;
  onCondition: (column: string, value: Cell, equal: boolean) => void;
  onCopied: (what: string) => void;
}

// Results is the grid of a query's rows, virtual in both directions. Arrow keys move from cell to cell, Ctrl+C copies, Enter inspects the row.
export function Results(props: ResultsProps) {
  const s = useStyles();
  const { result, rows, hidden, order } = props;
  const { zone } = useZone();
  const scroller = useRef<HTMLDivElement>(null);
  const [active, setActive] = useState<{ row: number; column: number } | undefined>();
  const [menu, setMenu] = useState<{ row: number; column: number; at: PositioningVirtualElement } | undefined>();
  const [widths, setWidths] = useState<ReadonlyMap<number, number>>(new Map());
  const drag = useRef<{ column: number; x: number; width: number } | null>(null);
  useEffect(() => {
    setActive(undefined);
    setWidths(new Map());
    scroller.current?.scrollTo({ top: 0, left: 0 });
  }, [result]);

  const columns = useMemo(() => result.schema.map((_, i) => i).filter((i) => !hidden.has(i)), [result, hidden]);
  const guessed = useMemo(() => result.schema.map((_, i) => widthOf(result, i)), [result]);
  const width = (column: number) => widths.get(column) ?? guessed[column] ?? 120;
  const vRows = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 10,
    paddingStart: headHeight,
    scrollPaddingStart: headHeight,
  });
  const vColumns = useVirtualizer({
    horizontal: true,
    count: columns.length,
    getScrollElement: () => scroller.current,
    estimateSize: (i) => width(columns[i] ?? 0),
    overscan: 3,
    paddingStart: numberWidth,
    scrollPaddingStart: numberWidth,
  });
  useEffect(() => vColumns.measure(), [vColumns, widths, columns, guessed]);
  const totalWidth = vColumns.getTotalSize();

  const cellOf = (row: number, column: number): Cell | undefined => result.rows[rows[row] ?? -1]?.[columns[column] ?? -1];
  const copy = (row: number, column: number) => {
    const text = cellText(cellOf(row, column));
    void navigator.clipboard.writeText(text).then(() => props.onCopied('Value copied'));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.target !== scroller.current) return;
    const at = active ?? { row: 0, column: 0 };
    const to = (row: number, column: number) => {
      const next = { row: Math.max(0, Math.min(rows.length - 1, row)), column: Math.max(0, Math.min(columns.length - 1, column)) };
      setActive(next);
      vRows.scrollToIndex(next.row);
      vColumns.scrollToIndex(next.column);
    };
    if (event.key === 'ArrowDown') to(at.row + (active ? 1 : 0), at.column);
    else if (event.key === 'ArrowUp') to(at.row - 1, at.column);
    else if (event.key === 'ArrowRight') to(at.row, at.column + 1);
    else if (event.key === 'ArrowLeft') to(at.row, at.column - 1);
    else if (event.key === 'PageDown') to(at.row + 20, at.column);
    else if (event.key === 'PageUp') to(at.row - 20, at.column);
    else if (event.key === 'Home') to(event.ctrlKey ? 0 : at.row, 0);
    else if (event.key === 'End') to(event.ctrlKey ? rows.length - 1 : at.row, columns.length - 1);
    else if (event.key === 'Enter' && active) props.onInspect(rows[active.row] ?? 0);
    else if (
      event.key.toLowerCase() === 'c' &&
      (event.ctrlKey || event.metaKey) &&
      active &&
      (window.getSelection()?.toString() ?? '') === ''
    )
      copy(active.row, active.column);
    else return;
    event.preventDefault();
  };

  return (
    <div
      ref={scroller}
      className={s.scroller}
      role="grid"
      aria-label="Results"
      aria-rowcount={rows.length + 1}
      aria-colcount={columns.length}
      tabIndex={0}
      aria-activedescendant={active ? `result-${active.row}-${active.column}` : undefined}
      onKeyDown={onKeyDown}
    >
      <div className={s.head} role="row" style={{ width: totalWidth }}>
        {vColumns.getVirtualItems().map((v) => {
          const column = columns[v.index] ?? 0;
          const { name = '', type = '' } = result.schema[column] ?? {};
          const sorted = order?.column === column ? (order.descending ? 'descending' : 'ascending') : undefined;
          return (
            <div key={v.key} role="columnheader" aria-sort={sorted} className={s.headCell} style={{ left: v.start, width: v.size }}>
              <button
                type="button"
                className={s.sort}
                title={`${name}: ${type}`}
                onClick={() =>
                  props.onOrder(
                    sorted === undefined
                      ? { column, descending: isNumeric(type) }
                      : order?.descending === isNumeric(type)
                        ? { column, descending: !order.descending }
                        : undefined,
                  )
                }
              >
                <span className={s.cut}>{name}</span>
                {sorted === 'ascending' ? <ArrowUp12Regular /> : sorted === 'descending' ? <ArrowDown12Regular /> : null}
              </button>
              <ColumnFilter
                result={result}
                column={column}
                chosen={props.chosen.get(column)}
                onChosen={(values) => props.onChosen(column, values)}
              />
              <span
                className={s.handle}
                aria-hidden
                onPointerDown={(event) => {
                  event.preventDefault();
                  drag.current = { column, x: event.clientX, width: v.size };
                  event.currentTarget.setPointerCapture(event.pointerId);
                }}
                onPointerMove={(event) => {
                  const d = drag.current;
                  if (d) setWidths((w) => new Map(w).set(d.column, Math.max(48, Math.min(1200, d.width + event.clientX - d.x))));
                }}
                onPointerUp={() => {
                  drag.current = null;
                }}
              />
            </div>
          );
        })}
      </div>
      <div style={{ height: vRows.getTotalSize() - headHeight, width: totalWidth, position: 'relative' }} role="rowgroup">
        {vRows.getVirtualItems().map((r) => {
          const row = rows[r.index] ?? 0;
          return (
            <div
              key={r.key}
              role="row"
              aria-rowindex={r.index + 2}
              className={mergeClasses(s.row, props.inspected === row && s.picked)}
              style={{ transform: `translateY(${r.start - headHeight}px)`, width: totalWidth }}
            >
              <button
                type="button"
                tabIndex={-1}
                className={s.number}
                title="Inspect record"
                aria-label={`Inspect record ${r.index + 1}`}
                onClick={() => props.onInspect(row)}
              >
                {(r.index + 1).toLocaleString()}
              </button>
              {vColumns.getVirtualItems().map((v) => {
                const column = columns[v.index] ?? 0;
                const cell = result.rows[row]?.[column];
                const type = result.schema[column]?.type ?? '';
                const text = cellText(cell);
                const shown = type === 'datetime' ? exact(text, zone) : text.length > 300 ? `${text.slice(0, 300)}…` : text;
                return (
                  <div
                    key={v.key}
                    id={`result-${r.index}-${v.index}`}
                    role="gridcell"
                    title={text.length > 40 || type === 'datetime' ? text.slice(0, 1000) : undefined}
                    className={mergeClasses(
                      s.cell,
                      isNumeric(type) && s.numeric,
                      text === '' && s.null,
                      active?.row === r.index && active.column === v.index && s.active,
                    )}
                    style={{ left: v.start, width: v.size }}
                    onClick={() => setActive({ row: r.index, column: v.index })}
                    onDoubleClick={() => props.onInspect(row)}
                    onContextMenu={(event) => {
                      event.preventDefault();
                      const { clientX: x, clientY: y } = event;
                      setActive({ row: r.index, column: v.index });
                      setMenu({ row: r.index, column: v.index, at: { getBoundingClientRect: () => new DOMRect(x, y, 0, 0) } });
                    }}
                  >
                    {text === '' ? '–' : shown.replaceAll('\n', '⏎')}
                  </div>
                );
              })}
            </div>
          );
        })}
      </div>
      {menu ? (
        <Menu open onOpenChange={(_, d) => !d.open && setMenu(undefined)} positioning={{ target: menu.at }}>
          <MenuPopover>
            <MenuList>
              <MenuItem onClick={() => copy(menu.row, menu.column)}>Copy value</MenuItem>
              <MenuItem onClick={() => props.onInspect(rows[menu.row] ?? 0)}>Inspect record</MenuItem>
              <MenuItem
                onClick={() =>
                  props.onCondition(result.schema[columns[menu.column] ?? 0]?.name ?? '', cellOf(menu.row, menu.column) ?? null, true)
                }
              >
                Add to query: equals
              </MenuItem>
              <MenuItem
                onClick={() =>
                  props.onCondition(result.schema[columns[menu.column] ?? 0]?.name ?? '', cellOf(menu.row, menu.column) ?? null, false)
                }
              >
                Add to query: differs
              </MenuItem>
              <MenuItem onClick={() => props.onChosen(columns[menu.column] ?? 0, new Set([cellText(cellOf(menu.row, menu.column))]))}>
                Filter the result to this value
              </MenuItem>
            </MenuList>
          </MenuPopover>
        </Menu>
      ) : null}
    </div>
  );
}

function ColumnFilter({
  result,
  column,
  chosen,
  onChosen,
}: {
  result: HuntResult;
  column: number;
  chosen: ReadonlySet<string> | undefined;
  onChosen: (values: ReadonlySet<string>) => void;
}) {
  const s = useStyles();
  const [open, setOpen] = useState(false);
  const values = useMemo(() => (open ? distinct(result, column) : []), [open, result, column]);
  const on = (chosen?.size ?? 0) > 0;
  const name = result.schema[column]?.name ?? '';
  return (
    <Popover open={open} onOpenChange={(_, d) => setOpen(d.open)} trapFocus>
      <PopoverTrigger disableButtonEnhancement>
        <Button
          className={s.filter}
          appearance="transparent"
          size="small"
          icon={on ? <Filter12Filled /> : <Filter12Regular />}
          aria-label={`Filter ${name}${on ? ', on' : ''}`}
        />
      </PopoverTrigger>
      <PopoverSurface className={s.surface} aria-label={`Values of ${name}`}>
        {values.map((v) => (
          <div key={v.value} className={s.option}>
            <Checkbox
              label={v.value === '' ? '(empty)' : v.value.slice(0, 80)}
              checked={chosen?.has(v.value) ?? false}
              onChange={(_, d) => {
                const next = new Set(chosen);
                if (d.checked) next.add(v.value);
                else next.delete(v.value);
                onChosen(next);
              }}
            />
            <span className={s.count}>{v.count.toLocaleString()}</span>
          </div>
        ))}
        {on ? (
          <Button size="small" onClick={() => onChosen(new Set())}>
            Clear
          </Button>
        ) : null}
      </PopoverSurface>
    </Popover>
  );
}
