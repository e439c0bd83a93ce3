import { useEffect, useMemo, useState } from 'react';
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
  MessageBar,
  MessageBarBody,
  Option,
  Popover,
  PopoverSurface,
  PopoverTrigger,
  SearchBox,
  tokens,
} from '@fluentui/react-components';
import { ArrowDownloadRegular, ColumnTripleRegular, SearchSquareRegular } from '@fluentui/react-icons';
import { download, saveBlob } from '../api/endpoints';
import { useNotify } from '../app/notify';
import { csv } from '../design/csv';
import { Empty } from '../design/states';
import { rangeLabel } from '../design/time';
import { useZone } from '../design/Time';
import { ChartView } from './ChartView';
import { chartKinds, hinted, type ChartKind } from './chart';
import { RecordPane } from './RecordPane';
import { arrange, cellText, emptyColumns, type Order } from './result';
import { Results } from './Results';
import type { ResultsPaneProps } from './seam';
import { columnName, literal } from './statement';

const useStyles = makeStyles({
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
  surface: { maxHeight: '60vh', overflowY: 'auto', padding: tokens.spacingHorizontalM, display: 'flex', flexDirection: 'column' },
});

// ResultsPane shows what a run returned: its figures, the table or chart, and a record in detail.
export function ResultsPane({ run, onAddToQuery, onRange }: ResultsPaneProps) {
  const s = useStyles();
  const { notify, failed } = useNotify();
  const { zone } = useZone();
  const { result } = run;
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
  }, [run.id]);
  const hint = hinted(result?.render);
  useEffect(() => setView(hint ?? 'table'), [run.id, hint]);
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
  const exportAll = (format: 'csv' | 'ndjson') => {
    download('/api/hunting/export', `hunting.${format}`, {
      query: run.query,
      format,
      ...(run.timespan === undefined ? {} : { timespan: run.timespan }),
    }).catch((err: unknown) => failed('Could not export', err));
  };
  const at = inspected === undefined ? -1 : rows.indexOf(inspected);
  return (
    <>
      <div className={s.bar}>
        {result ? (
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
                  <MenuItem onClick={() => exportAll('csv')}>Whole result, as CSV</MenuItem>
                  <MenuItem onClick={() => exportAll('ndjson')}>Whole result, as NDJSON</MenuItem>
                </MenuList>
              </MenuPopover>
            </Menu>
          </>
        ) : null}
      </div>
      {result ? (
        <>
          {result.stats.partial || (result.stats.limits ?? []).length > 0 ? (
            <MessageBar intent="warning" className={s.error}>
              <MessageBarBody>
                The result is partial. {(result.stats.limits ?? []).join(', ')} Filter earlier, or use summarize, project or take.
              </MessageBarBody>
            </MessageBar>
          ) : null}
          {result.rows.length === 0 && run.state === 'done' ? (
            <Empty
              icon={<SearchSquareRegular />}
              title="No rows"
              actions={run.range !== 'all' ? <Button onClick={() => onRange('all')}>Search all time</Button> : undefined}
            >
              {run.range !== 'all'
                ? `The query ran and found nothing in: ${rangeLabel(run.range, zone).toLowerCase()}.`
                : 'The query ran and found nothing.'}
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
                    onCondition={(column, value, equal) =>
                      onAddToQuery(`| where ${columnName(column)} ${equal ? '==' : '!='} ${literal(value)}`)
                    }
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
      ) : null}
    </>
  );
}
