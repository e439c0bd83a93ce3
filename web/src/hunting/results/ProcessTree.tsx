import { useMemo, useState } from 'react';
import { Button, makeStyles, Spinner, tokens } from '@fluentui/react-components';
import { useQuery } from '@tanstack/react-query';
import { StoryTree } from '../../alert/StoryTree';
import { grow, visible } from '../../alert/tree';
import type { Cell, StoryNode } from '../../api/types';
import { describe } from '../../app/notify';
import { Time } from '../../design/Time';
import { CopyId } from '../../design/CopyId';
import { huntEntity } from '../gohunt';
import { quoted } from '../kqltext';
import { lineage } from './api';
import { cellText } from './cells';
import { timeOf } from './pivot';

const useStyles = makeStyles({
  quiet: { color: tokens.colorNeutralForeground3, fontWeight: tokens.fontWeightRegular },
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
      <StoryTree
        compact
        label="Process tree"
        roots={roots}
        closed={closed}
        onClosed={setClosed}
        at={chosen?.node.id ?? ''}
        onAt={setAt}
        note={(n) => [n.focus ? 'this record' : '', n.account ?? ''].filter(Boolean).join(', ')}
      />
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
