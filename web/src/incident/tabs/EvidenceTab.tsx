import { useMemo, useState } from 'react';
import { Button, Dropdown, makeStyles, Option, SearchBox, tokens } from '@fluentui/react-components';
import { DocumentSearchRegular, SearchSquareRegular } from '@fluentui/react-icons';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { incidents } from '../../api/endpoints';
import type { EvidenceRow } from '../../api/types';
import { useSession } from '../../app/session';
import { evidenceDetail, evidenceFacts, evidenceName } from '../../design/evidence';
import { Facts } from '../../design/Facts';
import { remember, remembered, type GridColumn } from '../../design/grid/columns';
import { Grid } from '../../design/grid/Grid';
import { KindIcon, Tags, VerdictMark } from '../../design/marks';
import { SidePane } from '../../design/SidePane';
import { Empty, Failure, Lines } from '../../design/states';
import { Time } from '../../design/Time';
import { useLinkStyles } from '../../design/useLinkStyles';
import { label } from '../../design/words';
import { huntEvidence } from '../../hunting/gohunt';

const shownEvidence = 1000;

const useStyles = makeStyles({
  bar: {
    display: 'flex',
    flexWrap: 'wrap',
    gap: tokens.spacingHorizontalS,
    padding: `${tokens.spacingVerticalS} ${tokens.spacingHorizontalXXL}`,
    alignItems: 'center',
  },
  kind: { verticalAlign: 'middle', display: 'inline-flex', gap: tokens.spacingHorizontalXS, alignItems: 'center' },
  detail: { color: tokens.colorNeutralForeground3, fontFamily: tokens.fontFamilyMonospace, fontSize: tokens.fontSizeBase200 },
});

export const rowKey = (e: EvidenceRow) => e.entityKey || `${e.type}:${evidenceName(e)}:${e.processGuid ?? e.processId ?? ''}`;
const nameOf = (e: EvidenceRow) => evidenceName(e) || label(e.type);

// EvidenceTab lists the analysed entities of an incident.
export function EvidenceTab({ incidentId }: { incidentId: string }) {
  const s = useStyles();
  const l = useLinkStyles();
  const { user } = useSession();
  const navigate = useNavigate();
  const [kind, setKind] = useState('');
  const [typed, setTyped] = useState('');
  const [current, setCurrent] = useState<EvidenceRow | undefined>();
  const columns = useMemo<GridColumn<EvidenceRow>[]>(
    () => [
      {
        id: 'entity',
        header: 'Entity',
        width: 320,
        cell: (e) => (
          <span title={nameOf(e)} dir="auto">
            {nameOf(e)}
          </span>
        ),
      },
      {
        id: 'type',
        header: 'Type',
        width: 140,
        cell: (e) => (
          <span className={s.kind}>
            <KindIcon kind={e.type} /> {label(e.type)}
          </span>
        ),
      },
      { id: 'verdict', header: 'Verdict', width: 140, cell: (e) => <VerdictMark value={e.verdict} /> },
      { id: 'remediation', header: 'Remediation', width: 140, cell: (e) => label(e.remediationStatus) || 'None' },
      { id: 'roles', header: 'Roles', width: 170, cell: (e) => <Tags values={e.roles} /> },
      {
        id: 'detail',
        header: 'Details',
        width: 300,
        cell: (e) => (
          <span className={s.detail} title={evidenceDetail(e)}>
            {evidenceDetail(e)}
          </span>
        ),
      },
      { id: 'alerts', header: 'Alerts', width: 80, numeric: true, cell: (e) => (e.alertIds ?? []).length.toLocaleString() },
      { id: 'first', header: 'First seen', width: 130, cell: (e) => <Time value={e.firstSeen} /> },
    ],
    [s],
  );
  const [layout, setLayout] = useState(() => remembered(user.id, 'incident-evidence', columns));
  const evidence = useQuery({
    queryKey: ['incident', incidentId, 'evidence'],
    queryFn: () => incidents.evidence(incidentId, { $top: shownEvidence, $count: true }),
  });
  const alerts = useQuery({
    queryKey: ['incident', incidentId, 'alerts', 'titles'],
    queryFn: () => incidents.alerts(incidentId, { $top: 1000 }),
    retry: 0,
  });
  const titles = useMemo(() => new Map((alerts.data?.value ?? []).map((a) => [a.id, a.title])), [alerts.data]);
  const all = useMemo(() => evidence.data?.value ?? [], [evidence.data]);
  const kinds = useMemo(() => {
    const counts = new Map<string, number>();
    for (const e of all) counts.set(e.type, (counts.get(e.type) ?? 0) + 1);
    return [...counts].sort((a, b) => b[1] - a[1]);
  }, [all]);
  const rows = useMemo(() => {
    const find = typed.trim().toLowerCase();
    return all.filter(
      (e) => (kind === '' || e.type === kind) && (find === '' || `${nameOf(e)} ${evidenceDetail(e)}`.toLowerCase().includes(find)),
    );
  }, [all, kind, typed]);
  if (evidence.isPending) return <Lines count={8} height={20} />;
  if (evidence.error) return <Failure what="the evidence" error={evidence.error} retry={() => void evidence.refetch()} />;
  if (all.length === 0) return <Empty icon={<DocumentSearchRegular />} title="No entity was recorded for this incident" />;
  const total = evidence.data.count ?? all.length;
  return (
    <>
      <div className={s.bar}>
        <Dropdown
          size="small"
          aria-label="Type"
          value={kind === '' ? `All types (${all.length})` : label(kind)}
          selectedOptions={[kind]}
          onOptionSelect={(_, d) => setKind(d.optionValue ?? '')}
        >
          <Option value="" text="All types">{`All types (${all.length})`}</Option>
          {kinds.map(([k, n]) => (
            <Option key={k} value={k} text={label(k)}>{`${label(k)} (${n})`}</Option>
          ))}
        </Dropdown>
        <SearchBox size="small" placeholder="Find an entity" value={typed} onChange={(_, d) => setTyped(d.value)} />
        {total > all.length ? (
          <span>
            The first {all.length.toLocaleString()} of {total.toLocaleString()}.
          </span>
        ) : null}
      </div>
      <div style={{ display: 'flex', flexGrow: 1, minHeight: 0 }}>
        {rows.length === 0 ? (
          <Empty
            title="No entity matches"
            actions={
              <Button
                onClick={() => {
                  setKind('');
                  setTyped('');
                }}
              >
                Clear
              </Button>
            }
          />
        ) : (
          <Grid
            label="Evidence"
            columns={columns}
            layout={layout}
            onLayout={(next) => {
              setLayout(next);
              remember(user.id, 'incident-evidence', next);
            }}
            count={rows.length}
            row={(n) => rows[n]}
            idOf={rowKey}
            nameOf={nameOf}
            current={current ? rowKey(current) : undefined}
            onCurrent={setCurrent}
            narrow={(e) => (
              <span className={l.cut} style={{ display: 'block' }}>
                {nameOf(e)}
                <br />
                {label(e.type)} · <VerdictMark value={e.verdict} />
              </span>
            )}
          />
        )}
        {current ? (
          <SidePane
            title={nameOf(current)}
            onClose={() => setCurrent(undefined)}
            foot={
              <Button
                icon={<SearchSquareRegular />}
                onClick={() => void navigate({ to: '/hunting', search: { query: huntEvidence(current), runQuery: 'true' } as never })}
              >
                Go hunt
              </Button>
            }
          >
            <Facts
              facts={[
                ['Type', label(current.type)],
                ['Verdict', <VerdictMark key="v" value={current.verdict} />],
                ['Remediation', label(current.remediationStatus)],
                ['Roles', (current.roles ?? []).map(label).join(', ')],
                ['First seen', <Time key="f" value={current.firstSeen} form="both" />],
                ...evidenceFacts(current),
              ]}
            />
            {(current.alertIds ?? []).length > 0 ? (
              <div style={{ display: 'flex', flexDirection: 'column', gap: 4 }}>
                {(current.alertIds ?? []).slice(0, 20).map((a) => (
                  <Link key={a} to="/alerts/$alertId" params={{ alertId: a }} className={l.link}>
                    {titles.get(a) ?? `Alert ${a}`}
                  </Link>
                ))}
              </div>
            ) : null}
          </SidePane>
        ) : null}
      </div>
    </>
  );
}
