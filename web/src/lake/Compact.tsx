import { useEffect, useRef, useState } from 'react';
import { Button, makeStyles, MessageBar, MessageBarBody, ProgressBar, tokens } from '@fluentui/react-components';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { lake, type Compaction, type Lake } from '../api/lake';
import { bytes } from '../design/bytes';
import { Confirm } from '../design/dialog/Confirm';
import { asSentence } from '../design/states';
import { Time } from '../design/Time';
import { gap } from '../design/time';

const useStyles = makeStyles({
  row: { display: 'flex', alignItems: 'center', gap: tokens.spacingHorizontalM, flexWrap: 'wrap' },
  quiet: { color: tokens.colorNeutralForeground2, fontSize: tokens.fontSizeBase200 },
});

// saved says what a compaction that ended did.
export function saved(c: Pick<Compaction, 'state' | 'before' | 'after'>): string {
  if (c.state !== 'done' || c.before === 0) return '';
  const less = c.before - c.after;
  return less > 0
    ? `${bytes(c.before)} before, ${bytes(c.after)} after: ${bytes(less)} less (${Math.round((less / c.before) * 100)} %)`
    : `${bytes(c.before)} before, ${bytes(c.after)} after`;
}

const running = (c: Compaction | undefined) => c?.state === 'running' || c?.state === 'waiting';

// Compact writes the lake anew on demand, shows how far it is, and what it saved.
export function Compact({ total, mayManage, onDone }: { total: Lake['total']; mayManage: boolean; onDone: () => void }) {
  const s = useStyles();
  const queries = useQueryClient();
  const [asking, setAsking] = useState(false);
  const state = useQuery({
    queryKey: ['lake', 'compaction'],
    queryFn: lake.compaction,
    refetchInterval: (q) => (running(q.state.data) ? 1_000 : 30_000),
    retry: 0,
  });
  const c = state.data;
  const was = useRef(false);
  useEffect(() => {
    if (was.current && !running(c)) onDone();
    was.current = running(c);
  }, [c, onDone]);
  return (
    <>
      {running(c) ? (
        <div role="status">
          <span>{c?.message ? asSentence(c.message) : 'The lake is written anew. Records arrive and queries run meanwhile.'}</span>
          <ProgressBar
            aria-label="The lake is compacted"
            style={{ marginTop: 8 }}
            {...(c && c.state === 'running' && c.rows > 0 ? { value: c.doneRows, max: c.rows } : {})}
          />
        </div>
      ) : c?.state === 'failed' ? (
        <MessageBar intent="error" layout="multiline">
          <MessageBarBody>The last compaction was given up: {asSentence(c.message ?? '')} The lake is as it was; try again.</MessageBarBody>
        </MessageBar>
      ) : null}
      <div className={s.row}>
        {mayManage ? (
          <Button size="small" disabled={running(c)} onClick={() => setAsking(true)}>
            Compact
          </Button>
        ) : null}
        <span className={s.quiet}>
          {c?.state === 'done' && c.ended ? (
            <>
              Compacted <Time value={c.ended} />
              {c.started ? ` in ${gap((Date.parse(c.ended) - Date.parse(c.started)) / 1000)}` : ''}
              {saved(c) ? `: ${saved(c)}` : ''}.{' '}
            </>
          ) : null}
          {total.worth ? asSentence(total.worth) : ''}
        </span>
      </div>
      {asking ? (
        <Confirm
          title="Compact the lake?"
          action="Compact"
          onClose={() => setAsking(false)}
          onDone={async () => {
            await lake.compact();
            await queries.invalidateQueries({ queryKey: ['lake', 'compaction'] });
          }}
        >
          Every table is written anew, so that it takes less room and is read faster. Records arrive and queries run meanwhile; it takes
          processor time, and for as long as it lasts as much room on disk again as the lake has ({bytes(total.fileBytes)}).
        </Confirm>
      ) : null}
    </>
  );
}
