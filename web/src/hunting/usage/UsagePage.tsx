import { useMemo, useState } from 'react';
import { Button, Dropdown, makeStyles, MessageBar, MessageBarBody, Option, tokens, Tooltip } from '@fluentui/react-components';
import { ArrowLeftRegular, OpenRegular } from '@fluentui/react-icons';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { hunt, type Usage } from '../../api/hunting';
import { text, type Search } from '../../app/url';
import { Page } from '../../design/Page';
import { asSentence, Empty, Failure, Lines } from '../../design/states';
import { bounds } from '../../design/time';
import { Time, useZone } from '../../design/Time';
import { useLinkStyles } from '../../design/useLinkStyles';
import { TimeRange } from '../TimeRange';
import { perDay, rangeWords, spanWords, total } from './summary';
import { UsageChart } from './UsageChart';

const useStyles = makeStyles({
  bar: { display: 'flex', flexWrap: 'wrap', gap: tokens.spacingHorizontalS, alignItems: 'center', marginBottom: tokens.spacingVerticalM },
  scroll: { overflowX: 'auto', flexShrink: 0 },
  table: {
    borderCollapse: 'collapse',
    width: '100%',
    '& th, & td': {
      textAlign: 'left',
      padding: `${tokens.spacingVerticalXS} ${tokens.spacingHorizontalM}`,
      borderBottom: `1px solid ${tokens.colorNeutralStroke3}`,
      verticalAlign: 'top',
    },
    '& th': { fontWeight: tokens.fontWeightSemibold, whiteSpace: 'nowrap', fontSize: tokens.fontSizeBase200 },
  },
  number: { textAlign: 'right', fontVariantNumeric: 'tabular-nums', whiteSpace: 'nowrap' },
  query: {
    fontFamily: tokens.fontFamilyMonospace,
    fontSize: tokens.fontSizeBase200,
    display: '-webkit-box',
    WebkitLineClamp: 2,
    WebkitBoxOrient: 'vertical',
    overflow: 'hidden',
    whiteSpace: 'pre-wrap',
    overflowWrap: 'anywhere',
    maxWidth: '520px',
    minWidth: '200px',
    border: 'none',
    background: 'none',
    padding: 0,
    textAlign: 'left',
    cursor: 'pointer',
    color: tokens.colorBrandForegroundLink,
    ':focus-visible': { outline: `2px solid ${tokens.colorStrokeFocus2}` },
  },
  note: { color: tokens.colorNeutralForeground3, fontSize: tokens.fontSizeBase200 },
  failed: { color: tokens.colorPaletteRedForeground1 },
  high: { color: tokens.colorPaletteRedForeground1, fontWeight: tokens.fontWeightSemibold },
  medium: { color: tokens.colorPaletteDarkOrangeForeground1 },
  more: { display: 'flex', justifyContent: 'center', gap: tokens.spacingHorizontalS, padding: tokens.spacingVerticalM },
});

export const interfaces: Readonly<Record<string, string>> = {
  portal: 'Portal',
  api: 'API',
  rule: 'Custom detection',
  command: 'Command line',
};
const states: Readonly<Record<string, string>> = {
  completed: 'Completed',
  failed: 'Failed',
  throttled: 'Throttled',
  cancelled: 'Cancelled',
};
const pageSize = 100;

// UsagePage is the query resources report: what queries and rules used, when, and whether they came through.
export function UsagePage() {
  const s = useStyles();
  const l = useLinkStyles();
  const navigate = useNavigate();
  const { zone } = useZone();
  const search: Search = useSearch({ strict: false });
  const [top, setTop] = useState(pageSize);
  const range = text(search.range) ?? '1d';
  const from = text(search.interface) ?? '';
  const state = text(search.state) ?? '';
  const user = text(search.user) ?? '';
  const put = (patch: Search) => {
    setTop(pageSize);
    void navigate({ to: '.', search: { ...search, ...patch } as never });
  };
  const hour = range === '1h' ? { from: new Date(Math.floor((Date.now() - 3_600_000) / 60_000) * 60_000).toISOString() } : {};
  const span = { ...bounds(range), ...hour };
  const params = { ...span, interface: from || undefined, state: state || undefined, user: user || undefined };
  const list = useQuery({
    queryKey: ['hunting', 'usage', range, from, state, user, top],
    queryFn: ({ signal }) => hunt.usage({ ...params, $top: top, $count: true }, signal),
    placeholderData: keepPreviousData,
  });
  const summary = useQuery({
    queryKey: ['hunting', 'usage', 'summary', range],
    queryFn: ({ signal }) => hunt.usageSummary({ ...span }, signal),
  });
  const rows = list.data?.value ?? [];
  const users = useMemo(
    () => [...new Set([...(user ? [user] : []), ...(list.data?.value ?? []).map((r) => r.user)])].sort(),
    [list.data, user],
  );
  const points = useMemo(() => perDay(summary.data?.value ?? []), [summary.data]);
  const filtered = from !== '' || state !== '' || user !== '';
  const open = (u: Usage) => void navigate({ to: '/hunting', search: { query: u.query } as never });
  const filter = (name: string, label: string, value: string, options: readonly (readonly [string, string])[]) => (
    <Dropdown
      size="small"
      style={{ minWidth: 150 }}
      aria-label={label}
      value={value === '' ? `${label}: all` : (options.find(([id]) => id === value)?.[1] ?? value)}
      selectedOptions={[value]}
      onOptionSelect={(_, d) => put({ [name]: d.optionValue || undefined })}
    >
      <Option value="" text={`${label}: all`}>
        All
      </Option>
      {options.map(([id, word]) => (
        <Option key={id} value={id} text={word}>
          {word}
        </Option>
      ))}
    </Dropdown>
  );
  return (
    <Page
      title="Query resources report"
      crumbs={[{ label: 'Advanced hunting', to: '/hunting' }]}
      meta={
        list.data?.count === undefined ? undefined : `${list.data.count.toLocaleString()} ${list.data.count === 1 ? 'query' : 'queries'}`
      }
      commands={
        <Button size="small" appearance="subtle" icon={<ArrowLeftRegular />} onClick={() => void navigate({ to: '/hunting' })}>
          Advanced hunting
        </Button>
      }
    >
      <div className={s.bar} role="group" aria-label="Filters">
        <TimeRange value={range} onChange={(r) => put({ range: r })} />
        {filter('interface', 'Interface', from, Object.entries(interfaces))}
        {filter('state', 'State', state, Object.entries(states))}
        {filter(
          'user',
          'User or app',
          user,
          users.map((u) => [u, u] as const),
        )}
        {filtered ? (
          <Button size="small" appearance="subtle" onClick={() => put({ interface: undefined, state: undefined, user: undefined })}>
            Clear
          </Button>
        ) : null}
      </div>
      {summary.error ? <Failure what="the chart" error={summary.error} retry={() => void summary.refetch()} /> : null}
      {summary.isPending ? (
        <Lines count={3} />
      ) : points.length > 0 ? (
        <UsageChart points={points} chosen={from} onChoose={(i) => put({ interface: i === from ? undefined : i })} />
      ) : null}
      {list.isPending ? (
        <Lines count={8} />
      ) : list.error ? (
        <Failure what="the report" error={list.error} retry={() => void list.refetch()} />
      ) : rows.length === 0 ? (
        <Empty
          title={filtered ? 'No query matches the filters' : 'No query ran in this time'}
          actions={
            filtered ? (
              <Button onClick={() => put({ interface: undefined, state: undefined, user: undefined })}>Clear filters</Button>
            ) : undefined
          }
        >
          {filtered ? null : (
            <>
              Queries that run show here for 30 days.{' '}
              <Link to="/hunting" className={l.link}>
                Run one
              </Link>
            </>
          )}
        </Empty>
      ) : (
        <>
          {list.data.count !== undefined && rows.some((r) => r.grade === 'High') ? (
            <MessageBar intent="warning" style={{ marginBottom: 12 }}>
              <MessageBarBody>
                Some queries used much processing time. Filter on Timestamp first, and name the columns and tables that you need.
              </MessageBarBody>
            </MessageBar>
          ) : null}
          <div className={s.scroll} tabIndex={0} role="region" aria-label="Queries">
            <table className={s.table}>
              <thead>
                <tr>
                  <th scope="col">Time</th>
                  <th scope="col">Interface</th>
                  <th scope="col">User or app</th>
                  <th scope="col">Usage</th>
                  <th scope="col">CPU time</th>
                  <th scope="col">Query time</th>
                  <th scope="col">Rows</th>
                  <th scope="col">State</th>
                  <th scope="col">Time range</th>
                  <th scope="col">Query</th>
                  <th scope="col" aria-label="Actions" />
                </tr>
              </thead>
              <tbody>
                {rows.map((u) => (
                  <tr key={u.id}>
                    <td style={{ whiteSpace: 'nowrap' }}>
                      <Time value={u.time} form="short" />
                    </td>
                    <td>{interfaces[u.interface] ?? u.interface}</td>
                    <td>{u.user}</td>
                    <td className={u.grade === 'High' ? s.high : u.grade === 'Medium' ? s.medium : undefined}>{u.grade}</td>
                    <td className={s.number}>{spanWords(u.cpuMs)}</td>
                    <td className={s.number}>{spanWords(u.ms)}</td>
                    <td className={s.number}>{u.rows.toLocaleString()}</td>
                    <td>
                      {u.error ? (
                        <Tooltip content={asSentence(u.error)} relationship="description">
                          <span className={s.failed} tabIndex={0}>
                            {states[u.state] ?? u.state}
                          </span>
                        </Tooltip>
                      ) : (
                        (states[u.state] ?? u.state)
                      )}
                    </td>
                    <td className={s.note}>{rangeWords(u.timespan, zone)}</td>
                    <td>
                      <button type="button" className={s.query} title="Open the query" onClick={() => open(u)}>
                        {u.query}
                      </button>
                    </td>
                    <td>
                      <Tooltip content="Open the query" relationship="label">
                        <Button size="small" appearance="subtle" icon={<OpenRegular />} onClick={() => open(u)} />
                      </Tooltip>
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          {(list.data.count ?? 0) > rows.length && rows.length >= top ? (
            <div className={s.more}>
              <Button onClick={() => setTop(top + pageSize)}>Show more</Button>
            </div>
          ) : null}
        </>
      )}
      {summary.data ? (
        <p className={s.note}>
          {total(summary.data.value).toLocaleString()} runs in this time. Whoever may not manage the tenant sees their own.
        </p>
      ) : null}
    </Page>
  );
}
