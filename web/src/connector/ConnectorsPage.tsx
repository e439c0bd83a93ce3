import { useState } from 'react';
import { Button, makeStyles, mergeClasses, tokens } from '@fluentui/react-components';
import { AddRegular, CloudArrowDownRegular } from '@fluentui/react-icons';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { connectors, type Connector } from '../api/connectors';
import { useLive } from '../app/live';
import { useMay } from '../app/session';
import { text, type Search } from '../app/url';
import { Page } from '../design/Page';
import { Empty, Failure, Lines } from '../design/states';
import { Time } from '../design/Time';
import { gap } from '../design/time';
import { useLinkStyles } from '../design/useLinkStyles';
import { useTableStyles } from '../design/useTableStyles';
import { count } from '../design/words';
import { nextWords } from './connector';
import { ConnectorPane } from './ConnectorPane';
import { ConnectorState } from './ConnectorState';
import { ConnectorWizard } from './ConnectorWizard';

const useStyles = makeStyles({
  panes: { display: 'flex', flexGrow: 1, minHeight: 0 },
  scroll: {
    overflow: 'auto',
    flexGrow: 1,
    minWidth: 0,
    padding: `${tokens.spacingVerticalS} ${tokens.spacingHorizontalXXL}`,
    '@media (max-width: 639px)': { padding: `${tokens.spacingVerticalS} ${tokens.spacingHorizontalM}` },
  },
  error: {
    color: tokens.colorPaletteRedForeground1,
    fontSize: tokens.fontSizeBase200,
    maxWidth: '420px',
    overflowWrap: 'anywhere',
    display: '-webkit-box',
    WebkitLineClamp: 2,
    WebkitBoxOrient: 'vertical',
    overflow: 'hidden',
  },
  current: { backgroundColor: tokens.colorBrandBackground2 },
  cursor: { maxWidth: '220px', overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap' },
});

// ConnectorsPage lists the cloud services that records are fetched from, and adds, tests, runs and changes them.
export function ConnectorsPage() {
  const s = useStyles();
  const t = useTableStyles();
  const l = useLinkStyles();
  const navigate = useNavigate();
  const search: Search = useSearch({ strict: false });
  const mayManage = useMay('settings.core.manage');
  const [adding, setAdding] = useState(false);
  const [editing, setEditing] = useState<Connector | undefined>();
  const kinds = useQuery({ queryKey: ['connectors', 'kinds'], queryFn: connectors.kinds, staleTime: 600_000 });
  const list = useQuery({
    queryKey: ['connectors', 'list'],
    queryFn: connectors.list,
    refetchInterval: (q) => ((q.state.data?.value ?? []).some((c) => c.state === 'running' || c.state === 'new') ? 2_000 : 15_000),
  });
  useLive((event) => {
    if (event.topic === 'ingest') void list.refetch();
  });
  const all = list.data?.value ?? [];
  const pane = text(search.pane);
  const shown = all.find((c) => c.id === pane);
  const show = (id: string | undefined) => void navigate({ to: '.', search: { pane: id } as never });
  const nameOf = (kind: string) => kinds.data?.value.find((k) => k.kind === kind)?.name ?? kind;
  const failing = all.filter((c) => c.state === 'failing').length;
  const add =
    mayManage && kinds.data ? (
      <Button size="small" appearance="primary" icon={<AddRegular />} onClick={() => setAdding(true)}>
        Add a connector
      </Button>
    ) : null;
  return (
    <Page
      fixed
      title="Connectors"
      crumbs={[{ label: 'System' }]}
      meta={
        list.data
          ? `${count(all.length, 'connector', 'connectors')}${failing > 0 ? `, ${failing.toLocaleString()} failing` : ''}`
          : undefined
      }
      commands={all.length > 0 ? add : undefined}
    >
      {list.isPending ? (
        <Lines count={6} />
      ) : list.error ? (
        <Failure what="the connectors" error={list.error} retry={() => void list.refetch()} />
      ) : all.length === 0 ? (
        <Empty icon={<CloudArrowDownRegular />} title="No connector yet" actions={add}>
          A connector fetches the records of a service that does not send them by itself, such as sign-in and audit logs of cloud services.
          {mayManage ? '' : ' Ask an administrator to add one.'}{' '}
          <Link to="/sources" search={{ tab: 'connect' } as never} className={mergeClasses(l.link, l.inText)}>
            Collectors that send here
          </Link>{' '}
          need none.
        </Empty>
      ) : (
        <div className={s.panes}>
          <div className={s.scroll}>
            <table className={t.table} aria-label="Connectors">
              <thead>
                <tr>
                  <th>Name</th>
                  <th>Service</th>
                  <th>State</th>
                  <th>Next run</th>
                  <th>Last run</th>
                  <th>Has come to</th>
                  <th className={t.number}>Behind</th>
                  <th className={t.number}>Records</th>
                  <th className={t.number}>Refused</th>
                </tr>
              </thead>
              <tbody>
                {all.map((c) => (
                  <tr key={c.id} className={mergeClasses(c.id === pane && s.current)}>
                    <td>
                      <Link
                        to="."
                        search={{ pane: c.id } as never}
                        className={mergeClasses(l.link, l.strong)}
                        aria-current={c.id === pane ? 'true' : undefined}
                      >
                        {c.name}
                      </Link>
                      {c.lastError && c.state !== 'paused' ? <div className={s.error}>{c.lastError.message}</div> : null}
                    </td>
                    <td>{nameOf(c.kind)}</td>
                    <td>
                      <ConnectorState state={c.state} />
                    </td>
                    <td className={t.nowrap}>{nextWords(c, Date.now())}</td>
                    <td className={t.nowrap}>
                      <Time value={c.lastRun} />
                    </td>
                    <td className={s.cursor} title={c.cursor}>
                      {c.cursor || '–'}
                    </td>
                    <td className={t.number}>{c.lagSeconds === undefined ? '–' : gap(c.lagSeconds)}</td>
                    <td className={t.number}>{c.records.toLocaleString()}</td>
                    <td className={t.number}>{c.refused.toLocaleString()}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          {shown ? (
            <ConnectorPane
              key={shown.id}
              connector={shown}
              kind={kinds.data?.value.find((k) => k.kind === shown.kind)}
              onClose={() => show(undefined)}
              onEdit={() => setEditing(shown)}
            />
          ) : null}
        </div>
      )}
      {adding && kinds.data ? (
        <ConnectorWizard
          kinds={kinds.data.value}
          onClose={() => setAdding(false)}
          onDone={(c) => {
            setAdding(false);
            show(c.id);
          }}
        />
      ) : null}
      {editing && kinds.data ? (
        <ConnectorWizard
          kinds={kinds.data.value}
          connector={editing}
          onClose={() => setEditing(undefined)}
          onDone={() => setEditing(undefined)}
        />
      ) : null}
    </Page>
  );
}
