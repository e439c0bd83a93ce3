import { memo, useRef, type MouseEvent as ReactMouse } from 'react';
import { makeStyles, mergeClasses, tokens } from '@fluentui/react-components';
import { ArrowDown12Regular, ArrowUp12Regular, Filter12Filled, MoreVertical16Regular, Pin12Regular } from '@fluentui/react-icons';
import type { Order } from './arrange';
import type { Placed } from './layout';

export const headHeight = 32;

const useStyles = makeStyles({
  head: {
    position: 'sticky',
    top: 0,
    zIndex: 3,
    height: `${headHeight}px`,
    backgroundColor: tokens.colorNeutralBackground2,
    boxShadow: `0 1px 0 0 ${tokens.colorNeutralStroke1}`,
  },
  stuck: { position: 'sticky', left: 0, zIndex: 1, height: `${headHeight}px`, backgroundColor: tokens.colorNeutralBackground2 },
  edge: { boxShadow: `1px 0 0 0 ${tokens.colorNeutralStroke1}` },
  cell: {
    position: 'absolute',
    top: 0,
    height: `${headHeight}px`,
    boxSizing: 'border-box',
    display: 'flex',
    alignItems: 'center',
    fontSize: tokens.fontSizeBase200,
    fontWeight: tokens.fontWeightSemibold,
    '& [data-menu]': { opacity: 0 },
    ':hover [data-menu]': { opacity: 1 },
  },
  active: { outline: `2px solid ${tokens.colorStrokeFocus2}`, outlineOffset: '-2px', '& [data-menu]': { opacity: 1 } },
  over: { boxShadow: `inset 3px 0 0 0 ${tokens.colorBrandStroke1}` },
  sort: {
    flexGrow: 1,
    minWidth: 0,
    height: '100%',
    display: 'flex',
    alignItems: 'center',
    gap: '3px',
    padding: `0 0 0 ${tokens.spacingHorizontalS}`,
    border: 'none',
    background: 'none',
    font: 'inherit',
    color: 'inherit',
    cursor: 'pointer',
    textAlign: 'left',
  },
  cut: { overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap' },
  rank: { fontSize: '12px', color: tokens.colorNeutralForeground3 },
  more: {
    border: 'none',
    background: 'none',
    padding: 0,
    width: '24px',
    height: '24px',
    flexShrink: 0,
    color: 'inherit',
    cursor: 'pointer',
    marginRight: '4px',
    lineHeight: 0,
  },
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
    '::after': {
      content: '""',
      position: 'absolute',
      left: '3px',
      top: '8px',
      bottom: '8px',
      width: '1px',
      backgroundColor: tokens.colorNeutralStroke1,
    },
  },
  gutter: { position: 'absolute', left: 0, top: 0, height: '100%', display: 'flex', alignItems: 'center' },
  check: { width: '16px', height: '16px', margin: '0 4px 0 8px', accentColor: tokens.colorBrandBackground, cursor: 'pointer' },
});

export interface HeadProps {
  id: string;
  schema: readonly { name: string; type: string }[];
  pinned: readonly Placed[];
  rest: readonly Placed[];
  first: number;
  gutter: number;
  pinnedWidth: number;
  width: number;
  orders: readonly Order[];
  filtered: ReadonlySet<number>;
  active: number;
  all: 'none' | 'some' | 'all';
  onAll: () => void;
  onSort: (column: number, more: boolean) => void;
  onMenu: (column: number, at: DOMRect) => void;
  onWidth: (column: number, width: number) => void;
  onFit: (column: number) => void;
  onMove: (column: number, before: number) => void;
}

// GridHead is the grid's row of column headings: a click sorts (with Shift as a further column), a drag moves, the edge resizes, a double click on it fits.
export const GridHead = memo(function GridHead(p: HeadProps) {
  const s = useStyles();
  const drag = useRef<{ column: number; x: number; width: number } | null>(null);
  const head = (c: Placed, index: number) => {
    const { column } = c;
    const { name = '', type = '' } = p.schema[column] ?? {};
    const at = p.orders.findIndex((o) => o.column === column);
    const order = p.orders[at];
    return (
      <div
        key={column}
        id={`${p.id}-h-${index}`}
        role="columnheader"
        aria-label={name}
        aria-colindex={index + 2}
        aria-sort={order ? (order.descending ? 'descending' : 'ascending') : 'none'}
        className={mergeClasses(s.cell, p.active === index && s.active)}
        style={{ left: c.pinned ? p.gutter + c.left : p.gutter + p.pinnedWidth + c.left, width: c.width }}
        onContextMenu={(event) => {
          event.preventDefault();
          p.onMenu(column, new DOMRect(event.clientX, event.clientY, 0, 0));
        }}
        onDragOver={(event) => {
          if (event.dataTransfer.types.includes('application/x-column')) event.preventDefault();
        }}
        onDrop={(event) => {
          const from = Number(event.dataTransfer.getData('application/x-column'));
          if (Number.isInteger(from)) p.onMove(from, column);
        }}
      >
        <button
          type="button"
          tabIndex={-1}
          draggable
          className={s.sort}
          title={`${name}: ${type}`}
          onClick={(event: ReactMouse) => p.onSort(column, event.shiftKey)}
          onDragStart={(event) => {
            event.dataTransfer.setData('application/x-column', String(column));
            event.dataTransfer.effectAllowed = 'move';
          }}
        >
          {c.pinned ? <Pin12Regular aria-label="pinned" /> : null}
          <span className={s.cut}>{name}</span>
          {order ? order.descending ? <ArrowDown12Regular /> : <ArrowUp12Regular /> : null}
          {order && p.orders.length > 1 ? <span className={s.rank}>{at + 1}</span> : null}
          {p.filtered.has(column) ? <Filter12Filled aria-label="filtered" /> : null}
        </button>
        <button
          type="button"
          tabIndex={-1}
          data-menu
          className={s.more}
          aria-label={`Column ${name}`}
          aria-haspopup="menu"
          onClick={(event) => p.onMenu(column, event.currentTarget.getBoundingClientRect())}
        >
          <MoreVertical16Regular />
        </button>
        <span
          className={s.handle}
          aria-hidden
          onDoubleClick={() => p.onFit(column)}
          onPointerDown={(event) => {
            event.preventDefault();
            drag.current = { column, x: event.clientX, width: c.width };
            event.currentTarget.setPointerCapture(event.pointerId);
          }}
          onPointerMove={(event) => {
            const d = drag.current;
            if (d) p.onWidth(d.column, d.width + event.clientX - d.x);
          }}
          onPointerUp={() => {
            drag.current = null;
          }}
        />
      </div>
    );
  };
  return (
    <div role="row" aria-rowindex={1} className={s.head} style={{ width: p.width }}>
      <div className={mergeClasses(s.stuck, p.pinned.length > 0 && s.edge)} style={{ width: p.gutter + p.pinnedWidth }}>
        <div className={s.gutter} style={{ width: p.gutter }} role="columnheader" aria-colindex={1}>
          <input
            type="checkbox"
            tabIndex={-1}
            className={s.check}
            aria-label="Select all rows"
            checked={p.all === 'all'}
            ref={(el) => {
              if (el) el.indeterminate = p.all === 'some';
            }}
            onChange={p.onAll}
          />
        </div>
        {p.pinned.map((c, i) => head(c, i))}
      </div>
      {p.rest.map((c, i) => head(c, p.pinned.length + p.first + i))}
    </div>
  );
});
