import { useCallback, useState } from 'react';
import { Button } from '@fluentui/react-components';
import { AlertUrgentRegular, BranchRegular, EditRegular } from '@fluentui/react-icons';
import { useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { incidents } from '../api/endpoints';
import type { Incident, Page } from '../api/types';
import { useMay } from '../app/session';
import { Queue, type QueueCommands } from '../design/list/Queue';
import { count } from '../design/words';
import { ManagePane } from '../manage/ManagePane';
import { MoveDialog } from '../manage/MoveDialog';
import { incidentColumns, incidentFilters, IncidentNarrow } from './columns';
import { ExpandedAlerts } from './ExpandedAlerts';
import { IncidentPane } from './IncidentPane';

const idOf = (i: Incident) => i.id;
const nameOf = (i: Incident) => i.name;

// IncidentQueue is the list of incidents.
export function IncidentQueue() {
  const navigate = useNavigate();
  const mayManage = useMay('secops.alerts.manage');
  const mayLab = useMay('settings.core.manage');
  const queries = useQueryClient();
  const [bulk, setBulk] = useState<{ targets: Partial<Incident>[]; clear: () => void } | undefined>();
  const [merging, setMerging] = useState<string | undefined>();
  const open = useCallback((i: Incident) => void navigate({ to: '/incidents/$incidentId', params: { incidentId: i.id } }), [navigate]);

  // What is selected may lie on any loaded page; a row that is not loaded any more is known by its id only.
  const known = (ids: string[]): Partial<Incident>[] => {
    const rows = new Map<string, Incident>();
    for (const [, page] of queries.getQueriesData<Page<Incident>>({ queryKey: ['incidents'] }))
      for (const i of page?.value ?? []) rows.set(i.id, i);
    return ids.map((id) => rows.get(id) ?? { id });
  };
  const commands = ({ selected, clear }: QueueCommands) =>
    mayManage && selected.length > 0 ? (
      <>
        <Button size="small" appearance="primary" icon={<EditRegular />} onClick={() => setBulk({ targets: known(selected), clear })}>
          Manage {count(selected.length, 'incident', 'incidents')}
        </Button>
        {selected.length === 1 ? (
          <Button size="small" icon={<BranchRegular />} onClick={() => setMerging(selected[0])}>
            Merge
          </Button>
        ) : null}
        <Button size="small" appearance="subtle" onClick={clear}>
          Clear selection
        </Button>
      </>
    ) : null;
  return (
    <>
      <Queue<Incident>
        list="incidents"
        title="Incidents"
        things={['incident', 'incidents']}
        crumbs={[{ label: 'Incidents & alerts' }]}
        columns={incidentColumns}
        filters={incidentFilters}
        searchLabel="Name, number or asset"
        defaultOrder="lastUpdateTime:desc"
        topic="incident"
        idOf={idOf}
        nameOf={nameOf}
        fetchPage={incidents.list}
        fetchOne={incidents.get}
        fetchFacets={incidents.facets}
        commands={commands}
        pane={({ row, close, step }) => <IncidentPane key={row.id} incident={row} onClose={close} onStep={step} />}
        onOpen={open}
        narrow={(i) => <IncidentNarrow incident={i} />}
        expand={(i) => <ExpandedAlerts incidentId={i.id} />}
        emptyIcon={<AlertUrgentRegular />}
        emptyTitle="No incidents"
        emptyBody="Nothing that was detected has been joined into an incident yet. Connect a data source, import records, or load the evaluation lab to see how it looks."
        emptyActions={
          <>
            <Button appearance="primary" onClick={() => void navigate({ to: '/sources' })}>
              Data sources
            </Button>
            {mayLab ? <Button onClick={() => void navigate({ to: '/lab' })}>Evaluation lab</Button> : null}
          </>
        }
        {...(bulk
          ? { side: <ManagePane thing="incident" targets={bulk.targets} onClose={() => setBulk(undefined)} onDone={bulk.clear} /> }
          : {})}
      />
      {merging !== undefined ? <MoveDialog move={{ kind: 'merge', incidentId: merging }} onClose={() => setMerging(undefined)} /> : null}
    </>
  );
}
