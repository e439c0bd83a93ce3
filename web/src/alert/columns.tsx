import { makeStyles, tokens, mergeClasses } from '@fluentui/react-components';
import { Link } from '@tanstack/react-router';
import type { Alert } from '../api/types';
import type { GridColumn } from '../design/grid/columns';
import type { Filter } from '../design/list/filters';
import { LabTag, SeverityMark, StatusMark, Tags } from '../design/marks';
import { Time } from '../design/Time';
import { useLinkStyles } from '../design/useLinkStyles';
import { alertStatuses, categories, detectionSources, label, serviceSources, severities } from '../design/words';
import { assetText, ImpactedAssets } from '../incident/columns';

const useStyles = makeStyles({
  name: {
    display: 'inline-flex',
    gap: tokens.spacingHorizontalSNudge,
    alignItems: 'center',
    maxWidth: '100%',
    minWidth: 0,
    verticalAlign: 'bottom',
  },
  narrow: { display: 'flex', flexDirection: 'column', gap: tokens.spacingVerticalXXS, minWidth: 0 },
  meta: { display: 'flex', gap: tokens.spacingHorizontalM, fontSize: tokens.fontSizeBase200, overflow: 'hidden', whiteSpace: 'nowrap' },
  quiet: { color: tokens.colorNeutralForeground3 },
});

function AlertName({ alert }: { alert: Alert }) {
  const s = useStyles();
  const l = useLinkStyles();
  return (
    <span className={s.name}>
      <Link to="/alerts/$alertId" params={{ alertId: alert.id }} className={mergeClasses(l.link, l.cut)} title={alert.title} dir="auto">
        {alert.title}
      </Link>
      {alert.lab ? <LabTag /> : null}
    </span>
  );
}

function IncidentLink({ alert }: { alert: Alert }) {
  const l = useLinkStyles();
  if (!alert.incidentId) return <>–</>;
  return (
    <Link to="/incidents/$incidentId" params={{ incidentId: alert.incidentId }} className={l.link} title={alert.incidentName}>
      {alert.incidentName || alert.incidentId}
    </Link>
  );
}

export function AlertNarrow({ alert }: { alert: Alert }) {
  const s = useStyles();
  return (
    <div className={s.narrow}>
      <AlertName alert={alert} />
      <span className={s.meta}>
        <SeverityMark value={alert.severity} />
        <StatusMark value={alert.status} />
        <span>{label(alert.category)}</span>
      </span>
      <span className={mergeClasses(s.meta, s.quiet)}>
        <Time value={alert.lastActivity} />
        <span>{assetText(alert)}</span>
      </span>
    </div>
  );
}

export const alertColumns: readonly GridColumn<Alert>[] = [
  {
    id: 'title',
    header: 'Alert name',
    width: 330,
    minWidth: 160,
    sort: 'title',
    cell: (a) => <AlertName alert={a} />,
    text: (a) => a.title,
  },
  {
    id: 'severity',
    header: 'Severity',
    width: 120,
    sort: 'severity',
    cell: (a) => <SeverityMark value={a.severity} />,
    text: (a) => a.severity,
  },
  {
    id: 'status',
    header: 'Status',
    width: 112,
    sort: 'status',
    cell: (a) => <StatusMark value={a.status} />,
    text: (a) => label(a.status),
  },
  { id: 'category', header: 'Category', width: 150, sort: 'category', cell: (a) => label(a.category), text: (a) => label(a.category) },
  { id: 'assets', header: 'Impacted assets', width: 210, cell: (a) => <ImpactedAssets of={a} />, text: assetText },
  {
    id: 'incidentName',
    header: 'Incident',
    width: 220,
    cell: (a) => <IncidentLink alert={a} />,
    text: (a) => a.incidentName ?? a.incidentId,
  },
  {
    id: 'serviceSource',
    header: 'Service source',
    width: 120,
    sort: 'serviceSource',
    cell: (a) => label(a.serviceSource),
    text: (a) => label(a.serviceSource),
  },
  {
    id: 'lastActivity',
    header: 'Last activity',
    width: 124,
    sort: 'lastActivity',
    cell: (a) => <Time value={a.lastActivity} />,
    text: (a) => a.lastActivity ?? '',
  },
  {
    id: 'hitCount',
    header: 'Hits',
    width: 80,
    numeric: true,
    sort: 'hitCount',
    cell: (a) => (a.hitCount ?? 1).toLocaleString(),
    text: (a) => String(a.hitCount ?? 1),
  },
  {
    id: 'assignedTo',
    header: 'Assigned to',
    width: 120,
    sort: 'assignedTo',
    cell: (a) => a.assignedTo || 'Unassigned',
    text: (a) => a.assignedTo ?? '',
  },
  {
    id: 'tags',
    header: 'Tags',
    width: 150,
    hidden: true,
    cell: (a) => <Tags values={a.tags} plain />,
    text: (a) => (a.tags ?? []).join('; '),
  },
  { id: 'incidentId', header: 'Incident ID', width: 96, hidden: true, cell: (a) => a.incidentId, text: (a) => a.incidentId },
  {
    id: 'detectionSource',
    header: 'Detection source',
    width: 150,
    hidden: true,
    cell: (a) => label(a.detectionSource),
    text: (a) => label(a.detectionSource),
  },
  {
    id: 'techniques',
    header: 'Techniques',
    width: 170,
    hidden: true,
    cell: (a) => <Tags values={a.techniques} />,
    text: (a) => (a.techniques ?? []).join('; '),
  },
  { id: 'rule', header: 'Rule', width: 220, hidden: true, cell: (a) => a.ruleTitle || a.ruleId || '–', text: (a) => a.ruleTitle ?? '' },
  {
    id: 'firstActivity',
    header: 'First activity',
    width: 124,
    hidden: true,
    sort: 'firstActivity',
    cell: (a) => <Time value={a.firstActivity} />,
    text: (a) => a.firstActivity ?? '',
  },
  {
    id: 'createdTime',
    header: 'Created',
    width: 124,
    hidden: true,
    sort: 'createdTime',
    cell: (a) => <Time value={a.createdTime} />,
    text: (a) => a.createdTime,
  },
  {
    id: 'classification',
    header: 'Classification',
    width: 150,
    hidden: true,
    cell: (a) => label(a.classification) || 'Not set',
    text: (a) => label(a.classification),
  },
  {
    id: 'determination',
    header: 'Determination',
    width: 150,
    hidden: true,
    cell: (a) => label(a.determination) || '–',
    text: (a) => label(a.determination),
  },
  {
    id: 'investigationState',
    header: 'Investigation state',
    width: 150,
    hidden: true,
    cell: (a) => label(a.investigationState) || '–',
    text: (a) => label(a.investigationState),
  },
];

export const alertFilters: readonly Filter[] = [
  { id: 'status', label: 'Status', options: alertStatuses },
  { id: 'severity', label: 'Severity', options: severities },
  { id: 'category', label: 'Category', options: categories },
  { id: 'serviceSource', label: 'Service source', options: serviceSources },
  { id: 'detectionSource', label: 'Detection source', options: detectionSources },
  { id: 'assignedTo', label: 'Assigned to', word: (v) => v, none: 'Nobody' },
  { id: 'classification', label: 'Classification', options: ['Unknown', 'TruePositive', 'InformationalExpectedActivity', 'FalsePositive'] },
  { id: 'tag', label: 'Tag', word: (v) => v },
  { id: 'entity', label: 'Entity', kind: 'free', word: (v) => v },
  { id: 'incidentId', label: 'Incident', kind: 'free', word: (v) => v },
  { id: 'ruleId', label: 'Rule', kind: 'free', word: (v) => v },
  {
    id: 'lab',
    label: 'Lab data',
    kind: 'one',
    options: ['false', 'true'],
    word: (v) => (v === 'true' ? 'Only lab data' : 'Without lab data'),
  },
];
