import { Button, makeStyles, MessageBar, MessageBarBody, ProgressBar, tokens } from '@fluentui/react-components';
import { SearchSquareRegular } from '@fluentui/react-icons';
import { Empty } from '../../design/states';
import { rangeName } from '../ranges';
import { useZone } from '../../design/Time';
import type { ResultsPaneProps } from '../seam';
import { ResultView } from './ResultView';
import { duration } from './words';

const useStyles = makeStyles({
  note: { margin: `${tokens.spacingVerticalS} ${tokens.spacingHorizontalM}`, flexShrink: 0, minHeight: 'auto' },
  wait: {
    display: 'flex',
    alignItems: 'center',
    gap: tokens.spacingHorizontalM,
    padding: `${tokens.spacingVerticalM} ${tokens.spacingHorizontalM}`,
    flexShrink: 0,
  },
  pane: { display: 'flex', flexDirection: 'column', flexGrow: 1, minHeight: 0, minWidth: 0, position: 'relative' },
});

// ResultsPane shows what became of a run: nothing yet, its rows while they arrive, all of them, or that there are none. The page shows itself why a run failed.
export function ResultsPane(props: ResultsPaneProps) {
  const s = useStyles();
  const { zone } = useZone();
  const { run, range, onRange, onCancel } = props;
  const { result } = run;
  // One view per run: what was chosen for other rows does not carry over, except for how the columns are laid out.
  const key = run.id ?? '';
  const received = run.received ?? result?.rows.length ?? 0;
  if (run.state === 'none')
    return props.builder ? (
      <Empty icon={<SearchSquareRegular />} title="Choose filters and run the query">
        Each filter narrows what is found. Edit in KQL, in the toolbar, turns the filters into a query.
      </Empty>
    ) : (
      <Empty icon={<SearchSquareRegular />} title="Write a query and press Shift+Enter">
        Blank lines separate several queries in one tab; the one under the cursor runs. Open a table in the schema to see its columns.
      </Empty>
    );
  return (
    <div className={s.pane}>
      {run.state === 'running' ? (
        <>
          <ProgressBar shape="square" thickness="medium" aria-label="The query is running" />
          {result ? null : (
            <div className={s.wait}>
              <span role="status">Running the query</span>
              <Button size="small" onClick={onCancel}>
                Cancel
              </Button>
            </div>
          )}
        </>
      ) : null}
      {run.state === 'cancelled' ? (
        <MessageBar intent="info" className={s.note}>
          <MessageBarBody>
            The query was cancelled.{received > 0 ? ` These are the ${received.toLocaleString()} rows that had arrived.` : ''}
          </MessageBarBody>
        </MessageBar>
      ) : null}
      {result && received > 0 ? (
        <ResultView key={key} {...props} result={result} received={received} />
      ) : run.state === 'done' && result ? (
        <>
          {(result.warnings ?? []).map((w, i) => (
            <MessageBar key={i} intent="warning" className={s.note}>
              <MessageBarBody>{w.message}</MessageBarBody>
            </MessageBar>
          ))}
          <Empty
            icon={<SearchSquareRegular />}
            title="No rows"
            actions={range !== 'all' ? <Button onClick={() => onRange('all')}>Search all time</Button> : undefined}
          >
            {`The query ran ${duration(result.stats.ms)} and found nothing${range === 'all' ? '' : ` in: ${rangeName(range, zone).toLowerCase()}`}.`}
          </Empty>
        </>
      ) : null}
    </div>
  );
}
