import { memo } from 'react';
import { makeStyles, mergeClasses, tokens } from '@fluentui/react-components';
import { BracesVariableRegular, ChevronDown12Regular, ChevronRight12Regular } from '@fluentui/react-icons';
import type { Cell } from '../../api/types';
import { exact, type Zone } from '../../design/time';
import { cellText, isNumeric, looksLikeTree } from './cells';
import { rowHeight } from './display';
import type { Placed } from './layout';
import { entityKind, pageOf } from './pivot';

const clip = 400;

export const useRowStyles = makeStyles({
  row: {
    position: 'absolute',
    left: 0,
    boxSizing: 'border-box',
    borderBottom: `1px solid ${tokens.colorNeutralStroke3}`,
    backgroundColor: tokens.colorNeutralBackground1,
    ':hover': { backgroundColor: tokens.colorNeutralBackground1Hover },
  },
  picked: {
    backgroundColor: tokens.colorNeutralBackground1Selected,
    ':hover': { backgroundColor: tokens.colorNeutralBackground1Selected },
  },
  marked: { backgroundColor: tokens.colorBrandBackground2, ':hover': { backgroundColor: tokens.colorBrandBackground2Hover } },
  stuck: { position: 'sticky', left: 0, zIndex: 1, height: `${rowHeight - 1}px`, backgroundColor: 'inherit' },
  edge: { boxShadow: `1px 0 0 0 ${tokens.colorNeutralStroke1}` },
  gutter: {
    position: 'absolute',
    left: 0,
    top: 0,
    height: `${rowHeight - 1}px`,
    display: 'flex',
    alignItems: 'center',
    color: tokens.colorNeutralForeground3,
    fontSize: tokens.fontSizeBase200,
    fontVariantNumeric: 'tabular-nums',
  },
  check: {
    width: '16px',
    height: '16px',
    margin: '0 4px 0 8px',
    flexShrink: 0,
    accentColor: tokens.colorBrandBackground,
    cursor: 'pointer',
  },
  fold: {
    width: '20px',
    height: '24px',
    padding: 0,
    border: 'none',
    background: 'none',
    color: 'inherit',
    cursor: 'pointer',
    flexShrink: 0,
    display: 'flex',
    alignItems: 'center',
    justifyContent: 'center',
    ':hover': { color: tokens.colorNeutralForeground1 },
  },
  number: { flexGrow: 1, textAlign: 'right', paddingRight: tokens.spacingHorizontalS },
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
    cursor: 'default',
  },
  numeric: { textAlign: 'right', fontVariantNumeric: 'tabular-nums' },
  time: { fontVariantNumeric: 'tabular-nums' },
  active: { outline: `2px solid ${tokens.colorStrokeFocus2}`, outlineOffset: '-2px', zIndex: 1 },
  quiet: { color: tokens.colorNeutralForeground3, fontStyle: 'italic' },
  structure: { paddingLeft: '26px' },
  braces: {
    position: 'absolute',
    left: '4px',
    top: '3px',
    width: '20px',
    height: '20px',
    padding: '2px',
    border: 'none',
    borderRadius: tokens.borderRadiusSmall,
    background: 'none',
    color: tokens.colorBrandForeground1,
    cursor: 'pointer',
    lineHeight: 0,
    ':hover': { backgroundColor: tokens.colorSubtleBackgroundHover },
  },
  link: { color: tokens.colorBrandForegroundLink, textDecorationLine: 'none', ':hover': { textDecorationLine: 'underline' } },
  group: { fontWeight: tokens.fontWeightSemibold, backgroundColor: tokens.colorNeutralBackground2 },
  groupLabel: {
    position: 'sticky',
    left: 0,
    display: 'inline-flex',
    alignItems: 'center',
    height: `${rowHeight - 1}px`,
    maxWidth: '90vw',
    border: 'none',
    background: 'none',
    font: 'inherit',
    fontSize: tokens.fontSizeBase200,
    color: 'inherit',
    cursor: 'pointer',
    padding: `0 ${tokens.spacingHorizontalS}`,
    gap: tokens.spacingHorizontalXS,
    whiteSpace: 'pre',
    overflow: 'hidden',
    textOverflow: 'ellipsis',
  },
  count: { color: tokens.colorNeutralForeground3, fontWeight: tokens.fontWeightRegular },
});

export interface RowProps {
  id: string;
  line: number;
  row: number;
  number: number;
  top: number;
  width: number;
  gutter: number;
  pinnedWidth: number;
  cells: readonly Cell[];
  schema: readonly { name: string; type: string }[];
  pinned: readonly Placed[];
  rest: readonly Placed[];
  first: number;
  zone: Zone;
  active: number;
  selected: boolean;
  inspected: boolean;
  expanded: boolean;
}

// GridRow is one row of the grid. Clicks are taken by the grid, which reads data-column and data-do.
export const GridRow = memo(function GridRow(p: RowProps) {
  const s = useRowStyles();
  const cell = (c: Placed, index: number) => {
    const { name = '', type = '' } = p.schema[c.column] ?? {};
    const value = p.cells[c.column];
    const missing = value === null || value === undefined;
    const text = cellText(value);
    const structure = (type === 'dynamic' || type === 'string') && looksLikeTree(value);
    const kind = text === '' || missing ? undefined : entityKind(name);
    const page = kind ? pageOf(kind, text) : undefined;
    const shown = missing
      ? 'null'
      : text === ''
        ? 'empty'
        : type === 'datetime'
          ? exact(text, p.zone)
          : (text.length > clip ? `${text.slice(0, clip)}…` : text).replaceAll('\n', '⏎').replaceAll('\r', '');
    return (
      <div
        key={c.column}
        id={`${p.id}-${p.line}-${index}`}
        role="gridcell"
        aria-colindex={index + 2}
        data-column={c.column}
        data-index={index}
        dir={type === 'string' ? 'auto' : undefined}
        title={type === 'datetime' && !missing ? `${text} (UTC)` : text.length > 20 ? text.slice(0, 1500) : undefined}
        className={mergeClasses(
          s.cell,
          isNumeric(type) && s.numeric,
          type === 'datetime' && s.time,
          (missing || text === '') && s.quiet,
          structure && s.structure,
          p.active === index && s.active,
        )}
        style={{ left: c.pinned ? p.gutter + c.left : p.gutter + p.pinnedWidth + c.left, width: c.width }}
      >
        {structure ? (
          <button type="button" tabIndex={-1} className={s.braces} data-do="tree" aria-label={`Expand ${name}`} title="Expand">
            <BracesVariableRegular />
          </button>
        ) : null}
        {page ? (
          <a
            className={s.link}
            href={`${page.to}${page.search.search ? `?search=${encodeURIComponent(page.search.search)}` : ''}`}
            target="_blank"
            rel="noopener"
            tabIndex={-1}
          >
            {shown}
          </a>
        ) : (
          shown
        )}
      </div>
    );
  };
  return (
    <div
      role="row"
      aria-rowindex={p.line + 2}
      aria-selected={p.selected}
      data-line={p.line}
      data-row={p.row}
      className={mergeClasses(s.row, p.inspected && s.picked, p.selected && s.marked)}
      style={{ transform: `translateY(${p.top}px)`, width: p.width, height: rowHeight }}
    >
      <div className={mergeClasses(s.stuck, p.pinned.length > 0 && s.edge)} style={{ width: p.gutter + p.pinnedWidth }}>
        <div className={s.gutter} style={{ width: p.gutter }} role="gridcell" aria-colindex={1}>
          <input
            type="checkbox"
            className={s.check}
            tabIndex={-1}
            checked={p.selected}
            readOnly
            data-do="select"
            aria-label={`Select row ${p.number}`}
          />
          <button
            type="button"
            tabIndex={-1}
            className={s.fold}
            data-do="expand"
            aria-expanded={p.expanded}
            aria-label={`${p.expanded ? 'Close' : 'Expand'} row ${p.number}`}
          >
            {p.expanded ? <ChevronDown12Regular /> : <ChevronRight12Regular />}
          </button>
          <span className={s.number}>{p.number.toLocaleString()}</span>
        </div>
        {p.pinned.map((c, i) => cell(c, i))}
      </div>
      {p.rest.map((c, i) => cell(c, p.pinned.length + p.first + i))}
    </div>
  );
});
