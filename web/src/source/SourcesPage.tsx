import { useCallback, useState, type ReactNode } from 'react';
import {
  Button,
  Dialog,
  DialogActions,
  DialogBody,
  DialogContent,
  DialogSurface,
  DialogTitle,
  makeStyles,
  Tab,
  TabList,
  tokens,
} from '@fluentui/react-components';
import { DatabasePlugConnectedRegular } from '@fluentui/react-icons';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { sources } from '../api/endpoints';
import type { Refused, Source } from '../api/types';
import { useLive } from '../app/live';
import { useNotify } from '../app/notify';
import { useMay, useSession } from '../app/session';
import { text, type Search } from '../app/url';
import { CopyId } from '../design/CopyId';
import { Facts } from '../design/Facts';
import { remember, remembered, type GridColumn } from '../design/grid/columns';
import { Grid } from '../design/grid/Grid';
import { usePaged } from '../design/grid/paged';
import { nothing, type Selection } from '../design/grid/selection';
import { StatusMark } from '../design/marks';
import { Page } from '../design/Page';
import { Section } from '../design/Section';
import { SidePane } from '../design/SidePane';
import { Empty, Failure, Lines } from '../design/states';
import { Time } from '../design/Time';
import { ConnectGuide } from './ConnectGuide';

const useStyles = makeStyles({
  tabs: { padding: `0 ${tokens.spacingHorizontalL}`, borderBottom: `1px solid ${tokens.colorNeutralStroke2}` },
  scroll: { overflow: 'auto', flexGrow: 1, padding: `${tokens.spacingVerticalM} ${tokens.spacingHorizontalXXL}` },
  table: {
    borderCollapse: 'collapse',
    width: '100%',
    '& th': {
      textAlign: 'left',
      fontSize: tokens.fontSizeBase200,
      color: tokens.colorNeutralForeground2,
      padding: tokens.spacingHorizontalS,
      borderBottom: `1px solid ${tokens.colorNeutralStroke1}`,
      whiteSpace: 'nowrap',
    },
    '& td': { padding: tokens.spacingHorizontalS, borderBottom: `1px solid ${tokens.colorNeutralStroke3}` },
  },
  number: { textAlign: 'right !important' as 'right', fontVariantNumeric: 'tabular-nums' },
  code: {
    margin: 0,
    fontFamily: tokens.fontFamilyMonospace,
    fontSize: tokens.fontSizeBase200,
    whiteSpace: 'pre-wrap',
    overflowWrap: 'anywhere',
    maxHeight: '50vh',
    overflowY: 'auto',
  },
  list: { display: 'flex', flexDirection: 'column', flexGrow: 1, minHeight: 0 },
  panes: { display: 'flex', flexGrow: 1, minHeight: 0 },
  bar: {
    display: 'flex',
    flexWrap: 'wrap',
    alignItems: 'center',
    gap: tokens.spacingHorizontalS,
    padding: `${tokens.spacingVerticalS} ${tokens.spacingHorizontalL}`,
  },
  hint: { fontSize: tokens.fontSizeBase200, color: tokens.colorNeutralForeground2 },
  how: { display: 'flex', flexDirection: 'column', gap: tokens.spacingVerticalS, textAlign: 'left' },
});

const quietAfter = 24 * 3_600_000;

// sourceState says whether a source delivers: "silent" after a day without a record.
export function sourceState(s: Source, now: number): 'ok' | 'silent' | 'refusing' {
  if ((s.refused ?? 0) > 0 && s.records > 0 && (s.refused ?? 0) / s.records > 0.1) return 'refusing';
  return s.lastSeen && now - Date.parse(s.lastSeen) < quietAfter ? 'ok' : 'silent';
}

const stateWords = { ok: 'Delivering', silent: 'Silent for a day or more', refusing: 'Many records refused' } as const;

// decoded reads the base64 of a refused record as text, as far as it is text.
export function decoded(sample: string): string {
  try {
    const bytes = Uint8Array.from(atob(sample.replace(/…$/, '')), (c) => c.charCodeAt(0));
    return new TextDecoder('utf-8').decode(bytes);
  } catch {
    return sample;
  }
}

// SourcesPage shows which sources deliver, how much, and the records that were refused.
export function SourcesPage() {
  const s = useStyles();
  const search: Search = useSearch({ strict: false });
  const navigate = useNavigate();
  const mayLab = useMay('settings.core.manage');
  const asked = text(search.tab);
  const list = useQuery({ queryKey: ['sources'], queryFn: sources.list, refetchInterval: asked === 'connect' ? 3_000 : 30_000 });
  useLive((event) => {
    if (event.topic === 'ingest') void list.refetch();
  });
  const tab = asked === 'refused' || asked === 'connect' ? asked : 'health';
  const refused = (list.data?.value ?? []).reduce((sum, x) => sum + (x.refused ?? 0), 0);
  return (
    <Page
      fixed
      title="Data sources"
      meta={
        list.data
          ? `${list.data.value.length} sources, ${list.data.value.reduce((sum, x) => sum + x.records, 0).toLocaleString()} records`
          : undefined
      }
    >
      <div className={s.tabs}>
        <TabList
          size="small"
          selectedValue={tab}
          onTabSelect={(_, d) => void navigate({ to: '.', search: { tab: d.value === 'health' ? undefined : d.value } as never })}
        >
          <Tab value="health">Health</Tab>
          <Tab value="connect">Connect a source</Tab>
          <Tab value="refused">{`Refused records${refused > 0 ? ` (${refused.toLocaleString()})` : ''}`}</Tab>
        </TabList>
      </div>
      {tab === 'refused' ? (
        <RefusedList />
      ) : list.isPending ? (
        <Lines count={8} />
      ) : list.error ? (
        <Failure what="the data sources" error={list.error} retry={() => void list.refetch()} />
      ) : tab === 'connect' ? (
        <ConnectGuide list={list.data.value} />
      ) : list.data.value.length === 0 ? (
        <Empty
          icon={<DatabasePlugConnectedRegular />}
          title="No source is connected"
          actions={
            <>
              <Button appearance="primary" onClick={() => void navigate({ to: '.', search: { tab: 'connect' } as never })}>
                Connect a source
              </Button>
              {mayLab ? <Button onClick={() => void navigate({ to: '/lab' })}>Open the evaluation lab</Button> : null}
            </>
          }
        >
          <span className={s.how}>
            <span>Import files of the past:</span>
            <CopyId value="bartizan import --data ./data PATH" />
            <span>Or let collectors send to this server with an API token of scope ingest:</span>
            <CopyId value={`${window.location.origin}/ingest/v1/auto`} />
          </span>
        </Empty>
      ) : (
        <div className={s.scroll}>
          <table className={s.table}>
            <thead>
              <tr>
                <th>Source</th>
                <th>State</th>
                <th>Last record</th>
                <th className={s.number}>Records</th>
                <th className={s.number}>Per minute</th>
                <th className={s.number}>Refused</th>
                <th>First record</th>
              </tr>
            </thead>
            <tbody>
              {list.data.value.map((x) => {
                const state = sourceState(x, Date.now());
                return (
                  <tr key={x.id}>
                    <td>{x.family && x.family !== x.id ? `${x.id} (${x.family})` : x.id}</td>
                    <td title={stateWords[state]}>
                      <StatusMark value={state === 'ok' ? 'ok' : state === 'refusing' ? 'error' : 'silent'} />
                    </td>
                    <td>
                      <Time value={x.lastSeen} />
                    </td>
                    <td className={s.number}>{x.records.toLocaleString()}</td>
                    <td className={s.number}>{(x.ratePerMinute ?? 0).toLocaleString(undefined, { maximumFractionDigits: 1 })}</td>
                    <td className={s.number}>{(x.refused ?? 0).toLocaleString()}</td>
                    <td>
                      <Time value={x.firstSeen} />
                    </td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      )}
    </Page>
  );
}

const columns: readonly GridColumn<Refused>[] = [
  { id: 'message', header: 'Why', width: 420, cell: (r) => <span title={r.message}>{r.message}</span> },
  { id: 'code', header: 'Code', width: 120, cell: (r) => r.code },
  { id: 'source', header: 'Source', width: 160, cell: (r) => r.source ?? '–' },
  { id: 'path', header: 'File', width: 320, cell: (r) => <span title={r.path}>{r.path ?? '–'}</span> },
  { id: 'record', header: 'Record', width: 90, numeric: true, cell: (r) => (r.record ?? 0).toLocaleString() },
  { id: 'time', header: 'Received', width: 130, cell: (r) => <Time value={r.time} /> },
];

const idOf = (r: Refused) => r.id ?? `${r.path ?? ''}#${r.record ?? 0}#${r.time ?? ''}`;

function RefusedList() {
  const s = useStyles();
  const { user } = useSession();
  const [layout, setLayout] = useState(() => remembered(user.id, 'refused', columns));
  const [current, setCurrent] = useState<Refused | undefined>();
  const [selection, setSelection] = useState<Selection>(nothing);
  const [forgetting, setForgetting] = useState(false);
  const mayManage = useMay('settings.core.manage');
  const { notify, failed } = useNotify();
  const queries = useQueryClient();
  const paged = usePaged<Refused>(
    ['sources', 'refused'],
    useCallback((skip, top, signal) => sources.refused({ $skip: skip, $top: top }, signal), []),
    idOf,
  );
  const chosen = [...selection.ids];
  const act = async (what: 'replay' | 'forget') => {
    try {
      if (what === 'replay') {
        const done = await sources.replay(chosen);
        notify({
          title: `${done.sent.toLocaleString()} records sent again`,
          body: done.left[0]
            ? `${done.left.length.toLocaleString()} cannot be sent again: ${done.left[0].message}.`
            : 'Those that still cannot be read come back to this list.',
        });
      } else {
        await sources.forget(chosen);
        notify({ title: `${chosen.length.toLocaleString()} refused records forgotten` });
      }
      setSelection(nothing);
      setCurrent(undefined);
    } catch (err) {
      failed('The records could not be changed', err);
    }
    await Promise.all([paged.refresh(), queries.invalidateQueries({ queryKey: ['sources'] })]);
  };
  if (paged.loading) return <Lines count={8} />;
  if (paged.error && paged.count === 0)
    return <Failure what="the refused records" error={paged.error} retry={() => void paged.refresh()} />;
  if (paged.count === 0) return <Empty title="Nothing was refused">Every record that arrived could be read.</Empty>;
  return (
    <div className={s.list}>
      {mayManage ? (
        <div className={s.bar}>
          <Button size="small" disabled={chosen.length === 0 || chosen.length > 1000} onClick={() => void act('replay')}>
            {chosen.length > 0 ? `Send ${chosen.length.toLocaleString()} again` : 'Send again'}
          </Button>
          <Button size="small" disabled={chosen.length === 0 || chosen.length > 1000} onClick={() => setForgetting(true)}>
            Forget
          </Button>
          <span className={s.hint}>
            {chosen.length > 1000 ? 'Choose at most 1,000 records at once' : 'Records that a newer version can read may be sent again'}
          </span>
        </div>
      ) : null}
      <Confirm
        open={forgetting}
        title={`Forget ${chosen.length.toLocaleString()} refused records?`}
        action="Forget"
        onClose={() => setForgetting(false)}
        onDone={() => {
          setForgetting(false);
          void act('forget');
        }}
      >
        Nothing of them is kept then. This cannot be undone.
      </Confirm>
      <div className={s.panes}>
        <Grid
          label="Refused records"
          {...(mayManage ? { selection, onSelection: setSelection } : {})}
          columns={columns}
          layout={layout}
          onLayout={(next) => {
            setLayout(next);
            remember(user.id, 'refused', next);
          }}
          count={paged.count}
          row={paged.row}
          idOf={idOf}
          nameOf={(r) => r.message}
          onShow={paged.show}
          current={current ? idOf(current) : undefined}
          onCurrent={setCurrent}
          narrow={(r) => (
            <span style={{ display: 'block', overflow: 'hidden', textOverflow: 'ellipsis' }}>
              {r.message}
              <br />
              {r.source} · <Time value={r.time} />
            </span>
          )}
        />
        {current ? (
          <SidePane title="Refused record" onClose={() => setCurrent(undefined)}>
            <Facts
              facts={[
                ['Why', current.message],
                ['Code', current.code],
                ['Source', current.source],
                ['File', current.path ? <CopyId key="p" value={current.path} /> : ''],
                ['Record', current.record?.toLocaleString()],
                ['Received', <Time key="t" value={current.time} form="both" />],
              ]}
            />
            {current.sample ? (
              <Section title="The record">
                <pre className={s.code}>{decoded(current.sample)}</pre>
              </Section>
            ) : null}
          </SidePane>
        ) : null}
      </div>
    </div>
  );
}

// Confirm asks before something that cannot be undone.
function Confirm(p: { open: boolean; title: string; action: string; onClose: () => void; onDone: () => void; children: ReactNode }) {
  return (
    <Dialog open={p.open} onOpenChange={(_, d) => !d.open && p.onClose()}>
      <DialogSurface>
        <DialogBody>
          <DialogTitle>{p.title}</DialogTitle>
          <DialogContent>{p.children}</DialogContent>
          <DialogActions>
            <Button onClick={p.onClose}>Cancel</Button>
            <Button appearance="primary" onClick={p.onDone}>
              {p.action}
            </Button>
          </DialogActions>
        </DialogBody>
      </DialogSurface>
    </Dialog>
  );
}
