import { useRef, useState, type KeyboardEvent, type ReactElement, type ReactNode } from 'react';
import { Button, makeStyles, Menu, MenuList, MenuPopover, MenuTrigger, mergeClasses, tokens } from '@fluentui/react-components';
import { ChevronDown12Regular, ChevronRight12Regular, MoreHorizontalRegular, Star12Filled } from '@fluentui/react-icons';
import { useVirtualizer } from '@tanstack/react-virtual';

const rowHeight = 28;

const useStyles = makeStyles({
  scroll: { flexGrow: 1, minHeight: 0, overflowY: 'auto', overflowX: 'hidden' },
  line: {
    position: 'absolute',
    left: 0,
    right: 0,
    height: `${rowHeight}px`,
    display: 'flex',
    alignItems: 'center',
    ':hover': { backgroundColor: tokens.colorSubtleBackgroundHover },
    ':hover .bz-more': { opacity: 1 },
    ':focus-within .bz-more': { opacity: 1 },
  },
  button: {
    flexGrow: 1,
    minWidth: 0,
    height: '100%',
    display: 'flex',
    alignItems: 'center',
    gap: tokens.spacingHorizontalXS,
    border: 'none',
    backgroundColor: 'transparent',
    font: 'inherit',
    color: tokens.colorNeutralForeground1,
    textAlign: 'left',
    cursor: 'pointer',
    whiteSpace: 'nowrap',
    padding: `0 ${tokens.spacingHorizontalS} 0 0`,
    ':focus-visible': { outline: `2px solid ${tokens.colorStrokeFocus2}`, outlineOffset: '-2px' },
  },
  head: { color: tokens.colorNeutralForeground3, fontSize: tokens.fontSizeBase200, fontWeight: tokens.fontWeightSemibold },
  small: { fontSize: tokens.fontSizeBase200 },
  on: { backgroundColor: tokens.colorSubtleBackgroundSelected },
  icon: { display: 'inline-flex', flexShrink: 0 },
  name: { overflow: 'hidden', textOverflow: 'ellipsis', flexGrow: 1, minWidth: 0 },
  note: {
    color: tokens.colorNeutralForeground3,
    fontSize: tokens.fontSizeBase200,
    fontVariantNumeric: 'tabular-nums',
    flexShrink: 1,
    overflow: 'hidden',
    textOverflow: 'ellipsis',
    maxWidth: '50%',
  },
  star: { color: tokens.colorPaletteMarigoldForeground1, display: 'inline-flex', flexShrink: 0 },
  more: {
    minWidth: '24px',
    width: '24px',
    height: '24px',
    padding: 0,
    marginRight: '2px',
    opacity: 0,
    ':focus-visible': { opacity: 1 },
    '@media (hover: none)': { opacity: 1 },
  },
});

export interface TreeLine {
  id: string;
  depth: number;
  label: string;
  // Undefined for a leaf.
  open?: boolean | undefined;
  look?: 'head' | 'small' | undefined;
  icon?: ReactElement | undefined;
  note?: string | undefined;
  title?: string | undefined;
  starred?: boolean | undefined;
  current?: boolean | undefined;
}

export interface TreeProps {
  label: string;
  lines: readonly TreeLine[];
  // A click or Enter; folders are opened and closed by it too.
  onPick: (line: TreeLine) => void;
  // A double click, or Ctrl+Enter.
  onInsert?: ((line: TreeLine) => void) | undefined;
  // The entries of a line's menu; undefined for a line without one.
  menu?: ((line: TreeLine) => ReactNode | undefined) | undefined;
}

// Tree lists folders and what lies in them, for the left pane. Arrow keys move, right and left open and close, the menu key opens a line's menu.
export function Tree({ label, lines, onPick, onInsert, menu }: TreeProps) {
  const s = useStyles();
  const scroll = useRef<HTMLDivElement>(null);
  const [at, setAt] = useState('');
  const [menuAt, setMenuAt] = useState('');
  const virtual = useVirtualizer({
    count: lines.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => rowHeight,
    overscan: 24,
  });
  const found = lines.findIndex((l) => l.id === at);
  const reachable = found < 0 ? 0 : found;
  const go = (index: number) => {
    const line = lines[index];
    if (!line) return;
    setAt(line.id);
    virtual.scrollToIndex(index);
    requestAnimationFrame(() => scroll.current?.querySelector<HTMLElement>(`[data-line="${CSS.escape(line.id)}"]`)?.focus());
  };
  const keys = (event: KeyboardEvent, line: TreeLine, index: number) => {
    switch (event.key) {
      case 'ArrowDown':
        go(Math.min(lines.length - 1, index + 1));
        break;
      case 'ArrowUp':
        go(Math.max(0, index - 1));
        break;
      case 'Home':
        go(0);
        break;
      case 'End':
        go(lines.length - 1);
        break;
      case 'ArrowRight':
        if (line.open === false) onPick(line);
        else go(Math.min(lines.length - 1, index + 1));
        break;
      case 'ArrowLeft':
        if (line.open === true) onPick(line);
        else go(lines.findLastIndex((l, i) => i < index && l.depth < line.depth));
        break;
      case 'ContextMenu':
        setMenuAt(line.id);
        break;
      case 'F10':
        if (!event.shiftKey) return;
        setMenuAt(line.id);
        break;
      case 'Enter':
        if (!(event.ctrlKey || event.metaKey) || !onInsert) return;
        onInsert(line);
        break;
      default:
        return;
    }
    event.preventDefault();
  };
  return (
    <div ref={scroll} className={s.scroll} role="group" aria-label={label}>
      <div style={{ height: virtual.getTotalSize(), position: 'relative' }}>
        {virtual.getVirtualItems().map((v) => {
          const line = lines[v.index];
          if (!line) return null;
          const entries = menu?.(line);
          return (
            <div
              key={line.id}
              className={mergeClasses(s.line, line.current && s.on)}
              style={{ transform: `translateY(${v.start}px)` }}
              onContextMenu={(event) => {
                if (entries === undefined) return;
                event.preventDefault();
                setMenuAt(line.id);
              }}
            >
              <button
                type="button"
                data-line={line.id}
                tabIndex={v.index === reachable ? 0 : -1}
                className={mergeClasses(s.button, line.look === 'head' && s.head, line.look === 'small' && s.small)}
                style={{ paddingLeft: 8 + line.depth * 14 + (line.open === undefined ? 16 : 0) }}
                aria-expanded={line.open}
                aria-current={line.current ? 'true' : undefined}
                title={line.title ?? line.label}
                onFocus={() => setAt(line.id)}
                onClick={() => onPick(line)}
                onDoubleClick={() => onInsert?.(line)}
                onKeyDown={(event) => keys(event, line, v.index)}
              >
                {line.open === undefined ? null : (
                  <span className={s.icon}>{line.open ? <ChevronDown12Regular /> : <ChevronRight12Regular />}</span>
                )}
                {line.icon ? <span className={s.icon}>{line.icon}</span> : null}
                <span className={s.name}>{line.label}</span>
                {line.starred ? (
                  <span className={s.star} role="img" aria-label="Favourite">
                    <Star12Filled />
                  </span>
                ) : null}
                {line.note ? <span className={s.note}>{line.note}</span> : null}
              </button>
              {entries !== undefined ? (
                <Menu open={menuAt === line.id} onOpenChange={(_, d) => setMenuAt(d.open ? line.id : '')}>
                  <MenuTrigger disableButtonEnhancement>
                    <Button
                      className={mergeClasses(s.more, 'bz-more')}
                      size="small"
                      appearance="transparent"
                      tabIndex={v.index === reachable ? 0 : -1}
                      icon={<MoreHorizontalRegular />}
                      aria-label={`Actions for ${line.label}`}
                    />
                  </MenuTrigger>
                  <MenuPopover>
                    <MenuList>{entries}</MenuList>
                  </MenuPopover>
                </Menu>
              ) : null}
            </div>
          );
        })}
      </div>
    </div>
  );
}
