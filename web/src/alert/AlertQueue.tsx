import { useCallback, useState } from 'react';
import { Button } from '@fluentui/react-components';
import { ArrowMoveRegular, EditRegular, ShieldErrorRegular } from '@fluentui/react-icons';
import { useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { alerts } from '../api/endpoints';
import type { Alert, Page } from '../api/types';
import { useMay } from '../app/session';
import { Queue, type QueueCommands } from '../design/list/Queue';
import { count } from '../design/words';
import { ManagePane } from '../manage/ManagePane';
import { MoveDialog } from '../manage/MoveDialog';
import { AlertPane } from './AlertPane';
import { alertColumns, alertFilters, AlertNarrow } from './columns';

const idOf = (a: Alert) => a.id;
const nameOf = (a: Alert) => a.title;

// AlertQueue is the list of alerts.
export function AlertQueue() {
  const navigate = useNavigate();
  const mayManage = useMay('secops.alerts.manage');
  const mayLab = useMay('settings.core.manage');
  const queries = useQueryClient();
  const [bulk, setBulk] = useState<{ targets: Partial<Alert>[]; clear: () => void } | undefined>();
  const [moving, setMoving] = useState<{ ids: string[]; clear: () => void } | undefined>();
  const open = useCallback((a: Alert) => void navigate({ to: '/alerts/$alertId', params: { alertId: a.id } }), [navigate]);
  const known = (ids: string[]): Partial<Alert>[] => {
    const rows = new Map<string, Alert>();
    for (const [, page] of queries.getQueriesData<Page<Alert>>({ queryKey: ['alerts'] }))
      for (const a of page?.value ?? []) rows.set(a.id, a);
    return ids.map((id) => rows.get(id) ?? { id });
  };
  const commands = ({ selected, clear }: QueueCommands) =>
    mayManage && selected.length > 0 ? (
      <>
        <Button size="small" appearance="primary" icon={<EditRegular />} onClick={() => setBulk({ targets: known(selected), clear })}>
          Manage {count(selected.length, 'alert', 'alerts')}
        </Button>
        <Button size="small" icon={<ArrowMoveRegular />} onClick={() => setMoving({ ids: selected, clear })}>
          Move to another incident
        </Button>
        <Button size="small" appearance="subtle" onClick={clear}>
          Clear selection
        </Button>
      </>
    ) : null;
  return (
    <>
      <Queue<Alert>
        list="alerts"
        title="Alerts"
        things={['alert', 'alerts']}
        crumbs={[{ label: 'Incidents & alerts' }]}
        columns={alertColumns}
        filters={alertFilters}
        searchLabel="Title, ID or asset"
        defaultOrder="lastActivity:desc"
        topic="alert"
        idOf={idOf}
        nameOf={nameOf}
        fetchPage={alerts.list}
        fetchOne={alerts.get}
        fetchFacets={alerts.facets}
        commands={commands}
        pane={({ row, close, step }) => <AlertPane key={row.id} alert={row} onClose={close} onStep={step} />}
        {...(bulk
          ? { side: <ManagePane thing="alert" targets={bulk.targets} onClose={() => setBulk(undefined)} onDone={bulk.clear} /> }
          : {})}
        onOpen={open}
        narrow={(a) => <AlertNarrow alert={a} />}
        emptyIcon={<ShieldErrorRegular />}
        emptyTitle="No alerts"
        emptyBody="No rule has matched yet. Connect a data source, import records, or load the evaluation lab to see how it looks."
        emptyActions={
          <>
            <Button appearance="primary" onClick={() => void navigate({ to: '/sources' })}>
              Data sources
            </Button>
            {mayLab ? <Button onClick={() => void navigate({ to: '/lab' })}>Evaluation lab</Button> : null}
          </>
        }
      />
      {moving ? (
        <MoveDialog move={{ kind: 'alerts', alertIds: moving.ids }} onClose={() => setMoving(undefined)} onDone={moving.clear} />
      ) : null}
    </>
  );
}
