import { useState } from 'react';
import {
  Button,
  Dialog,
  DialogActions,
  DialogBody,
  DialogContent,
  DialogSurface,
  DialogTitle,
  makeStyles,
  MessageBar,
  MessageBarBody,
  ProgressBar,
  Text,
  tokens,
  mergeClasses,
} from '@fluentui/react-components';
import { BeakerRegular, DeleteRegular, PlayRegular } from '@fluentui/react-icons';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { lab } from '../api/endpoints';
import type { Scenario } from '../api/types';
import { useLive } from '../app/live';
import { useNotify } from '../app/notify';
import { sessionKey, useMay } from '../app/session';
import { Tags } from '../design/marks';
import { Page } from '../design/Page';
import { Empty, Failure, Lines } from '../design/states';
import { Time } from '../design/Time';
import { useLinkStyles } from '../design/useLinkStyles';

const useStyles = makeStyles({
  cards: {
    display: 'grid',
    gridTemplateColumns: 'repeat(auto-fill, minmax(320px, 1fr))',
    gap: tokens.spacingHorizontalL,
    '@media (max-width: 639px)': { gridTemplateColumns: 'minmax(0, 1fr)' },
  },
  card: {
    display: 'flex',
    flexDirection: 'column',
    gap: tokens.spacingVerticalS,
    padding: tokens.spacingHorizontalL,
    border: `1px solid ${tokens.colorNeutralStroke2}`,
    borderRadius: tokens.borderRadiusLarge,
  },
  name: { margin: 0, fontSize: tokens.fontSizeBase400, lineHeight: tokens.lineHeightBase400, fontWeight: tokens.fontWeightSemibold },
  text: { color: tokens.colorNeutralForeground2, flexGrow: 1 },
  foot: { display: 'flex', alignItems: 'center', gap: tokens.spacingHorizontalM, minHeight: '32px' },
  meta: { color: tokens.colorNeutralForeground3, fontSize: tokens.fontSizeBase200, flexGrow: 1 },
  bad: { color: tokens.colorPaletteRedForeground1 },
  intro: { maxWidth: '760px', marginBottom: tokens.spacingVerticalL, display: 'block' },
});

// LabPage runs scenarios that send made-up source records through the same receivers as real ones, and removes all they left.
export function LabPage() {
  const s = useStyles();
  const l = useLinkStyles();
  const { notify, failed } = useNotify();
  const queries = useQueryClient();
  const mayManage = useMay('settings.core.manage');
  const [removing, setRemoving] = useState(false);
  const [busy, setBusy] = useState(false);
  const state = useQuery({
    queryKey: ['lab'],
    queryFn: lab.get,
    refetchInterval: (q) => ((q.state.data?.runs ?? []).some((r) => r.state === 'running') ? 1500 : false),
  });
  useLive((event) => {
    if (event.topic === 'lab') void state.refetch();
  });
  const running = (state.data?.runs ?? []).filter((r) => r.state === 'running');
  const run = async (scenario: string, name: string) => {
    try {
      await lab.run(scenario);
      notify({ title: `${name}: started`, body: 'Its records arrive, are detected and joined like any others.', intent: 'info' });
    } catch (err) {
      failed('Could not start', err);
    }
    await state.refetch();
    void queries.invalidateQueries({ queryKey: sessionKey });
  };
  const removeAll = async () => {
    setBusy(true);
    try {
      const removed = await lab.removeAll();
      notify({
        title: 'All lab data removed',
        body: `${removed.incidents.toLocaleString()} incidents, ${removed.alerts.toLocaleString()} alerts, ${removed.rows.toLocaleString()} rows. Run the scenarios to have them again.`,
      });
      setRemoving(false);
      await queries.invalidateQueries();
    } catch (err) {
      failed('Could not remove the lab data', err);
    } finally {
      setBusy(false);
    }
  };
  const crumbs = [{ label: 'System' }];
  return (
    <Page
      title="Evaluation lab"
      crumbs={crumbs}
      commands={
        mayManage ? (
          <>
            <Button
              size="small"
              appearance="primary"
              icon={<PlayRegular />}
              disabled={running.length > 0 || state.data?.scenarios.length === 0}
              onClick={() => void run('all', 'All scenarios')}
            >
              Run all scenarios
            </Button>
            <Button
              size="small"
              icon={<DeleteRegular />}
              disabled={(state.data?.runs ?? []).length === 0}
              onClick={() => setRemoving(true)}
            >
              Remove all lab data
            </Button>
          </>
        ) : null
      }
    >
      <Text className={s.intro}>
        A scenario makes source records of an attack or of an ordinary day and sends them through the same receivers as real data.
        Everything it leads to is labelled Lab.{' '}
        <Link to="/incidents" search={{ lab: 'true' } as never} className={mergeClasses(l.link, l.inText)}>
          Incidents of the lab
        </Link>
      </Text>
      {running.length > 0 ? (
        <MessageBar intent="info" style={{ marginBottom: 16 }} layout="multiline">
          <MessageBarBody>
            Running {running.map((r) => r.name || r.scenario).join(', ')}:{' '}
            {running.reduce((sum, r) => sum + (r.records ?? 0), 0).toLocaleString()} records so far.
            <ProgressBar aria-label="Scenarios are running" style={{ marginTop: 8 }} />
          </MessageBarBody>
        </MessageBar>
      ) : null}
      {state.isPending ? <Lines count={6} /> : null}
      {state.error ? <Failure what="the evaluation lab" error={state.error} retry={() => void state.refetch()} /> : null}
      {state.data && state.data.scenarios.length === 0 ? <Empty icon={<BeakerRegular />} title="No scenario is installed" /> : null}
      <div className={s.cards}>
        {(state.data?.scenarios ?? []).map((x) => (
          <article key={x.id} className={s.card} aria-label={x.name}>
            <h2 className={s.name}>{x.name}</h2>
            <span className={s.text}>{x.description}</span>
            <span>
              <Tags values={[...(x.workloads ?? [])]} all />
            </span>
            {(x.techniques ?? []).length > 0 ? <Tags values={x.techniques} all /> : null}
            <div className={s.foot}>
              <LastRun scenario={x} />
              {mayManage ? (
                <Button
                  size="small"
                  icon={<PlayRegular />}
                  disabled={x.lastRun?.state === 'running'}
                  onClick={() => void run(x.id, x.name)}
                  aria-label={`Run ${x.name}`}
                >
                  Run
                </Button>
              ) : null}
            </div>
          </article>
        ))}
      </div>
      <Dialog open={removing} onOpenChange={(_, d) => setRemoving(d.open)}>
        <DialogSurface>
          <DialogBody>
            <DialogTitle>Remove all lab data?</DialogTitle>
            <DialogContent>
              Every incident, alert and row that the lab made goes, and nothing else. To have them again, run the scenarios again. What you
              noted on lab incidents is lost.
            </DialogContent>
            <DialogActions>
              <Button onClick={() => setRemoving(false)}>Cancel</Button>
              <Button appearance="primary" disabled={busy} onClick={() => void removeAll()}>
                {busy ? 'Removing…' : 'Remove'}
              </Button>
            </DialogActions>
          </DialogBody>
        </DialogSurface>
      </Dialog>
    </Page>
  );
}

function LastRun({ scenario }: { scenario: Scenario }) {
  const s = useStyles();
  const r = scenario.lastRun;
  if (!r) return <span className={s.meta}>Not run yet</span>;
  if (r.state === 'running') return <span className={s.meta}>Running, {(r.records ?? 0).toLocaleString()} records so far</span>;
  if (r.state === 'failed')
    return (
      <span className={mergeClasses(s.meta, s.bad)} title={r.error}>
        Failed <Time value={r.finished ?? r.started} />: {r.error}
      </span>
    );
  return (
    <span className={s.meta}>
      Ran <Time value={r.finished ?? r.started} />, {(r.records ?? 0).toLocaleString()} records
    </span>
  );
}
