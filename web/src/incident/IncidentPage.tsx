import { lazy, Suspense, useEffect, useState } from 'react';
import {
  Badge,
  Button,
  makeStyles,
  Menu,
  MenuItem,
  MenuList,
  MenuPopover,
  MenuTrigger,
  MessageBar,
  MessageBarBody,
  Tab,
  TabList,
  tokens,
} from '@fluentui/react-components';
import {
  BranchRegular,
  CommentRegular,
  EditRegular,
  MoreHorizontalRegular,
  PersonAddRegular,
  SearchSquareRegular,
} from '@fluentui/react-icons';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { incidents } from '../api/endpoints';
import type { Incident } from '../api/types';
import { useLive } from '../app/live';
import { useMay, useSession } from '../app/session';
import { text, type Search } from '../app/url';
import { CopyId } from '../design/CopyId';
import { LabTag, SeverityMark, StatusMark, Tags } from '../design/marks';
import { Page } from '../design/Page';
import { Failure, Lines } from '../design/states';
import { Time } from '../design/Time';
import { label } from '../design/words';
import { huntIncident } from '../hunting/gohunt';
import { ManagePane } from '../manage/ManagePane';
import { MoveDialog } from '../manage/MoveDialog';
import { useManage } from '../manage/useManage';
import { ActivityPane } from '../manage/ActivityPane';
import { AlertsTab } from './tabs/AlertsTab';
import { AssetsTab } from './tabs/AssetsTab';
import { EvidenceTab } from './tabs/EvidenceTab';
import { InvestigationsTab } from './tabs/InvestigationsTab';
import { SummaryTab } from './tabs/SummaryTab';

const GraphTab = lazy(() => import('./tabs/GraphTab').then((m) => ({ default: m.GraphTab })));

const useStyles = makeStyles({
  facts: {
    display: 'flex',
    flexWrap: 'wrap',
    columnGap: tokens.spacingHorizontalL,
    rowGap: tokens.spacingVerticalXS,
    alignItems: 'center',
  },
  quiet: { color: tokens.colorNeutralForeground3 },
  tabs: {
    padding: `0 ${tokens.spacingHorizontalL}`,
    overflowX: 'auto',
    overflowY: 'hidden',
    flexShrink: 0,
    borderBottom: `1px solid ${tokens.colorNeutralStroke2}`,
    '@media (max-width: 639px)': { padding: 0 },
  },
  split: { display: 'flex', flexGrow: 1, minHeight: 0, minWidth: 0 },
  content: { flexGrow: 1, minWidth: 0, minHeight: 0, overflowY: 'auto', display: 'flex', flexDirection: 'column' },
});

const tabs = ['summary', 'graph', 'alerts', 'devices', 'users', 'mailboxes', 'investigations', 'evidence'] as const;
type TabId = (typeof tabs)[number];

const titles: Record<TabId, string> = {
  summary: 'Summary',
  graph: 'Attack story',
  alerts: 'Alerts',
  devices: 'Devices',
  users: 'Users',
  mailboxes: 'Mailboxes',
  investigations: 'Investigations',
  evidence: 'Evidence',
};

// IncidentPage shows one incident with its tabs, and manages it.
export function IncidentPage() {
  const s = useStyles();
  const { incidentId } = useParams({ from: '/incidents/$incidentId' });
  const search: Search = useSearch({ strict: false });
  const navigate = useNavigate();
  const { user } = useSession();
  const mayManage = useMay('secops.alerts.manage');
  const { change, reload } = useManage('incident');
  const [merging, setMerging] = useState(false);
  const [resolveOffer, setResolveOffer] = useState(true);
  const incident = useQuery({ queryKey: ['incident', incidentId], queryFn: () => incidents.get(incidentId) });
  useLive((event) => {
    if (event.topic === 'incident' && event.id === incidentId) reload();
  });
  useEffect(() => setResolveOffer(true), [incidentId]);

  const asked = text(search.tab);
  const tab: TabId = tabs.find((t) => t === asked) ?? 'summary';
  const side = text(search.side);
  const go = (next: Search) => void navigate({ to: '.', search: { ...search, ...next } as never, resetScroll: false });
  const counts = useCounts(incidentId, incident.data);

  if (incident.isPending)
    return (
      <Page title="Incident" crumbs={[{ label: 'Incidents', to: '/incidents' }]}>
        <Lines count={8} height={20} />
      </Page>
    );
  if (incident.error)
    return (
      <Page title={`Incident ${incidentId}`} crumbs={[{ label: 'Incidents', to: '/incidents' }]}>
        <Failure what={`incident ${incidentId}`} error={incident.error} retry={() => void incident.refetch()} />
      </Page>
    );
  const i = incident.data;
  const assignToMe = i.assignedTo !== user.name;
  return (
    <Page
      fixed
      title={i.name}
      crumbs={[{ label: 'Incidents', to: '/incidents' }]}
      commands={
        <>
          {mayManage ? (
            <Button
              size="small"
              appearance="primary"
              icon={<EditRegular />}
              onClick={() => go({ side: side === 'manage' ? undefined : 'manage' })}
            >
              Manage incident
            </Button>
          ) : null}
          {mayManage && assignToMe ? (
            <Button size="small" icon={<PersonAddRegular />} onClick={() => void change([i], { assignedTo: user.name })}>
              Assign to me
            </Button>
          ) : null}
          <Button size="small" icon={<CommentRegular />} onClick={() => go({ side: side === 'activity' ? undefined : 'activity' })}>
            Comments and history
          </Button>
          <Menu>
            <MenuTrigger disableButtonEnhancement>
              <Button size="small" appearance="subtle" icon={<MoreHorizontalRegular />} aria-label="More actions" />
            </MenuTrigger>
            <MenuPopover>
              <MenuList>
                <MenuItem
                  icon={<SearchSquareRegular />}
                  onClick={() => void navigate({ to: '/hunting', search: { query: huntIncident(i), runQuery: 'true' } as never })}
                >
                  Go hunt
                </MenuItem>
                {mayManage ? (
                  <MenuItem icon={<BranchRegular />} onClick={() => setMerging(true)}>
                    Merge into another incident
                  </MenuItem>
                ) : null}
              </MenuList>
            </MenuPopover>
          </Menu>
        </>
      }
      below={
        <div className={s.facts}>
          <SeverityMark value={i.severity} strong />
          <StatusMark value={i.status} />
          <span>
            <span className={s.quiet}>Assigned to</span> {i.assignedTo || 'nobody'}
          </span>
          <span>
            <span className={s.quiet}>ID</span> <CopyId value={i.id} />
          </span>
          {i.classification && i.classification !== 'Unknown' ? (
            <span>
              {label(i.classification)}: {label(i.determination)}
            </span>
          ) : null}
          <span className={s.quiet}>
            last activity <Time value={i.lastActivity} />, updated <Time value={i.lastUpdateTime} />
          </span>
          {(i.tags ?? []).length > 0 ? <Tags values={i.tags} all plain /> : null}
          {i.lab ? <LabTag /> : null}
        </div>
      }
    >
      {i.redirectIncidentId || i.id !== incidentId ? (
        <MessageBar intent="info" style={{ flexShrink: 0 }}>
          <MessageBarBody>
            Incident {incidentId} was merged into {i.redirectIncidentId && i.id === incidentId ? i.redirectIncidentId : i.id}, which is
            shown here.
          </MessageBarBody>
        </MessageBar>
      ) : null}
      {mayManage && resolveOffer && i.status !== 'Resolved' && i.alertCount > 0 && i.activeAlertCount === 0 ? (
        <MessageBar intent="info" style={{ flexShrink: 0 }}>
          <MessageBarBody>
            Every alert of this incident is resolved.{' '}
            <Button size="small" onClick={() => void change([i], { status: 'Resolved' })}>
              Resolve the incident
            </Button>{' '}
            <Button size="small" appearance="subtle" onClick={() => setResolveOffer(false)}>
              Not now
            </Button>
          </MessageBarBody>
        </MessageBar>
      ) : null}
      <div className={s.tabs}>
        <TabList selectedValue={tab} onTabSelect={(_, d) => go({ tab: String(d.value), pane: undefined, node: undefined })} size="small">
          {tabs.map((t) => (
            <Tab key={t} value={t}>
              {titles[t]}
              {counts[t] !== undefined ? (
                <Badge size="medium" appearance="tint" color="informative" style={{ marginLeft: 6 }}>
                  {counts[t].toLocaleString()}
                </Badge>
              ) : null}
            </Tab>
          ))}
        </TabList>
      </div>
      <div className={s.split}>
        <div className={s.content} role="tabpanel" aria-label={titles[tab]}>
          {tab === 'summary' ? <SummaryTab incident={i} /> : null}
          {tab === 'alerts' ? <AlertsTab incident={i} /> : null}
          {tab === 'devices' || tab === 'users' || tab === 'mailboxes' ? <AssetsTab key={tab} incident={i} kind={tab} /> : null}
          {tab === 'investigations' ? <InvestigationsTab incidentId={i.id} /> : null}
          {tab === 'evidence' ? <EvidenceTab incidentId={i.id} /> : null}
          {tab === 'graph' ? (
            <Suspense fallback={<Lines count={8} />}>
              <GraphTab incident={i} />
            </Suspense>
          ) : null}
        </div>
        {side === 'manage' ? (
          <ManagePane key={i.lastUpdateTime} thing="incident" targets={[i]} onClose={() => go({ side: undefined })} />
        ) : null}
        {side === 'activity' ? <ActivityPane thing="incident" id={i.id} onClose={() => go({ side: undefined })} /> : null}
      </div>
      {merging ? (
        <MoveDialog
          move={{ kind: 'merge', incidentId: i.id }}
          onClose={() => setMerging(false)}
          onDone={(to) => to !== undefined && void navigate({ to: '/incidents/$incidentId', params: { incidentId: to } })}
        />
      ) : null}
    </Page>
  );
}

function useCounts(incidentId: string, incident: Incident | undefined): Partial<Record<TabId, number>> {
  const evidence = useQuery({
    queryKey: ['incident', incidentId, 'evidence', 'count'],
    queryFn: () => incidents.evidence(incidentId, { $top: 1, $count: true }),
    enabled: incident !== undefined,
    retry: 0,
  });
  const investigations = useQuery({
    queryKey: ['incident', incidentId, 'investigations'],
    queryFn: () => incidents.investigations(incidentId),
    enabled: incident !== undefined,
    retry: 0,
  });
  const out: Partial<Record<TabId, number>> = {};
  if (!incident) return out;
  out.alerts = incident.alertCount;
  out.devices = incident.deviceCount ?? (incident.devices ?? []).length;
  out.users = incident.userCount ?? (incident.users ?? []).length;
  out.mailboxes = incident.mailboxCount ?? (incident.mailboxes ?? []).length;
  if (evidence.data?.count !== undefined) out.evidence = evidence.data.count;
  if (investigations.data) out.investigations = investigations.data.count ?? investigations.data.value.length;
  return out;
}
