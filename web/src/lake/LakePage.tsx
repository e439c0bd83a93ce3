import { useState } from 'react';
import {
  Button,
  Checkbox,
  makeStyles,
  Menu,
  MenuItem,
  MenuList,
  MenuPopover,
  MenuTrigger,
  mergeClasses,
  SearchBox,
  tokens,
} from '@fluentui/react-components';
import { ArrowDown12Regular, ArrowDownloadRegular, DatabaseRegular, MoreHorizontalRegular } from '@fluentui/react-icons';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { lake, type LakeTable } from '../api/lake';
import { useNotify } from '../app/notify';
import { useMay } from '../app/session';
import { text, type Search } from '../app/url';
import { bytes } from '../design/bytes';
import { Confirm } from '../design/dialog/Confirm';
import { Facts } from '../design/Facts';
import { Page } from '../design/Page';
import { Section } from '../design/Section';
import { Empty, Failure, Lines } from '../design/states';
import { Time } from '../design/Time';
import { useLinkStyles } from '../design/useLinkStyles';
import { useTableStyles } from '../design/useTableStyles';
import { count } from '../design/words';
import { Compact } from './Compact';
import { ExportDialog } from './ExportDialog';
import { filtered, kindWord, orders, retentionWords, sorted, type Order } from './lake';
import { RetentionDialog } from './RetentionDialog';

const useStyles = makeStyles({
  column: { display: 'flex', flexDirection: 'column', gap: tokens.spacingVerticalL },
  totals: { display: 'grid', gridTemplateColumns: 'repeat(auto-fit, minmax(150px, 1fr))', gap: tokens.spacingHorizontalL },
  total: { display: 'flex', flexDirection: 'column', minWidth: 0 },
  figure: { fontSize: tokens.fontSizeBase600, lineHeight: tokens.lineHeightBase600, fontWeight: tokens.fontWeightSemibold },
  name: { color: tokens.colorNeutralForeground3, fontSize: tokens.fontSizeBase200 },
  sort: {
    minWidth: 0,
    padding: 0,
    height: '20px',
    fontSize: tokens.fontSizeBase200,
    fontWeight: tokens.fontWeightSemibold,
    border: 'none',
  },
  bar: {
    display: 'block',
    height: '3px',
    marginTop: '2px',
    marginLeft: 'auto',
    backgroundColor: tokens.colorBrandBackground,
    borderRadius: '2px',
  },
});

const heads: Record<Order, string> = { table: 'Table', rows: 'Rows', bytes: 'Size', oldest: 'Oldest', newest: 'Newest' };

// LakePage shows what the data lake holds, sets how long it is kept, compacts it and exports it.
export function LakePage() {
  const s = useStyles();
  const t = useTableStyles();
  const l = useLinkStyles();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const { notify, failed } = useNotify();
  const search: Search = useSearch({ strict: false });
  const mayManage = useMay('settings.core.manage');
  const mayHunt = useMay('secops.data.read');
  const [retaining, setRetaining] = useState<LakeTable | undefined>();
  const [exporting, setExporting] = useState<readonly string[] | undefined>();
  const [dropping, setDropping] = useState<LakeTable | undefined>();
  const state = useQuery({ queryKey: ['lake', 'tables'], queryFn: lake.tables, refetchInterval: 30_000 });
  const words = text(search.search) ?? '';
  const empty = text(search.empty) === 'true';
  const by = orders.find((o) => o === text(search.orderby)) ?? 'bytes';
  const go = (change: Search) => void navigate({ to: '.', search: { ...search, ...change } as never, replace: true });
  const all = state.data?.value ?? [];
  const shown = sorted(filtered(all, words, empty), by);
  const largest = Math.max(1, ...all.map((x) => x.bytes));
  const total = state.data?.total;
  const reload = () => queries.invalidateQueries({ queryKey: ['lake'] });
  const head = (order: Order, number = false) => (
    <th
      className={mergeClasses(number && t.number)}
      aria-sort={by === order ? (order === 'table' || order === 'oldest' ? 'ascending' : 'descending') : 'none'}
    >
      <Button
        className={s.sort}
        appearance="transparent"
        iconPosition="after"
        {...(by === order ? { icon: <ArrowDown12Regular /> } : {})}
        onClick={() => go({ orderby: order === 'bytes' ? undefined : order })}
      >
        {heads[order]}
      </Button>
    </th>
  );
  const byDefault = async (x: LakeTable) => {
    try {
      await lake.retainByDefault(x.table);
      notify({
        title: `${x.table} is kept as long as the default says`,
        undo: async () => {
          await lake.retain(x.table, {
            ...(x.retentionDays > 0 ? { days: x.retentionDays } : {}),
            ...(x.retentionBytes ? { bytes: x.retentionBytes } : {}),
          });
          await reload();
        },
      });
    } catch (err) {
      failed('Could not change the retention', err);
    }
    await reload();
  };
  return (
    <Page
      title="Data lake"
      crumbs={[{ label: 'System' }]}
      meta={total ? `${count(all.filter((x) => x.rows > 0).length, 'table', 'tables')} with rows` : undefined}
      commands={
        total && mayManage ? (
          <Button
            size="small"
            icon={<ArrowDownloadRegular />}
            disabled={shown.length === 0}
            onClick={() => setExporting(shown.filter((x) => x.rows > 0).map((x) => x.table))}
          >
            Export
          </Button>
        ) : undefined
      }
    >
      {state.isPending ? <Lines count={10} /> : null}
      {state.error ? <Failure what="the data lake" error={state.error} retry={() => void state.refetch()} /> : null}
      {total ? (
        <div className={s.column}>
          <Section title="All tables" note="Rows that arrived just now may not count in sizes yet" card>
            <div className={s.totals}>
              {(
                [
                  ['Rows', total.rows.toLocaleString()],
                  ['Size of the rows', total.bytes > 0 ? bytes(total.bytes) : '–'],
                  ['On disk', bytes(total.fileBytes)],
                  ['Of that, free to be written again', bytes(total.freeBytes)],
                  ['Bytes a row', total.rows > 0 && total.bytes > 0 ? Math.round(total.bytes / total.rows).toLocaleString() : '–'],
                ] as const
              ).map(([name, figure]) => (
                <div key={name} className={s.total}>
                  <span className={s.figure}>{figure}</span>
                  <span className={s.name}>{name}</span>
                </div>
              ))}
            </div>
            <Facts facts={[['Engine', total.engine]]} />
            <Compact total={total} mayManage={mayManage} onDone={() => void reload()} />
          </Section>
          <Section title="Tables" card>
            <div className={t.bar}>
              <SearchBox
                size="small"
                placeholder="Find a table"
                aria-label="Find a table"
                value={words}
                onChange={(_, d) => go({ search: d.value || undefined })}
              />
              <Checkbox
                label="Empty ones too"
                checked={empty}
                onChange={(_, d) => go({ empty: d.checked === true ? 'true' : undefined })}
              />
              <span className={t.quiet}>{count(shown.length, 'table', 'tables')}</span>
            </div>
            {shown.length === 0 ? (
              <Empty
                icon={<DatabaseRegular />}
                title={all.some((x) => x.rows > 0) ? 'No table is like this' : 'The lake is empty'}
                actions={
                  all.some((x) => x.rows > 0) ? (
                    <Button onClick={() => go({ search: undefined, empty: undefined })}>Clear the filter</Button>
                  ) : (
                    <Button onClick={() => void navigate({ to: '/sources', search: { tab: 'connect' } as never })}>Connect a source</Button>
                  )
                }
              >
                {all.some((x) => x.rows > 0) ? '' : 'Rows come with the first records of a source.'}
              </Empty>
            ) : (
              <div className={t.wrap}>
                <table className={t.table} aria-label="Tables of the lake">
                  <thead>
                    <tr>
                      {head('table')}
                      <th>Kind</th>
                      {head('rows', true)}
                      {head('bytes', true)}
                      {head('oldest')}
                      {head('newest')}
                      <th>Last row arrived</th>
                      <th>Kept for</th>
                      <th aria-label="Actions" />
                    </tr>
                  </thead>
                  <tbody>
                    {shown.map((x) => (
                      <tr key={x.table}>
                        <td>
                          {mayHunt ? (
                            <Link
                              to="/hunting"
                              search={{ query: `${x.table}\n| take 100`, runQuery: 'true' } as never}
                              className={l.link}
                              title="Hunt in it"
                            >
                              {x.table}
                            </Link>
                          ) : (
                            x.table
                          )}
                        </td>
                        <td>{kindWord(x.kind)}</td>
                        <td className={t.number}>{x.rows.toLocaleString()}</td>
                        <td className={t.number}>
                          {x.bytes > 0 || x.rows === 0 ? bytes(x.bytes) : '–'}
                          {x.bytes > 0 ? (
                            <span className={s.bar} style={{ width: `${Math.max(1, (x.bytes / largest) * 64)}px` }} aria-hidden />
                          ) : null}
                        </td>
                        <td className={t.nowrap}>
                          <Time value={x.oldest} form="short" />
                        </td>
                        <td className={t.nowrap}>
                          <Time value={x.newest} form="short" />
                        </td>
                        <td className={t.nowrap}>
                          <Time value={x.lastIngest} />
                        </td>
                        <td className={t.nowrap}>
                          {retentionWords(x)}{' '}
                          <span className={t.quiet}>{x.retentionFrom === 'table' ? 'set for this table' : 'by default'}</span>
                        </td>
                        <td>
                          {mayManage ? (
                            <Menu>
                              <MenuTrigger disableButtonEnhancement>
                                <Button
                                  size="small"
                                  appearance="subtle"
                                  icon={<MoreHorizontalRegular />}
                                  aria-label={`Actions for ${x.table}`}
                                />
                              </MenuTrigger>
                              <MenuPopover>
                                <MenuList>
                                  <MenuItem onClick={() => setRetaining(x)}>Set how long it is kept</MenuItem>
                                  {x.retentionFrom === 'table' ? (
                                    <MenuItem onClick={() => void byDefault(x)}>Keep by default again</MenuItem>
                                  ) : null}
                                  <MenuItem disabled={x.rows === 0} onClick={() => setExporting([x.table])}>
                                    Export to Parquet
                                  </MenuItem>
                                  {x.kind === 'custom' ? <MenuItem onClick={() => setDropping(x)}>Delete the table</MenuItem> : null}
                                </MenuList>
                              </MenuPopover>
                            </Menu>
                          ) : null}
                        </td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
            )}
          </Section>
        </div>
      ) : null}
      {retaining ? <RetentionDialog table={retaining} onClose={() => setRetaining(undefined)} onDone={() => void reload()} /> : null}
      {exporting ? <ExportDialog tables={exporting} onClose={() => setExporting(undefined)} /> : null}
      {dropping ? (
        <Confirm
          title={`Delete ${dropping.table}?`}
          action="Delete"
          onClose={() => setDropping(undefined)}
          onDone={async () => {
            await lake.dropCustom(dropping.table);
            notify({ title: `Deleted ${dropping.table}` });
            await reload();
          }}
        >
          {count(dropping.rows, 'row goes', 'rows go')} with it, and queries that name it fail. It comes back, empty, with the next record
          that needs it. This cannot be undone; export it first to keep it.
        </Confirm>
      ) : null}
    </Page>
  );
}
