import { useState } from 'react';
import { Button, Text } from '@fluentui/react-components';
import { EditRegular, OpenRegular, PersonAddRegular } from '@fluentui/react-icons';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { incidents } from '../api/endpoints';
import type { Incident } from '../api/types';
import { useMay, useSession } from '../app/session';
import { CopyId } from '../design/CopyId';
import { Facts } from '../design/Facts';
import { LabTag, SeverityMark, StatusMark, Tags } from '../design/marks';
import { Section } from '../design/Section';
import { SidePane } from '../design/SidePane';
import { Lines } from '../design/states';
import { Time } from '../design/Time';
import { useLinkStyles } from '../design/useLinkStyles';
import { label } from '../design/words';
import { ManagePane } from '../manage/ManagePane';
import { useManage } from '../manage/useManage';
import { joinNames } from './columns';

const shownAlerts = 8;

// IncidentPane shows an incident beside the list and manages it in place.
export function IncidentPane({ incident: i, onClose, onStep }: { incident: Incident; onClose: () => void; onStep: (by: 1 | -1) => void }) {
  const l = useLinkStyles();
  const navigate = useNavigate();
  const { user } = useSession();
  const mayManage = useMay('secops.alerts.manage');
  const [managing, setManaging] = useState(false);
  const { change } = useManage('incident');
  const alerts = useQuery({
    queryKey: ['incident', i.id, 'alerts', 'pane'],
    queryFn: () => incidents.alerts(i.id, { $top: shownAlerts, $count: true }),
  });
  if (managing) return <ManagePane thing="incident" targets={[i]} onClose={() => setManaging(false)} />;
  return (
    <SidePane
      title={i.name}
      onClose={onClose}
      onStep={onStep}
      foot={
        <>
          <Button
            appearance="primary"
            icon={<OpenRegular />}
            onClick={() => void navigate({ to: '/incidents/$incidentId', params: { incidentId: i.id } })}
          >
            Open incident page
          </Button>
          {mayManage ? (
            <Button icon={<EditRegular />} onClick={() => setManaging(true)}>
              Manage incident
            </Button>
          ) : null}
          {mayManage && i.assignedTo !== user.name ? (
            <Button icon={<PersonAddRegular />} onClick={() => void change([i], { assignedTo: user.name })}>
              Assign to me
            </Button>
          ) : null}
        </>
      }
    >
      <Facts
        facts={[
          ['Severity', <SeverityMark key="s" value={i.severity} strong />],
          ['Status', <StatusMark key="st" value={i.status} />],
          ['Assigned to', i.assignedTo || 'Unassigned'],
          [
            'Classification',
            i.classification && i.classification !== 'Unknown' ? `${label(i.classification)}: ${label(i.determination)}` : 'Not set',
          ],
          ['Incident ID', <CopyId key="id" value={i.id} />],
          ['Categories', (i.categories ?? []).length > 0 ? <Tags key="c" values={i.categories} all /> : ''],
          ['Techniques', (i.techniques ?? []).length > 0 ? <Tags key="t" values={i.techniques} all /> : ''],
          ['Tags', (i.tags ?? []).length > 0 ? <Tags key="g" values={i.tags} all plain /> : ''],
          ['Data', i.lab ? <LabTag key="l" /> : ''],
          ['First activity', <Time key="f" value={i.firstActivity} form="both" />],
          ['Last activity', <Time key="la" value={i.lastActivity} form="both" />],
          ['Created', <Time key="cr" value={i.createdTime} form="both" />],
        ]}
      />
      <Section title="Impacted assets">
        <Facts
          facts={[
            ['Devices', joinNames(i.devices, 6)],
            ['Users', joinNames(i.users, 6)],
            ['Mailboxes', joinNames(i.mailboxes, 6)],
          ]}
        />
        {(i.devices ?? []).length + (i.users ?? []).length + (i.mailboxes ?? []).length === 0 ? <Text>None named.</Text> : null}
      </Section>
      <Section title="Alerts" note={`${i.alertCount.toLocaleString()} in all`}>
        {alerts.isPending ? (
          <Lines count={3} />
        ) : (
          (alerts.data?.value ?? []).map((a) => (
            <div key={a.id} style={{ display: 'flex', flexDirection: 'column' }}>
              <Link to="/alerts/$alertId" params={{ alertId: a.id }} className={l.link}>
                {a.title}
              </Link>
              <span style={{ display: 'flex', gap: 16 }}>
                <SeverityMark value={a.severity} /> <Time value={a.firstActivity} />
              </span>
            </div>
          ))
        )}
        {i.alertCount > shownAlerts ? (
          <Link to="/incidents/$incidentId" params={{ incidentId: i.id }} search={{ tab: 'alerts' } as never} className={l.link}>
            All {i.alertCount.toLocaleString()} alerts
          </Link>
        ) : null}
      </Section>
    </SidePane>
  );
}
