import { useEffect, useRef, useState, type KeyboardEvent } from 'react';
import {
  Button,
  Input,
  makeStyles,
  Menu,
  MenuItem,
  MenuList,
  MenuPopover,
  MenuTrigger,
  mergeClasses,
  tokens,
  Tooltip,
} from '@fluentui/react-components';
import {
  AddRegular,
  ArrowLeftRegular,
  ArrowRightRegular,
  ChevronDown12Regular,
  CircleSmallFilled,
  CodeRegular,
  CopyRegular,
  Dismiss12Regular,
  FilterRegular,
  RenameRegular,
} from '@fluentui/react-icons';
import { unsaved, type QueryTab, type Tabs } from './tabs';

const useStyles = makeStyles({
  strip: {
    display: 'flex',
    alignItems: 'stretch',
    backgroundColor: tokens.colorNeutralBackground2,
    borderBottom: `1px solid ${tokens.colorNeutralStroke2}`,
    flexShrink: 0,
    minWidth: 0,
  },
  tabs: { display: 'flex', alignItems: 'stretch', overflowX: 'auto', minWidth: 0, scrollbarWidth: 'thin' },
  tab: {
    display: 'flex',
    alignItems: 'center',
    borderRight: `1px solid ${tokens.colorNeutralStroke2}`,
    maxWidth: '220px',
    minWidth: '96px',
    flexShrink: 0,
    height: '32px',
  },
  on: { backgroundColor: tokens.colorNeutralBackground1, boxShadow: `inset 0 2px 0 0 ${tokens.colorBrandStroke1}` },
  running: { boxShadow: `inset 0 -2px 0 0 ${tokens.colorBrandStroke1}` },
  target: { boxShadow: `inset 2px 0 0 0 ${tokens.colorBrandStroke1}` },
  name: {
    border: 'none',
    background: 'none',
    font: 'inherit',
    color: 'inherit',
    padding: `0 ${tokens.spacingHorizontalXXS} 0 ${tokens.spacingHorizontalM}`,
    height: '100%',
    display: 'flex',
    alignItems: 'center',
    gap: tokens.spacingHorizontalXS,
    minWidth: 0,
    flexGrow: 1,
    cursor: 'pointer',
    ':focus-visible': { outline: `2px solid ${tokens.colorStrokeFocus2}`, outlineOffset: '-2px' },
  },
  cut: { overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap' },
  dot: { display: 'inline-flex', color: tokens.colorBrandForeground1, flexShrink: 0 },
  icon: { display: 'inline-flex', flexShrink: 0, fontSize: '14px' },
  small: { minWidth: '24px', width: '24px', height: '24px', padding: 0, flexShrink: 0 },
  add: { flexShrink: 0, alignSelf: 'center', margin: `0 ${tokens.spacingHorizontalXXS}` },
});

export interface QueryTabsProps {
  state: Tabs;
  running: (tab: string) => boolean;
  onGo: (tab: string) => void;
  onAdd: (kind: 'editor' | 'builder') => void;
  onClose: (tab: QueryTab) => void;
  onCloseOthers: (tab: QueryTab) => void;
  onRename: (tab: string, title: string) => void;
  onDuplicate: (tab: string) => void;
  onMove: (tab: string, by: number) => void;
}

// QueryTabs is the strip of open queries. F2 renames, Ctrl+Shift+arrows move, Delete closes; tabs can be dragged.
export function QueryTabs(p: QueryTabsProps) {
  const s = useStyles();
  const box = useRef<HTMLDivElement>(null);
  const [renaming, setRenaming] = useState('');
  const [dragged, setDragged] = useState('');
  const [over, setOver] = useState('');
  const { tabs, current } = p.state;
  useEffect(() => {
    box.current?.querySelector(`[data-tab="${current}"]`)?.parentElement?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }, [current, tabs.length]);
  const focusSoon = (id: string) => requestAnimationFrame(() => box.current?.querySelector<HTMLElement>(`[data-tab="${id}"]`)?.focus());
  const keys = (event: KeyboardEvent, t: QueryTab, at: number) => {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (step !== 0 && event.ctrlKey && event.shiftKey) {
      p.onMove(t.id, step);
      focusSoon(t.id);
    } else if (step !== 0) {
      const next = tabs[(at + step + tabs.length) % tabs.length];
      if (next) {
        p.onGo(next.id);
        focusSoon(next.id);
      }
    } else if (event.key === 'F2') setRenaming(t.id);
    else if (event.key === 'Delete') p.onClose(t);
    else return;
    event.preventDefault();
  };
  return (
    <div className={s.strip}>
      <div ref={box} className={s.tabs} role="group" aria-label="Open queries">
        {tabs.map((t, at) => (
          <span
            key={t.id}
            className={mergeClasses(
              s.tab,
              p.running(t.id) && s.running,
              t.id === current && s.on,
              over === t.id && dragged !== t.id && s.target,
            )}
            draggable={renaming !== t.id}
            onDragStart={(event) => {
              event.dataTransfer.effectAllowed = 'move';
              event.dataTransfer.setData('text/plain', t.title);
              setDragged(t.id);
            }}
            onDragOver={(event) => {
              if (dragged === '') return;
              event.preventDefault();
              setOver(t.id);
            }}
            onDragEnd={() => {
              setDragged('');
              setOver('');
            }}
            onDrop={(event) => {
              event.preventDefault();
              const from = tabs.findIndex((x) => x.id === dragged);
              if (from >= 0) p.onMove(dragged, at - from);
              setDragged('');
              setOver('');
            }}
            onAuxClick={(event) => event.button === 1 && p.onClose(t)}
          >
            {renaming === t.id ? (
              <Input
                size="small"
                autoFocus
                defaultValue={t.title}
                aria-label="Name of the query"
                onFocus={(event) => event.target.select()}
                onBlur={(event) => {
                  p.onRename(t.id, event.target.value);
                  setRenaming('');
                }}
                onKeyDown={(event) => {
                  if (event.key === 'Enter') event.currentTarget.blur();
                  if (event.key === 'Escape') setRenaming('');
                  if (event.key === 'Enter' || event.key === 'Escape') focusSoon(t.id);
                }}
              />
            ) : (
              <>
                <button
                  type="button"
                  data-tab={t.id}
                  aria-current={t.id === current ? 'true' : undefined}
                  tabIndex={t.id === current ? 0 : -1}
                  className={s.name}
                  title={`${t.title}${unsaved(t) ? ', not saved' : ''}. F2 renames.`}
                  onClick={() => p.onGo(t.id)}
                  onDoubleClick={() => setRenaming(t.id)}
                  onKeyDown={(event) => keys(event, t, at)}
                >
                  {t.kind === 'builder' ? (
                    <span className={s.icon} role="img" aria-label="Query builder">
                      <FilterRegular />
                    </span>
                  ) : null}
                  <span className={s.cut}>{t.title}</span>
                  {unsaved(t) ? (
                    <span className={s.dot} role="img" aria-label="not saved">
                      <CircleSmallFilled />
                    </span>
                  ) : null}
                </button>
                {t.id === current ? (
                  <Menu>
                    <MenuTrigger disableButtonEnhancement>
                      <Button
                        className={s.small}
                        size="small"
                        appearance="transparent"
                        icon={<ChevronDown12Regular />}
                        aria-label={`Actions for ${t.title}`}
                      />
                    </MenuTrigger>
                    <MenuPopover>
                      <MenuList>
                        <MenuItem icon={<RenameRegular />} onClick={() => setTimeout(() => setRenaming(t.id), 50)}>
                          Rename
                        </MenuItem>
                        <MenuItem icon={<CopyRegular />} onClick={() => p.onDuplicate(t.id)}>
                          Duplicate
                        </MenuItem>
                        <MenuItem icon={<ArrowLeftRegular />} disabled={at === 0} onClick={() => p.onMove(t.id, -1)}>
                          Move left
                        </MenuItem>
                        <MenuItem icon={<ArrowRightRegular />} disabled={at === tabs.length - 1} onClick={() => p.onMove(t.id, 1)}>
                          Move right
                        </MenuItem>
                        <MenuItem icon={<Dismiss12Regular />} onClick={() => p.onClose(t)}>
                          Close
                        </MenuItem>
                        <MenuItem disabled={tabs.length < 2} onClick={() => p.onCloseOthers(t)}>
                          Close the others
                        </MenuItem>
                      </MenuList>
                    </MenuPopover>
                  </Menu>
                ) : null}
                <Button
                  className={s.small}
                  size="small"
                  appearance="transparent"
                  tabIndex={t.id === current ? 0 : -1}
                  icon={<Dismiss12Regular />}
                  aria-label={`Close ${t.title}`}
                  onClick={() => p.onClose(t)}
                />
              </>
            )}
          </span>
        ))}
      </div>
      <Menu>
        <MenuTrigger disableButtonEnhancement>
          <Tooltip content="New query tab" relationship="label">
            <Button className={s.add} appearance="transparent" size="small" icon={<AddRegular />} />
          </Tooltip>
        </MenuTrigger>
        <MenuPopover>
          <MenuList>
            <MenuItem icon={<CodeRegular />} onClick={() => p.onAdd('editor')}>
              Query in editor
            </MenuItem>
            <MenuItem icon={<FilterRegular />} onClick={() => p.onAdd('builder')}>
              Query in builder
            </MenuItem>
          </MenuList>
        </MenuPopover>
      </Menu>
    </div>
  );
}
