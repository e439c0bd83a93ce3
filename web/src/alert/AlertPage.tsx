import { useMemo, useState } from 'react';
import { Button, makeStyles, Menu, MenuItem, MenuList, MenuPopover, MenuTrigger, tokens } from '@fluentui/react-components';
import {
  ArrowMoveRegular,
  CommentRegular,
  EditRegular,
  LinkDismissRegular,
  MoreHorizontalRegular,
  PersonAddRegular,
  SearchSquareRegular,
} from '@fluentui/react-icons';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { alerts, incidents } from '../api/endpoints';
import type { Alert, Hit } from '../api/types';
import { useLive } from '../app/live';
import { useNotify } from '../app/notify';
import { useMay, useSession } from '../app/session';
import { text, type Search } from '../app/url';
import { CopyId } from '../design/CopyId';
import { LabTag, SeverityMark, StatusMark, Tags } from '../design/marks';
import { Page } from '../design/Page';
import { Section } from '../design/Section';
import { Failure, Lines } from '../design/states';
import { Time } from '../design/Time';
import { useLinkStyles } from '../design/useLinkStyles';
import { label } from '../design/words';
import { huntAlert } from '../hunting/gohunt';
import { WhyJoined } from '../incident/WhyJoined';
import { ActivityPane } from '../manage/ActivityPane';
import { ManagePane } from '../manage/ManagePane';
import { MoveDialog } from '../manage/MoveDialog';
import { useManage } from '../manage/useManage';
import { AlertFacts } from './AlertFacts';
import { EvidenceList } from './EvidenceList';
import { Story } from './Story';

const useStyles = makeStyles({
  facts: {
    display: 'flex',
    flexWrap: 'wrap',
    columnGap: tokens.spacingHorizontalL,
    rowGap: tokens.spacingVerticalXS,
    alignItems: 'center',
  },
  quiet: { color: tokens.colorNeutralForeground3 },
  split: { display: 'flex', flexGrow: 1, minHeight: 0, minWidth: 0, borderTop: `1px solid ${tokens.colorNeutralStroke2}` },
  scroll: { flexGrow: 1, minWidth: 0, overflowY: 'auto' },
  grid: {
    display: 'grid',
    gridTemplateColumns: 'minmax(0, 1fr) 320px',
    gap: tokens.spacingHorizontalL,
    padding: `${tokens.spacingVerticalL} ${tokens.spacingHorizontalXXL}`,
    alignItems: 'start',
    '@media (max-width: 1099px)': { gridTemplateColumns: 'minmax(0, 1fr)' },
    '@media (max-width: 639px)': { padding: tokens.spacingHorizontalM },
  },
  column: { display: 'flex', flexDirection: 'column', gap: tokens.spacingVerticalL, minWidth: 0 },
  table: {
    borderCollapse: 'collapse',
    width: '100%',
    tableLayout: 'fixed',
    fontSize: tokens.fontSizeBase200,
    '& th': {
      textAlign: 'left',
      padding: `${tokens.spacingVerticalXS} ${tokens.spacingHorizontalS}`,
      color: tokens.colorNeutralForeground3,
      fontWeight: tokens.fontWeightSemibold,
    },
    '& td': {
      padding: `${tokens.spacingVerticalXS} ${tokens.spacingHorizontalS}`,
      borderTop: `1px solid ${tokens.colorNeutralStroke3}`,
      verticalAlign: 'top',
      overflowWrap: 'anywhere',
    },
  },
  mono: { fontFamily: tokens.fontFamilyMonospace },
  prose: { whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' },
});

const shownHits = 10;

// AlertPage shows one alert: its story, why it was raised, why it belongs to its incident, and everything recorded about it.
export function AlertPage() {
  const s = useStyles();
  const { alertId } = useParams({ from: '/alerts/$alertId' });
  const search: Search = useSearch({ strict: false });
  const navigate = useNavigate();
  const { user } = useSession();
  const { notify, failed } = useNotify();
  const mayManage = useMay('secops.alerts.manage');
  const { change, reload } = useManage('alert');
  const [moving, setMoving] = useState(false);
  const alert = useQuery({ queryKey: ['alert', alertId], queryFn: () => alerts.get(alertId) });
  const story = useQuery({ queryKey: ['alert', alertId, 'story'], queryFn: () => alerts.story(alertId) });
  const incidentId = alert.data?.incidentId ?? '';
  const siblings = useQuery({
    queryKey: ['incident', incidentId, 'alerts', 'titles'],
    queryFn: () => incidents.alerts(incidentId, { $top: 200 }),
    enabled: incidentId !== '',
    retry: 0,
  });
  const titles = useMemo(() => new Map((siblings.data?.value ?? []).map((a) => [a.id, a.title])), [siblings.data]);
  useLive((event) => {
    if (event.topic === 'alert' && event.id === alertId) reload();
  });
  const side = text(search.side);
  const go = (next: Search) => void navigate({ to: '.', search: { ...search, ...next } as never, resetScroll: false });

  const crumbs = [{ label: 'Alerts', to: '/alerts' }];
  if (alert.isPending)
    return (
      <Page title="Alert" crumbs={crumbs}>
        <Lines count={8} height={20} />
      </Page>
    );
  if (alert.error)
    return (
      <Page title="Alert" crumbs={crumbs}>
        <Failure what={`alert ${alertId}`} error={alert.error} retry={() => void alert.refetch()} />
      </Page>
    );
  const a = alert.data;
  const unlink = async () => {
    try {
      await alerts.unlink(a.id, 'Taken out of the incident');
      notify({
        title: 'Alert taken out of the incident',
        body: 'It has an incident of its own now and is not joined again by itself.',
        undo: async () => {
          try {
            await alerts.move([a.id], incidentId, 'Undo');
            notify({ title: 'Undone', intent: 'info' });
          } catch (err) {
            failed('Could not undo', err);
          }
          reload();
        },
      });
      reload();
    } catch (err) {
      failed('Could not take the alert out', err);
    }
  };
  return (
    <Page
      fixed
      title={a.title}
      crumbs={
        incidentId
          ? [
              { label: 'Incidents', to: '/incidents' },
              { label: a.incidentName || `Incident ${incidentId}`, to: `/incidents/${incidentId}` },
            ]
          : crumbs
      }
      commands={
        <>
          {mayManage ? (
            <Button
              size="small"
              appearance="primary"
              icon={<EditRegular />}
              onClick={() => go({ side: side === 'manage' ? undefined : 'manage' })}
            >
              Manage alert
            </Button>
          ) : null}
          {mayManage && a.assignedTo !== user.name ? (
            <Button size="small" icon={<PersonAddRegular />} onClick={() => void change([a], { assignedTo: user.name })}>
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
                  onClick={() => void navigate({ to: '/hunting', search: { query: huntAlert(a), runQuery: 'true' } as never })}
                >
                  Go hunt
                </MenuItem>
                {mayManage ? (
                  <MenuItem icon={<ArrowMoveRegular />} onClick={() => setMoving(true)}>
                    Move to another incident
                  </MenuItem>
                ) : null}
                {mayManage && incidentId ? (
                  <MenuItem icon={<LinkDismissRegular />} onClick={() => void unlink()}>
                    Unlink from the incident
                  </MenuItem>
                ) : null}
              </MenuList>
            </MenuPopover>
          </Menu>
        </>
      }
      below={
        <div className={s.facts}>
          <SeverityMark value={a.severity} strong />
          <StatusMark value={a.status} />
          <span>
            <span className={s.quiet}>Assigned to</span> {a.assignedTo || 'nobody'}
          </span>
          <span className={s.quiet}>{label(a.category)}</span>
          <span className={s.quiet}>
            last activity <Time value={a.lastActivity} />
          </span>
          {a.lab ? <LabTag /> : null}
        </div>
      }
    >
      <div className={s.split}>
        <div className={s.scroll}>
          <div className={s.grid}>
            <div className={s.column}>
              {a.description || a.recommendedActions ? (
                <Section title="What happened" card>
                  <span className={s.prose}>{a.description}</span>
                  {a.recommendedActions ? (
                    <>
                      <strong>Recommended actions</strong>
                      <span className={s.prose}>{a.recommendedActions}</span>
                    </>
                  ) : null}
                </Section>
              ) : null}
              <Section title="Alert story" card>
                {story.isPending ? <Lines count={6} /> : null}
                {story.error ? <Failure what="the alert story" error={story.error} retry={() => void story.refetch()} /> : null}
                {story.data ? <Story story={story.data} titles={titles} /> : null}
              </Section>
              <Section title="Matched fields" note={a.ruleTitle} card>
                <Matched alert={a} />
              </Section>
              <Section title="Evidence" note={`${(a.evidence ?? []).length}`} card>
                <EvidenceList evidence={a.evidence ?? []} around={a.firstActivity} />
              </Section>
              <Section title="Hits" note={a.hitCount !== undefined ? a.hitCount.toLocaleString() : undefined} card>
                <Hits hits={a.hits ?? []} total={a.hitCount ?? (a.hits ?? []).length} />
              </Section>
            </div>
            <div className={s.column}>
              <Section title="Properties" card>
                <AlertFacts alert={a} withIncident />
              </Section>
              <Section title="Why joined" card>
                <WhyJoined alertId={a.id} joins={a.joins} titles={titles} />
              </Section>
              <Section title="Impacted assets" card>
                <Assets alert={a} />
              </Section>
              {(a.techniques ?? []).length > 0 ? (
                <Section title="Techniques" card>
                  <Tags values={a.techniques} all />
                </Section>
              ) : null}
            </div>
          </div>
        </div>
        {side === 'manage' ? (
          <ManagePane key={a.lastUpdateTime ?? ''} thing="alert" targets={[a]} onClose={() => go({ side: undefined })} />
        ) : null}
        {side === 'activity' ? <ActivityPane thing="alert" id={a.id} onClose={() => go({ side: undefined })} /> : null}
      </div>
      {moving ? (
        <MoveDialog move={{ kind: 'alerts', alertIds: [a.id], from: incidentId || undefined }} onClose={() => setMoving(false)} />
      ) : null}
    </Page>
  );
}

function Matched({ alert }: { alert: Alert }) {
  const s = useStyles();
  const matched = alert.matched ?? [];
  if (matched.length === 0) return <span>The rule recorded no single field; the hits below are the records it matched.</span>;
  return (
    <table className={s.table}>
      <thead>
        <tr>
          <th style={{ width: '24%' }}>Field</th>
          <th>Value</th>
          <th style={{ width: '32%' }}>Test</th>
        </tr>
      </thead>
      <tbody>
        {matched.map((m, i) => (
          <tr key={`${m.field} ${i}`}>
            <td>{m.field}</td>
            <td className={s.mono}>{m.value}</td>
            <td>{m.match}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Hits({ hits, total }: { hits: readonly Hit[]; total: number }) {
  const s = useStyles();
  const [all, setAll] = useState(false);
  if (hits.length === 0) return <span>No raw record is kept for this alert.</span>;
  const shown = all ? hits : hits.slice(0, shownHits);
  return (
    <>
      <table className={s.table}>
        <thead>
          <tr>
            <th style={{ width: '34%' }}>Time</th>
            <th>Record</th>
          </tr>
        </thead>
        <tbody>
          {shown.map((h, i) => (
            <tr key={i}>
              <td>
                <Time value={h.time} form="absolute" />
              </td>
              <td className={s.mono}>
                {h.externalId ? <CopyId value={h.externalId} /> : `${h.file ?? ''}${h.record !== undefined ? ` #${h.record}` : ''}`}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {hits.length > shownHits ? (
        <Button size="small" appearance="subtle" onClick={() => setAll(!all)} style={{ alignSelf: 'flex-start' }}>
          {all ? 'Show fewer' : `Show ${hits.length.toLocaleString()}${total > hits.length ? ` of ${total.toLocaleString()}` : ''}`}
        </Button>
      ) : null}
    </>
  );
}

function Assets({ alert: a }: { alert: Alert }) {
  const l = useLinkStyles();
  const all = [...(a.devices ?? []), ...(a.users ?? []), ...(a.mailboxes ?? [])];
  if (all.length === 0) return <span>None named.</span>;
  return (
    <>
      {all.map((n) => (
        <Link key={n.key} to="/incidents" search={{ entity: n.key } as never} className={l.link} dir="auto" title="All incidents with it">
          {n.name}
        </Link>
      ))}
    </>
  );
}
