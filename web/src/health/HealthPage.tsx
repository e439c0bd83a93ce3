import { Badge, makeStyles, tokens } from '@fluentui/react-components';
import { useQuery } from '@tanstack/react-query';
import { health } from '../api/endpoints';
import { useLiveState } from '../app/live';
import { StatusMark } from '../design/marks';
import { Page } from '../design/Page';
import { Section } from '../design/Section';
import { Failure, Lines } from '../design/states';
import { Time } from '../design/Time';
import { gap } from '../design/time';

const useStyles = makeStyles({
  column: { display: 'flex', flexDirection: 'column', gap: tokens.spacingVerticalL },
  wrap: { overflowX: 'auto' },
  table: {
    borderCollapse: 'collapse',
    width: '100%',
    '& th': {
      textAlign: 'left',
      fontSize: tokens.fontSizeBase200,
      color: tokens.colorNeutralForeground2,
      padding: tokens.spacingHorizontalS,
      borderBottom: `1px solid ${tokens.colorNeutralStroke1}`,
    },
    '& td': {
      padding: tokens.spacingHorizontalS,
      borderBottom: `1px solid ${tokens.colorNeutralStroke3}`,
      verticalAlign: 'top',
      overflowWrap: 'anywhere',
    },
  },
});

const words: Record<string, { text: string; color: 'success' | 'warning' | 'danger' }> = {
  healthy: { text: 'Healthy', color: 'success' },
  advisory: { text: 'Advisory', color: 'warning' },
  incident: { text: 'Disturbed', color: 'danger' },
};

// HealthPage shows the parts of the program, the work that waits, and the limits that were hit.
export function HealthPage() {
  const s = useStyles();
  const live = useLiveState();
  const state = useQuery({ queryKey: ['health'], queryFn: health.get, refetchInterval: 15_000 });
  const h = state.data;
  const word = h ? words[h.status] : undefined;
  return (
    <Page
      title="Health"
      crumbs={[{ label: 'System' }]}
      meta={
        h ? (
          <>
            {word ? <Badge color={word.color}>{word.text}</Badge> : null} version {h.version}, up for {gap(h.uptimeSeconds ?? 0)}, live
            updates {live === 'live' ? 'connected' : 'interrupted'}, refreshed <Time value={new Date(state.dataUpdatedAt).toISOString()} />
          </>
        ) : undefined
      }
    >
      {state.isPending ? <Lines count={8} /> : null}
      {state.error ? <Failure what="the health of the system" error={state.error} retry={() => void state.refetch()} /> : null}
      {h ? (
        <div className={s.column}>
          <Section title="Parts" card>
            <div className={s.wrap}>
              <table className={s.table}>
                <thead>
                  <tr>
                    <th>Part</th>
                    <th>State</th>
                    <th>Details</th>
                  </tr>
                </thead>
                <tbody>
                  {h.components.map((c) => (
                    <tr key={c.name}>
                      <td>{c.name}</td>
                      <td>
                        <StatusMark value={c.ok ? 'ok' : 'failed'} />
                      </td>
                      <td>{c.error || c.detail || '–'}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          </Section>
          <Section title="Work that waits" card>
            {h.queues.length === 0 ? <span>Nothing waits.</span> : null}
            {h.queues.length > 0 ? (
              <div className={s.wrap}>
                <table className={s.table}>
                  <thead>
                    <tr>
                      <th>Queue</th>
                      <th>Waiting</th>
                      <th>Failed</th>
                      <th>Oldest</th>
                      <th>Size</th>
                    </tr>
                  </thead>
                  <tbody>
                    {h.queues.map((q) => (
                      <tr key={q.name}>
                        <td>{q.name}</td>
                        <td>{q.waiting.toLocaleString()}</td>
                        <td>{q.failed.toLocaleString()}</td>
                        <td>{q.oldestSeconds ? gap(q.oldestSeconds) : '–'}</td>
                        <td>
                          {q.bytes ? `${(q.bytes / 1e6).toLocaleString(undefined, { maximumFractionDigits: 1 })} MB` : '–'}
                          {q.maxBytes && q.maxBytes > 0
                            ? ` of ${(q.maxBytes / 1e6).toLocaleString(undefined, { maximumFractionDigits: 0 })} MB`
                            : ''}
                        </td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
            ) : null}
          </Section>
          <Section title="Limits that were hit" note="since the start" card>
            {h.limits.length === 0 ? <span>None.</span> : null}
            {h.limits.map((x) => (
              <div key={x.name}>
                {x.name}: {(x.count ?? 1).toLocaleString()} times
                {x.last ? (
                  <>
                    , last <Time value={x.last} />
                  </>
                ) : null}
                {x.detail ? `, ${x.detail}` : ''}
              </div>
            ))}
          </Section>
        </div>
      ) : null}
    </Page>
  );
}
