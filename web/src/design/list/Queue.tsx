import { useCallback, useEffect, useMemo, useRef, useState, type ReactElement, type ReactNode } from 'react';
import { Button, makeStyles, Tooltip, tokens } from '@fluentui/react-components';
import { ArrowClockwiseRegular, ArrowDownloadRegular, ArrowUpRegular, FilterDismissRegular } from '@fluentui/react-icons';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import type { Params } from '../../api/client';
import { saveBlob } from '../../api/endpoints';
import type { Facets, LiveEvent, Page as ListPage } from '../../api/types';
import { useLive, useLiveState, useNews } from '../../app/live';
import { useNotify } from '../../app/notify';
import { useSession } from '../../app/session';
import { text, type Search } from '../../app/url';
import { csv } from '../csv';
import { ColumnChooser } from '../grid/ColumnChooser';
import { fromAddress, remember, remembered, toAddress, type GridColumn, type Layout } from '../grid/columns';
import { Grid } from '../grid/Grid';
import { usePaged } from '../grid/paged';
import { nothing, type Selection } from '../grid/selection';
import { Page, type Crumb } from '../Page';
import { Empty, Failure, Lines } from '../states';
import { Time } from '../Time';
import { FilterBar } from './FilterBar';
import { cleared, filtered, params, type Filter } from './filters';

const exportLimit = 10_000;

const useStyles = makeStyles({
  split: { display: 'flex', flexGrow: 1, minHeight: 0, minWidth: 0 },
  main: { display: 'flex', flexDirection: 'column', flexGrow: 1, minWidth: 0, minHeight: 0 },
  news: {
    display: 'flex',
    alignItems: 'center',
    justifyContent: 'center',
    gap: tokens.spacingHorizontalS,
    minHeight: '32px',
    border: 'none',
    width: '100%',
    font: 'inherit',
    cursor: 'pointer',
    backgroundColor: tokens.colorBrandBackground2,
    color: tokens.colorBrandForeground2,
    ':hover': { backgroundColor: tokens.colorBrandBackground2Hover },
    ':focus-visible': { outline: `2px solid ${tokens.colorStrokeFocus2}`, outlineOffset: '-2px' },
  },
});

export interface QueueCommands {
  selected: string[];
  clear: () => void;
  refresh: () => Promise<void>;
}

export interface QueuePane<T> {
  row: T;
  close: () => void;
  step: (by: 1 | -1) => void;
  changed: (next: T) => void;
}

export interface QueueProps<T> {
  list: string;
  title: string;
  things: [one: string, many: string];
  crumbs?: readonly Crumb[];
  columns: readonly GridColumn<T>[];
  filters: readonly Filter[];
  searchLabel: string;
  defaultOrder: string;
  topic?: LiveEvent['topic'];
  idOf: (row: T) => string;
  nameOf: (row: T) => string;
  fetchPage: (params: Params, signal?: AbortSignal) => Promise<ListPage<T>>;
  fetchOne?: (id: string) => Promise<T>;
  fetchFacets?: (params: Params, signal?: AbortSignal) => Promise<Facets>;
  commands?: (commands: QueueCommands) => ReactNode;
  pane?: (pane: QueuePane<T>) => ReactNode;
  // A pane that takes the place of the row's, such as managing the selection.
  side?: ReactNode;
  onOpen?: (row: T) => void;
  narrow: (row: T) => ReactNode;
  expand?: (row: T) => ReactNode;
  selectable?: boolean;
  // A list without times has no time range.
  withRange?: boolean;
  emptyIcon: ReactElement;
  emptyTitle: string;
  emptyBody: ReactNode;
  emptyActions?: ReactNode;
}

// Queue is a list page: filters and sort in the address, a virtual grid over server pages, a side pane, selection, export and live news.
export function Queue<T>(props: QueueProps<T>) {
  const s = useStyles();
  const { columns, filters, idOf, nameOf, fetchPage, fetchOne, topic } = props;
  const search: Search = useSearch({ strict: false });
  const navigate = useNavigate();
  const { user, tenant } = useSession();
  const { notify, failed } = useNotify();
  const live = useLiveState();
  const setSearch = useCallback(
    (next: Search, replace = false) => void navigate({ to: '.', search: next as never, replace, resetScroll: false }),
    [navigate],
  );

  // A preset range is fixed at the minute the list was asked for, so that scrolling does not change the question.
  const narrowed = JSON.stringify({ ...search, pane: undefined, columns: undefined });
  const [askedAt, setAskedAt] = useState(Date.now);
  useEffect(() => setAskedAt(Date.now()), [narrowed]);
  const asked = useMemo(
    () => params(filters, JSON.parse(narrowed) as Search, props.defaultOrder, askedAt),
    [filters, narrowed, props.defaultOrder, askedAt],
  );

  const paged = usePaged<T>(
    [props.list, tenant.id, asked],
    (skip, top, signal) => fetchPage({ ...asked, $skip: skip, $top: top, $count: true }, signal),
    idOf,
  );
  const facetParams: Params = { ...asked, orderby: undefined };
  const facets = useQuery<Facets>({
    queryKey: [`${props.list}-facets`, tenant.id, facetParams],
    queryFn: ({ signal }) => props.fetchFacets?.(facetParams, signal) ?? Promise.resolve({}),
    enabled: props.fetchFacets !== undefined,
    placeholderData: keepPreviousData,
    retry: 0,
  });

  const [layout, setLayout] = useState<Layout>(() => {
    const base = remembered(user.id, props.list, columns);
    const shown = text(search.columns);
    return shown === undefined ? base : fromAddress(columns, shown, base);
  });
  const changeLayout = (next: Layout) => {
    setLayout(next);
    remember(user.id, props.list, next);
    const shown = toAddress(columns, next);
    if (shown !== text(search.columns)) setSearch({ ...search, columns: shown }, true);
  };
  const heightKey = `bartizan.rows.${user.id}`;
  const [comfortable, setComfortable] = useState(() => localStorage.getItem(heightKey) === '40');

  const [selection, setSelection] = useState<Selection>(nothing);
  const clearSelection = () => setSelection(nothing);
  const news = useNews(topic ?? 'lab');
  const refresh = useCallback(async () => {
    news.clear();
    setAskedAt(Date.now());
    await paged.refresh();
  }, [news, paged]);

  // Changed rows are read again one by one and replaced where they stand.
  const pending = useRef(new Set<string>());
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const readAgain = useCallback(() => {
    const ids = [...pending.current].slice(0, 20);
    pending.current.clear();
    for (const id of ids)
      fetchOne?.(id).then(
        (next) => paged.replace(id, next),
        () => undefined,
      );
  }, [fetchOne, paged]);
  useLive((event) => {
    if (event.topic !== topic || event.change === 'created' || !fetchOne) return;
    let known = false;
    for (let i = 0; i < Math.min(paged.count, 2000) && !known; i++) {
      const r = paged.row(i);
      known = r !== undefined && idOf(r) === event.id;
    }
    if (!known) return;
    pending.current.add(event.id);
    clearTimeout(timer.current);
    timer.current = setTimeout(readAgain, 400);
  });

  const paneId = text(search.pane);
  const [paneIndex, setPaneIndex] = useState(-1);
  const paneRow = useMemo(() => {
    if (paneId === undefined) return undefined;
    const at = paged.row(paneIndex);
    if (at !== undefined && idOf(at) === paneId) return at;
    for (let i = 0; i < Math.min(paged.count, 1000); i++) {
      const r = paged.row(i);
      if (r !== undefined && idOf(r) === paneId) return r;
    }
    return undefined;
  }, [paneId, paneIndex, paged, idOf]);
  const single = useQuery({
    queryKey: [`${props.list}-one`, tenant.id, paneId],
    queryFn: () => (fetchOne ?? (() => Promise.reject(new Error('none'))))(paneId ?? ''),
    enabled: paneId !== undefined && paneRow === undefined && fetchOne !== undefined && !paged.loading,
  });
  const shownRow = paneRow ?? (paneId !== undefined ? single.data : undefined);
  const openPane = (row: T | undefined, index: number) => {
    setPaneIndex(index);
    setSearch({ ...search, pane: row === undefined ? undefined : idOf(row) }, paneId !== undefined);
  };
  const step = (by: 1 | -1) => {
    let at = paneIndex;
    const here = paged.row(at);
    if (here === undefined || idOf(here) !== paneId) {
      at = -1;
      for (let i = 0; i < Math.min(paged.count, 1000); i++) {
        const r = paged.row(i);
        if (r !== undefined && idOf(r) === paneId) at = i;
      }
    }
    const next = paged.row(at + by);
    if (next !== undefined) openPane(next, at + by);
  };

  const exportCsv = async () => {
    const shown = layout.order.flatMap((id) => columns.filter((c) => c.id === id && !layout.hidden.includes(id)));
    try {
      const rows: T[] = [];
      for (let skip = 0; skip < exportLimit; skip += 1000) {
        const page = await fetchPage({ ...asked, $skip: skip, $top: 1000, $count: true });
        rows.push(...page.value);
        if (page.value.length < 1000 && rows.length >= (page.count ?? 0)) break;
        if (page.value.length === 0) break;
      }
      const body = csv(
        ['Id', ...shown.map((c) => c.header)],
        rows.map((r) => [idOf(r), ...shown.map((c) => c.text?.(r) ?? '')]),
      );
      saveBlob(
        new Blob(['\ufeff', body], { type: 'text/csv;charset=utf-8' }),
        `${props.list}-${new Date().toISOString().slice(0, 10)}.csv`,
      );
      notify({
        title: `Exported ${rows.length.toLocaleString()} ${rows.length === 1 ? props.things[0] : props.things[1]}`,
        ...(paged.count > rows.length
          ? { body: `The first ${exportLimit.toLocaleString()} of ${paged.count.toLocaleString()}.`, intent: 'warning' as const }
          : {}),
      });
    } catch (err) {
      failed('Could not export the list', err);
    }
  };

  const isFiltered = filtered(filters, search);
  return (
    <Page
      fixed
      title={props.title}
      {...(props.crumbs ? { crumbs: props.crumbs } : {})}
      meta={
        paged.loading || paged.updatedAt === 0 ? undefined : (
          <>
            {paged.count.toLocaleString()} {paged.count === 1 ? props.things[0] : props.things[1]}
            {selection.ids.size > 0 ? `, ${selection.ids.size.toLocaleString()} selected` : ''} · refreshed{' '}
            <Time value={new Date(paged.updatedAt).toISOString()} />
            {live === 'stale' ? ' · live updates interrupted' : ''}
          </>
        )
      }
      commands={
        <>
          {props.commands?.({ selected: [...selection.ids], clear: clearSelection, refresh })}
          <Tooltip content="Export what is filtered as CSV" relationship="description">
            <Button size="small" appearance="subtle" icon={<ArrowDownloadRegular />} onClick={() => void exportCsv()}>
              Export
            </Button>
          </Tooltip>
          <Button
            size="small"
            appearance="subtle"
            icon={<ArrowClockwiseRegular />}
            onClick={() => void refresh()}
            aria-label="Refresh the list"
          >
            Refresh
          </Button>
        </>
      }
      below={
        <FilterBar
          filters={filters}
          search={search}
          facets={facets.data}
          searchLabel={props.searchLabel}
          withRange={props.withRange ?? true}
          onChange={(next) => setSearch(next)}
        >
          <span style={{ flexGrow: 1 }} />
          <ColumnChooser
            columns={columns}
            layout={layout}
            onLayout={changeLayout}
            comfortable={comfortable}
            onComfortable={(on) => {
              setComfortable(on);
              localStorage.setItem(heightKey, on ? '40' : '32');
            }}
          />
        </FilterBar>
      }
    >
      <div className={s.split}>
        <div className={s.main}>
          {topic && news.fresh > 0 ? (
            <button type="button" className={s.news} onClick={() => void refresh()}>
              <ArrowUpRegular aria-hidden /> {news.fresh.toLocaleString()} new: show
            </button>
          ) : null}
          {paged.loading ? (
            <Lines count={14} height={20} />
          ) : paged.error && paged.count === 0 ? (
            <Failure what={props.title.toLowerCase()} error={paged.error} retry={() => void refresh()} />
          ) : paged.count === 0 ? (
            isFiltered ? (
              <Empty
                icon={<FilterDismissRegular />}
                title={`No ${props.things[1]} match the filters`}
                actions={<Button onClick={() => setSearch(cleared(filters, search))}>Clear filters</Button>}
              >
                Widen the time range, remove a filter or change the search.
              </Empty>
            ) : (
              <Empty icon={props.emptyIcon} title={props.emptyTitle} actions={props.emptyActions}>
                {props.emptyBody}
              </Empty>
            )
          ) : (
            <Grid
              label={props.title}
              columns={columns}
              layout={layout}
              onLayout={changeLayout}
              count={paged.count}
              row={paged.row}
              idOf={idOf}
              nameOf={nameOf}
              onShow={paged.show}
              rowHeight={comfortable ? 40 : 32}
              orderby={text(search.orderby) ?? props.defaultOrder}
              onOrder={(orderby) => setSearch({ ...search, orderby })}
              {...(props.selectable === false ? {} : { selection, onSelection: setSelection })}
              current={paneId}
              onCurrent={props.pane ? openPane : (row) => row !== undefined && props.onOpen?.(row)}
              {...(props.onOpen ? { onOpen: props.onOpen } : {})}
              narrow={props.narrow}
              {...(props.expand ? { expand: props.expand } : {})}
              dimmed={paged.stale}
            />
          )}
        </div>
        {props.side !== undefined
          ? props.side
          : shownRow !== undefined
            ? props.pane?.({
                row: shownRow,
                close: () => setSearch({ ...search, pane: undefined }, true),
                step,
                changed: (next) => paged.replace(idOf(next), next),
              })
            : null}
      </div>
    </Page>
  );
}
