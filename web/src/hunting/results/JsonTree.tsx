import { useState, type MouseEvent } from 'react';
import { makeStyles, tokens } from '@fluentui/react-components';
import { ChevronDown12Regular, ChevronRight12Regular } from '@fluentui/react-icons';
import type { Cell } from '../../api/types';
import type { Path } from './condition';

const useStyles = makeStyles({
  list: {
    margin: 0,
    padding: 0,
    listStyleType: 'none',
    fontFamily: tokens.fontFamilyMonospace,
    fontSize: tokens.fontSizeBase200,
    lineHeight: '24px',
  },
  inner: { margin: 0, padding: 0, listStyleType: 'none', paddingLeft: '16px' },
  line: { display: 'flex', alignItems: 'flex-start', minWidth: 0, ':hover': { backgroundColor: tokens.colorSubtleBackgroundHover } },
  fold: {
    width: '18px',
    height: '24px',
    padding: 0,
    border: 'none',
    background: 'none',
    color: tokens.colorNeutralForeground2,
    cursor: 'pointer',
    flexShrink: 0,
    display: 'flex',
    alignItems: 'center',
    ':focus-visible': { outline: `2px solid ${tokens.colorStrokeFocus2}` },
  },
  space: { width: '18px', flexShrink: 0 },
  key: {
    color: tokens.colorNeutralForeground2,
    flexShrink: 0,
    marginRight: '6px',
    maxWidth: '50%',
    overflow: 'hidden',
    textOverflow: 'ellipsis',
  },
  value: {
    border: 'none',
    background: 'none',
    padding: 0,
    font: 'inherit',
    color: tokens.colorNeutralForeground1,
    textAlign: 'left',
    overflowWrap: 'anywhere',
    whiteSpace: 'pre-wrap',
    cursor: 'context-menu',
    minWidth: '24px',
    ':focus-visible': { outline: `2px solid ${tokens.colorStrokeFocus2}` },
  },
  quiet: { color: tokens.colorNeutralForeground3 },
});

export interface TreeProps {
  value: Cell;
  path?: Path;
  // Levels that are open at first.
  open?: number;
  label: string;
  onMenu: (path: Path, value: Cell, at: DOMRect) => void;
}

const shownAtOnce = 100;

function kids(value: Cell): [string | number, Cell][] {
  if (Array.isArray(value)) return value.map((v, i) => [i, v]);
  return value !== null && typeof value === 'object' ? Object.entries(value) : [];
}

// lineCount is how many lines a tree shows at first, for the height of what holds it.
export function lineCount(value: Cell, open: number, most: number): number {
  let n = 0;
  for (const [, v] of kids(value)) {
    n++;
    if (open > 1 && v !== null && typeof v === 'object') n += lineCount(v, open - 1, most - n);
    if (n >= most) return most;
  }
  return n;
}

// JsonTree shows a structure as a list whose branches open and close; a click, the context-menu key or Enter on a value opens its menu.
export function JsonTree({ value, path = [], open = 2, label, onMenu }: TreeProps) {
  const s = useStyles();
  return (
    <ul className={s.list} aria-label={label}>
      <Branch value={value} path={path} open={open} onMenu={onMenu} />
    </ul>
  );
}

function Branch({ value, path, open, onMenu }: { value: Cell; path: Path; open: number; onMenu: TreeProps['onMenu'] }) {
  const s = useStyles();
  const [limit, setLimit] = useState(shownAtOnce);
  const all = kids(value);
  return (
    <>
      {all.slice(0, limit).map(([key, v]) => (
        <Node key={key} name={key} value={v} path={[...path, key]} open={open} onMenu={onMenu} />
      ))}
      {all.length > limit ? (
        <li>
          <button type="button" className={s.value} onClick={() => setLimit(limit + 10 * shownAtOnce)}>
            {(all.length - limit).toLocaleString()} more…
          </button>
        </li>
      ) : null}
    </>
  );
}

function Node({
  name,
  value,
  path,
  open,
  onMenu,
}: {
  name: string | number;
  value: Cell;
  path: Path;
  open: number;
  onMenu: TreeProps['onMenu'];
}) {
  const s = useStyles();
  const nested = value !== null && typeof value === 'object';
  const count = nested ? Object.keys(value).length : 0;
  const [on, setOn] = useState(open > 1);
  const menu = (event: MouseEvent<HTMLElement>) => {
    event.preventDefault();
    event.stopPropagation();
    onMenu(path, value, event.currentTarget.getBoundingClientRect());
  };
  const text = nested
    ? `${Array.isArray(value) ? `[${count}]` : `{${count}}`}`
    : typeof value === 'string'
      ? value
      : value === null
        ? 'null'
        : String(value);
  return (
    <li>
      <div className={s.line} onContextMenu={menu}>
        {nested && count > 0 ? (
          <button
            type="button"
            className={s.fold}
            aria-expanded={on}
            aria-label={`${on ? 'Close' : 'Open'} ${name}`}
            onClick={() => setOn(!on)}
          >
            {on ? <ChevronDown12Regular /> : <ChevronRight12Regular />}
          </button>
        ) : (
          <span className={s.space} />
        )}
        <span className={s.key} title={String(name)}>
          {name}:
        </span>
        <button type="button" className={s.value} onClick={menu} aria-haspopup="menu" aria-label={`${name}: ${text.slice(0, 200)}`}>
          {value === null || nested ? <span className={s.quiet}>{text}</span> : text === '' ? <span className={s.quiet}>empty</span> : text}
        </button>
      </div>
      {nested && on ? (
        <ul className={s.inner}>
          <Branch value={value} path={path} open={open - 1} onMenu={onMenu} />
        </ul>
      ) : null}
    </li>
  );
}
