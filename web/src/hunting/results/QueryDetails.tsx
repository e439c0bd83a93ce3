import { useState } from 'react';
import { makeStyles, Spinner, Tab, TabList, tokens } from '@fluentui/react-components';
import { useQuery } from '@tanstack/react-query';
import { CopyId } from '../../design/CopyId';
import { SidePane } from '../../design/SidePane';
import { Failure } from '../../design/states';
import { Time } from '../../design/Time';
import { explain } from './api';
import type { Outcome, Result } from './outcome';
import { duration, limitNotes, size } from './words';

const useStyles = makeStyles({
  facts: {
    margin: 0,
    display: 'grid',
    gridTemplateColumns: 'max-content minmax(0, 1fr)',
    columnGap: tokens.spacingHorizontalL,
    rowGap: tokens.spacingVerticalXS,
  },
  name: { color: tokens.colorNeutralForeground2 },
  value: { margin: 0, overflowWrap: 'anywhere' },
  code: {
    margin: 0,
    padding: tokens.spacingHorizontalS,
    backgroundColor: tokens.colorNeutralBackground2,
    borderRadius: tokens.borderRadiusMedium,
    fontFamily: tokens.fontFamilyMonospace,
    fontSize: tokens.fontSizeBase200,
    whiteSpace: 'pre-wrap',
    overflowWrap: 'anywhere',
    maxHeight: '46vh',
    overflow: 'auto',
    flexShrink: 0,
  },
  list: { margin: 0, paddingLeft: tokens.spacingHorizontalL },
  heading: { margin: `${tokens.spacingVerticalS} 0 0`, fontSize: tokens.fontSizeBase300 },
  quiet: { color: tokens.colorNeutralForeground3 },
});

type Page = 'overview' | 'statistics' | 'errors' | 'explain';

// QueryDetails tells about a run: what was asked, what it cost, what went wrong, how the engine does it.
export function QueryDetails({ run, result, received, onClose }: { run: Outcome; result: Result; received: number; onClose: () => void }) {
  const s = useStyles();
  const [page, setPage] = useState<Page>('overview');
  const { stats } = result;
  const warnings = result.warnings ?? [];
  const notes = limitNotes(result);
  const state = { running: 'Running', done: 'Completed', failed: 'Failed', cancelled: 'Cancelled', none: '' }[run.state];
  return (
    <SidePane title="Query details" onClose={onClose}>
      <TabList size="small" selectedValue={page} onTabSelect={(_, d) => setPage(d.value as Page)}>
        <Tab value="overview">Overview</Tab>
        <Tab value="statistics">Statistics</Tab>
        <Tab value="errors">Errors{warnings.length + notes.length > 0 ? ` (${warnings.length + notes.length})` : ''}</Tab>
        <Tab value="explain">Plan</Tab>
      </TabList>
      {page === 'overview' ? (
        <>
          <dl className={s.facts}>
            <Fact name="State">{state}</Fact>
            <Fact name="Started">{run.started ? <Time value={new Date(run.started).toISOString()} form="both" /> : ''}</Fact>
            <Fact name="Query time">{run.state === 'running' ? '' : duration(stats.ms)}</Fact>
            <Fact name="Computing time">{stats.cpuMs === undefined ? '' : duration(stats.cpuMs)}</Fact>
            <Fact name="Usage">{stats.grade ?? ''}</Fact>
            <Fact name="Rows">{received.toLocaleString()}</Fact>
            <Fact name="Columns">{result.schema.length.toLocaleString()}</Fact>
            <Fact name="Size">{stats.bytes === undefined ? '' : size(stats.bytes)}</Fact>
            <Fact name="Time range">{run.timespan ?? 'All time'}</Fact>
            <Fact name="Run">{run.id ? <CopyId value={run.id} /> : ''}</Fact>
          </dl>
          <pre className={s.code} tabIndex={0} aria-label="Query">
            {run.query}
          </pre>
        </>
      ) : page === 'statistics' ? (
        <pre className={s.code} tabIndex={0} aria-label="Raw statistics">
          {JSON.stringify(stats, null, 2)}
        </pre>
      ) : page === 'errors' ? (
        warnings.length + notes.length === 0 ? (
          <span className={s.quiet}>The query ran without errors and warnings.</span>
        ) : (
          <ul className={s.list}>
            {notes.map((n) => (
              <li key={n}>{n}</li>
            ))}
            {warnings.map((w, i) => (
              <li key={i}>
                {w.line ? `Line ${w.line + (run.offset ?? 0)}, column ${w.column ?? 1}: ` : ''}
                {w.message} {w.hint ?? ''} <span className={s.quiet}>({w.code})</span>
              </li>
            ))}
          </ul>
        )
      ) : (
        <Explained run={run} />
      )}
    </SidePane>
  );
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  const s = useStyles();
  if (children === '') return null;
  return (
    <>
      <dt className={s.name}>{name}</dt>
      <dd className={s.value}>{children}</dd>
    </>
  );
}

function Explained({ run }: { run: Outcome }) {
  const s = useStyles();
  const asked = useQuery({
    queryKey: ['hunting', 'explain', run.query, run.timespan],
    queryFn: ({ signal }) => explain(run.query ?? '', run.timespan, signal),
    staleTime: 300_000,
    retry: false,
  });
  if (asked.isPending) return <Spinner size="tiny" label="Asking the engine" />;
  if (asked.error) return <Failure what="the plan" error={asked.error} retry={() => void asked.refetch()} />;
  const x = asked.data;
  return (
    <>
      <span className={s.quiet}>The engine is {x.engine}.</span>
      <h3 className={s.heading}>Plan</h3>
      <pre className={s.code} tabIndex={0} aria-label="Plan">
        {x.plan}
      </pre>
      {(x.steps ?? []).map((step, i) => (
        <div key={i}>
          <h3 className={s.heading}>
            Step {i + 1}: {step.what} <span className={s.quiet}>({step.where})</span>
          </h3>
          {step.sql ? (
            <pre className={s.code} tabIndex={0} aria-label={`SQL of step ${i + 1}`}>
              {step.sql}
            </pre>
          ) : null}
        </div>
      ))}
    </>
  );
}
