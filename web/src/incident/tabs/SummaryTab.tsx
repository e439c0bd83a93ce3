import { useMemo } from 'react';
import { makeStyles, mergeClasses, tokens } from '@fluentui/react-components';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { incidents } from '../../api/endpoints';
import type { Alert, Incident } from '../../api/types';
import { Bars, severityTone } from '../../design/Bars';
import { Facts } from '../../design/Facts';
import { KindIcon, SeverityMark, Tags } from '../../design/marks';
import { Section } from '../../design/Section';
import { Failure, Lines } from '../../design/states';
import { Time } from '../../design/Time';
import { useLinkStyles } from '../../design/useLinkStyles';
import { count, label, severities } from '../../design/words';

const tactics = [
  'Reconnaissance',
  'ResourceDevelopment',
  'InitialAccess',
  'Execution',
  'Persistence',
  'PrivilegeEscalation',
  'DefenseEvasion',
  'CredentialAccess',
  'Discovery',
  'LateralMovement',
  'Collection',
  'CommandAndControl',
  'Exfiltration',
  'Impact',
] as const;

const useStyles = makeStyles({
  grid: {
    display: 'grid',
    gridTemplateColumns: 'minmax(0, 2fr) minmax(280px, 1fr)',
    gap: tokens.spacingHorizontalL,
    padding: `${tokens.spacingVerticalL} ${tokens.spacingHorizontalXXL}`,
    alignItems: 'start',
    '@media (max-width: 1099px)': { gridTemplateColumns: 'minmax(0, 1fr)' },
    '@media (max-width: 639px)': { padding: tokens.spacingHorizontalM },
  },
  column: { display: 'flex', flexDirection: 'column', gap: tokens.spacingVerticalL, minWidth: 0 },
  tactics: { display: 'flex', flexWrap: 'wrap', gap: tokens.spacingHorizontalXS, margin: 0, padding: 0, listStyleType: 'none' },
  tactic: {
    flexGrow: 1,
    flexBasis: '92px',
    minWidth: '92px',
    padding: `${tokens.spacingVerticalXS} ${tokens.spacingHorizontalS}`,
    borderTop: `3px solid ${tokens.colorNeutralStroke2}`,
    color: tokens.colorNeutralForeground3,
    fontSize: tokens.fontSizeBase200,
  },
  seen: {
    borderTop: `3px solid ${tokens.colorBrandStroke1}`,
    color: tokens.colorNeutralForeground1,
    backgroundColor: tokens.colorBrandBackground2,
  },
  timeline: { margin: 0, padding: 0, listStyleType: 'none', display: 'flex', flexDirection: 'column' },
  event: {
    display: 'grid',
    gridTemplateColumns: '116px 14px minmax(0, 1fr)',
    columnGap: tokens.spacingHorizontalS,
    '@media (max-width: 639px)': { gridTemplateColumns: '14px minmax(0, 1fr)' },
  },
  when: {
    color: tokens.colorNeutralForeground3,
    fontSize: tokens.fontSizeBase200,
    paddingTop: '2px',
    '@media (max-width: 639px)': { display: 'none' },
  },
  rail: {
    position: 'relative',
    '::before': {
      content: '""',
      position: 'absolute',
      left: '6px',
      top: 0,
      bottom: 0,
      width: '2px',
      backgroundColor: tokens.colorNeutralStroke2,
    },
  },
  dot: {
    position: 'absolute',
    left: '2px',
    top: '6px',
    width: '10px',
    height: '10px',
    borderRadius: '50%',
    boxSizing: 'border-box',
    border: `2px solid ${tokens.colorNeutralBackground1}`,
    backgroundColor: tokens.colorNeutralForeground4,
  },
  high: { backgroundColor: tokens.colorPaletteRedBackground3 },
  medium: { backgroundColor: tokens.colorPaletteDarkOrangeBackground3 },
  low: { backgroundColor: tokens.colorPaletteYellowBackground3 },
  what: { paddingBottom: tokens.spacingVerticalM, minWidth: 0 },
  why: { color: tokens.colorNeutralForeground3, fontSize: tokens.fontSizeBase200, overflowWrap: 'anywhere' },
  assets: { display: 'flex', flexDirection: 'column', gap: tokens.spacingVerticalXS, margin: 0, padding: 0, listStyleType: 'none' },
  asset: { display: 'flex', gap: tokens.spacingHorizontalS, alignItems: 'center', minWidth: 0 },
});

const shownEvents = 40;

// joinReason is the text of the strongest edge that brought an alert in.
function joinReason(incident: Incident, alert: Alert): string {
  const own = (incident.joins ?? []).filter((j) => j.alertId === alert.id).sort((a, b) => (b.weight ?? 0) - (a.weight ?? 0));
  const first = own[0];
  return first ? first.text || label(first.kind) : '';
}

// SummaryTab shows the scope of an incident: tactics reached, alerts in time with the reason each joined, assets, severities, properties.
export function SummaryTab({ incident: i }: { incident: Incident }) {
  const s = useStyles();
  const l = useLinkStyles();
  const alerts = useQuery({
    queryKey: ['incident', i.id, 'alerts', 'summary'],
    queryFn: () => incidents.alerts(i.id, { $top: 200, $count: true, orderby: 'firstActivity:asc' }),
  });
  const inOrder = useMemo(
    () => [...(alerts.data?.value ?? [])].sort((a, b) => ((a.firstActivity ?? '') < (b.firstActivity ?? '') ? -1 : 1)),
    [alerts.data],
  );
  const reached = useMemo(() => {
    const out = new Map<string, number>();
    for (const a of inOrder) if (a.category) out.set(a.category, (out.get(a.category) ?? 0) + 1);
    for (const c of i.categories ?? []) if (!out.has(c)) out.set(c, 0);
    return out;
  }, [inOrder, i.categories]);
  const others = [...reached.keys()].filter((c) => !(tactics as readonly string[]).includes(c));
  const total = alerts.data?.count ?? inOrder.length;
  const assets = [
    ['device', 'devices', i.devices ?? []],
    ['user', 'users', i.users ?? []],
    ['mailbox', 'mailboxes', i.mailboxes ?? []],
  ] as const;
  return (
    <div className={s.grid}>
      <div className={s.column}>
        <Section title="Attack progress" note={count([...reached.keys()].length, 'category', 'categories')} card>
          <ul className={s.tactics}>
            {[
              ...tactics
                .filter((t) => reached.has(t) || t !== 'Reconnaissance')
                .filter((t) => reached.has(t) || t !== 'ResourceDevelopment'),
              ...others,
            ].map((t) => {
              const n = reached.get(t);
              return (
                <li key={t} className={mergeClasses(s.tactic, n !== undefined && s.seen)}>
                  {label(t)}
                  {n !== undefined && n > 0 ? <div>{count(n, 'alert', 'alerts')}</div> : null}
                </li>
              );
            })}
          </ul>
        </Section>
        <Section
          title="Alert timeline"
          note={total > shownEvents ? `the first ${shownEvents} of ${total.toLocaleString()}` : undefined}
          action={
            <Link to="." search={{ tab: 'alerts' } as never} className={l.link}>
              All alerts
            </Link>
          }
          card
        >
          {alerts.isPending ? <Lines count={6} /> : null}
          {alerts.error ? <Failure what="the alerts" error={alerts.error} retry={() => void alerts.refetch()} /> : null}
          <ol className={s.timeline}>
            {inOrder.slice(0, shownEvents).map((a) => {
              const why = joinReason(i, a);
              const tone = severityTone(a.severity);
              return (
                <li key={a.id} className={s.event}>
                  <span className={s.when}>
                    <Time value={a.firstActivity} form="short" />
                  </span>
                  <span className={s.rail} aria-hidden>
                    <span
                      className={mergeClasses(s.dot, tone === 'high' && s.high, tone === 'medium' && s.medium, tone === 'low' && s.low)}
                    />
                  </span>
                  <div className={s.what}>
                    <Link to="/alerts/$alertId" params={{ alertId: a.id }} className={l.link}>
                      {a.title}
                    </Link>{' '}
                    <SeverityMark value={a.severity} />
                    {why ? <div className={s.why}>Joined: {why}</div> : null}
                  </div>
                </li>
              );
            })}
          </ol>
        </Section>
      </div>
      <div className={s.column}>
        <Section title="Scope" card>
          {assets.map(([kind, tab, list]) =>
            list.length > 0 ? (
              <div key={kind}>
                <Link to="." search={{ tab } as never} className={l.link}>
                  {count(list.length, kind, `${tab}`)}
                </Link>
                <ul className={s.assets}>
                  {list.slice(0, 5).map((a) => (
                    <li key={a.key} className={s.asset}>
                      <KindIcon kind={kind} />
                      <span className={l.cut} title={a.name} dir="auto">
                        {a.name}
                      </span>
                    </li>
                  ))}
                </ul>
              </div>
            ) : null,
          )}
          {assets.every(([, , list]) => list.length === 0) ? <span>No device, user or mailbox is named.</span> : null}
        </Section>
        <Section title="Alerts by severity" card>
          <Bars
            label="Alerts by severity"
            bars={severities.map((sev) => ({
              label: sev,
              value: inOrder.filter((a) => a.severity === sev).length,
              tone: severityTone(sev),
              to: '/alerts',
              search: { incidentId: i.id, severity: sev },
            }))}
          />
        </Section>
        <Section title="Properties" card>
          <Facts
            facts={[
              ['Status', label(i.status)],
              ['Assigned to', i.assignedTo || 'Nobody'],
              [
                'Classification',
                i.classification && i.classification !== 'Unknown' ? `${label(i.classification)}: ${label(i.determination)}` : 'Not set',
              ],
              ['Service sources', (i.serviceSources ?? []).length > 0 ? <Tags key="s" values={i.serviceSources} all /> : ''],
              ['Detection sources', (i.detectionSources ?? []).length > 0 ? <Tags key="d" values={i.detectionSources} all /> : ''],
              ['Techniques', (i.techniques ?? []).length > 0 ? <Tags key="t" values={i.techniques} all /> : ''],
              ['First activity', <Time key="f" value={i.firstActivity} form="absolute" />],
              ['Last activity', <Time key="l" value={i.lastActivity} form="absolute" />],
              ['Created', <Time key="c" value={i.createdTime} form="absolute" />],
              ['Last update', <Time key="u" value={i.lastUpdateTime} form="absolute" />],
            ]}
          />
        </Section>
      </div>
    </div>
  );
}
