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
  Switch,
  tokens,
  mergeClasses,
} from '@fluentui/react-components';
import { DeleteRegular } from '@fluentui/react-icons';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useParams } from '@tanstack/react-router';
import { alerts, rules } from '../api/endpoints';
import { useNotify } from '../app/notify';
import { useMay } from '../app/session';
import { CopyId } from '../design/CopyId';
import { Facts } from '../design/Facts';
import { SeverityMark, StatusMark, Tags } from '../design/marks';
import { Page } from '../design/Page';
import { Section } from '../design/Section';
import { Failure, Lines } from '../design/states';
import { Time } from '../design/Time';
import { useLinkStyles } from '../design/useLinkStyles';
import { label } from '../design/words';

const shownAlerts = 20;

const useStyles = makeStyles({
  grid: {
    display: 'grid',
    gridTemplateColumns: 'minmax(0, 1fr) 340px',
    gap: tokens.spacingHorizontalL,
    alignItems: 'start',
    '@media (max-width: 1099px)': { gridTemplateColumns: 'minmax(0, 1fr)' },
  },
  column: { display: 'flex', flexDirection: 'column', gap: tokens.spacingVerticalL, minWidth: 0 },
  code: {
    margin: 0,
    fontFamily: tokens.fontFamilyMonospace,
    fontSize: tokens.fontSizeBase200,
    lineHeight: '18px',
    overflowX: 'auto',
    whiteSpace: 'pre',
    maxHeight: '60vh',
  },
  row: {
    display: 'grid',
    gridTemplateColumns: 'minmax(0, 1fr) 110px 110px 130px',
    gap: tokens.spacingHorizontalM,
    minHeight: '28px',
    alignItems: 'center',
    '@media (max-width: 639px)': { gridTemplateColumns: 'minmax(0, 1fr) 110px' },
  },
});

// RulePage shows one rule: its text, what it found, and its switch.
export function RulePage() {
  const s = useStyles();
  const l = useLinkStyles();
  const { ruleId } = useParams({ from: '/rules/$ruleId' });
  const navigate = useNavigate();
  const queries = useQueryClient();
  const { notify, failed } = useNotify();
  const mayManage = useMay('settings.detection.manage');
  const [deleting, setDeleting] = useState(false);
  const rule = useQuery({ queryKey: ['rule', ruleId], queryFn: () => rules.get(ruleId) });
  const found = useQuery({
    queryKey: ['alerts', 'rule', ruleId],
    queryFn: ({ signal }) => alerts.list({ ruleId, $top: shownAlerts, $count: true, orderby: 'lastActivity:desc' }, signal),
  });
  const crumbs = [{ label: 'Detection rules', to: '/rules' }];
  if (rule.isPending)
    return (
      <Page title="Rule" crumbs={crumbs}>
        <Lines count={10} />
      </Page>
    );
  if (rule.error)
    return (
      <Page title="Rule" crumbs={crumbs}>
        <Failure what={`rule ${ruleId}`} error={rule.error} retry={() => void rule.refetch()} />
      </Page>
    );
  const r = rule.data;
  const set = async (enabled: boolean, quiet = false) => {
    try {
      await rules.setEnabled(ruleId, enabled);
      if (!quiet) notify({ title: enabled ? 'Rule switched on' : 'Rule switched off', undo: () => set(!enabled, true) });
    } catch (err) {
      failed('Could not change the rule', err);
    }
    await queries.invalidateQueries({ queryKey: ['rule', ruleId] });
    await queries.invalidateQueries({ queryKey: ['rules'] });
  };
  const remove = async () => {
    try {
      await rules.delete(ruleId);
      notify({
        title: `Deleted "${r.title}"`,
        undo: async () => {
          try {
            await rules.create(r.kind, r.text ?? '');
          } catch (err) {
            failed('Could not undo', err);
          }
        },
      });
      await queries.invalidateQueries({ queryKey: ['rules'] });
      void navigate({ to: '/rules' });
    } catch (err) {
      failed('Could not delete the rule', err);
    }
  };
  return (
    <Page
      title={r.title}
      crumbs={crumbs}
      commands={
        mayManage ? (
          <>
            <Switch label={r.enabled ? 'On' : 'Off'} checked={r.enabled} disabled={!!r.error} onChange={(_, d) => void set(d.checked)} />
            {r.origin === 'builtin' ? null : (
              <Button size="small" appearance="subtle" icon={<DeleteRegular />} onClick={() => setDeleting(true)}>
                Delete
              </Button>
            )}
          </>
        ) : (
          <span>{r.enabled ? 'On' : 'Off'}</span>
        )
      }
    >
      {r.error ? (
        <MessageBar intent="warning" style={{ marginBottom: 16 }} layout="multiline">
          <MessageBarBody>This rule cannot run: {r.error}</MessageBarBody>
        </MessageBar>
      ) : null}
      <div className={s.grid}>
        <div className={s.column}>
          {r.description ? (
            <Section title="Description" card>
              <span style={{ whiteSpace: 'pre-wrap' }}>{r.description}</span>
            </Section>
          ) : null}
          <Section
            title="Alerts"
            note={found.data?.count === undefined ? undefined : found.data.count.toLocaleString()}
            action={
              <Link to="/alerts" search={{ ruleId } as never} className={l.link}>
                All its alerts
              </Link>
            }
            card
          >
            {found.isPending ? <Lines count={4} /> : null}
            {found.error ? <Failure what="its alerts" error={found.error} retry={() => void found.refetch()} /> : null}
            {found.data && found.data.value.length === 0 ? <span>This rule has not raised an alert.</span> : null}
            {(found.data?.value ?? []).map((a) => (
              <div key={a.id} className={s.row}>
                <Link to="/alerts/$alertId" params={{ alertId: a.id }} className={mergeClasses(l.link, l.cut)} title={a.title}>
                  {[...(a.devices ?? []), ...(a.users ?? []), ...(a.mailboxes ?? [])].map((e) => e.name).join(', ') || a.title}
                </Link>
                <SeverityMark value={a.severity} />
                <StatusMark value={a.status} />
                <Time value={a.lastActivity} />
              </div>
            ))}
          </Section>
          <Section title={`Source (${label(r.kind)})`} card>
            <pre className={s.code} tabIndex={0} aria-label="Text of the rule">
              {r.text}
            </pre>
          </Section>
        </div>
        <Section title="Properties" card>
          <Facts
            facts={[
              ['Severity', <SeverityMark key="s" value={r.severity} strong />],
              ['Level', label(r.level)],
              ['Category', label(r.category)],
              ['Techniques', (r.techniques ?? []).length > 0 ? <Tags key="t" values={r.techniques} all /> : ''],
              ['Log source', r.logsource],
              ['Origin', r.origin === 'builtin' ? 'Built in' : r.origin === 'import' ? 'Imported' : 'Own'],
              ['Maturity', label(r.status)],
              ['Author', r.author],
              ['File', r.path],
              ['Last hit', r.lastHit ? <Time key="l" value={r.lastHit} form="both" /> : 'Never'],
              ['Last run', r.lastRun?.finished ? <Time key="lr" value={r.lastRun.finished} form="both" /> : ''],
              ['Last run found', r.lastRun?.detections === undefined ? '' : r.lastRun.detections.toLocaleString()],
              ['Last run failed', r.lastRun?.error],
              ['Changed', r.modifiedTime ? <Time key="m" value={r.modifiedTime} form="both" /> : ''],
              ['ID', <CopyId key="i" value={r.id} />],
            ]}
          />
        </Section>
      </div>
      <Dialog open={deleting} onOpenChange={(_, d) => setDeleting(d.open)}>
        <DialogSurface>
          <DialogBody>
            <DialogTitle>Delete this rule?</DialogTitle>
            <DialogContent>It raises no further alerts. Its alerts stay. The toast afterwards offers to add it again.</DialogContent>
            <DialogActions>
              <Button onClick={() => setDeleting(false)}>Cancel</Button>
              <Button appearance="primary" onClick={() => void remove()}>
                Delete
              </Button>
            </DialogActions>
          </DialogBody>
        </DialogSurface>
      </Dialog>
    </Page>
  );
}
