import { useEffect, useMemo, useState } from 'react';
import { Button, makeStyles, MessageBar, MessageBarActions, MessageBarBody, MessageBarTitle, tokens } from '@fluentui/react-components';
import { ApiError } from '../api/client';
import { CopyId } from '../design/CopyId';
import { asSentence, Failure } from '../design/states';
import { advice, retryAt } from './advice';
import { suggestions, widened } from './editing';
import { problemOf } from './results/problem';

const useStyles = makeStyles({
  box: { margin: tokens.spacingHorizontalM, flexShrink: 0 },
  mono: { fontFamily: tokens.fontFamilyMonospace, fontSize: tokens.fontSizeBase200, overflowWrap: 'anywhere' },
  meta: {
    color: tokens.colorNeutralForeground3,
    fontSize: tokens.fontSizeBase200,
    display: 'flex',
    gap: tokens.spacingHorizontalS,
    flexWrap: 'wrap',
  },
  lines: { display: 'flex', flexDirection: 'column', gap: tokens.spacingVerticalXXS },
});

// QueryError says why a query did not run: where, what, and what to do about it, by the class of the error.
export function QueryError({
  error,
  query,
  offset,
  onShow,
  onFix,
  onRetry,
}: {
  error: unknown;
  query: string;
  // Lines of the tab above the query.
  offset: number;
  onShow: () => void;
  // Replaces the faulty name by the one that was meant.
  onFix: (line: number, column: number, endColumn: number, name: string) => void;
  onRetry: () => void;
}) {
  const s = useStyles();
  const api = error instanceof ApiError ? error : undefined;
  const until = useMemo(() => (api ? retryAt(api) : undefined), [api]);
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (until === undefined) return;
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [until]);
  if (!api || api.status === 403) return <Failure what="the result" error={error} retry={onRetry} />;
  const found = problemOf(error);
  const problem = found ? widened(found, query) : undefined;
  const { title, todo } = advice(api);
  const waits = until === undefined ? 0 : Math.max(0, Math.ceil((until - now) / 1000));
  const meant = suggestions(problem?.hint);
  return (
    <MessageBar intent={api.code === 'busy' ? 'warning' : 'error'} className={s.box} layout="multiline" role="alert">
      <MessageBarBody>
        <div className={s.lines}>
          <MessageBarTitle>
            {title}
            {problem ? `, line ${problem.line + offset}, column ${problem.column}` : ''}
          </MessageBarTitle>
          <span className={s.mono}>{asSentence(api.message)}</span>
          {problem?.hint ? <span>{asSentence(problem.hint)}</span> : null}
          <span>
            {todo}
            {until === undefined ? '' : waits > 0 ? ` You may run it again in ${waits} s.` : ' You may run it again now.'}
          </span>
          <span className={s.meta}>
            <span>{api.code}</span>
            {api.requestId ? (
              <span>
                request <CopyId value={api.requestId} />
              </span>
            ) : null}
          </span>
        </div>
      </MessageBarBody>
      <MessageBarActions>
        {problem && meant[0] ? (
          <Button onClick={() => onFix(problem.line + offset, problem.column, problem.endColumn, meant[0] ?? '')}>
            Change to {meant[0]}
          </Button>
        ) : null}
        {problem ? <Button onClick={onShow}>Show in the editor</Button> : null}
        {problem ? null : (
          <Button disabled={waits > 0} onClick={onRetry}>
            Run again
          </Button>
        )}
      </MessageBarActions>
    </MessageBar>
  );
}
