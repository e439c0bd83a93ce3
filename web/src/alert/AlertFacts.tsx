import { Link } from '@tanstack/react-router';
import type { Alert } from '../api/types';
import { CopyId } from '../design/CopyId';
import { Facts } from '../design/Facts';
import { LabTag, SeverityMark, StatusMark, Tags } from '../design/marks';
import { Time } from '../design/Time';
import { useLinkStyles } from '../design/useLinkStyles';
import { label } from '../design/words';

// AlertFacts are the properties of an alert, as its page and its pane show them.
export function AlertFacts({ alert: a, withIncident = false }: { alert: Alert; withIncident?: boolean }) {
  const l = useLinkStyles();
  return (
    <Facts
      facts={[
        ['Severity', <SeverityMark key="s" value={a.severity} strong />],
        ['Status', <StatusMark key="st" value={a.status} />],
        ['Assigned to', a.assignedTo || 'Nobody'],
        [
          'Classification',
          a.classification && a.classification !== 'Unknown' ? `${label(a.classification)}: ${label(a.determination)}` : 'Not set',
        ],
        [
          'Incident',
          withIncident && a.incidentId ? (
            <Link key="i" to="/incidents/$incidentId" params={{ incidentId: a.incidentId }} className={l.link}>
              {a.incidentName || `Incident ${a.incidentId}`}
            </Link>
          ) : (
            ''
          ),
        ],
        ['Category', label(a.category)],
        ['Techniques', (a.techniques ?? []).length > 0 ? <Tags key="t" values={a.techniques} all /> : ''],
        ['Tags', (a.tags ?? []).length > 0 ? <Tags key="g" values={a.tags} all plain /> : ''],
        ['Data', a.lab ? <LabTag key="l" /> : ''],
        ['Service source', label(a.serviceSource)],
        ['Detection source', label(a.detectionSource)],
        ['Product', a.product],
        [
          'Rule',
          a.ruleId ? (
            <Link key="r" to="/rules/$ruleId" params={{ ruleId: a.ruleId }} className={l.link}>
              {a.ruleTitle || a.ruleId}
            </Link>
          ) : (
            ''
          ),
        ],
        ['Hits', a.hitCount === undefined ? '' : a.hitCount.toLocaleString()],
        ['First activity', <Time key="f" value={a.firstActivity} form="both" />],
        ['Last activity', <Time key="la" value={a.lastActivity} form="both" />],
        ['Created', <Time key="c" value={a.createdTime} form="both" />],
        ['Alert ID', <CopyId key="id" value={a.id} />],
      ]}
    />
  );
}
