import { lazy, Suspense, useCallback, useMemo, useRef, useState } from 'react';
import {
  Button,
  Dropdown,
  makeStyles,
  Menu,
  MenuDivider,
  MenuGroup,
  MenuGroupHeader,
  MenuItem,
  MenuList,
  MenuPopover,
  MenuTrigger,
  MessageBar,
  MessageBarActions,
  MessageBarBody,
  mergeClasses,
  Option,
  SearchBox,
  tokens,
} from '@fluentui/react-components';
import {
  ArrowDownloadRegular,
  DataHistogramRegular,
  Dismiss12Regular,
  DismissRegular,
  FilterAddRegular,
  InfoRegular,
  LinkRegular,
} from '@fluentui/react-icons';
import type { Cell } from '../../api/types';
import { useNotify } from '../../app/notify';
import { Empty, Lines } from '../../design/states';
import type { ResultsPaneProps } from '../seam';
import { Blank, filterText, shape, type Filter, type Order } from './arrange';
import { cellText } from './cells';
import { chartKinds, kindOf, type ChartKind } from './charts/kinds';
import { ColumnsButton } from './ColumnsButton';
import { asObjects, copyText, tsv } from './copy';
import { exportAll, exportShown, exportShownJson, type ServerFormat } from './files';
import { FilterPopover } from './FilterPopover';
import { fit, Grid, type CellPlace } from './Grid';
import { place, plain, withWidth, type Layout } from './layout';
import { CellMenu, ColumnMenu } from './Menus';
import type { Result } from './outcome';
import { RecordPane } from './RecordPane';
import { Timeline } from './Timeline';
import { timeColumn } from './timeline';
import { straight, useArranged } from './useArranged';
import { duration, limitNotes } from './words';

const ChartView = lazy(() => import('./charts/ChartView').then((m) => ({ default: m.ChartView })));
const QueryDetails = lazy(() => import('./QueryDetails').then((m) => ({ default: m.QueryDetails })));
const LinkWizard = lazy(() => import('./LinkWizard').then((m) => ({ default: m.LinkWizard })));
const WholeValue = lazy(() => import('./WholeValue').then((m) => ({ default: m.WholeValue })));

const useStyles = makeStyles({
  bar: {
    display: 'flex',
    flexWrap: 'wrap',
    alignItems: 'center',
    gap: tokens.spacingHorizontalXXS,
    padding: `${tokens.spacingVerticalXXS} ${tokens.spacingHorizontalM}`,
    minHeight: '36px',
    flexShrink: 0,
    '& > button': { minWidth: 'auto', '@container (max-width: 480px)': { padding: '0 5px' } },
  },
  stats: {
    color: tokens.colorNeutralForeground2,
    fontSize: tokens.fontSizeBase200,
    whiteSpace: 'nowrap',
    marginRight: tokens.spacingHorizontalS,
    fontVariantNumeric: 'tabular-nums',
  },
  grow: { flexGrow: 1 },
  search: { width: '170px', minWidth: '120px', '@container (max-width: 480px)': { flexGrow: 1, flexShrink: 1, flexBasis: '120px' } },
  view: { minWidth: '110px', width: '150px', '@container (max-width: 480px)': { width: '120px' } },
  // Words beside icons go where there is no room; the buttons keep their names.
  word: { '@container (max-width: 1120px)': { display: 'none' } },
  note: { margin: `0 ${tokens.spacingHorizontalM} ${tokens.spacingVerticalXS}`, flexShrink: 0, minHeight: 'auto' },
  pills: {
    display: 'flex',
    flexWrap: 'wrap',
    gap: tokens.spacingHorizontalXS,
    alignItems: 'center',
    padding: `0 ${tokens.spacingHorizontalM} ${tokens.spacingVerticalXS}`,
    flexShrink: 0,
    maxHeight: '90px',
    overflowY: 'auto',
  },
  pill: {
    display: 'inline-flex',
    alignItems: 'center',
    maxWidth: '100%',
    border: `1px solid ${tokens.colorNeutralStroke1}`,
    borderRadius: tokens.borderRadiusCircular,
    backgroundColor: tokens.colorNeutralBackground1,
    fontSize: tokens.fontSizeBase200,
  },
  pillText: {
    border: 'none',
    background: 'none',
    font: 'inherit',
    color: 'inherit',
    cursor: 'pointer',
    padding: `2px 2px 2px ${tokens.spacingHorizontalS}`,
    overflow: 'hidden',
    textOverflow: 'ellipsis',
    whiteSpace: 'nowrap',
    minHeight: '24px',
  },
  pillOff: { border: 'none', background: 'none', color: 'inherit', cursor: 'pointer', padding: '0 6px', lineHeight: 0, minHeight: '24px' },
  main: { display: 'flex', flexGrow: 1, minHeight: 0, minWidth: 0 },
  body: {
    display: 'flex',
    flexDirection: 'column',
    flexGrow: 1,
    minHeight: 0,
    minWidth: 0,
    borderTop: `1px solid ${tokens.colorNeutralStroke2}`,
  },
  busy: { opacity: 0.6 },
});

const nothing: ReadonlySet<number> = new Set();
const noGroups: ReadonlySet<string> = new Set();
// How the columns of a shape of result were laid out last, for the next run of the same query.
const layouts = new Map<string, Layout>();
const mostLayouts = 30;

// sourceOf is the table that a query begins with, when it is one of the schema's.
function sourceOf(query: string, tables: ResultsPaneProps['tables']): string {
  const names = new Set(tables.map((t) => t.name));
  for (const word of query.replace(/\/\/.*$/gm, '').match(/[A-Za-z_][A-Za-z0-9_]*/g) ?? []) if (names.has(word)) return word;
  return '';
}

const timelineKey = 'bartizan.hunting.timeline';

// ResultView is a result with everything one does to it: table, charts, filters, records, files.
export function ResultView(p: ResultsPaneProps & { result: Result; received: number }) {
  const s = useStyles();
  const { notify, failed } = useNotify();
  const { result, received, run } = p;
  const running = run.state === 'running';
  const form = shape(result.schema);
  const [layout, setLayoutState] = useState<Layout>(() => layouts.get(form) ?? plain(result.schema.length));
  const [filters, setFilters] = useState<readonly Filter[]>([]);
  const [find, setFind] = useState('');
  const [orders, setOrders] = useState<readonly Order[]>([]);
  const [group, setGroup] = useState<number | undefined>();
  const [openGroups, setOpenGroups] = useState<ReadonlySet<string>>(noGroups);
  const [selected, setSelected] = useState<ReadonlySet<number>>(nothing);
  const [inspected, setInspected] = useState<number | undefined>();
  const [showEmpty, setShowEmpty] = useState(false);
  const [kind, setKind] = useState<'table' | ChartKind | undefined>();
  const [cellMenu, setCellMenu] = useState<CellPlace | undefined>();
  const [columnMenu, setColumnMenu] = useState<{ column: number; at: DOMRect } | undefined>();
  const [asking, setAsking] = useState<{ column: number; at: DOMRect } | undefined>();
  const [details, setDetails] = useState(false);
  const [linking, setLinking] = useState(false);
  const [whole, setWhole] = useState<{ name: string; cell: Cell | undefined } | undefined>();
  const [timeline, setTimeline] = useState(() => localStorage.getItem(timelineKey) !== 'off');
  const [hideNotes, setHideNotes] = useState(false);
  const gridBox = useRef<HTMLDivElement>(null);
  const opening = useRef(false);

  const setLayout = useCallback(
    (next: Layout) => {
      setLayoutState(next);
      layouts.delete(form);
      layouts.set(form, next);
      const oldest = layouts.keys().next().value;
      if (layouts.size > mostLayouts && oldest !== undefined) layouts.delete(oldest);
    },
    [form],
  );
  const arrangement = useMemo(() => ({ filters, find, orders, ...(group === undefined ? {} : { group }) }), [filters, find, orders, group]);
  const { arranged, busy } = useArranged(result, received, running, arrangement);
  const blank = useMemo(() => new Blank(result), [result]);
  // eslint-disable-next-line react-hooks/exhaustive-deps -- the rows grow in place; received tells that they did
  const empty = useMemo(() => blank.columns(), [blank, received]);
  const hidden = showEmpty || empty.size === result.schema.length ? nothing : empty;
  const shown = useMemo(() => {
    const at = place(layout, hidden, () => 0);
    return [...at.pinned, ...at.rest].map((c) => c.column);
  }, [layout, hidden]);
  const filtered = useMemo(() => new Set(filters.map((f) => f.column)), [filters]);
  const view = kind ?? kindOf(result.render) ?? 'table';
  const time = useMemo(() => timeColumn(result.schema), [result]);
  const filtering = filters.length > 0 || find.trim() !== '';
  // While rows arrive, what counts them all is done anew only now and then.
  const counted = running ? Math.min(received, Math.ceil(1.5 ** Math.floor(Math.log(received) / Math.log(1.5)))) : received;
  const first = useMemo(() => straight(counted).rows, [counted]);
  const seen = running && !filtering ? first : arranged.rows;
  const hasTimeline = time !== undefined && received > 40;
  const notes = [...limitNotes(result), ...(result.warnings ?? []).map((w) => (w.hint ? `${w.message} ${w.hint}` : w.message))];

  const setFilter = (column: number, filter: Filter | undefined) =>
    setFilters((all) => [...all.filter((f) => f.column !== column), ...(filter ? [filter] : [])]);
  const done = (title: string) => notify({ title, intent: 'info' });
  const copy = (text: string, title: string) => {
    copyText(text).then(
      () => done(title),
      (err: unknown) => failed('Could not copy', err),
    );
  };
  const copyRows = (rows: readonly number[], json = false) =>
    copy(
      json ? JSON.stringify(asObjects(result, rows, shown), null, 2) : tsv(result, rows, shown),
      rows.length === 1 ? 'Row copied' : `${rows.length.toLocaleString()} rows copied`,
    );
  const chosenRows = () => [...arranged.rows].filter((r) => selected.has(r));
  const backToGrid = () => requestAnimationFrame(() => gridBox.current?.querySelector<HTMLElement>('[role=grid],[role=treegrid]')?.focus());
  const at = inspected === undefined ? -1 : arranged.rows.indexOf(inspected);
  const names = (column: number) => result.schema[column]?.name ?? '';
  const whole_ = (format: ServerFormat) => {
    notify({ title: 'The server is writing the file', body: 'The download starts when the query has run again.', intent: 'info' });
    exportAll(run.query ?? '', run.timespan, format).catch((err: unknown) => failed('Could not export', err));
  };

  return (
    <>
      <div style={{ containerType: 'inline-size', flexShrink: 0 }}>
        <div className={s.bar}>
          <span className={s.stats} role="status">
            {filtering ? `${arranged.rows.length.toLocaleString()} of ` : ''}
            {received.toLocaleString()} {received === 1 ? 'row' : 'rows'}
            {running ? ' so far' : ` · ${duration(result.stats.ms)}`}
            {!running && result.stats.grade ? ` · ${result.stats.grade} usage` : ''}
            {selected.size > 0 ? ` · ${selected.size.toLocaleString()} selected` : ''}
          </span>
          {running ? (
            <Button size="small" onClick={p.onCancel}>
              Cancel
            </Button>
          ) : null}
          <span className={s.grow} />
          <SearchBox className={s.search} size="small" placeholder="Find in results" value={find} onChange={(_, d) => setFind(d.value)} />
          <Dropdown
            size="small"
            className={s.view}
            aria-label="View"
            value={view === 'table' ? 'Table' : (chartKinds.find((k) => k.kind === view)?.label ?? view)}
            selectedOptions={[view]}
            onOptionSelect={(_, d) => setKind((d.optionValue ?? 'table') as 'table' | ChartKind)}
          >
            <Option value="table">Table</Option>
            {chartKinds.map((k) => (
              <Option key={k.kind} value={k.kind}>
                {k.label}
              </Option>
            ))}
          </Dropdown>
          <Menu>
            <MenuTrigger disableButtonEnhancement>
              <Button
                size="small"
                appearance="subtle"
                icon={<FilterAddRegular />}
                aria-label="Add filter"
                title="Filter the result by a column"
              >
                <span className={s.word}>Filter</span>
              </Button>
            </MenuTrigger>
            <MenuPopover>
              <MenuList style={{ maxHeight: '60vh', overflowY: 'auto' }}>
                {shown.map((column) => (
                  <MenuItem key={column} onClick={(event) => setAsking({ column, at: event.currentTarget.getBoundingClientRect() })}>
                    {names(column)}
                  </MenuItem>
                ))}
              </MenuList>
            </MenuPopover>
          </Menu>
          <ColumnsButton
            schema={result.schema}
            layout={layout}
            onLayout={setLayout}
            empty={empty}
            showEmpty={showEmpty}
            onShowEmpty={setShowEmpty}
            word={s.word}
          />
          {hasTimeline ? (
            <Button
              size="small"
              appearance="subtle"
              icon={<DataHistogramRegular />}
              aria-label="Timeline"
              title={timeline ? 'Hide the timeline' : 'Show the timeline'}
              aria-pressed={timeline}
              onClick={() => {
                setTimeline(!timeline);
                localStorage.setItem(timelineKey, timeline ? 'off' : 'on');
              }}
            >
              <span className={s.word}>Timeline</span>
            </Button>
          ) : null}
          <Button
            size="small"
            appearance="subtle"
            icon={<LinkRegular />}
            aria-label="Link to incident"
            title={selected.size === 0 ? 'Select rows to link them to an incident' : 'Make alerts of the selected rows'}
            disabledFocusable={selected.size === 0}
            onClick={() => setLinking(true)}
          >
            <span className={s.word}>Link to incident</span>
          </Button>
          <Menu>
            <MenuTrigger disableButtonEnhancement>
              <Button size="small" appearance="subtle" icon={<ArrowDownloadRegular />} aria-label="Export" title="Export">
                <span className={s.word}>Export</span>
              </Button>
            </MenuTrigger>
            <MenuPopover>
              <MenuList>
                <MenuGroup>
                  <MenuGroupHeader>What is shown</MenuGroupHeader>
                  <MenuItem onClick={() => done(`Exported ${exportShown(result, arranged.rows, shown).toLocaleString()} rows`)}>
                    {filtering ? 'Filtered rows' : 'Rows'} as CSV
                  </MenuItem>
                  <MenuItem onClick={() => done(`Exported ${exportShownJson(result, arranged.rows, shown).toLocaleString()} rows`)}>
                    {filtering ? 'Filtered rows' : 'Rows'} as NDJSON
                  </MenuItem>
                  {selected.size > 0 ? (
                    <MenuItem onClick={() => done(`Exported ${exportShown(result, chosenRows(), shown).toLocaleString()} rows`)}>
                      {selected.size.toLocaleString()} selected rows as CSV
                    </MenuItem>
                  ) : null}
                </MenuGroup>
                <MenuDivider />
                <MenuGroup>
                  <MenuGroupHeader>All rows of the query, from the server</MenuGroupHeader>
                  <MenuItem onClick={() => whole_('csv')}>CSV</MenuItem>
                  <MenuItem onClick={() => whole_('ndjson')}>NDJSON</MenuItem>
                  <MenuItem onClick={() => whole_('parquet')}>Parquet</MenuItem>
                </MenuGroup>
              </MenuList>
            </MenuPopover>
          </Menu>
          <Button
            size="small"
            appearance="subtle"
            icon={<InfoRegular />}
            aria-label="Query details"
            title="Query details"
            aria-pressed={details}
            onClick={() => {
              setDetails(!details);
              setInspected(undefined);
            }}
          />
        </div>
      </div>
      {notes.length > 0 && !running && !hideNotes ? (
        <MessageBar intent="warning" className={s.note} layout="multiline">
          <MessageBarBody>
            {notes.map((n, i) => (
              <div key={i}>
                {n}
                {i === 0 && result.stats.truncated ? ' Filter earlier, summarize, or export all rows.' : ''}
              </div>
            ))}
          </MessageBarBody>
          <MessageBarActions
            containerAction={
              <Button
                appearance="transparent"
                size="small"
                icon={<DismissRegular />}
                aria-label="Hide the notes"
                onClick={() => setHideNotes(true)}
              />
            }
          />
        </MessageBar>
      ) : null}
      {filters.length > 0 || group !== undefined ? (
        <div className={s.pills} role="group" aria-label="Filters of the result">
          {group !== undefined ? (
            <span className={s.pill}>
              <button
                type="button"
                className={s.pillText}
                onClick={() =>
                  setOpenGroups(
                    openGroups.size > 0 ? noGroups : new Set((arranged.groups ?? []).map((g) => (g.missing ? '\u0000' : g.value))),
                  )
                }
              >
                Grouped by {names(group)}: {openGroups.size > 0 ? 'close all' : 'open all'}
              </button>
              <button type="button" className={s.pillOff} aria-label="Do not group" onClick={() => setGroup(undefined)}>
                <Dismiss12Regular />
              </button>
            </span>
          ) : null}
          {filters.map((f) => {
            const text = filterText(f, names(f.column), (n) =>
              result.schema[f.column]?.type === 'datetime'
                ? `${new Date(n).toISOString().slice(0, 19).replace('T', ' ')} UTC`
                : n.toLocaleString(),
            );
            return (
              <span key={f.column} className={s.pill}>
                <button
                  type="button"
                  className={s.pillText}
                  title={text}
                  onClick={(event) => setAsking({ column: f.column, at: event.currentTarget.getBoundingClientRect() })}
                >
                  {text}
                </button>
                <button
                  type="button"
                  className={s.pillOff}
                  aria-label={`Remove the filter ${text}`}
                  onClick={() => setFilter(f.column, undefined)}
                >
                  <Dismiss12Regular />
                </button>
              </span>
            );
          })}
          {filters.length > 1 ? (
            <Button size="small" appearance="transparent" onClick={() => setFilters([])}>
              Clear
            </Button>
          ) : null}
        </div>
      ) : null}
      <div className={s.main}>
        <div className={s.body} ref={gridBox}>
          {hasTimeline && timeline && view === 'table' ? (
            <Timeline
              table={result}
              received={counted}
              rows={seen}
              column={time}
              filter={filters.find((f) => f.column === time && f.kind === 'range')}
              onFilter={(filter) => setFilter(time, filter)}
            />
          ) : null}
          {view !== 'table' ? (
            <Suspense fallback={<Lines count={8} />}>
              <ChartView table={result} rows={arranged.rows} kind={view} render={result.render} onTable={() => setKind('table')} />
            </Suspense>
          ) : arranged.rows.length === 0 && !busy && !running ? (
            <Empty
              title="No row matches the filters"
              actions={
                <Button
                  onClick={() => {
                    setFind('');
                    setFilters([]);
                  }}
                >
                  Clear filters
                </Button>
              }
            />
          ) : (
            <div className={mergeClasses(s.main, busy && s.busy)}>
              <Grid
                table={result}
                received={received}
                arranged={arranged}
                layout={layout}
                onLayout={setLayout}
                empty={hidden}
                orders={orders}
                onOrders={setOrders}
                filtered={filtered}
                group={group}
                openGroups={openGroups}
                onOpenGroups={setOpenGroups}
                selected={selected}
                onSelected={setSelected}
                inspected={inspected}
                onInspect={(row) => {
                  setDetails(false);
                  setInspected(row);
                }}
                onCellMenu={setCellMenu}
                onColumnMenu={(column, rect) => setColumnMenu({ column, at: rect })}
                onCopyCell={(cell) => copy(cellText(cell), 'Value copied')}
                onCopyRows={(rows) => copyRows(rows)}
              />
            </div>
          )}
        </div>
        {inspected !== undefined && view === 'table' ? (
          <RecordPane
            table={result}
            row={inspected}
            at={at}
            count={arranged.rows.length}
            onClose={() => {
              setInspected(undefined);
              backToGrid();
            }}
            onStep={(by) => {
              const next = arranged.rows[at + by];
              if (next !== undefined) setInspected(next);
            }}
            onMenu={setCellMenu}
            onOpen={p.onOpen}
            source={sourceOf(run.query ?? '', p.tables)}
          />
        ) : null}
        {details ? (
          <Suspense fallback={null}>
            <QueryDetails run={run} result={result} received={received} onClose={() => setDetails(false)} />
          </Suspense>
        ) : null}
      </div>
      {cellMenu ? (
        <CellMenu
          place={cellMenu}
          table={result}
          selected={selected.size}
          onClose={() => {
            setCellMenu(undefined);
            backToGrid();
          }}
          onAddToQuery={(line) => {
            p.onAddToQuery(line);
            notify({ title: 'Added to the query', body: line, intent: 'info' });
          }}
          onOpen={p.onOpen}
          onFilter={(f) => setFilter(f.column, f)}
          onInspect={setInspected}
          onCopy={(what, cell) => {
            if (what === 'cell') copy(cellText(cell), 'Value copied');
            else if (what === 'tsv' || what === 'json') copyRows([cellMenu.row], what === 'json');
            else copyRows(chosenRows(), what === 'selectionJson');
          }}
          onFull={(name, cell) => setWhole({ name, cell })}
        />
      ) : null}
      {columnMenu ? (
        <ColumnMenu
          column={columnMenu.column}
          at={columnMenu.at}
          table={result}
          layout={layout}
          shown={shown}
          orders={orders}
          group={group}
          onClose={() => {
            setColumnMenu(undefined);
            if (opening.current) opening.current = false;
            else backToGrid();
          }}
          onLayout={setLayout}
          onOrders={setOrders}
          onGroup={(column) => {
            setGroup(column);
            setOpenGroups(noGroups);
          }}
          onFilter={() => {
            // The menu gives the focus back when it closes; the question comes after that.
            opening.current = true;
            setTimeout(() => setAsking(columnMenu), 60);
          }}
          onFit={() => setLayout(withWidth(layout, columnMenu.column, fit({ table: result, arranged }, columnMenu.column)))}
        />
      ) : null}
      {asking ? (
        <FilterPopover
          key={asking.column}
          table={result}
          received={received}
          column={asking.column}
          filter={filters.find((f) => f.column === asking.column)}
          target={{ getBoundingClientRect: () => asking.at }}
          onFilter={(f) => setFilter(asking.column, f)}
          onClose={() => {
            setAsking(undefined);
            backToGrid();
          }}
        />
      ) : null}
      <Suspense fallback={null}>
        {whole ? (
          <WholeValue
            name={whole.name}
            cell={whole.cell}
            onClose={() => setWhole(undefined)}
            onCopy={(text) => copy(text, 'Value copied')}
          />
        ) : null}
        {linking ? <LinkWizard run={run} result={result} rows={chosenRows()} onClose={() => setLinking(false)} /> : null}
      </Suspense>
    </>
  );
}
