import { useMemo, useRef, useState } from 'react';
import { Button, makeStyles, mergeClasses, Spinner, tokens } from '@fluentui/react-components';
import { ChevronDown16Regular, ChevronRight16Regular } from '@fluentui/react-icons';
import { useQuery } from '@tanstack/react-query';
import { grow, press, visible, type TreeNode } from '../../alert/tree';
import type { Cell, StoryNode } from '../../api/types';
import { describe } from '../../app/notify';
import { KindIcon } from '../../design/marks';
import { Time } from '../../design/Time';
import { CopyId } from '../../design/CopyId';
import { huntEntity } from '../gohunt';
import { quoted } from '../kqltext';
import { lineage } from './api';
import { cellText } from './cells';
import { timeOf } from './pivot';

const useStyles = makeStyles({
  tree: { margin: 0, padding: 0, fontSize: tokens.fontSizeBase200 },
  row: {
    display: 'grid',
    gridTemplateColumns: '16px 18px minmax(0, 1fr)',
    columnGap: '4px',
    padding: '3px 4px',
    borderRadius: tokens.borderRadiusMedium,
    cursor: 'default',
    outline: 'none',
    ':hover': { backgroundColor: tokens.colorSubtleBackgroundHover },
    ':focus-visible': { boxShadow: `inset 0 0 0 2px ${tokens.colorStrokeFocus2}` },
  },
  chosen: { backgroundColor: tokens.colorNeutralBackground1Selected },
  focus: { boxShadow: `inset 3px 0 0 0 ${tokens.colorBrandStroke1}` },
  icon: { fontSize: '16px', lineHeight: '20px', color: tokens.colorNeutralForeground2 },
  name: { fontWeight: tokens.fontWeightSemibold, overflowWrap: 'anywhere' },
  quiet: { color: tokens.colorNeutralForeground3, fontWeight: tokens.fontWeightRegular },
  command: {
    fontFamily: tokens.fontFamilyMonospace,
    overflowWrap: 'anywhere',
    display: '-webkit-box',
    WebkitLineClamp: 2,
    WebkitBoxOrient: 'vertical',
    overflow: 'hidden',
    color: tokens.colorNeutralForeground2,
  },
  fold: { border: 'none', background: 'none', padding: 0, height: '20px', color: 'inherit', cursor: 'pointer', lineHeight: 0 },
  facts: {
    display: 'flex',
    flexDirection: 'column',
    gap: tokens.spacingVerticalXS,
    padding: tokens.spacingHorizontalS,
    border: `1px solid ${tokens.colorNeutralStroke2}`,
    borderRadius: tokens.borderRadiusMedium,
    marginTop: tokens.spacingVerticalS,
    fontSize: tokens.fontSizeBase200,
  },
});

// chain is the tree as far as the record itself has it, shown until the server has told more, or in its place when it cannot.
export function chain(record: ReadonlyMap<string, Cell>): StoryNode[] {
  const text = (name: string) => cellText(record.get(name));
  const out: StoryNode[] = [];
  const add = (id: string, label: string, commandLine: string, focus: boolean) => {
    if (label === '') return;
    const parent = out.at(-1)?.id;
    out.push({
      id,
      kind: 'process',
      label,
      focus,
      alertIds: [],
      ...(commandLine ? { commandLine } : {}),
      ...(parent ? { parentId: parent } : {}),
    });
  };
  const created = text('ProcessId') !== '' && text('ProcessCommandLine') !== '';
  add('parent', text('InitiatingProcessParentFileName'), '', false);
  add('initiating', text('InitiatingProcessFileName'), text('InitiatingProcessCommandLine'), !created);
  if (created) add('created', text('FileName'), text('ProcessCommandLine'), true);
  return out;
}

// ProcessTree shows the processes around a record: parents, the initiating process, the created one, its children.
export function ProcessTree({
  record,
  source,
  onOpen,
}: {
  record: ReadonlyMap<string, Cell>;
  source: string;
  onOpen: (query: string, title?: string, run?: boolean) => void;
}) {
  const s = useStyles();
  const box = useRef<HTMLDivElement>(null);
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const [at, setAt] = useState('');
  const key = ['DeviceId', 'DeviceName', 'Timestamp', 'ProcessId', 'InitiatingProcessId', 'ReportId'].map((n) => cellText(record.get(n)));
  const asked = useQuery({
    queryKey: ['hunting', 'lineage', source, ...key],
    queryFn: ({ signal }) => lineage(source, Object.fromEntries(record), signal),
    staleTime: 300_000,
    retry: false,
  });
  const own = useMemo(() => chain(record), [record]);
  const nodes = asked.data && asked.data.nodes.length > 0 ? asked.data.nodes : own;
  const roots = useMemo(() => grow(nodes), [nodes]);
  const rows = visible(roots, closed);
  const chosen = rows.find((t) => t.node.id === at) ?? rows.find((t) => t.node.focus) ?? rows[0];
  const go = (id: string) => {
    setAt(id);
    requestAnimationFrame(() => box.current?.querySelector<HTMLElement>(`[data-node="${CSS.escape(id)}"]`)?.focus());
  };
  const toggle = (id: string) => setClosed((c) => (c.has(id) ? new Set([...c].filter((x) => x !== id)) : new Set(c).add(id)));
  if (rows.length === 0)
    return asked.isPending ? (
      <Spinner size="tiny" label="Looking for the processes" />
    ) : (
      <span className={s.quiet}>The record names no process.</span>
    );
  const node = chosen?.node;
  const id = node && /^process:(\d+)$/.exec(node.id)?.[1];
  return (
    <div>
      <div
        ref={box}
        className={s.tree}
        role="tree"
        aria-label="Process tree"
        onKeyDown={(event) => {
          const move = press(event.key, chosen?.node.id ?? '', roots, closed);
          if (move.to === undefined && move.open === undefined && move.close === undefined) return;
          event.preventDefault();
          event.stopPropagation();
          if (move.to !== undefined) go(move.to);
          if (move.open !== undefined) toggle(move.open);
          if (move.close !== undefined) toggle(move.close);
        }}
      >
        {rows.map((t) => (
          <Line
            key={t.node.id}
            tree={t}
            chosen={t === chosen}
            closed={closed.has(t.node.id)}
            onChoose={() => setAt(t.node.id)}
            onToggle={() => toggle(t.node.id)}
          />
        ))}
      </div>
      {asked.isFetching ? (
        <Spinner size="tiny" labelPosition="after" label="Looking for relatives" style={{ justifyContent: 'flex-start' }} />
      ) : null}
      {asked.error ? <div className={s.quiet}>Only what the record says is shown: {describe(asked.error)}</div> : null}
      {asked.data?.note ? <div className={s.quiet}>{asked.data.note}</div> : null}
      {asked.data?.cut ? <div className={s.quiet}>There are more processes than are shown here.</div> : null}
      {node && (node.path || node.sha256 || node.account || node.time || node.commandLine) ? (
        <div className={s.facts}>
          {node.commandLine ? <CopyId value={node.commandLine} /> : null}
          {node.path ? <span>{node.path}</span> : null}
          {node.account ? <span>Account {node.account}</span> : null}
          {node.sha256 ? <CopyId value={node.sha256} /> : null}
          {node.time ? <Time value={node.time} form="both" /> : null}
          {node.kind === 'process' && id ? (
            <Button
              size="small"
              style={{ alignSelf: 'flex-start' }}
              onClick={() => {
                const device = cellText(record.get('DeviceName'));
                const both = `(ProcessId == ${id} or InitiatingProcessId == ${id})`;
                onOpen(
                  huntEntity(
                    { kind: 'process', name: node.label, tests: [device ? `${both} and DeviceName =~ ${quoted(device)}` : both] },
                    node.time ?? timeOf(record),
                  ),
                );
              }}
            >
              Hunt for its events
            </Button>
          ) : null}
        </div>
      ) : null}
    </div>
  );
}

function Line({
  tree: t,
  chosen,
  closed,
  onChoose,
  onToggle,
}: {
  tree: TreeNode;
  chosen: boolean;
  closed: boolean;
  onChoose: () => void;
  onToggle: () => void;
}) {
  const s = useStyles();
  const { node: n } = t;
  return (
    <div
      role="treeitem"
      aria-level={t.level}
      aria-selected={chosen}
      aria-expanded={t.children.length > 0 ? !closed : undefined}
      tabIndex={chosen ? 0 : -1}
      data-node={n.id}
      className={mergeClasses(s.row, chosen && s.chosen, n.focus && s.focus)}
      style={{ marginLeft: Math.min(t.level - 1, 10) * 16 }}
      onClick={onChoose}
    >
      {t.children.length > 0 ? (
        <button
          type="button"
          tabIndex={-1}
          aria-hidden
          className={s.fold}
          onClick={(event) => {
            event.stopPropagation();
            onToggle();
          }}
        >
          {closed ? <ChevronRight16Regular /> : <ChevronDown16Regular />}
        </button>
      ) : (
        <span />
      )}
      <span className={s.icon}>
        <KindIcon kind={n.kind} />
      </span>
      <div style={{ minWidth: 0 }}>
        <div className={s.name} dir="auto">
          {n.label} <span className={s.quiet}>{[n.focus ? 'this record' : '', n.account ?? ''].filter(Boolean).join(', ')}</span>
        </div>
        {n.commandLine || (n.detail && n.kind !== 'device') ? <div className={s.command}>{n.commandLine || n.detail}</div> : null}
      </div>
    </div>
  );
}
