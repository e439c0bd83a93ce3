import { useRef, useState } from 'react';
import { makeStyles, mergeClasses, tokens } from '@fluentui/react-components';
import { ArrowDown12Regular, ArrowUp12Regular } from '@fluentui/react-icons';
import type { GridColumn } from './columns';

const useStyles = makeStyles({
  cell: {
    position: 'relative',
    boxSizing: 'border-box',
    flexShrink: 0,
    display: 'flex',
    alignItems: 'center',
    minWidth: 0,
    fontSize: tokens.fontSizeBase200,
    fontWeight: tokens.fontWeightSemibold,
    color: tokens.colorNeutralForeground2,
  },
  button: {
    display: 'flex',
    alignItems: 'center',
    gap: tokens.spacingHorizontalXS,
    width: '100%',
    height: '100%',
    minWidth: 0,
    padding: `0 ${tokens.spacingHorizontalS}`,
    border: 'none',
    backgroundColor: 'transparent',
    color: 'inherit',
    font: 'inherit',
    textAlign: 'left',
    ':enabled:hover': { backgroundColor: tokens.colorSubtleBackgroundHover },
    ':focus-visible': { outline: `2px solid ${tokens.colorStrokeFocus2}`, outlineOffset: '-2px' },
  },
  numeric: { justifyContent: 'flex-end' },
  text: { overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap' },
  handle: {
    position: 'absolute',
    right: 0,
    top: '4px',
    bottom: '4px',
    width: '9px',
    cursor: 'col-resize',
    touchAction: 'none',
    zIndex: 1,
    borderRight: `1px solid ${tokens.colorNeutralStroke2}`,
    ':hover': { borderRight: `2px solid ${tokens.colorBrandStroke1}` },
    ':focus-visible': { outline: 'none', borderRight: `3px solid ${tokens.colorStrokeFocus2}` },
  },
  drop: { boxShadow: `inset 2px 0 0 0 ${tokens.colorBrandStroke1}` },
});

export interface HeaderCellProps<T> {
  column: GridColumn<T>;
  width: number;
  sorted: 'asc' | 'desc' | undefined;
  onSort: (() => void) | undefined;
  onResize: (width: number) => void;
  onDropBefore: (movedColumn: string) => void;
}

// HeaderCell sorts by click, resizes by its right edge (pointer, or arrow keys when focused) and takes another column dropped on it.
export function HeaderCell<T>({ column, width, sorted, onSort, onResize, onDropBefore }: HeaderCellProps<T>) {
  const s = useStyles();
  const start = useRef<{ x: number; width: number } | null>(null);
  const [over, setOver] = useState(false);
  return (
    <div
      role="columnheader"
      aria-sort={sorted === 'asc' ? 'ascending' : sorted === 'desc' ? 'descending' : undefined}
      className={mergeClasses(s.cell, over && s.drop)}
      style={{ width }}
      draggable
      onDragStart={(event) => {
        if (start.current) {
          event.preventDefault();
          return;
        }
        event.dataTransfer.setData('text/x-bartizan-column', column.id);
        event.dataTransfer.effectAllowed = 'move';
      }}
      onDragOver={(event) => {
        if (!event.dataTransfer.types.includes('text/x-bartizan-column')) return;
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        setOver(false);
        const moved = event.dataTransfer.getData('text/x-bartizan-column');
        if (moved !== '') onDropBefore(moved);
      }}
    >
      <button
        type="button"
        className={mergeClasses(s.button, column.numeric && s.numeric)}
        disabled={!onSort}
        onClick={onSort}
        title={onSort ? `${column.header}: sort` : column.header}
      >
        <span className={s.text}>{column.header}</span>
        {sorted === 'asc' ? <ArrowUp12Regular /> : sorted === 'desc' ? <ArrowDown12Regular /> : null}
      </button>
      <span
        role="separator"
        aria-orientation="vertical"
        aria-label={`Width of ${column.header}`}
        aria-valuenow={Math.round(width)}
        tabIndex={0}
        className={s.handle}
        onPointerDown={(event) => {
          event.preventDefault();
          event.stopPropagation();
          start.current = { x: event.clientX, width };
          event.currentTarget.setPointerCapture(event.pointerId);
        }}
        onPointerMove={(event) => {
          if (start.current) onResize(start.current.width + event.clientX - start.current.x);
        }}
        onPointerUp={() => {
          start.current = null;
        }}
        onKeyDown={(event) => {
          if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return;
          event.preventDefault();
          event.stopPropagation();
          onResize(width + (event.key === 'ArrowRight' ? 16 : -16));
        }}
      />
    </div>
  );
}
