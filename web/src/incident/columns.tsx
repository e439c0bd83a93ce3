import { makeStyles, tokens, mergeClasses } from '@fluentui/react-components';
import { Link } from '@tanstack/react-router';
import type { Incident, Named } from '../api/types';
import type { GridColumn } from '../design/grid/columns';
import type { Filter } from '../design/list/filters';
import { LabTag, SeverityMark, StatusMark, Tag, Tags } from '../design/marks';
import { Time } from '../design/Time';
import { useLinkStyles } from '../design/useLinkStyles';
import { categories, detectionSources, incidentStatuses, label, serviceSources, severities } from '../design/words';

const useStyles = makeStyles({
  name: {
    display: 'inline-flex',
    gap: tokens.spacingHorizontalSNudge,
    alignItems: 'center',
    maxWidth: '100%',
    minWidth: 0,
    verticalAlign: 'bottom',
  },
  quiet: { color: tokens.colorNeutralForeground3 },
  narrow: { display: 'flex', flexDirection: 'column', gap: tokens.spacingVerticalXXS, minWidth: 0 },
  meta: {
    display: 'flex',
    gap: tokens.spacingHorizontalM,
    fontSize: tokens.fontSizeBase200,
    alignItems: 'center',
    minWidth: 0,
    overflow: 'hidden',
    whiteSpace: 'nowrap',
  },
});

// joinNames lists the first entities of a row and how many more there are.
export function joinNames(values: readonly Named[] | undefined | null, max = 2): string {
  if (!values || values.length === 0) return '';
  const shown = values.slice(0, max).map((v) => v.name || v.key);
  return values.length > max ? `${shown.join(', ')} +${values.length - max}` : shown.join(', ');
}

export function IncidentName({ incident }: { incident: Incident }) {
  const s = useStyles();
  const l = useLinkStyles();
  return (
    <span className={s.name}>
      <Link
        to="/incidents/$incidentId"
        params={{ incidentId: incident.id }}
        className={mergeClasses(l.link, l.cut)}
        title={incident.name}
        dir="auto"
      >
        {incident.name}
      </Link>
      {incident.lab ? <LabTag /> : null}
    </span>
  );
}

// ImpactedAssets lists devices, users and mailboxes in one cell.
export function ImpactedAssets({ of }: { of: Pick<Incident, 'devices' | 'users' | 'mailboxes'> }) {
  const s = useStyles();
  const text = assetText(of);
  return text === '' ? <span className={s.quiet}>–</span> : <span title={text}>{text}</span>;
}

export function assetText(of: Pick<Incident, 'devices' | 'users' | 'mailboxes'>): string {
  return [joinNames(of.devices), joinNames(of.users), joinNames(of.mailboxes, 1)].filter((t) => t !== '').join(' · ');
}

export function IncidentNarrow({ incident }: { incident: Incident }) {
  const s = useStyles();
  return (
    <div className={s.narrow}>
      <IncidentName incident={incident} />
      <span className={s.meta}>
        <SeverityMark value={incident.severity} />
        <StatusMark value={incident.status} />
        <span>{incident.alertCount} alerts</span>
      </span>
      <span className={mergeClasses(s.meta, s.quiet)}>
        <Time value={incident.lastUpdateTime} />
        <span>{incident.assignedTo || 'Unassigned'}</span>
      </span>
    </div>
  );
}

export const incidentColumns: readonly GridColumn<Incident>[] = [
  {
    id: 'name',
    header: 'Incident name',
    width: 360,
    minWidth: 160,
    sort: 'name',
    cell: (i) => <IncidentName incident={i} />,
    text: (i) => i.name,
  },
  {
    id: 'severity',
    header: 'Severity',
    width: 120,
    sort: 'severity',
    cell: (i) => <SeverityMark value={i.severity} />,
    text: (i) => i.severity,
  },
  {
    id: 'status',
    header: 'Status',
    width: 116,
    sort: 'status',
    cell: (i) => <StatusMark value={i.status} />,
    text: (i) => label(i.status),
  },
  {
    id: 'alerts',
    header: 'Active alerts',
    width: 96,
    sort: 'alertCount',
    numeric: true,
    cell: (i) => `${(i.activeAlertCount ?? i.alertCount).toLocaleString()}/${i.alertCount.toLocaleString()}`,
    text: (i) => `${i.activeAlertCount ?? i.alertCount}/${i.alertCount}`,
  },
  { id: 'assets', header: 'Impacted assets', width: 190, cell: (i) => <ImpactedAssets of={i} />, text: assetText },
  {
    id: 'categories',
    header: 'Categories',
    width: 156,
    cell: (i) => <Tags values={i.categories} max={1} />,
    text: (i) => (i.categories ?? []).map(label).join('; '),
  },
  {
    id: 'assignedTo',
    header: 'Assigned to',
    width: 108,
    sort: 'assignedTo',
    cell: (i) => i.assignedTo || 'Unassigned',
    text: (i) => i.assignedTo ?? '',
  },
  {
    id: 'lastActivity',
    header: 'Last activity',
    width: 120,
    sort: 'lastActivity',
    cell: (i) => <Time value={i.lastActivity} />,
    text: (i) => i.lastActivity ?? '',
  },
  {
    id: 'lastUpdateTime',
    header: 'Last update',
    width: 120,
    sort: 'lastUpdateTime',
    cell: (i) => <Time value={i.lastUpdateTime} />,
    text: (i) => i.lastUpdateTime,
  },
  {
    id: 'serviceSources',
    header: 'Service sources',
    width: 160,
    cell: (i) => <Tags values={i.serviceSources} />,
    text: (i) => (i.serviceSources ?? []).map(label).join('; '),
  },
  { id: 'id', header: 'ID', width: 80, sort: 'id', cell: (i) => i.id, text: (i) => i.id },
  { id: 'tags', header: 'Tags', width: 160, cell: (i) => <Tags values={i.tags} plain />, text: (i) => (i.tags ?? []).join('; ') },
  {
    id: 'detectionSources',
    header: 'Detection sources',
    width: 170,
    hidden: true,
    cell: (i) => <Tags values={i.detectionSources} />,
    text: (i) => (i.detectionSources ?? []).map(label).join('; '),
  },
  {
    id: 'firstActivity',
    header: 'First activity',
    width: 124,
    hidden: true,
    sort: 'firstActivity',
    cell: (i) => <Time value={i.firstActivity} />,
    text: (i) => i.firstActivity ?? '',
  },
  {
    id: 'createdTime',
    header: 'Created',
    width: 124,
    hidden: true,
    sort: 'createdTime',
    cell: (i) => <Time value={i.createdTime} />,
    text: (i) => i.createdTime,
  },
  {
    id: 'investigationState',
    header: 'Investigation state',
    width: 150,
    hidden: true,
    cell: (i) => label(i.investigationState) || '–',
    text: (i) => label(i.investigationState),
  },
  {
    id: 'classification',
    header: 'Classification',
    width: 150,
    hidden: true,
    sort: 'classification',
    cell: (i) => label(i.classification) || 'Not set',
    text: (i) => label(i.classification),
  },
  {
    id: 'determination',
    header: 'Determination',
    width: 150,
    hidden: true,
    cell: (i) => (i.determination ? <Tag>{label(i.determination)}</Tag> : '–'),
    text: (i) => label(i.determination),
  },
  {
    id: 'techniques',
    header: 'Techniques',
    width: 170,
    hidden: true,
    cell: (i) => <Tags values={i.techniques} />,
    text: (i) => (i.techniques ?? []).join('; '),
  },
];

const yesNo = (value: string) => (value === 'true' ? 'Only lab data' : 'Without lab data');

export const incidentFilters: readonly Filter[] = [
  { id: 'status', label: 'Status', options: incidentStatuses },
  { id: 'severity', label: 'Severity', options: severities },
  { id: 'assignedTo', label: 'Assigned to', word: (v) => v, none: 'Nobody' },
  { id: 'classification', label: 'Classification', options: ['Unknown', 'TruePositive', 'InformationalExpectedActivity', 'FalsePositive'] },
  { id: 'category', label: 'Category', options: categories },
  { id: 'serviceSource', label: 'Service source', options: serviceSources },
  { id: 'detectionSource', label: 'Detection source', options: detectionSources },
  { id: 'tag', label: 'Tag', word: (v) => v },
  { id: 'entity', label: 'Entity', kind: 'free', word: (v) => v },
  { id: 'lab', label: 'Lab data', kind: 'one', options: ['false', 'true'], word: yesNo },
];
