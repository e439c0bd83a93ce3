import { useMemo, useState } from 'react';
import { Button, makeStyles, mergeClasses, SearchBox, tokens, Tooltip } from '@fluentui/react-components';
import { ChevronDown12Regular, ChevronRight12Regular, PlayRegular, TableRegular } from '@fluentui/react-icons';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useRef } from 'react';
import type { SchemaTable } from '../api/types';

const useStyles = makeStyles({
  box: { display: 'flex', flexDirection: 'column', minHeight: 0, flexGrow: 1, gap: tokens.spacingVerticalXS },
  search: { margin: `${tokens.spacingVerticalXS} ${tokens.spacingHorizontalS} 0`, maxWidth: 'none' },
  scroll: { flexGrow: 1, minHeight: 0, overflowY: 'auto' },
  line: {
    position: 'absolute',
    left: 0,
    right: 0,
    display: 'flex',
    alignItems: 'center',
    gap: tokens.spacingHorizontalXS,
    padding: `0 ${tokens.spacingHorizontalS}`,
    height: '26px',
    boxSizing: 'border-box',
    border: 'none',
    backgroundColor: 'transparent',
    font: 'inherit',
    color: tokens.colorNeutralForeground1,
    textAlign: 'left',
    cursor: 'pointer',
    whiteSpace: 'nowrap',
    ':hover': { backgroundColor: tokens.colorSubtleBackgroundHover },
    ':focus-visible': { outline: `2px solid ${tokens.colorStrokeFocus2}`, outlineOffset: '-2px' },
  },
  group: {
    color: tokens.colorNeutralForeground3,
    fontSize: tokens.fontSizeBase200,
    cursor: 'default',
    paddingTop: tokens.spacingVerticalXS,
  },
  column: { paddingLeft: '40px', fontSize: tokens.fontSizeBase200 },
  name: { overflow: 'hidden', textOverflow: 'ellipsis', flexGrow: 1 },
  type: { color: tokens.colorNeutralForeground3, fontSize: tokens.fontSizeBase200, fontFamily: tokens.fontFamilyMonospace },
  rows: { color: tokens.colorNeutralForeground3, fontSize: tokens.fontSizeBase200, fontVariantNumeric: 'tabular-nums' },
  preview: { minWidth: '24px', width: '24px', height: '24px', padding: 0, position: 'absolute', right: '2px', top: '1px' },
});

type Line =
  | { kind: 'group'; name: string }
  | { kind: 'table'; table: SchemaTable; open: boolean }
  | { kind: 'column'; table: string; name: string; type: string };

// lines lists what the tree shows: workloads, tables, and the columns of open tables. A search opens the tables whose columns match.
export function lines(tables: readonly SchemaTable[], opened: ReadonlySet<string>, find: string): Line[] {
  const wanted = find.trim().toLowerCase();
  const out: Line[] = [];
  const byGroup = new Map<string, SchemaTable[]>();
  for (const t of tables) byGroup.set(t.workload, [...(byGroup.get(t.workload) ?? []), t]);
  for (const [group, list] of byGroup) {
    const inside: Line[] = [];
    for (const table of [...list].sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const named = wanted === '' || table.name.toLowerCase().includes(wanted);
      const columns = wanted === '' ? table.columns : table.columns.filter((c) => c.name.toLowerCase().includes(wanted));
      if (!named && columns.length === 0) continue;
      const open = opened.has(table.name) || (wanted.length >= 2 && !named);
      inside.push({ kind: 'table', table, open });
      if (open)
        for (const c of named ? table.columns : columns) inside.push({ kind: 'column', table: table.name, name: c.name, type: c.type });
    }
    if (inside.length > 0) out.push({ kind: 'group', name: group }, ...inside);
  }
  return out;
}

// SchemaPane is the tree of hunting tables. A double click (or Enter) inserts a name into the query.
export function SchemaPane({
  tables,
  onInsert,
  onPreview,
}: {
  tables: readonly SchemaTable[];
  onInsert: (name: string) => void;
  onPreview: (table: string) => void;
}) {
  const s = useStyles();
  const [find, setFind] = useState('');
  const [opened, setOpened] = useState<ReadonlySet<string>>(new Set());
  const shown = useMemo(() => lines(tables, opened, find), [tables, opened, find]);
  const scroll = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({ count: shown.length, getScrollElement: () => scroll.current, estimateSize: () => 26, overscan: 20 });
  const toggle = (name: string) => setOpened((o) => (o.has(name) ? new Set([...o].filter((x) => x !== name)) : new Set(o).add(name)));
  return (
    <div className={s.box}>
      <SearchBox
        className={s.search}
        size="small"
        placeholder="Find a table or column"
        value={find}
        onChange={(_, d) => setFind(d.value)}
      />
      <div ref={scroll} className={s.scroll} aria-label="Schema" role="group">
        <div style={{ height: virtual.getTotalSize(), position: 'relative' }}>
          {virtual.getVirtualItems().map((v) => {
            const line = shown[v.index];
            if (!line) return null;
            const style = { transform: `translateY(${v.start}px)` };
            if (line.kind === 'group')
              return (
                <div key={v.key} className={mergeClasses(s.line, s.group)} style={style}>
                  {line.name}
                </div>
              );
            if (line.kind === 'column')
              return (
                <button
                  key={v.key}
                  type="button"
                  className={mergeClasses(s.line, s.column)}
                  style={style}
                  title={`${line.table}.${line.name}: ${line.type}. Double-click inserts it.`}
                  onDoubleClick={() => onInsert(line.name)}
                  onKeyDown={(e) => e.key === 'Enter' && onInsert(line.name)}
                >
                  <span className={s.name}>{line.name}</span>
                  <span className={s.type}>{line.type}</span>
                </button>
              );
            return (
              <div key={v.key} style={{ ...style, position: 'absolute', left: 0, right: 0, height: 26 }}>
                <button
                  type="button"
                  className={s.line}
                  style={{ paddingRight: 30 }}
                  aria-expanded={line.open}
                  title={line.table.summary ? `${line.table.summary} Double-click inserts it.` : line.table.name}
                  onClick={() => toggle(line.table.name)}
                  onDoubleClick={() => onInsert(line.table.name)}
                >
                  {line.open ? <ChevronDown12Regular /> : <ChevronRight12Regular />}
                  <TableRegular aria-hidden />
                  <span className={s.name}>{line.table.name}</span>
                  {line.table.rows !== undefined && line.table.rows > 0 ? (
                    <span className={s.rows}>{Intl.NumberFormat(undefined, { notation: 'compact' }).format(line.table.rows)}</span>
                  ) : null}
                </button>
                <Tooltip content={`Preview: ${line.table.name} | take 10`} relationship="label">
                  <Button
                    className={s.preview}
                    appearance="transparent"
                    size="small"
                    icon={<PlayRegular />}
                    onClick={() => onPreview(line.table.name)}
                  />
                </Tooltip>
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}
