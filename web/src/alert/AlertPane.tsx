import { useState } from 'react';
import { Button } from '@fluentui/react-components';
import { EditRegular, OpenRegular, PersonAddRegular } from '@fluentui/react-icons';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { alerts } from '../api/endpoints';
import type { Alert } from '../api/types';
import { useMay, useSession } from '../app/session';
import { Section } from '../design/Section';
import { SidePane } from '../design/SidePane';
import { WhyJoined } from '../incident/WhyJoined';
import { ManagePane } from '../manage/ManagePane';
import { useManage } from '../manage/useManage';
import { AlertFacts } from './AlertFacts';
import { EvidenceList } from './EvidenceList';

const noTitles = new Map<string, string>();

// AlertPane shows an alert beside the list and manages it in place.
export function AlertPane({ alert: row, onClose, onStep }: { alert: Alert; onClose: () => void; onStep: (by: 1 | -1) => void }) {
  const navigate = useNavigate();
  const { user } = useSession();
  const mayManage = useMay('secops.alerts.manage');
  const [managing, setManaging] = useState(false);
  const { change } = useManage('alert');
  const full = useQuery({ queryKey: ['alert', row.id], queryFn: () => alerts.get(row.id) });
  const a = full.data ?? row;
  if (managing) return <ManagePane thing="alert" targets={[a]} onClose={() => setManaging(false)} />;
  return (
    <SidePane
      title={a.title}
      onClose={onClose}
      onStep={onStep}
      foot={
        <>
          <Button
            appearance="primary"
            icon={<OpenRegular />}
            onClick={() => void navigate({ to: '/alerts/$alertId', params: { alertId: a.id } })}
          >
            Open alert page
          </Button>
          {mayManage ? (
            <Button icon={<EditRegular />} onClick={() => setManaging(true)}>
              Manage alert
            </Button>
          ) : null}
          {mayManage && a.assignedTo !== user.name ? (
            <Button icon={<PersonAddRegular />} onClick={() => void change([a], { assignedTo: user.name })}>
              Assign to me
            </Button>
          ) : null}
        </>
      }
    >
      {a.description ? <span style={{ whiteSpace: 'pre-wrap' }}>{a.description}</span> : null}
      <AlertFacts alert={a} withIncident />
      {full.data ? (
        <>
          <Section title="Why joined">
            <WhyJoined alertId={a.id} joins={full.data.joins} titles={noTitles} />
          </Section>
          <Section title="Evidence">
            <EvidenceList evidence={full.data.evidence ?? []} around={full.data.firstActivity} />
          </Section>
        </>
      ) : null}
    </SidePane>
  );
}
