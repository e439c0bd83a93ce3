import { useState } from 'react';
import { Badge, Button, makeStyles, Switch, Tab, TabList, tokens } from '@fluentui/react-components';
import { AddRegular, DocumentTextLinkRegular, TableRegular } from '@fluentui/react-icons';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { lake, type CustomTable } from '../api/lake';
import { mappings, type Mapping } from '../api/mappings';
import { useNotify } from '../app/notify';
import { useMay } from '../app/session';
import { text, type Search } from '../app/url';
import { Confirm } from '../design/dialog/Confirm';
import { Page } from '../design/Page';
import { asSentence, Empty, Failure, Lines } from '../design/states';
import { Time } from '../design/Time';
import { useLinkStyles } from '../design/useLinkStyles';
import { useTableStyles } from '../design/useTableStyles';
import { count } from '../design/words';
import { origins } from './mapping';

const useStyles = makeStyles({
  tabs: { borderBottom: `1px solid ${tokens.colorNeutralStroke2}`, marginBottom: tokens.spacingVerticalL, overflowX: 'auto' },
  columns: { margin: 0, padding: 0, listStyleType: 'none', display: 'flex', flexWrap: 'wrap', gap: `2px ${tokens.spacingHorizontalL}` },
  about: { maxWidth: '460px' },
});

// MappingsPage lists what turns records of a product into rows, and the tables of the tenant's own that they fill.
export function MappingsPage() {
  const s = useStyles();
  const search: Search = useSearch({ strict: false });
  const navigate = useNavigate();
  const mayManage = useMay('settings.core.manage');
  const tab = text(search.tab) === 'tables' ? 'tables' : 'mappings';
  return (
    <Page
      title="Mappings"
      crumbs={[{ label: 'System' }]}
      commands={
        mayManage ? (
          <Button size="small" appearance="primary" icon={<AddRegular />} onClick={() => void navigate({ to: '/mappings/edit' })}>
            New mapping
          </Button>
        ) : undefined
      }
    >
      <div className={s.tabs}>
        <TabList
          size="small"
          selectedValue={tab}
          onTabSelect={(_, d) => void navigate({ to: '.', search: { tab: d.value === 'tables' ? 'tables' : undefined } as never })}
        >
          <Tab value="mappings">Mappings</Tab>
          <Tab value="tables">Custom tables</Tab>
        </TabList>
      </div>
      {tab === 'mappings' ? <List mayManage={mayManage} /> : <CustomTables mayManage={mayManage} />}
    </Page>
  );
}

function List({ mayManage }: { mayManage: boolean }) {
  const s = useStyles();
  const t = useTableStyles();
  const l = useLinkStyles();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const { notify, failed } = useNotify();
  const [removing, setRemoving] = useState<Mapping | undefined>();
  const list = useQuery({ queryKey: ['mappings', 'list'], queryFn: mappings.list });
  const reload = () => queries.invalidateQueries({ queryKey: ['mappings'] });
  const enable = async (m: Mapping, enabled: boolean, quiet = false) => {
    try {
      await mappings.update(m.name, { enabled });
      if (!quiet) notify({ title: `${m.name} is ${enabled ? 'on' : 'off'}`, undo: () => enable(m, !enabled, true) });
    } catch (err) {
      failed(`Could not change ${m.name}`, err);
    }
    await reload();
  };
  if (list.isPending) return <Lines count={6} />;
  if (list.error) return <Failure what="the mappings" error={list.error} retry={() => void list.refetch()} />;
  if (list.data.value.length === 0)
    return (
      <Empty
        icon={<DocumentTextLinkRegular />}
        title="No mapping yet"
        actions={
          mayManage ? (
            <Button appearance="primary" onClick={() => void navigate({ to: '/mappings/edit' })}>
              New mapping
            </Button>
          ) : undefined
        }
      >
        A mapping says in a few lines what the records of a product become. Records that no mapping and no family knows are kept in tables
        of their own all the same.
      </Empty>
    );
  return (
    <div className={t.wrap}>
      <table className={t.table} aria-label="Mappings">
        <thead>
          <tr>
            <th>Name</th>
            <th>About</th>
            <th>Table</th>
            <th>Origin</th>
            <th>State</th>
            <th>Changed</th>
            {mayManage ? <th aria-label="Actions" /> : null}
          </tr>
        </thead>
        <tbody>
          {list.data.value.map((m) => {
            const own = m.origin === 'user';
            return (
              <tr key={m.name}>
                <td className={t.nowrap}>
                  <Link to="/mappings/edit" search={{ name: m.name } as never} className={l.link}>
                    {m.name}
                  </Link>
                </td>
                <td className={s.about}>
                  {m.description || '–'}
                  {m.issue ? <div className={t.bad}>It does not run: {asSentence(m.issue)}</div> : null}
                </td>
                <td>{m.table || '–'}</td>
                <td>{origins[m.origin]}</td>
                <td>
                  {mayManage ? (
                    <Switch
                      aria-label={`${m.name} takes records`}
                      label={m.enabled ? 'On' : 'Off'}
                      checked={m.enabled}
                      onChange={(_, d) => void enable(m, d.checked)}
                    />
                  ) : m.enabled ? (
                    'On'
                  ) : (
                    'Off'
                  )}
                </td>
                <td className={t.nowrap}>
                  <Time value={m.changed} />
                  {m.changedBy ? ` by ${m.changedBy}` : ''}
                </td>
                {mayManage ? (
                  <td>
                    {own ? (
                      <Button size="small" appearance="subtle" aria-label={`Delete ${m.name}`} onClick={() => setRemoving(m)}>
                        Delete
                      </Button>
                    ) : null}
                  </td>
                ) : null}
              </tr>
            );
          })}
        </tbody>
      </table>
      {removing ? (
        <Confirm
          title={`Delete ${removing.name}?`}
          action="Delete"
          onClose={() => setRemoving(undefined)}
          onDone={async () => {
            const gone = removing;
            await mappings.remove(gone.name);
            notify({
              title: `Deleted ${gone.name}`,
              undo: async () => {
                await mappings.create({ name: gone.name, text: gone.text, enabled: gone.enabled });
                await reload();
              },
            });
            await reload();
          }}
        >
          Records that it took go to a table of their kind from now on. The rows that it made stay.
        </Confirm>
      ) : null}
    </div>
  );
}

function CustomTables({ mayManage }: { mayManage: boolean }) {
  const s = useStyles();
  const t = useTableStyles();
  const l = useLinkStyles();
  const queries = useQueryClient();
  const { notify } = useNotify();
  const [removing, setRemoving] = useState<CustomTable | undefined>();
  const list = useQuery({ queryKey: ['lake', 'custom'], queryFn: lake.customTables });
  if (list.isPending) return <Lines count={6} />;
  if (list.error) return <Failure what="the custom tables" error={list.error} retry={() => void list.refetch()} />;
  if (list.data.value.length === 0)
    return (
      <Empty icon={<TableRegular />} title="No custom table yet">
        One is made by the first record that no hunting table fits, or by a mapping that names it. Its name ends with _CL.
      </Empty>
    );
  return (
    <div className={t.wrap}>
      <table className={t.table} aria-label="Custom tables">
        <thead>
          <tr>
            <th>Table</th>
            <th>Filled by</th>
            <th className={t.number}>Rows</th>
            <th>Columns</th>
            <th>Made</th>
            {mayManage ? <th aria-label="Actions" /> : null}
          </tr>
        </thead>
        <tbody>
          {list.data.value.map((x) => {
            const conflicts = x.columns.reduce((sum, c) => sum + c.conflicts, 0);
            return (
              <tr key={x.name}>
                <td>
                  <Link
                    to="/hunting"
                    search={{ query: `${x.name}\n| take 100`, runQuery: 'true' } as never}
                    className={l.link}
                    title="Hunt in it"
                  >
                    {x.name}
                  </Link>
                </td>
                <td>{x.source}</td>
                <td className={t.number}>{x.rows.toLocaleString()}</td>
                <td>
                  <details>
                    <summary>
                      {count(x.columns.length, 'column', 'columns')}
                      {x.full ? ', as many as it may have' : ''}{' '}
                      {conflicts > 0 ? (
                        <Badge
                          appearance="tint"
                          color="warning"
                          title="Fields that came with values of another type; those have a column of their own."
                        >
                          {count(conflicts, 'conflict', 'conflicts')}
                        </Badge>
                      ) : null}
                    </summary>
                    <ul className={s.columns}>
                      {x.columns.map((c) => (
                        <li key={c.name}>
                          {c.name} <span className={t.quiet}>{c.type}</span>
                          {c.conflicts > 0 ? <span className={t.quiet}>, {count(c.conflicts, 'conflict', 'conflicts')}</span> : null}
                        </li>
                      ))}
                    </ul>
                  </details>
                </td>
                <td className={t.nowrap}>
                  <Time value={x.created} />
                </td>
                {mayManage ? (
                  <td>
                    <Button size="small" appearance="subtle" aria-label={`Delete ${x.name}`} onClick={() => setRemoving(x)}>
                      Delete
                    </Button>
                  </td>
                ) : null}
              </tr>
            );
          })}
        </tbody>
      </table>
      {removing ? (
        <Confirm
          title={`Delete ${removing.name}?`}
          action="Delete"
          onClose={() => setRemoving(undefined)}
          onDone={async () => {
            await lake.dropCustom(removing.name);
            notify({ title: `Deleted ${removing.name}` });
            await queries.invalidateQueries({ queryKey: ['lake'] });
          }}
        >
          {count(removing.rows, 'row goes', 'rows go')} with it, and queries that name it fail. It comes back, empty, with the next record
          that needs it. This cannot be undone; export it first to keep it.
        </Confirm>
      ) : null}
    </div>
  );
}
