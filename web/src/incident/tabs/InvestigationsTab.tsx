import { makeStyles, tokens } from '@fluentui/react-components';
import { SearchInfoRegular } from '@fluentui/react-icons';
import { useQuery } from '@tanstack/react-query';
import { incidents } from '../../api/endpoints';
import { StatusMark } from '../../design/marks';
import { Empty, Failure, Lines } from '../../design/states';
import { Time } from '../../design/Time';

const useStyles = makeStyles({
  table: {
    borderCollapse: 'collapse',
    width: '100%',
    '& th, & td': { textAlign: 'left', padding: tokens.spacingHorizontalS, borderBottom: `1px solid ${tokens.colorNeutralStroke3}` },
  },
});

// InvestigationsTab lists the automated investigations that the incident's alerts started.
export function InvestigationsTab({ incidentId }: { incidentId: string }) {
  const s = useStyles();
  const list = useQuery({ queryKey: ['incident', incidentId, 'investigations'], queryFn: () => incidents.investigations(incidentId) });
  if (list.isPending) return <Lines count={5} />;
  if (list.error) return <Failure what="the investigations" error={list.error} retry={() => void list.refetch()} />;
  if (list.data.value.length === 0)
    return (
      <Empty icon={<SearchInfoRegular />} title="No automated investigation ran">
        When playbooks are switched on, an investigation that an alert of this incident starts is listed here with its verdicts and the
        actions that wait for approval.
      </Empty>
    );
  return (
    <div style={{ padding: 16, overflowX: 'auto' }}>
      <table className={s.table}>
        <thead>
          <tr>
            <th>ID</th>
            <th>Trigger</th>
            <th>Status</th>
            <th>Source</th>
            <th>Pending actions</th>
            <th>Start</th>
            <th>End</th>
          </tr>
        </thead>
        <tbody>
          {list.data.value.map((v) => (
            <tr key={v.id}>
              <td>{v.id}</td>
              <td>{v.trigger}</td>
              <td>
                <StatusMark value={v.status} />
              </td>
              <td>{v.source}</td>
              <td>{v.pendingActions ?? 0}</td>
              <td>
                <Time value={v.start} />
              </td>
              <td>
                <Time value={v.end} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
