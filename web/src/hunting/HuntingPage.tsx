import { lazy, Suspense, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import {
  Button,
  Checkbox,
  Dropdown,
  makeStyles,
  Menu,
  MenuItem,
  MenuList,
  MenuPopover,
  MenuTrigger,
  mergeClasses,
  MessageBar,
  MessageBarBody,
  Option,
  Popover,
  PopoverSurface,
  PopoverTrigger,
  SearchBox,
  Spinner,
  Tab,
  TabList,
  tokens,
  Tooltip,
} from '@fluentui/react-components';
import {
  AddRegular,
  ArrowDownloadRegular,
  ColumnTripleRegular,
  Dismiss12Regular,
  PanelLeftRegular,
  PlayRegular,
  SaveRegular,
  SearchSquareRegular,
  ShareRegular,
  StopRegular,
} from '@fluentui/react-icons';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { ApiError } from '../api/client';
import { download, hunting, saveBlob } from '../api/endpoints';
import type { Cell, Diagnostic, HuntResult, SavedQuery, SchemaTable } from '../api/types';
import { describe, useNotify } from '../app/notify';
import { useSession } from '../app/session';
import { useThemeChoice } from '../app/theme';
import { text, type Search } from '../app/url';
import { csv } from '../design/csv';
import { RangeChip } from '../design/list/FilterBar';
import { Page } from '../design/Page';
import { Empty, Failure, Lines } from '../design/states';
import { rangeLabel } from '../design/time';
import { Time, useZone } from '../design/Time';
import { ChartView } from './ChartView';
import { chartKinds, hinted, type ChartKind } from './chart';
import type { EditorHandle } from './KustoEditor';
import { QueriesPane } from './QueriesPane';
import { RecordPane } from './RecordPane';
import { arrange, cellText, emptyColumns, type Order } from './result';
import { Results } from './Results';
import { SaveDialog } from './SaveDialog';
import { SchemaPane } from './SchemaPane';
import { description, timespan, withCondition, type Block } from './statement';
import { add, change, close, load, type Tabs } from './tabs';

const KustoEditor = lazy(() => import('./KustoEditor').then((m) => ({ default: m.KustoEditor })));

const useStyles = makeStyles({
  split: { display: 'flex', flexGrow: 1, minHeight: 0, minWidth: 0, borderTop: `1px solid ${tokens.colorNeutralStroke2}` },
  left: {
    width: '280px',
    flexShrink: 0,
    display: 'flex',
    flexDirection: 'column',
    minHeight: 0,
    borderRight: `1px solid ${tokens.colorNeutralStroke2}`,
    '@media (max-width: 899px)': {
      position: 'absolute',
      zIndex: 10,
      top: 0,
      bottom: 0,
      backgroundColor: tokens.colorNeutralBackground1,
      boxShadow: tokens.shadow28,
    },
  },
  center: { display: 'flex', flexDirection: 'column', flexGrow: 1, minWidth: 0, minHeight: 0 },
  tabs: {
    display: 'flex',
    alignItems: 'stretch',
    overflowX: 'auto',
    backgroundColor: tokens.colorNeutralBackground2,
    borderBottom: `1px solid ${tokens.colorNeutralStroke2}`,
    flexShrink: 0,
  },
  tab: { display: 'flex', alignItems: 'center', borderRight: `1px solid ${tokens.colorNeutralStroke2}`, maxWidth: '220px' },
  tabOn: { backgroundColor: tokens.colorNeutralBackground1, boxShadow: `inset 0 2px 0 0 ${tokens.colorBrandStroke1}` },
  tabName: {
    border: 'none',
    background: 'none',
    font: 'inherit',
    color: 'inherit',
    padding: `${tokens.spacingVerticalSNudge} ${tokens.spacingHorizontalXS} ${tokens.spacingVerticalSNudge} ${tokens.spacingHorizontalM}`,
    overflow: 'hidden',
    textOverflow: 'ellipsis',
    whiteSpace: 'nowrap',
    cursor: 'pointer',
    ':focus-visible': { outline: `2px solid ${tokens.colorStrokeFocus2}`, outlineOffset: '-2px' },
  },
  tabClose: { minWidth: '24px', width: '24px', height: '24px', padding: 0 },
  tools: {
    display: 'flex',
    flexWrap: 'wrap',
    alignItems: 'center',
    gap: tokens.spacingHorizontalS,
    padding: `${tokens.spacingVerticalXS} ${tokens.spacingHorizontalM}`,
    flexShrink: 0,
  },
  editor: { flexShrink: 0, position: 'relative', borderTop: `1px solid ${tokens.colorNeutralStroke2}` },
  sash: {
    height: '7px',
    flexShrink: 0,
    cursor: 'row-resize',
    touchAction: 'none',
    borderTop: `1px solid ${tokens.colorNeutralStroke2}`,
    borderBottom: `1px solid ${tokens.colorNeutralStroke2}`,
    backgroundColor: tokens.colorNeutralBackground3,
    ':focus-visible': { outline: `2px solid ${tokens.colorStrokeFocus2}` },
  },
  bottom: { display: 'flex', flexDirection: 'column', flexGrow: 1, minHeight: 0, minWidth: 0, position: 'relative' },
  bar: {
    display: 'flex',
    flexWrap: 'wrap',
    alignItems: 'center',
    gap: tokens.spacingHorizontalS,
    padding: `0 ${tokens.spacingHorizontalM}`,
    minHeight: '40px',
    flexShrink: 0,
  },
  stats: { color: tokens.colorNeutralForeground3, fontSize: tokens.fontSizeBase200, whiteSpace: 'nowrap' },
  grow: { flexGrow: 1 },
  search: { width: '180px' },
  error: { margin: tokens.spacingHorizontalM, flexShrink: 0 },
  mono: { fontFamily: tokens.fontFamilyMonospace, fontSize: tokens.fontSizeBase200 },
  surface: { maxHeight: '60vh', overflowY: 'auto', padding: tokens.spacingHorizontalM, display: 'flex', flexDirection: 'column' },
  history: {
    borderCollapse: 'collapse',
    width: '100%',
    '& th, & td': {
      textAlign: 'left',
      padding: `${tokens.spacingVerticalXS} ${tokens.spacingHorizontalM}`,
      borderBottom: `1px solid ${tokens.colorNeutralStroke3}`,
      verticalAlign: 'top',
    },
  },
  query: {
    background: 'none',
    border: 'none',
    padding: 0,
    textAlign: 'left',
    cursor: 'pointer',
    color: tokens.colorBrandForegroundLink,
    fontFamily: tokens.fontFamilyMonospace,
    fontSize: tokens.fontSizeBase200,
    whiteSpace: 'pre-wrap',
    overflowWrap: 'anywhere',
    display: '-webkit-box',
    WebkitLineClamp: 3,
    WebkitBoxOrient: 'vertical',
    overflow: 'hidden',
  },
});

const defaultRange = '30d';
const noTables: SchemaTable[] = [];

interface Outcome {
  state: 'none' | 'running' | 'done' | 'failed';
  result?: HuntResult;
  error?: unknown;
  offset?: number;
  query?: string;
}

// HuntingPage is free KQL over the hunting tables: editor with tabs, schema, results, charts, saved queries and history.
export function HuntingPage() {
  const s = useStyles();
  const search: Search = useSearch({ strict: false });
  const navigate = useNavigate();
  const client = useQueryClient();
  const { user, tenant } = useSession();
  const { name: theme } = useThemeChoice();
  const { zone } = useZone();
  const { notify, failed } = useNotify();
  const storeKey = `bartizan.hunting.${user.id}.${tenant.id}`;
  const [state, setState] = useState<Tabs>(() => load(localStorage.getItem(storeKey)));
  const [outcomes, setOutcomes] = useState<ReadonlyMap<string, Outcome>>(new Map());
  const [leftOpen, setLeftOpen] = useState(() => window.innerWidth >= 900);
  const [leftTab, setLeftTab] = useState<'schema' | 'queries'>('schema');
  const [bottomTab, setBottomTab] = useState<'results' | 'history'>('results');
  const [editorHeight, setEditorHeight] = useState(240);
  const [saving, setSaving] = useState(false);
  const editor = useRef<EditorHandle>(null);
  const abort = useRef<AbortController>(undefined);
  const drag = useRef<{ y: number; height: number } | null>(null);
  const schema = useQuery({ queryKey: ['hunting', 'schema', tenant.id], queryFn: hunting.schema, staleTime: 300_000 });
  const tables = schema.data?.tables ?? noTables;

  useEffect(() => localStorage.setItem(storeKey, JSON.stringify(state)), [storeKey, state]);

  // A query in the address opens in a tab of its own and leaves the address.
  const linked = text(search.query);
  useEffect(() => {
    if (linked === undefined) return;
    setState((before) => add(before, linked, description(linked)));
    void navigate({ to: '.', search: { ...search, query: undefined } as never, replace: true });
  }, [linked]); // eslint-disable-line react-hooks/exhaustive-deps -- runs once per linked query

  const current = state.tabs.find((t) => t.id === state.current) ?? state.tabs[0];
  const currentId = state.current;
  const outcome = outcomes.get(state.current) ?? { state: 'none' };
  const range = text(search.range) ?? defaultRange;
  const setOutcome = (id: string, next: Outcome) => setOutcomes((o) => new Map(o).set(id, next));

  const run = useCallback(
    async (block: Block | undefined, asked = range) => {
      if (!block || block.text.trim() === '') return;
      const id = currentId;
      abort.current?.abort();
      const mine = new AbortController();
      abort.current = mine;
      setBottomTab('results');
      setOutcome(id, { state: 'running', query: block.text });
      editor.current?.show([], 0);
      const span = timespan(asked);
      try {
        const result = await hunting.run({ query: block.text, ...(span === undefined ? {} : { timespan: span }) }, mine.signal);
        setOutcome(id, {
          state: 'done',
          result: { ...result, schema: result.schema ?? [], rows: result.rows ?? [] },
          query: block.text,
          offset: block.line - 1,
        });
        if (description(block.text))
          setState((st) =>
            st.tabs.find((t) => t.id === id)?.title.startsWith('New query')
              ? change(st, id, { title: description(block.text).slice(0, 60) })
              : st,
          );
      } catch (err) {
        if (err instanceof DOMException && err.name === 'AbortError') {
          setOutcome(id, { state: 'none' });
          return;
        }
        setOutcome(id, { state: 'failed', error: err, query: block.text, offset: block.line - 1 });
        const problem = problemOf(err);
        if (problem) editor.current?.show([problem], block.line - 1);
      }
      void client.invalidateQueries({ queryKey: ['hunting', 'history'] });
    },
    [range, currentId, client],
  );
  const runHere = () =>
    void run(editor.current?.selection() ?? editor.current?.current() ?? (current ? { text: current.text, line: 1 } : undefined));
  const openQuery = (q: { name: string; query: string; id?: string }) => setState((st) => add(st, q.query, q.name));
  const addCondition = (column: string, value: Cell, equal: boolean) => {
    if (current) setState((st) => change(st, current.id, { text: withCondition(current.text, column, value, equal) }));
  };
  const share = () => {
    const url = new URL('/hunting', window.location.origin);
    url.searchParams.set('query', current?.text ?? '');
    url.searchParams.set('range', range);
    void navigator.clipboard
      .writeText(url.href)
      .then(() => notify({ title: 'Link copied', body: 'It opens this query with the rights of whoever follows it.' }));
  };

  return (
    <Page
      fixed
      title="Advanced hunting"
      crumbs={[{ label: 'Hunting' }]}
      commands={
        <Button size="small" appearance="subtle" icon={<PanelLeftRegular />} onClick={() => setLeftOpen(!leftOpen)} aria-pressed={leftOpen}>
          Schema
        </Button>
      }
    >
      <div className={s.split} style={{ position: 'relative' }}>
        {leftOpen ? (
          <div className={s.left}>
            <TabList size="small" selectedValue={leftTab} onTabSelect={(_, d) => setLeftTab(d.value === 'queries' ? 'queries' : 'schema')}>
              <Tab value="schema">Schema</Tab>
              <Tab value="queries">Queries</Tab>
            </TabList>
            {leftTab === 'schema' ? (
              schema.isPending ? (
                <Lines count={12} />
              ) : schema.error ? (
                <Failure what="the schema" error={schema.error} retry={() => void schema.refetch()} />
              ) : (
                <SchemaPane
                  tables={tables}
                  onInsert={(name) => editor.current?.insert(name)}
                  onPreview={(table) => {
                    void run({ text: `${table}\n| take 10`, line: 1 }, 'all');
                  }}
                />
              )
            ) : (
              <QueriesPane
                onOpen={openQuery}
                onRun={(q: SavedQuery) => {
                  openQuery(q);
                  void run({ text: q.query, line: 1 });
                }}
              />
            )}
          </div>
        ) : null}
        <div className={s.center}>
          <div className={s.tabs} role="group" aria-label="Queries">
            {state.tabs.map((t) => (
              <span key={t.id} className={mergeClasses(s.tab, t.id === state.current && s.tabOn)}>
                <button
                  type="button"
                  aria-current={t.id === state.current ? 'true' : undefined}
                  className={s.tabName}
                  title={t.title}
                  onClick={() => setState((st) => ({ ...st, current: t.id }))}
                >
                  {t.title}
                </button>
                <Button
                  className={s.tabClose}
                  size="small"
                  appearance="transparent"
                  icon={<Dismiss12Regular />}
                  aria-label={`Close ${t.title}`}
                  onClick={() => {
                    const before = state;
                    setState(close(state, t.id));
                    if (t.text.trim() !== '') notify({ title: `Closed "${t.title}"`, intent: 'info', undo: () => setState(before) });
                  }}
                />
              </span>
            ))}
            <Tooltip content="New query tab" relationship="label">
              <Button appearance="transparent" size="small" icon={<AddRegular />} onClick={() => setState((st) => add(st))} />
            </Tooltip>
          </div>
          <div className={s.tools}>
            {outcome.state === 'running' ? (
              <Button size="small" icon={<StopRegular />} onClick={() => abort.current?.abort()}>
                Cancel
              </Button>
            ) : (
              <Tooltip content="Run the query under the cursor, or what is selected (Shift+Enter, Ctrl+Enter)" relationship="description">
                <Button size="small" appearance="primary" icon={<PlayRegular />} onClick={runHere}>
                  Run query
                </Button>
              </Tooltip>
            )}
            <RangeChip
              value={range === 'all' ? undefined : range}
              onChange={(r) => void navigate({ to: '.', search: { ...search, range: r ?? 'all' } as never, replace: true })}
            />
            <Button size="small" appearance="subtle" icon={<SaveRegular />} onClick={() => setSaving(true)}>
              Save
            </Button>
            <Button size="small" appearance="subtle" icon={<ShareRegular />} onClick={share}>
              Share link
            </Button>
          </div>
          <div className={s.editor} style={{ height: editorHeight }}>
            <Suspense fallback={<Lines count={6} />}>
              {current ? (
                <KustoEditor
                  ref={editor}
                  tabId={current.id}
                  text={current.text}
                  tables={tables}
                  theme={theme}
                  onChange={(words) => setState((st) => change(st, st.current, { text: words }))}
                  onRun={(block) => void run(block)}
                />
              ) : null}
            </Suspense>
          </div>
          <div
            className={s.sash}
            role="separator"
            aria-orientation="horizontal"
            aria-label="Height of the editor"
            aria-valuenow={editorHeight}
            tabIndex={0}
            onPointerDown={(event) => {
              drag.current = { y: event.clientY, height: editorHeight };
              event.currentTarget.setPointerCapture(event.pointerId);
            }}
            onPointerMove={(event) => {
              if (drag.current) setEditorHeight(Math.max(80, Math.min(700, drag.current.height + event.clientY - drag.current.y)));
            }}
            onPointerUp={() => {
              drag.current = null;
            }}
            onKeyDown={(event) => {
              if (event.key === 'ArrowUp') setEditorHeight((h) => Math.max(80, h - 24));
              if (event.key === 'ArrowDown') setEditorHeight((h) => Math.min(700, h + 24));
            }}
          />
          <div className={s.bottom}>
            <Bottom
              key={state.current}
              outcome={outcome}
              range={range}
              zoneLabel={rangeLabel(range === 'all' ? undefined : range, zone)}
              tab={bottomTab}
              onTab={setBottomTab}
              onCondition={addCondition}
              onOpen={(query) => openQuery({ name: description(query) || 'From history', query })}
              onAllTime={() => {
                void navigate({ to: '.', search: { ...search, range: 'all' } as never, replace: true });
                if (outcome.query !== undefined) void run({ text: outcome.query, line: (outcome.offset ?? 0) + 1 }, 'all');
              }}
              onExportAll={(format) => {
                const span = timespan(range);
                download('/api/hunting/export', `hunting.${format}`, {
                  query: outcome.query,
                  format,
                  ...(span === undefined ? {} : { timespan: span }),
                }).catch((err: unknown) => failed('Could not export', err));
              }}
            />
          </div>
        </div>
      </div>
      {saving && current ? (
        <SaveDialog
          text={current.text}
          name={current.title.startsWith('New query') ? description(current.text) : current.title}
          onClose={() => setSaving(false)}
          onSaved={(q) => setState((st) => change(st, current.id, { title: q.name, saved: q.id }))}
        />
      ) : null}
    </Page>
  );
}

// problemOf reads line and column out of a refused query.
export function problemOf(err: unknown): Diagnostic | undefined {
  if (!(err instanceof ApiError)) return undefined;
  const { line, column, endLine, endColumn, hint } = err.details as {
    line?: number;
    column?: number;
    endLine?: number;
    endColumn?: number;
    hint?: string;
  };
  if (typeof line !== 'number') return undefined;
  const at = typeof column === 'number' ? column : 1;
  return {
    code: err.code,
    message: err.message,
    line,
    column: at,
    endLine: typeof endLine === 'number' ? endLine : line,
    endColumn: typeof endColumn === 'number' ? endColumn : at + 1,
    severity: 'error',
    ...(hint ? { hint } : {}),
  };
}

interface BottomProps {
  outcome: Outcome;
  range: string;
  zoneLabel: string;
  tab: 'results' | 'history';
  onTab: (tab: 'results' | 'history') => void;
  onCondition: (column: string, value: Cell, equal: boolean) => void;
  onOpen: (query: string) => void;
  onAllTime: () => void;
  onExportAll: (format: 'csv' | 'ndjson') => void;
}

function Bottom({ outcome, range, zoneLabel, tab, onTab, onCondition, onOpen, onAllTime, onExportAll }: BottomProps) {
  const s = useStyles();
  const { notify } = useNotify();
  const { result } = outcome;
  const [find, setFind] = useState('');
  const [order, setOrder] = useState<Order | undefined>();
  const [chosen, setChosen] = useState<ReadonlyMap<number, ReadonlySet<string>>>(new Map());
  const [view, setView] = useState<'table' | ChartKind>('table');
  const [inspected, setInspected] = useState<number | undefined>();
  const [unticked, setUnticked] = useState<ReadonlySet<number>>(new Set());
  const [showEmpty, setShowEmpty] = useState(false);
  useEffect(() => {
    setFind('');
    setOrder(undefined);
    setChosen(new Map());
    setInspected(undefined);
    setUnticked(new Set());
    setView(hinted(result?.render) ?? 'table');
  }, [result]);
  const rows = useMemo(() => (result ? arrange(result, order, chosen, find) : []), [result, order, chosen, find]);
  const blank = useMemo(() => (result && result.rows.length > 0 ? emptyColumns(result) : new Set<number>()), [result]);
  const hidden = useMemo(
    () => new Set([...unticked, ...(showEmpty || blank.size === (result?.schema.length ?? 0) ? [] : blank)]),
    [unticked, blank, showEmpty, result],
  );
  const filtering = find !== '' || [...chosen.values()].some((v) => v.size > 0);
  const exportShown = () => {
    if (!result) return;
    const shown = result.schema.map((_, i) => i).filter((i) => !unticked.has(i));
    const body = csv(
      shown.map((i) => result.schema[i]?.name ?? ''),
      rows.map((r) => shown.map((i) => cellText(result.rows[r]?.[i]))),
    );
    saveBlob(
      new Blob(['\ufeff', body], { type: 'text/csv;charset=utf-8' }),
      `hunting-${new Date().toISOString().slice(0, 19).replaceAll(':', '')}.csv`,
    );
    notify({ title: `Exported ${rows.length.toLocaleString()} rows` });
  };
  const at = inspected === undefined ? -1 : rows.indexOf(inspected);
  return (
    <>
      <div className={s.bar}>
        <TabList size="small" selectedValue={tab} onTabSelect={(_, d) => onTab(d.value === 'history' ? 'history' : 'results')}>
          <Tab value="results">Results</Tab>
          <Tab value="history">Query history</Tab>
        </TabList>
        {tab === 'results' && outcome.state === 'done' && result ? (
          <>
            <span className={s.stats} role="status">
              {filtering ? `${rows.length.toLocaleString()} of ` : ''}
              {result.rows.length.toLocaleString()} {result.rows.length === 1 ? 'row' : 'rows'} in{' '}
              {result.stats.ms < 1000 ? `${Math.round(result.stats.ms)} ms` : `${(result.stats.ms / 1000).toFixed(1)} s`}
              {result.stats.truncated ? ', cut at the row limit' : ''}
            </span>
            <span className={s.grow} />
            <SearchBox className={s.search} size="small" placeholder="Find in results" value={find} onChange={(_, d) => setFind(d.value)} />
            <Dropdown
              size="small"
              style={{ minWidth: 130 }}
              aria-label="View"
              value={view === 'table' ? 'Table' : (chartKinds.find((k) => k.kind === view)?.label ?? 'Scatter chart')}
              selectedOptions={[view]}
              onOptionSelect={(_, d) => setView((d.optionValue ?? 'table') as ChartKind)}
            >
              <Option value="table">Table</Option>
              {chartKinds.map((k) => (
                <Option key={k.kind} value={k.kind}>
                  {k.label}
                </Option>
              ))}
            </Dropdown>
            <Popover trapFocus>
              <PopoverTrigger disableButtonEnhancement>
                <Button size="small" appearance="subtle" icon={<ColumnTripleRegular />}>
                  Columns
                </Button>
              </PopoverTrigger>
              <PopoverSurface className={s.surface} aria-label="Columns">
                <Checkbox
                  label={`Show empty columns (${blank.size})`}
                  checked={showEmpty}
                  onChange={(_, d) => setShowEmpty(d.checked === true)}
                />
                {result.schema.map((c, i) => (
                  <Checkbox
                    key={`${i} ${c.name}`}
                    label={c.name}
                    checked={!unticked.has(i)}
                    onChange={(_, d) => setUnticked((u) => (d.checked ? new Set([...u].filter((x) => x !== i)) : new Set(u).add(i)))}
                  />
                ))}
              </PopoverSurface>
            </Popover>
            <Menu>
              <MenuTrigger disableButtonEnhancement>
                <Button size="small" appearance="subtle" icon={<ArrowDownloadRegular />}>
                  Export
                </Button>
              </MenuTrigger>
              <MenuPopover>
                <MenuList>
                  <MenuItem onClick={exportShown}>Rows shown, as CSV</MenuItem>
                  <MenuItem onClick={() => onExportAll('csv')}>Whole result, as CSV</MenuItem>
                  <MenuItem onClick={() => onExportAll('ndjson')}>Whole result, as NDJSON</MenuItem>
                </MenuList>
              </MenuPopover>
            </Menu>
          </>
        ) : null}
      </div>
      {tab === 'history' ? (
        <History onOpen={onOpen} />
      ) : outcome.state === 'running' ? (
        <div style={{ padding: 24 }} role="status">
          <Spinner size="small" label="Running the query" labelPosition="after" style={{ justifyContent: 'flex-start' }} />
        </div>
      ) : outcome.state === 'failed' ? (
        <QueryError error={outcome.error} offset={outcome.offset ?? 0} />
      ) : outcome.state === 'done' && result ? (
        <>
          {result.stats.partial || (result.stats.limits ?? []).length > 0 ? (
            <MessageBar intent="warning" className={s.error}>
              <MessageBarBody>
                The result is partial. {(result.stats.limits ?? []).join(', ')} Filter earlier, or use summarize, project or take.
              </MessageBarBody>
            </MessageBar>
          ) : null}
          {result.rows.length === 0 ? (
            <Empty
              icon={<SearchSquareRegular />}
              title="No rows"
              actions={range !== 'all' ? <Button onClick={onAllTime}>Search all time</Button> : undefined}
            >
              {range !== 'all' ? `The query ran and found nothing in: ${zoneLabel.toLowerCase()}.` : 'The query ran and found nothing.'}
            </Empty>
          ) : (
            <div style={{ display: 'flex', flexGrow: 1, minHeight: 0, minWidth: 0 }}>
              {view === 'table' ? (
                rows.length === 0 ? (
                  <Empty
                    title="No row matches the filters"
                    actions={
                      <Button
                        onClick={() => {
                          setFind('');
                          setChosen(new Map());
                        }}
                      >
                        Clear filters
                      </Button>
                    }
                  />
                ) : (
                  <Results
                    result={result}
                    rows={rows}
                    hidden={hidden}
                    order={order}
                    onOrder={setOrder}
                    chosen={chosen}
                    onChosen={(column, values) => setChosen((c) => new Map(c).set(column, values))}
                    inspected={inspected}
                    onInspect={setInspected}
                    onCondition={onCondition}
                    onCopied={(what) => notify({ title: what, intent: 'info' })}
                  />
                )
              ) : (
                <ChartView result={result} kind={view} />
              )}
              {inspected !== undefined && view === 'table' ? (
                <RecordPane
                  result={result}
                  row={inspected}
                  at={Math.max(0, at)}
                  onClose={() => setInspected(undefined)}
                  onStep={(by) => {
                    const next = rows[at + by];
                    if (next !== undefined) setInspected(next);
                  }}
                />
              ) : null}
            </div>
          )}
        </>
      ) : (
        <Empty icon={<SearchSquareRegular />} title="Write a query and press Shift+Enter">
          Blank lines separate several queries in one tab; the one under the cursor runs. Open a table in the schema to see its columns.
        </Empty>
      )}
    </>
  );
}

function QueryError({ error, offset }: { error: unknown; offset: number }) {
  const s = useStyles();
  const problem = problemOf(error);
  const known = error instanceof ApiError && error.status >= 400 && error.status < 500 && error.status !== 403;
  if (!known) return <Failure what="the result" error={error} />;
  return (
    <MessageBar intent="error" className={s.error} layout="multiline" role="alert">
      <MessageBarBody>
        <strong>{problem ? `Line ${problem.line + offset}, column ${problem.column}: ` : ''}</strong>
        <span className={s.mono}>{error.message}</span>
        {problem?.hint ? <div>{problem.hint}</div> : null}
        <div className={s.stats}>
          {error.code}
          {error.requestId ? `, request ${error.requestId}` : ''}
        </div>
      </MessageBarBody>
    </MessageBar>
  );
}

function History({ onOpen }: { onOpen: (query: string) => void }) {
  const s = useStyles();
  const history = useQuery({ queryKey: ['hunting', 'history'], queryFn: hunting.history });
  if (history.isPending) return <Lines count={6} />;
  if (history.error) return <Failure what="the history" error={history.error} retry={() => void history.refetch()} />;
  if (history.data.value.length === 0) return <Empty title="No query has run yet" />;
  return (
    <div style={{ overflow: 'auto', flexGrow: 1 }}>
      <table className={s.history}>
        <thead>
          <tr>
            <th style={{ width: 150 }}>Time</th>
            <th>Query</th>
            <th style={{ width: 90 }}>Query time</th>
            <th style={{ width: 90 }}>Rows</th>
            <th style={{ width: 120 }}>State</th>
          </tr>
        </thead>
        <tbody>
          {history.data.value.map((h, i) => (
            <tr key={h.id ?? `${h.time} ${i}`}>
              <td>
                <Time value={h.time} />
              </td>
              <td>
                <button type="button" className={s.query} title="Open in a tab" onClick={() => onOpen(h.query)}>
                  {h.query}
                </button>
              </td>
              <td>{h.ms === undefined ? '–' : `${Math.round(h.ms).toLocaleString()} ms`}</td>
              <td>{h.rows === undefined ? '–' : h.rows.toLocaleString()}</td>
              <td title={h.error ? describe(h.error) : undefined}>{h.state || (h.error ? 'Failed' : 'Completed')}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
