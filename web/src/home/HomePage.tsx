import { Button, makeStyles, MessageBar, MessageBarActions, MessageBarBody, Text, tokens, mergeClasses } from '@fluentui/react-components';
import { BeakerRegular, CheckmarkCircleRegular, DatabasePlugConnectedRegular } from '@fluentui/react-icons';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { alerts, incidents, sources } from '../api/endpoints';
import { useLive } from '../app/live';
import { useMay, useSession } from '../app/session';
import { Bars, severityTone } from '../design/Bars';
import { LabTag, SeverityMark } from '../design/marks';
import { Page } from '../design/Page';
import { Section } from '../design/Section';
import { Empty, Failure, Lines } from '../design/states';
import { Time } from '../design/Time';
import { useLinkStyles } from '../design/useLinkStyles';
import { label, severities } from '../design/words';
import { StateMark } from '../source/StateMark';

const useStyles = makeStyles({
  cards: { display: 'grid', gridTemplateColumns: 'repeat(12, minmax(0, 1fr))', gap: tokens.spacingHorizontalL, alignItems: 'stretch' },
  half: { gridColumn: 'span 6', '@media (max-width: 1099px)': { gridColumn: 'span 12' } },
  third: { gridColumn: 'span 4', '@media (max-width: 1099px)': { gridColumn: 'span 12' } },
  big: {
    fontSize: tokens.fontSizeHero800,
    lineHeight: tokens.lineHeightHero800,
    fontWeight: tokens.fontWeightSemibold,
    fontVariantNumeric: 'tabular-nums',
  },
  row: {
    display: 'grid',
    gridTemplateColumns: 'minmax(0, 1fr) 104px 116px',
    gap: tokens.spacingHorizontalM,
    alignItems: 'center',
    minHeight: '32px',
    borderBottom: `1px solid ${tokens.colorNeutralStroke3}`,
    '@media (max-width: 639px)': { gridTemplateColumns: 'minmax(0, 1fr) 96px' },
  },
  when: { textAlign: 'right', color: tokens.colorNeutralForeground3, '@media (max-width: 639px)': { display: 'none' } },
  source: {
    display: 'grid',
    gridTemplateColumns: 'minmax(0, 1fr) 90px 110px',
    gap: tokens.spacingHorizontalM,
    minHeight: '28px',
    alignItems: 'center',
  },
  number: { textAlign: 'right', fontVariantNumeric: 'tabular-nums' },
  name: { display: 'flex', gap: tokens.spacingHorizontalSNudge, minWidth: 0, alignItems: 'center' },
});

const activeIncidents = ['Active', 'InProgress'];
const openAlerts = ['New', 'InProgress'];

// HomePage shows what needs attention now: active incidents, newest alerts, sources.
export function HomePage() {
  const s = useStyles();
  const l = useLinkStyles();
  const navigate = useNavigate();
  const { lab, tenant } = useSession();
  const mayRead = useMay('secops.data.read');
  const mayLab = useMay('settings.core.manage');
  const newest = useQuery({
    queryKey: ['home', tenant.id, 'incidents'],
    queryFn: ({ signal }) => incidents.list({ status: activeIncidents, orderby: 'severity:desc', $top: 8, $count: true }, signal),
    enabled: mayRead,
  });
  const bySeverity = useQuery({
    queryKey: ['home', tenant.id, 'incident-facets'],
    queryFn: ({ signal }) => incidents.facets({ status: activeIncidents }, signal),
    enabled: mayRead,
  });
  const latest = useQuery({
    queryKey: ['home', tenant.id, 'alerts'],
    queryFn: ({ signal }) => alerts.list({ orderby: 'createdTime:desc', $top: 8 }, signal),
    enabled: mayRead,
  });
  const alertFacets = useQuery({
    queryKey: ['home', tenant.id, 'alert-facets'],
    queryFn: ({ signal }) => alerts.facets({ status: openAlerts }, signal),
    enabled: mayRead,
  });
  const feeds = useQuery({ queryKey: ['home', tenant.id, 'sources'], queryFn: sources.list, enabled: mayRead });
  useLive((event) => {
    if (event.topic === 'incident') {
      void newest.refetch();
      void bySeverity.refetch();
    } else if (event.topic === 'alert') {
      void latest.refetch();
      void alertFacets.refetch();
    }
  });
  if (!mayRead)
    return (
      <Page title="Home">
        <Empty title="You may not see security data">It needs the permission secops.data.read. Ask an administrator of this tenant.</Empty>
      </Page>
    );
  const categories = Object.entries(alertFacets.data?.category ?? {})
    .sort((a, b) => b[1] - a[1])
    .slice(0, 8);
  const statuses = Object.entries(alertFacets.data?.serviceSource ?? {}).sort((a, b) => b[1] - a[1]);
  return (
    <Page title="Home">
      {lab?.loaded ? (
        <MessageBar intent="info" style={{ marginBottom: 16 }}>
          <MessageBarBody>Part of what you see was made by the evaluation lab. It is labelled Lab.</MessageBarBody>
          <MessageBarActions>
            {mayLab ? (
              <Button size="small" onClick={() => void navigate({ to: '/lab' })}>
                Open the lab
              </Button>
            ) : null}
          </MessageBarActions>
        </MessageBar>
      ) : null}
      <div className={s.cards}>
        <Section
          title="Active incidents"
          card
          className={s.half}
          action={
            <Link to="/incidents" search={{ status: activeIncidents } as never} className={l.link}>
              View all
            </Link>
          }
        >
          {bySeverity.isPending ? <Lines count={4} /> : null}
          {bySeverity.error ? <Failure what="the incidents" error={bySeverity.error} retry={() => void bySeverity.refetch()} /> : null}
          {bySeverity.data ? (
            <>
              <span className={s.big}>
                {(newest.data?.count ?? Object.values(bySeverity.data.severity ?? {}).reduce((a, b) => a + b, 0)).toLocaleString()}
              </span>
              <Bars
                label="Active incidents by severity"
                bars={severities.map((x) => ({
                  label: x,
                  value: bySeverity.data.severity?.[x] ?? 0,
                  tone: severityTone(x),
                  to: '/incidents',
                  search: { status: activeIncidents, severity: x },
                }))}
              />
            </>
          ) : null}
        </Section>
        <Section title="Open alerts by category" card className={s.half}>
          {alertFacets.isPending ? <Lines count={4} /> : null}
          {alertFacets.error ? <Failure what="the alerts" error={alertFacets.error} retry={() => void alertFacets.refetch()} /> : null}
          {alertFacets.data && categories.length === 0 ? <Text>No open alert.</Text> : null}
          <Bars
            label="Open alerts by category"
            bars={categories.map(([c, n]) => ({ label: label(c), value: n, to: '/alerts', search: { status: openAlerts, category: c } }))}
          />
        </Section>
        <Section title="Worst active incidents" card className={s.half}>
          {newest.isPending ? <Lines count={6} /> : null}
          {newest.error ? <Failure what="the incidents" error={newest.error} retry={() => void newest.refetch()} /> : null}
          {newest.data && newest.data.value.length === 0 ? <Empty icon={<CheckmarkCircleRegular />} title="No active incident" /> : null}
          <div>
            {(newest.data?.value ?? []).map((i) => (
              <div key={i.id} className={s.row}>
                <span className={s.name}>
                  <Link to="/incidents/$incidentId" params={{ incidentId: i.id }} className={mergeClasses(l.link, l.cut)} title={i.name}>
                    {i.name}
                  </Link>
                  {i.lab ? <LabTag /> : null}
                </span>
                <SeverityMark value={i.severity} />
                <span className={s.when}>
                  <Time value={i.lastActivity} />
                </span>
              </div>
            ))}
          </div>
        </Section>
        <Section
          title="Newest alerts"
          card
          className={s.half}
          action={
            <Link to="/alerts" search={{ status: openAlerts } as never} className={l.link}>
              View all
            </Link>
          }
        >
          {latest.isPending ? <Lines count={6} /> : null}
          {latest.error ? <Failure what="the alerts" error={latest.error} retry={() => void latest.refetch()} /> : null}
          {latest.data && latest.data.value.length === 0 ? <Text>No alert has been raised.</Text> : null}
          <div>
            {(latest.data?.value ?? []).map((a) => (
              <div key={a.id} className={s.row}>
                <span className={s.name}>
                  <Link to="/alerts/$alertId" params={{ alertId: a.id }} className={mergeClasses(l.link, l.cut)} title={a.title}>
                    {a.title}
                  </Link>
                </span>
                <SeverityMark value={a.severity} />
                <span className={s.when}>
                  <Time value={a.createdTime} />
                </span>
              </div>
            ))}
          </div>
        </Section>
        <Section
          title="Data sources"
          card
          className={s.half}
          action={
            <Link to="/sources" className={l.link}>
              View all
            </Link>
          }
        >
          {feeds.isPending ? <Lines count={4} /> : null}
          {feeds.error ? <Failure what="the data sources" error={feeds.error} retry={() => void feeds.refetch()} /> : null}
          {feeds.data && feeds.data.value.length === 0 ? (
            <Empty
              icon={<DatabasePlugConnectedRegular />}
              title="No source is connected"
              actions={
                <>
                  <Button onClick={() => void navigate({ to: '/sources' })}>Connect a source</Button>
                  {mayLab ? (
                    <Button icon={<BeakerRegular />} onClick={() => void navigate({ to: '/lab' })}>
                      Try the evaluation lab
                    </Button>
                  ) : null}
                </>
              }
            />
          ) : null}
          {(feeds.data?.value ?? []).slice(0, 8).map((f) => (
            <div key={f.id} className={s.source}>
              <span className={l.cut}>{f.id}</span>
              <span className={s.number}>{f.records.toLocaleString()}</span>
              <StateMark source={f} />
            </div>
          ))}
        </Section>
        <Section title="Open alerts by service source" card className={s.half}>
          {alertFacets.isPending ? <Lines count={4} /> : null}
          {alertFacets.data && statuses.length === 0 ? <Text>No open alert.</Text> : null}
          <Bars
            label="Open alerts by service source"
            bars={statuses.map(([c, n]) => ({
              label: label(c),
              value: n,
              to: '/alerts',
              search: { status: openAlerts, serviceSource: c },
            }))}
          />
        </Section>
      </div>
    </Page>
  );
}
