import { Button, makeStyles, Tab, TabList, tokens } from '@fluentui/react-components';
import { DatabasePlugConnectedRegular } from '@fluentui/react-icons';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { sources } from '../api/endpoints';
import { useLive } from '../app/live';
import { useMay } from '../app/session';
import { text, type Search } from '../app/url';
import { CopyId } from '../design/CopyId';
import { Page } from '../design/Page';
import { Empty, Failure, Lines } from '../design/states';
import { count } from '../design/words';
import { Clocks } from './Clocks';
import { ConnectGuide } from './ConnectGuide';
import { Families } from './Families';
import { RefusedList } from './RefusedList';
import { Senders } from './Senders';

const useStyles = makeStyles({
  tabs: {
    padding: `0 ${tokens.spacingHorizontalL}`,
    borderBottom: `1px solid ${tokens.colorNeutralStroke2}`,
    overflowX: 'auto',
    flexShrink: 0,
  },
  panes: { display: 'flex', flexGrow: 1, minHeight: 0 },
  how: { display: 'flex', flexDirection: 'column', gap: tokens.spacingVerticalS, textAlign: 'left' },
});

const tabs = ['families', 'senders', 'connect', 'refused'];

// SourcesPage shows which sources deliver, who sends them, how to connect another one, and the records that were refused.
export function SourcesPage() {
  const s = useStyles();
  const search: Search = useSearch({ strict: false });
  const navigate = useNavigate();
  const mayRefused = useMay('settings.core.read');
  const list = useQuery({ queryKey: ['sources'], queryFn: sources.list, refetchInterval: 30_000 });
  useLive((event) => {
    if (event.topic === 'ingest') void list.refetch();
  });
  const asked = text(search.tab) ?? '';
  const tab = tabs.includes(asked) ? asked : 'families';
  const pane = text(search.pane);
  const value = list.data?.value ?? [];
  const refused = value.reduce((sum, x) => sum + x.refused, 0);
  const failing = value.filter((x) => x.state === 'failing').length;
  return (
    <Page
      fixed
      title="Data sources"
      crumbs={[{ label: 'System' }]}
      meta={
        list.data
          ? `${count(value.length, 'family', 'families')}, ${count(
              value.reduce((sum, x) => sum + x.records, 0),
              'record',
              'records',
            )}${failing > 0 ? `, ${failing.toLocaleString()} failing` : ''}`
          : undefined
      }
      commands={
        tab === 'connect' ? undefined : (
          <Button
            size="small"
            appearance="primary"
            icon={<DatabasePlugConnectedRegular />}
            onClick={() => void navigate({ to: '.', search: { tab: 'connect' } as never })}
          >
            Connect a source
          </Button>
        )
      }
    >
      <div className={s.tabs}>
        <TabList
          size="small"
          selectedValue={tab}
          onTabSelect={(_, d) => void navigate({ to: '.', search: { tab: d.value === 'families' ? undefined : d.value } as never })}
        >
          <Tab value="families">Families</Tab>
          <Tab value="senders">Senders</Tab>
          <Tab value="connect">Connect a source</Tab>
          {mayRefused ? <Tab value="refused">{`Refused records${refused > 0 ? ` (${refused.toLocaleString()})` : ''}`}</Tab> : null}
        </TabList>
      </div>
      {tab === 'refused' ? (
        <RefusedList total={refused} />
      ) : tab === 'connect' ? (
        <ConnectGuide />
      ) : tab === 'senders' ? (
        <Senders />
      ) : list.isPending ? (
        <Lines count={8} />
      ) : list.error ? (
        <Failure what="the data sources" error={list.error} retry={() => void list.refetch()} />
      ) : value.length === 0 ? (
        <NoSource />
      ) : (
        <div className={s.panes}>
          <Families list={value} />
          {pane === 'clocks' ? <Clocks onClose={() => void navigate({ to: '.', search: {} as never })} /> : null}
        </div>
      )}
    </Page>
  );
}

function NoSource() {
  const s = useStyles();
  const navigate = useNavigate();
  const mayLab = useMay('settings.core.manage');
  return (
    <Empty
      icon={<DatabasePlugConnectedRegular />}
      title="No source is connected"
      actions={
        <>
          <Button appearance="primary" onClick={() => void navigate({ to: '.', search: { tab: 'connect' } as never })}>
            Connect a source
          </Button>
          {mayLab ? <Button onClick={() => void navigate({ to: '/connectors' })}>Add a connector</Button> : null}
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
  );
}
