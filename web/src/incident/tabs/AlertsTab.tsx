import { useCallback, useMemo, useState } from 'react';
import { Button, makeStyles, tokens, mergeClasses } from '@fluentui/react-components';
import { ArrowMoveRegular, EditRegular, LinkDismissRegular, OpenRegular } from '@fluentui/react-icons';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { alerts as alertsApi, incidents } from '../../api/endpoints';
import type { Alert, Incident, Page } from '../../api/types';
import { useNotify } from '../../app/notify';
import { useMay, useSession } from '../../app/session';
import { text, type Search } from '../../app/url';
import { AlertFacts } from '../../alert/AlertFacts';
import { remember, remembered, type GridColumn } from '../../design/grid/columns';
import { Grid } from '../../design/grid/Grid';
import { usePaged } from '../../design/grid/paged';
import { nothing, type Selection } from '../../design/grid/selection';
import { SeverityMark, StatusMark } from '../../design/marks';
import { Section } from '../../design/Section';
import { SidePane } from '../../design/SidePane';
import { Empty, Failure, Lines } from '../../design/states';
import { Time } from '../../design/Time';
import { useLinkStyles } from '../../design/useLinkStyles';
import { count, label } from '../../design/words';
import { ManagePane } from '../../manage/ManagePane';
import { MoveDialog } from '../../manage/MoveDialog';
import { useManage } from '../../manage/useManage';
import { assetText } from '../columns';
import { WhyJoined } from '../WhyJoined';

const useStyles = makeStyles({
  bar: {
    display: 'flex',
    gap: tokens.spacingHorizontalS,
    padding: `${tokens.spacingVerticalS} ${tokens.spacingHorizontalXXL}`,
    alignItems: 'center',
    minHeight: '32px',
    flexWrap: 'wrap',
  },
});

const idOf = (a: Alert) => a.id;

// AlertsTab lists the alerts of an incident, oldest first, and says of each why it belongs here.
export function AlertsTab({ incident }: { incident: Incident }) {
  const s = useStyles();
  const l = useLinkStyles();
  const { user } = useSession();
  const search: Search = useSearch({ strict: false });
  const navigate = useNavigate();
  const queries = useQueryClient();
  const { notify, failed } = useNotify();
  const { reload } = useManage('alert');
  const mayManage = useMay('secops.alerts.manage');
  const [selection, setSelection] = useState<Selection>(nothing);
  const [managing, setManaging] = useState<Partial<Alert>[] | undefined>();
  const [moving, setMoving] = useState<string[] | undefined>();
  const joins = useMemo(() => incident.joins ?? [], [incident.joins]);

  const columns = useMemo<GridColumn<Alert>[]>(
    () => [
      {
        id: 'title',
        header: 'Title',
        width: 320,
        minWidth: 160,
        cell: (a) => (
          <Link to="/alerts/$alertId" params={{ alertId: a.id }} className={l.link} title={a.title}>
            {a.title}
          </Link>
        ),
      },
      { id: 'severity', header: 'Severity', width: 120, cell: (a) => <SeverityMark value={a.severity} /> },
      { id: 'status', header: 'Status', width: 110, cell: (a) => <StatusMark value={a.status} /> },
      { id: 'category', header: 'Category', width: 150, cell: (a) => label(a.category) },
      {
        id: 'why',
        header: 'Why joined',
        width: 280,
        cell: (a) => {
          const own = joins.filter((j) => j.alertId === a.id);
          const first = own[0];
          const why = first ? first.text || label(first.kind) : 'Opened the incident';
          return <span title={why}>{own.length > 1 ? `${why} (+${own.length - 1})` : why}</span>;
        },
      },
      { id: 'entities', header: 'Entities', width: 200, cell: (a) => assetText(a) || '–' },
      { id: 'source', header: 'Source', width: 120, cell: (a) => label(a.serviceSource) },
      { id: 'first', header: 'First activity', width: 140, cell: (a) => <Time value={a.firstActivity} form="short" /> },
      { id: 'last', header: 'Last activity', width: 140, cell: (a) => <Time value={a.lastActivity} form="short" /> },
      { id: 'hits', header: 'Hits', width: 70, numeric: true, cell: (a) => (a.hitCount ?? 1).toLocaleString() },
      { id: 'classification', header: 'Classification', width: 140, hidden: true, cell: (a) => label(a.classification) || 'Not set' },
      { id: 'assignedTo', header: 'Assigned to', width: 120, hidden: true, cell: (a) => a.assignedTo || 'Unassigned' },
    ],
    [joins, l],
  );
  const [layout, setLayout] = useState(() => remembered(user.id, 'incident-alerts', columns));
  const paged = usePaged<Alert>(
    ['incident', incident.id, 'alerts', 'tab'],
    useCallback(
      (skip, top) => incidents.alerts(incident.id, { $skip: skip, $top: top, $count: true, orderby: 'firstActivity:asc' }),
      [incident.id],
    ),
    idOf,
  );
  const titles = useMemo(() => {
    const out = new Map<string, string>();
    for (const [, page] of queries.getQueriesData<Page<Alert>>({ queryKey: ['incident', incident.id, 'alerts'] }))
      for (const a of page?.value ?? []) out.set(a.id, a.title);
    return out;
    // The cache is read again whenever a page arrives.
  }, [queries, incident.id, paged.updatedAt]); // eslint-disable-line react-hooks/exhaustive-deps

  const paneId = text(search.pane);
  let paneRow: Alert | undefined;
  for (let i = 0; paneId !== undefined && i < Math.min(paged.count, 1000) && !paneRow; i++) {
    const r = paged.row(i);
    if (r?.id === paneId) paneRow = r;
  }
  const full = useQuery({ queryKey: ['alert', paneId], queryFn: () => alertsApi.get(paneId ?? ''), enabled: paneId !== undefined });
  const shown = full.data ?? paneRow;
  const openPane = (row: Alert | undefined) =>
    void navigate({
      to: '.',
      search: { ...search, pane: row?.id, side: undefined } as never,
      resetScroll: false,
      replace: paneId !== undefined,
    });
  const step = (by: 1 | -1) => {
    for (let i = 0; i < paged.count; i++)
      if (paged.row(i)?.id === paneId) {
        const next = paged.row(i + by);
        if (next) openPane(next);
        return;
      }
  };

  const unlink = async (a: Alert) => {
    try {
      await alertsApi.unlink(a.id, 'Taken out of the incident');
      notify({
        title: 'Alert taken out of the incident',
        body: 'It has an incident of its own now and is not joined again by itself.',
        undo: async () => {
          try {
            await alertsApi.move([a.id], incident.id, 'Undo');
            notify({ title: 'Undone', intent: 'info' });
          } catch (err) {
            failed('Could not undo', err);
          }
          reload();
        },
      });
      openPane(undefined);
      reload();
    } catch (err) {
      failed('Could not take the alert out', err);
    }
  };

  if (paged.loading) return <Lines count={8} height={20} />;
  if (paged.error && paged.count === 0) return <Failure what="the alerts" error={paged.error} retry={() => void paged.refresh()} />;
  if (paged.count === 0) return <Empty title="No alert of this incident may be shown">Alerts outside your scope are hidden.</Empty>;
  const picked = [...selection.ids];
  return (
    <>
      {picked.length > 0 && mayManage ? (
        <div className={s.bar}>
          <Button
            size="small"
            appearance="primary"
            icon={<EditRegular />}
            onClick={() => {
              const known = new Map<string, Alert>();
              for (let i = 0; i < paged.count; i++) {
                const r = paged.row(i);
                if (r) known.set(r.id, r);
              }
              setManaging(picked.map((id) => known.get(id) ?? { id }));
            }}
          >
            Manage {count(picked.length, 'alert', 'alerts')}
          </Button>
          <Button size="small" icon={<ArrowMoveRegular />} onClick={() => setMoving(picked)}>
            Move to another incident
          </Button>
          <Button size="small" appearance="subtle" onClick={() => setSelection(nothing)}>
            Clear selection
          </Button>
        </div>
      ) : null}
      <div style={{ display: 'flex', flexGrow: 1, minHeight: 0 }}>
        <Grid
          label="Alerts of the incident"
          columns={columns}
          layout={layout}
          onLayout={(next) => {
            setLayout(next);
            remember(user.id, 'incident-alerts', next);
          }}
          count={paged.count}
          row={paged.row}
          idOf={idOf}
          nameOf={(a) => a.title}
          onShow={paged.show}
          selection={selection}
          onSelection={setSelection}
          current={paneId}
          onCurrent={openPane}
          onOpen={(a) => void navigate({ to: '/alerts/$alertId', params: { alertId: a.id } })}
          narrow={(a) => (
            <div style={{ minWidth: 0 }}>
              <Link to="/alerts/$alertId" params={{ alertId: a.id }} className={mergeClasses(l.link, l.cut)} style={{ display: 'block' }}>
                {a.title}
              </Link>
              <SeverityMark value={a.severity} /> · <Time value={a.firstActivity} />
            </div>
          )}
        />
        {managing ? (
          <ManagePane thing="alert" targets={managing} onClose={() => setManaging(undefined)} onDone={() => setSelection(nothing)} />
        ) : paneId !== undefined && shown ? (
          <SidePane
            title={shown.title}
            onClose={() => openPane(undefined)}
            onStep={step}
            foot={
              <>
                <Button
                  appearance="primary"
                  icon={<OpenRegular />}
                  onClick={() => void navigate({ to: '/alerts/$alertId', params: { alertId: shown.id } })}
                >
                  Open alert page
                </Button>
                {mayManage ? (
                  <Button icon={<EditRegular />} onClick={() => setManaging([shown])}>
                    Manage alert
                  </Button>
                ) : null}
                {mayManage && paged.count > 1 ? (
                  <Button icon={<LinkDismissRegular />} onClick={() => void unlink(shown)}>
                    Unlink
                  </Button>
                ) : null}
              </>
            }
          >
            <Section title="Why joined">
              <WhyJoined alertId={shown.id} joins={joins.length > 0 ? joins : full.data?.joins} titles={titles} />
            </Section>
            <AlertFacts alert={shown} />
          </SidePane>
        ) : null}
      </div>
      {moving ? (
        <MoveDialog
          move={{ kind: 'alerts', alertIds: moving, from: incident.id }}
          onClose={() => setMoving(undefined)}
          onDone={() => setSelection(nothing)}
        />
      ) : null}
    </>
  );
}
