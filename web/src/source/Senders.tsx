import { useState } from 'react';
import { Badge, Button, Field, Input, makeStyles, tokens } from '@fluentui/react-components';
import { DatabasePlugConnectedRegular } from '@fluentui/react-icons';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { access, sources } from '../api/endpoints';
import type { Sender } from '../api/types';
import { useLive } from '../app/live';
import { useNotify } from '../app/notify';
import { useMay } from '../app/session';
import { bytes, sizeOf } from '../design/bytes';
import { FormDialog, useSubmit } from '../design/dialog/FormDialog';
import { Tags } from '../design/marks';
import { Sparkline } from '../design/Sparkline';
import { Empty, Failure, Lines } from '../design/states';
import { Time } from '../design/Time';
import { useTableStyles } from '../design/useTableStyles';
import { senderWords, tokenOf } from './sender';
import { perMinute, rateWords } from './state';
import { StateMark } from './StateMark';

const useStyles = makeStyles({
  scroll: {
    overflow: 'auto',
    flexGrow: 1,
    padding: `${tokens.spacingVerticalM} ${tokens.spacingHorizontalXXL}`,
    '@media (max-width: 639px)': { padding: `${tokens.spacingVerticalS} ${tokens.spacingHorizontalM}` },
  },
  name: { display: 'block', minWidth: '140px', fontWeight: tokens.fontWeightSemibold, overflowWrap: 'anywhere' },
});

// quotaWords writes what a sender may deliver.
export function quotaWords(sender: Pick<Sender, 'quota'>): string {
  const { recordsPerMinute, bytesPerDay } = sender.quota ?? {};
  const parts = [
    recordsPerMinute ? `${recordsPerMinute.toLocaleString()} records a minute` : '',
    bytesPerDay ? `${bytes(bytesPerDay)} a day` : '',
  ].filter((x) => x !== '');
  return parts.length > 0 ? parts.join(', ') : 'None';
}

// Senders lists who delivers: tokens, connectors, syslog peers, osquery agents, imports. The quota of a token is set here.
export function Senders() {
  const s = useStyles();
  const t = useTableStyles();
  const navigate = useNavigate();
  const mayManage = useMay('settings.core.manage');
  const [editing, setEditing] = useState<Sender | undefined>();
  const list = useQuery({ queryKey: ['sources', 'senders'], queryFn: sources.senders, refetchInterval: 15_000 });
  useLive((event) => {
    if (event.topic === 'ingest') void list.refetch();
  });
  if (list.isPending) return <Lines count={8} />;
  if (list.error) return <Failure what="the senders" error={list.error} retry={() => void list.refetch()} />;
  if (list.data.value.length === 0)
    return (
      <Empty
        icon={<DatabasePlugConnectedRegular />}
        title="Nobody has delivered yet"
        actions={
          <Button appearance="primary" onClick={() => void navigate({ to: '.', search: { tab: 'connect' } as never })}>
            Connect a source
          </Button>
        }
      >
        A sender shows here with its first record.
      </Empty>
    );
  return (
    <div className={s.scroll}>
      <table className={t.table} aria-label="Senders">
        <thead>
          <tr>
            <th>Sender</th>
            <th>Kind</th>
            <th>State</th>
            <th>Families</th>
            <th>Last record</th>
            <th>Last hour</th>
            <th className={t.number}>Per minute</th>
            <th className={t.number}>Records</th>
            <th className={t.number}>Size</th>
            <th className={t.number}>Refused</th>
            <th>Quota</th>
            {mayManage ? <th aria-label="Actions" /> : null}
          </tr>
        </thead>
        <tbody>
          {list.data.value.map((x) => (
            <tr key={x.id}>
              <td>
                <span className={s.name}>{x.name || x.id}</span>
                {x.address ? <div className={t.quiet}>{x.address}</div> : null}
              </td>
              <td className={t.nowrap}>{senderWords(x.kind)}</td>
              <td>
                <StateMark source={x} />
              </td>
              <td>
                <Tags values={x.families} plain max={3} />
              </td>
              <td className={t.nowrap}>
                <Time value={x.lastSeen} />
              </td>
              <td>
                <Sparkline values={x.recent} words={rateWords(x.recent)} width={90} />
              </td>
              <td className={t.number}>{perMinute(x.ratePerMinute)}</td>
              <td className={t.number}>{x.records.toLocaleString()}</td>
              <td className={t.number}>{bytes(x.bytes)}</td>
              <td className={t.number}>{x.refused.toLocaleString()}</td>
              <td>
                {x.kind === 'token' ? quotaWords(x) : '–'}
                {x.throttled > 0 ? (
                  <div>
                    <Badge
                      appearance="tint"
                      color="warning"
                      title="Deliveries that were asked to come again later because the quota was used up. Nothing was lost."
                    >
                      {`Held back ${x.throttled.toLocaleString()} ${x.throttled === 1 ? 'time' : 'times'}`}
                    </Badge>
                  </div>
                ) : null}
              </td>
              {mayManage ? (
                <td>
                  {x.kind === 'token' ? (
                    <Button size="small" appearance="subtle" aria-label={`Set quota of ${x.name || x.id}`} onClick={() => setEditing(x)}>
                      Set quota
                    </Button>
                  ) : null}
                </td>
              ) : null}
            </tr>
          ))}
        </tbody>
      </table>
      {editing ? <QuotaDialog sender={editing} onClose={() => setEditing(undefined)} /> : null}
    </div>
  );
}

function QuotaDialog({ sender, onClose }: { sender: Sender; onClose: () => void }) {
  const { notify } = useNotify();
  const queries = useQueryClient();
  const { busy, refusal, submit } = useSubmit();
  const [records, setRecords] = useState(sender.quota?.recordsPerMinute ? String(sender.quota.recordsPerMinute) : '');
  const [size, setSize] = useState(sender.quota?.bytesPerDay ? bytes(sender.quota.bytesPerDay, 'en') : '');
  const badRecords = records.trim() !== '' && !/^\d{1,12}$/.test(records.trim());
  const badSize = size.trim() !== '' && sizeOf(size) === undefined;
  return (
    <FormDialog
      title={`Quota of ${sender.name || sender.id}`}
      action="Save"
      busy={busy}
      incomplete={badRecords || badSize}
      refusal={refusal}
      onClose={onClose}
      onSubmit={() =>
        void submit(async () => {
          await access.setQuota(tokenOf(sender), {
            ...(Number(records) > 0 ? { recordsPerMinute: Number(records) } : {}),
            ...(sizeOf(size) ? { bytesPerDay: sizeOf(size) ?? 0 } : {}),
          });
          await queries.invalidateQueries({ queryKey: ['sources'] });
          notify({ title: `Quota of ${sender.name || sender.id} changed` });
          onClose();
        })
      }
    >
      <span>Over its quota a sender is told to come again later (429 with Retry-After). What was taken is kept.</span>
      <Field
        label="Records a minute"
        hint="Empty: no bound"
        {...(badRecords ? { validationMessage: 'Write a whole number, such as 60000.' } : {})}
      >
        <Input inputMode="numeric" autoFocus value={records} onChange={(_, d) => setRecords(d.value)} />
      </Field>
      <Field
        label="Size a day"
        hint="Such as 500 MB or 20 GB; empty: no bound"
        {...(badSize ? { validationMessage: 'Write a number and a unit, such as 20 GB.' } : {})}
      >
        <Input value={size} onChange={(_, d) => setSize(d.value)} />
      </Field>
    </FormDialog>
  );
}
