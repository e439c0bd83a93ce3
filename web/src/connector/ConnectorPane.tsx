import { useState } from 'react';
import { Button, Field, Input, MessageBar, MessageBarBody, MessageBarTitle, Spinner } from '@fluentui/react-components';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { connectors, type Connector, type ConnectorKind, type ConnectorTest } from '../api/connectors';
import { useNotify } from '../app/notify';
import { useMay } from '../app/session';
import { bytes } from '../design/bytes';
import { CopyId } from '../design/CopyId';
import { Confirm } from '../design/dialog/Confirm';
import { FormDialog, useSubmit } from '../design/dialog/FormDialog';
import { Facts } from '../design/Facts';
import { Section } from '../design/Section';
import { SidePane } from '../design/SidePane';
import { asSentence, Failure, Lines } from '../design/states';
import { Time } from '../design/Time';
import { gap } from '../design/time';
import { useTableStyles } from '../design/useTableStyles';
import { adviceFor, nextWords } from './connector';
import { ConnectorState } from './ConnectorState';
import { TestResult } from './TestResult';

type Doing = 'run' | 'pause' | 'resume' | 'test';

// ConnectorPane shows one connector with its runs, and what can be done with it.
export function ConnectorPane({
  connector: c,
  kind,
  onClose,
  onEdit,
}: {
  connector: Connector;
  kind: ConnectorKind | undefined;
  onClose: () => void;
  onEdit: () => void;
}) {
  const t = useTableStyles();
  const queries = useQueryClient();
  const { notify, failed } = useNotify();
  const mayManage = useMay('settings.core.manage');
  const [busy, setBusy] = useState<Doing | undefined>();
  const [asking, setAsking] = useState<'reset' | 'remove' | undefined>();
  const [result, setResult] = useState<ConnectorTest | undefined>();
  const runs = useQuery({
    queryKey: ['connectors', 'runs', c.id, c.state, c.lastRun],
    queryFn: () => connectors.runs(c.id),
    placeholderData: (before) => before,
  });
  const reload = () => queries.invalidateQueries({ queryKey: ['connectors'] });
  const act = async (what: Doing) => {
    setBusy(what);
    try {
      if (what === 'test') setResult(await connectors.testKept(c.id));
      else {
        await connectors[what](c.id);
        notify({
          title: { run: `${c.name} runs now`, pause: `${c.name} paused`, resume: `${c.name} resumed` }[what],
          ...(what === 'run' ? {} : { undo: async () => (await connectors[what === 'pause' ? 'resume' : 'pause'](c.id), reload()) }),
        });
      }
    } catch (err) {
      failed(`Could not ${what} ${c.name}`, err);
    }
    setBusy(undefined);
    await reload();
  };
  const paused = c.state === 'paused';
  const button = (what: Doing, word: string, primary = false) => (
    <Button
      size="small"
      appearance={primary ? 'primary' : 'secondary'}
      disabled={busy !== undefined || (what === 'run' && c.state === 'running')}
      {...(busy === what ? { icon: <Spinner size="tiny" /> } : {})}
      onClick={() => void act(what)}
    >
      {word}
    </Button>
  );
  return (
    <SidePane
      title={c.name}
      onClose={onClose}
      foot={
        mayManage ? (
          <>
            {paused ? button('resume', 'Resume', true) : button('run', 'Run now', true)}
            {paused ? null : button('pause', 'Pause')}
            {button('test', 'Test')}
            <Button size="small" onClick={onEdit} disabled={!kind}>
              Edit
            </Button>
            <Button size="small" onClick={() => setAsking('reset')}>
              Fetch again from
            </Button>
            <Button size="small" onClick={() => setAsking('remove')}>
              Delete
            </Button>
          </>
        ) : undefined
      }
    >
      {c.lastError && !result ? (
        <MessageBar intent={paused ? 'warning' : 'error'} layout="multiline">
          <MessageBarBody>
            <MessageBarTitle>The last run failed</MessageBarTitle> {asSentence(c.lastError.message)} {adviceFor(c.lastError.code)}
            {c.lastError.attempt > 1 ? ` It failed ${c.lastError.attempt.toLocaleString()} times in a row.` : ''}
          </MessageBarBody>
        </MessageBar>
      ) : null}
      {result ? <TestResult result={result} /> : null}
      <Facts
        facts={[
          ['State', <ConnectorState key="s" state={c.state} />],
          ['Service', kind?.name ?? c.kind],
          ['Next run', nextWords(c, Date.now())],
          ['Last run', c.lastRun ? <Time key="l" value={c.lastRun} form="both" /> : 'Never'],
          ['Runs every', gap(c.interval)],
          ['Has come to', c.cursor],
          ['Behind', c.lagSeconds === undefined ? '' : gap(c.lagSeconds)],
          ['Records', c.records.toLocaleString()],
          ['Refused', c.refused.toLocaleString()],
          ['Size', bytes(c.bytes)],
          [
            'Forgotten early',
            (c.forgotten ?? 0) > 0
              ? `${(c.forgotten ?? 0).toLocaleString()} records, which come again if the service lists them again`
              : '',
          ],
          ['Added', <Who key="a" time={c.created} by={c.createdBy} />],
          ['Changed', <Who key="c" time={c.changed} by={c.changedBy} />],
          ['ID', <CopyId key="i" value={c.id} />],
        ]}
      />
      <Section title="Settings">
        <Facts
          facts={(kind?.fields ?? []).map((f) => {
            const v = c.config[f.name];
            return [
              f.label,
              typeof v === 'object'
                ? v.set
                  ? 'Set, and kept secret'
                  : 'Not set'
                : typeof v === 'boolean'
                  ? v
                    ? 'Yes'
                    : 'No'
                  : String(v ?? ''),
            ];
          })}
        />
      </Section>
      <Section title="Runs">
        {runs.isPending ? <Lines count={3} /> : null}
        {runs.error ? <Failure what="the runs" error={runs.error} retry={() => void runs.refetch()} /> : null}
        {runs.data && runs.data.value.length === 0 ? <span>It has not run yet.</span> : null}
        {runs.data && runs.data.value.length > 0 ? (
          <div className={t.wrap}>
            <table className={t.table} aria-label="Runs">
              <thead>
                <tr>
                  <th>Started</th>
                  <th>Took</th>
                  <th>Ended</th>
                  <th className={t.number}>Records</th>
                  <th className={t.number}>Refused</th>
                </tr>
              </thead>
              <tbody>
                {runs.data.value.map((r) => (
                  <tr key={r.id}>
                    <td className={t.nowrap}>
                      <Time value={r.started} />
                    </td>
                    <td className={t.nowrap}>{r.ended ? gap((Date.parse(r.ended) - Date.parse(r.started)) / 1000) : '–'}</td>
                    <td>
                      <ConnectorState state={r.state} />
                      {r.error ? <div className={t.quiet}>{asSentence(r.error.message)}</div> : null}
                    </td>
                    <td className={t.number}>{r.records.toLocaleString()}</td>
                    <td className={t.number}>{r.refused.toLocaleString()}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        ) : null}
      </Section>
      {asking === 'reset' ? <ResetDialog connector={c} onClose={() => setAsking(undefined)} onDone={reload} /> : null}
      {asking === 'remove' ? (
        <Confirm
          title={`Delete ${c.name}?`}
          action="Delete"
          onClose={() => setAsking(undefined)}
          onDone={async () => {
            await connectors.remove(c.id);
            notify({ title: `Deleted ${c.name}` });
            onClose();
            await reload();
          }}
        >
          It fetches nothing any more, and its credentials are forgotten. The records that it brought stay. To have it back, add it again.
        </Confirm>
      ) : null}
    </SidePane>
  );
}

function Who({ time, by }: { time: string; by: string }) {
  return (
    <>
      <Time value={time} />
      {by ? ` by ${by}` : ''}
    </>
  );
}

function ResetDialog({ connector: c, onClose, onDone }: { connector: Connector; onClose: () => void; onDone: () => Promise<void> }) {
  const { notify } = useNotify();
  const { busy, refusal, submit } = useSubmit();
  const [since, setSince] = useState('');
  return (
    <FormDialog
      title={`Fetch again from a time: ${c.name}`}
      action="Fetch again"
      busy={busy}
      incomplete={since === ''}
      refusal={refusal}
      onClose={onClose}
      onSubmit={() =>
        void submit(async () => {
          await connectors.reset(c.id, new Date(since).toISOString());
          notify({ title: `${c.name} fetches again`, body: `From ${new Date(since).toLocaleString()} on.` });
          onClose();
          await onDone();
        })
      }
    >
      <span>
        It forgets how far it has come{c.cursor ? ` (${c.cursor})` : ''} and begins anew at the time below. What was delivered since then is
        delivered, and stored, again.
      </span>
      <Field label="Since" required>
        <Input type="datetime-local" autoFocus value={since} onChange={(_, d) => setSince(d.value)} />
      </Field>
    </FormDialog>
  );
}
