import { useCallback, useMemo, useState } from 'react';
import { DesktopRegular } from '@fluentui/react-icons';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { alerts, incidents } from '../../api/endpoints';
import type { Asset, Incident } from '../../api/types';
import { useSession } from '../../app/session';
import { CopyId } from '../../design/CopyId';
import { evidenceFacts } from '../../design/evidence';
import { Facts } from '../../design/Facts';
import { remember, remembered, type GridColumn } from '../../design/grid/columns';
import { Grid } from '../../design/grid/Grid';
import { usePaged } from '../../design/grid/paged';
import { SeverityMark, Tags } from '../../design/marks';
import { Section } from '../../design/Section';
import { SidePane } from '../../design/SidePane';
import { Empty, Failure, Lines } from '../../design/states';
import { Time } from '../../design/Time';
import { useLinkStyles } from '../../design/useLinkStyles';

type Kind = 'devices' | 'users' | 'mailboxes';

const words: Record<Kind, { one: string; none: string }> = {
  devices: { one: 'Device', none: 'No device takes part in this incident' },
  users: { one: 'User', none: 'No user takes part in this incident' },
  mailboxes: { one: 'Mailbox', none: 'No mailbox takes part in this incident' },
};

function columnsOf(kind: Kind): GridColumn<Asset>[] {
  const all: (GridColumn<Asset> | undefined)[] = [
    { id: 'name', header: words[kind].one, width: 280, cell: (a) => <span dir="auto">{a.name || a.key}</span>, text: (a) => a.name },
    kind === 'users' ? { id: 'upn', header: 'UPN', width: 240, cell: (a) => a.facts?.accountUpn || a.facts?.accountSid || '–' } : undefined,
    kind === 'mailboxes' ? { id: 'address', header: 'Address', width: 240, cell: (a) => a.facts?.mailbox || '–' } : undefined,
    kind === 'devices' ? { id: 'os', header: 'OS', width: 140, cell: (a) => a.facts?.osPlatform || '–' } : undefined,
    { id: 'severity', header: 'Worst alert', width: 130, cell: (a) => <SeverityMark value={a.severity} /> },
    { id: 'alerts', header: 'Alerts', width: 90, numeric: true, cell: (a) => a.alerts.toLocaleString() },
    { id: 'roles', header: 'Roles', width: 180, cell: (a) => <Tags values={a.facts?.roles} /> },
    { id: 'first', header: 'First seen', width: 130, cell: (a) => <Time value={a.firstSeen} /> },
    { id: 'last', header: 'Last seen', width: 130, cell: (a) => <Time value={a.lastSeen} /> },
  ];
  return all.filter((c) => c !== undefined);
}

const idOf = (a: Asset) => a.key;

// AssetsTab lists the devices, users or mailboxes of an incident, with a pane of the alerts of each.
export function AssetsTab({ incident, kind }: { incident: Incident; kind: Kind }) {
  const l = useLinkStyles();
  const { user } = useSession();
  const columns = useMemo(() => columnsOf(kind), [kind]);
  const list = `incident-${kind}`;
  const [layout, setLayout] = useState(() => remembered(user.id, list, columns));
  const [current, setCurrent] = useState<Asset | undefined>();
  const paged = usePaged<Asset>(
    ['incident', incident.id, kind],
    useCallback((skip, top) => incidents.assets(incident.id, kind, { $skip: skip, $top: top, $count: true }), [incident.id, kind]),
    idOf,
  );
  const own = useQuery({
    queryKey: ['alerts', 'asset', incident.id, current?.key],
    queryFn: ({ signal }) => alerts.list({ incidentId: incident.id, entity: current?.key, $top: 50, $count: true }, signal),
    enabled: current !== undefined,
  });
  if (paged.loading) return <Lines count={8} height={20} />;
  if (paged.error && paged.count === 0) return <Failure what={`the ${kind}`} error={paged.error} retry={() => void paged.refresh()} />;
  if (paged.count === 0) return <Empty icon={<DesktopRegular />} title={words[kind].none} />;
  return (
    <div style={{ display: 'flex', flexGrow: 1, minHeight: 0 }}>
      <Grid
        label={words[kind].one}
        columns={columns}
        layout={layout}
        onLayout={(next) => {
          setLayout(next);
          remember(user.id, list, next);
        }}
        count={paged.count}
        row={paged.row}
        idOf={idOf}
        nameOf={(a) => a.name}
        onShow={paged.show}
        current={current?.key}
        onCurrent={setCurrent}
        narrow={(a) => (
          <span>
            {a.name} <SeverityMark value={a.severity} /> {a.alerts} alerts
          </span>
        )}
      />
      {current ? (
        <SidePane title={current.name || current.key} onClose={() => setCurrent(undefined)}>
          <Facts
            facts={[
              ['Key', <CopyId key="k" value={current.key} />],
              ...(current.facts ? evidenceFacts(current.facts) : []),
              ['First seen', <Time key="f" value={current.firstSeen} form="both" />],
              ['Last seen', <Time key="l" value={current.lastSeen} form="both" />],
            ]}
          />
          <Section title="Alerts in this incident">
            {own.isPending ? <Lines count={3} /> : null}
            {own.error ? <Failure what="its alerts" error={own.error} retry={() => void own.refetch()} /> : null}
            {(own.data?.value ?? []).map((a) => (
              <div key={a.id}>
                <Link to="/alerts/$alertId" params={{ alertId: a.id }} className={l.link}>
                  {a.title}
                </Link>
                <div style={{ display: 'flex', gap: 16 }}>
                  <SeverityMark value={a.severity} /> <Time value={a.lastActivity} />
                </div>
              </div>
            ))}
          </Section>
          <Link to="/incidents" search={{ entity: current.key } as never} className={l.link}>
            All incidents with {current.name || current.key}
          </Link>
        </SidePane>
      ) : null}
    </div>
  );
}
