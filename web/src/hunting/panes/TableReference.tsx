import { useState } from 'react';
import {
  Button,
  Dialog,
  DialogBody,
  DialogContent,
  DialogSurface,
  DialogTitle,
  DialogTrigger,
  makeStyles,
  SearchBox,
  Tag,
  tokens,
} from '@fluentui/react-components';
import { DismissRegular, OpenRegular, PlayRegular } from '@fluentui/react-icons';
import { useQuery } from '@tanstack/react-query';
import { hunt, type TableInfo } from '../../api/hunting';
import { Facts } from '../../design/Facts';
import { Failure, Lines } from '../../design/states';
import { quoted } from '../kqltext';
import { cellText } from '../results/cells';
import { samplesOf } from '../samples';
import type { PaneActions } from './actions';
import { usePaneStyles } from './usePaneStyles';

const useStyles = makeStyles({
  surface: { width: 'min(960px, 96vw)', maxWidth: 'none' },
  content: { display: 'flex', flexDirection: 'column', gap: tokens.spacingVerticalL, maxHeight: '74vh' },
  scroll: { overflow: 'auto', maxHeight: '320px' },
  table: {
    borderCollapse: 'collapse',
    width: '100%',
    fontSize: tokens.fontSizeBase200,
    '& th, & td': {
      textAlign: 'left',
      padding: `${tokens.spacingVerticalXXS} ${tokens.spacingHorizontalS}`,
      borderBottom: `1px solid ${tokens.colorNeutralStroke3}`,
      verticalAlign: 'top',
    },
    '& th': { position: 'sticky', top: 0, backgroundColor: tokens.colorNeutralBackground1 },
  },
  cut: { maxWidth: '220px', overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap' },
  mono: { fontFamily: tokens.fontFamilyMonospace },
  tags: { display: 'flex', flexWrap: 'wrap', gap: tokens.spacingHorizontalXS, maxHeight: '160px', overflowY: 'auto' },
  sample: { display: 'flex', alignItems: 'center', gap: tokens.spacingHorizontalS },
});

const kinds = {
  event: 'Events, kept as they happen',
  snapshot: 'States, a full row per entity about every hour: take the newest with arg_max(Timestamp, *)',
  state: 'The present state; no time range applies',
  custom: 'Records for which there is no hunting table',
};

// Preview shows five rows of a table with the columns that have a value.
function Preview({ table }: { table: string }) {
  const s = useStyles();
  const p = usePaneStyles();
  const rows = useQuery({
    queryKey: ['hunting', 'preview', table],
    queryFn: ({ signal }) => hunt.run({ query: `${table}\n| take 5` }, signal),
    staleTime: 60_000,
    retry: false,
  });
  if (rows.isPending) return <Lines count={4} />;
  if (rows.error) return <Failure what="the preview" error={rows.error} retry={() => void rows.refetch()} />;
  const { schema = [], rows: cells = [] } = rows.data;
  if (cells.length === 0) return <span className={p.quiet}>The table has no rows.</span>;
  const shown = schema.map((_, i) => i).filter((i) => cells.some((r) => cellText(r[i]) !== ''));
  return (
    <div className={s.scroll} tabIndex={0} role="region" aria-label="Preview">
      <table className={s.table}>
        <thead>
          <tr>
            {shown.map((i) => (
              <th key={i} scope="col">
                {schema[i]?.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {cells.map((row, n) => (
            <tr key={n}>
              {shown.map((i) => (
                <td key={i} className={s.cut} title={cellText(row[i])}>
                  {cellText(row[i])}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

// TableReference tells what a table holds: its columns, kinds of events, sample queries, some rows, how many there are and how long they are kept.
export function TableReference({ table, actions, onClose }: { table: TableInfo; actions: PaneActions; onClose: () => void }) {
  const s = useStyles();
  const p = usePaneStyles();
  const [find, setFind] = useState('');
  const wanted = find.trim().toLowerCase();
  const columns = table.columns.filter((c) => `${c.name} ${c.summary ?? ''}`.toLowerCase().includes(wanted));
  const types = table.actionTypes ?? [];
  const described = table.columns.some((c) => c.summary);
  const open = (name: string, query: string, run: boolean) => {
    actions.open({ name, query, run });
    onClose();
  };
  return (
    <Dialog open onOpenChange={(_, d) => !d.open && onClose()}>
      <DialogSurface className={s.surface}>
        <DialogBody>
          <DialogTitle
            action={
              <DialogTrigger action="close">
                <Button appearance="subtle" aria-label="Close" icon={<DismissRegular />} />
              </DialogTrigger>
            }
          >
            {table.name}
          </DialogTitle>
          <DialogContent className={s.content}>
            <span>{table.summary}</span>
            <Facts
              facts={[
                ['Group', table.group || table.workload],
                ['Rows', (table.rows ?? 0).toLocaleString()],
                ['Kept for', table.retentionDays ? `${table.retentionDays} days` : ''],
                ['Holds', table.kind ? kinds[table.kind] : ''],
                ['Time column', table.timeColumn || 'none'],
              ]}
            />
            <section className={p.section} aria-label="Preview rows">
              <h3 className={p.h3}>Some rows</h3>
              <Preview table={table.name} />
            </section>
            <section className={p.section} aria-label="Columns">
              <div className={p.row}>
                <h3 className={p.h3}>Columns ({table.columns.length})</h3>
                <SearchBox size="small" placeholder="Find a column" value={find} onChange={(_, d) => setFind(d.value)} />
              </div>
              <div className={s.scroll} tabIndex={0} role="region" aria-label="List of columns">
                <table className={s.table}>
                  <thead>
                    <tr>
                      <th scope="col">Name</th>
                      <th scope="col">Type</th>
                      {described ? <th scope="col">Holds</th> : null}
                    </tr>
                  </thead>
                  <tbody>
                    {columns.map((c) => (
                      <tr key={c.name}>
                        <td className={s.mono}>{c.name}</td>
                        <td className={s.mono}>{c.type}</td>
                        {described ? <td>{c.summary}</td> : null}
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
            </section>
            {types.length > 0 ? (
              <section className={p.section} aria-label="Kinds of events">
                <h3 className={p.h3}>Kinds of events, ActionType ({types.length})</h3>
                <div className={s.tags} tabIndex={0} role="group" aria-label="Values of ActionType">
                  {types.map((t) => (
                    <Tag
                      key={t}
                      size="small"
                      as="button"
                      title={`Query ${table.name} for ${t}`}
                      onClick={() => open(`${t}`, `${table.name}\n| where ActionType == ${quoted(t)}\n| take 100`, true)}
                    >
                      {t}
                    </Tag>
                  ))}
                </div>
              </section>
            ) : null}
            <section className={p.section} aria-label="Sample queries">
              <h3 className={p.h3}>Sample queries</h3>
              {samplesOf(table).map((q) => (
                <div key={q.title} className={s.sample}>
                  <Button size="small" icon={<PlayRegular />} aria-label={`Run: ${q.title}`} onClick={() => open(q.title, q.query, true)} />
                  <Button
                    size="small"
                    icon={<OpenRegular />}
                    aria-label={`Open: ${q.title}`}
                    onClick={() => open(q.title, q.query, false)}
                  />
                  <span>{q.title}</span>
                </div>
              ))}
            </section>
          </DialogContent>
        </DialogBody>
      </DialogSurface>
    </Dialog>
  );
}
