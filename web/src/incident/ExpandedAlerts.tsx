import { makeStyles, tokens, mergeClasses } from '@fluentui/react-components';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { incidents } from '../api/endpoints';
import { SeverityMark, StatusMark } from '../design/marks';
import { Failure, Lines } from '../design/states';
import { Time } from '../design/Time';
import { useLinkStyles } from '../design/useLinkStyles';
import { label } from '../design/words';

const shownAlerts = 20;

const useStyles = makeStyles({
  box: {
    padding: `${tokens.spacingVerticalXS} ${tokens.spacingHorizontalM} ${tokens.spacingVerticalM} 72px`,
    backgroundColor: tokens.colorNeutralBackground2,
  },
  list: { margin: 0, padding: 0, listStyleType: 'none' },
  row: {
    display: 'grid',
    gridTemplateColumns: 'minmax(180px, 1fr) 112px 104px minmax(0, 150px) 110px',
    gap: tokens.spacingHorizontalM,
    alignItems: 'center',
    height: '28px',
    borderBottom: `1px solid ${tokens.colorNeutralStroke3}`,
  },
  more: { display: 'inline-block', marginTop: tokens.spacingVerticalS },
});

// ExpandedAlerts lists the alerts of an incident below its row.
export function ExpandedAlerts({ incidentId }: { incidentId: string }) {
  const s = useStyles();
  const l = useLinkStyles();
  const alerts = useQuery({
    queryKey: ['incident', incidentId, 'alerts', 'expanded'],
    queryFn: () => incidents.alerts(incidentId, { $top: shownAlerts, $count: true }),
  });
  if (alerts.isPending) return <Lines count={3} height={12} />;
  if (alerts.error) return <Failure what="the alerts" error={alerts.error} retry={() => void alerts.refetch()} />;
  const total = alerts.data.count ?? alerts.data.value.length;
  return (
    <div className={s.box}>
      <ul className={s.list} aria-label="Alerts of the incident">
        {alerts.data.value.map((a) => (
          <li key={a.id} className={s.row}>
            <Link to="/alerts/$alertId" params={{ alertId: a.id }} className={mergeClasses(l.link, l.cut)} title={a.title}>
              {a.title}
            </Link>
            <SeverityMark value={a.severity} />
            <StatusMark value={a.status} />
            <span className={l.cut}>{label(a.category)}</span>
            <Time value={a.lastActivity} />
          </li>
        ))}
      </ul>
      {total > alerts.data.value.length ? (
        <Link
          to="/incidents/$incidentId"
          params={{ incidentId }}
          search={{ tab: 'alerts' } as never}
          className={mergeClasses(l.link, s.more)}
        >
          All {total.toLocaleString()} alerts
        </Link>
      ) : null}
    </div>
  );
}
