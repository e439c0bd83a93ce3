import { useState } from 'react';
import { Button, Field, makeStyles, Textarea, tokens } from '@fluentui/react-components';
import { CommentRegular, HistoryRegular } from '@fluentui/react-icons';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { alerts, incidents } from '../api/endpoints';
import type { Activity } from '../api/types';
import { useNotify } from '../app/notify';
import { useMay } from '../app/session';
import { SidePane } from '../design/SidePane';
import { Failure, Lines } from '../design/states';
import { Time } from '../design/Time';
import { label } from '../design/words';
import type { Thing } from './change';

const useStyles = makeStyles({
  list: { display: 'flex', flexDirection: 'column', gap: tokens.spacingVerticalM, margin: 0, padding: 0, listStyleType: 'none' },
  item: { display: 'grid', gridTemplateColumns: '20px minmax(0, 1fr)', columnGap: tokens.spacingHorizontalS },
  meta: { color: tokens.colorNeutralForeground3, fontSize: tokens.fontSizeBase200 },
  comment: {
    whiteSpace: 'pre-wrap',
    overflowWrap: 'anywhere',
    padding: tokens.spacingHorizontalS,
    backgroundColor: tokens.colorNeutralBackground3,
    borderRadius: tokens.borderRadiusMedium,
    marginTop: tokens.spacingVerticalXXS,
  },
  icon: { color: tokens.colorNeutralForeground3, paddingTop: '2px' },
});

// activityText says what an entry of the log did.
export function activityText(a: Activity): string {
  if (a.text) return a.text;
  const what = label(a.type);
  if (a.old && a.new) return `${what}: ${label(a.old)} → ${label(a.new)}`;
  if (a.new) return `${what}: ${label(a.new)}`;
  return what;
}

// ActivityPane shows comments and history of an incident or an alert, newest first, and takes a comment.
export function ActivityPane({ thing, id, onClose }: { thing: Thing; id: string; onClose: () => void }) {
  const s = useStyles();
  const { notify, failed } = useNotify();
  const queries = useQueryClient();
  const mayManage = useMay('secops.alerts.manage');
  const [comment, setComment] = useState('');
  const [busy, setBusy] = useState(false);
  const api = thing === 'incident' ? incidents : alerts;
  const key = [thing, id, 'activities'];
  const log = useQuery({ queryKey: key, queryFn: () => api.activities(id) });
  const send = async () => {
    setBusy(true);
    try {
      await api.comment(id, comment.trim());
      setComment('');
      notify({ title: 'Comment added' });
      await queries.invalidateQueries({ queryKey: key });
    } catch (err) {
      failed('Could not add the comment', err);
    } finally {
      setBusy(false);
    }
  };
  const entries = [...(log.data?.value ?? [])].sort((a, b) => (a.time < b.time ? 1 : -1));
  return (
    <SidePane title="Comments and history" onClose={onClose} focus>
      {mayManage ? (
        <div style={{ display: 'flex', flexDirection: 'column', gap: 8 }}>
          <Field label="Comment">
            <Textarea
              rows={3}
              maxLength={30_000}
              value={comment}
              onChange={(_, d) => setComment(d.value)}
              onKeyDown={(event) => {
                if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && comment.trim() !== '') void send();
              }}
            />
          </Field>
          <Button disabled={busy || comment.trim() === ''} onClick={() => void send()} style={{ alignSelf: 'flex-start' }}>
            Add comment
          </Button>
        </div>
      ) : null}
      {log.isPending ? <Lines count={5} /> : null}
      {log.error ? <Failure what="the history" error={log.error} retry={() => void log.refetch()} /> : null}
      <ul className={s.list} aria-label="Comments and history">
        {entries.map((a, n) => {
          const isComment = a.type.toLowerCase() === 'comment' ? a.text || (a.new ?? '') : '';
          return (
            <li key={`${a.time} ${n}`} className={s.item}>
              <span className={s.icon} aria-hidden>
                {isComment ? <CommentRegular /> : <HistoryRegular />}
              </span>
              <div style={{ minWidth: 0 }}>
                {isComment ? (
                  <div className={s.comment}>{isComment}</div>
                ) : (
                  <span style={{ overflowWrap: 'anywhere' }}>{activityText(a)}</span>
                )}
                <div className={s.meta}>
                  {a.actor || label(a.actorKind) || 'System'}, <Time value={a.time} />
                  {a.mergedFrom ? `, from incident ${a.mergedFrom}` : ''}
                </div>
              </div>
            </li>
          );
        })}
      </ul>
    </SidePane>
  );
}
