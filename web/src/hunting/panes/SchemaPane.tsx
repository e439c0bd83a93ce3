import { useMemo, useState } from 'react';
import { MenuItem, SearchBox } from '@fluentui/react-components';
import {
  BookInformationRegular,
  OpenRegular,
  PlayRegular,
  StarOffRegular,
  StarRegular,
  TableRegular,
  TextAddRegular,
} from '@fluentui/react-icons';
import type { TableInfo } from '../../api/hunting';
import { Empty, Failure, Lines } from '../../design/states';
import { toggled } from '../folders';
import { columnName } from '../kqltext';
import { Tree, type TreeLine } from '../Tree';
import type { Favourites } from '../useFavourites';
import type { PaneActions } from './actions';
import { TableReference } from './TableReference';
import { usePaneStyles } from './usePaneStyles';

const compact = new Intl.NumberFormat(undefined, { notation: 'compact' });

function tableLine(t: TableInfo, depth: number, open: boolean, starred: boolean, prefix = 'table'): TreeLine {
  const rows = t.rows ?? 0;
  return {
    id: `${prefix}:${t.name}`,
    depth,
    label: t.name,
    open,
    icon: <TableRegular aria-hidden />,
    title: `${t.summary ? `${t.summary}. ` : ''}${rows.toLocaleString()} rows. Double-click inserts the name.`,
    starred,
    ...(rows > 0 ? { note: compact.format(rows) } : {}),
  };
}

// The order of the groups; those it does not name come last.
const groups = [
  'Alerts & behaviors',
  'Apps & identities',
  'Email & collaboration',
  'Devices',
  'Vulnerability management',
  'Cloud infrastructure',
  'Exposure management',
  'Data security',
  'AI agents',
];

const placeOf = (group: string) => (groups.includes(group) ? groups.indexOf(group) : groups.length);

// schemaLines lists what the tree shows: favourites, groups, tables, and the columns of open tables. A search opens the tables whose columns match.
export function schemaLines(
  tables: readonly TableInfo[],
  opened: ReadonlySet<string>,
  find: string,
  favourites: ReadonlySet<string> = new Set(),
): TreeLine[] {
  const wanted = find.trim().toLowerCase();
  const sorted = [...tables].sort((a, b) => (a.name < b.name ? -1 : 1));
  const lines = (t: TableInfo, prefix: string): TreeLine[] => {
    const named = wanted === '' || t.name.toLowerCase().includes(wanted);
    const columns = named ? t.columns : t.columns.filter((c) => c.name.toLowerCase().includes(wanted));
    if (!named && columns.length === 0) return [];
    const open = opened.has(`${prefix}:${t.name}`) || (wanted.length >= 2 && !named);
    const out = [tableLine(t, 1, open, favourites.has(t.name), prefix)];
    if (open)
      for (const c of columns)
        out.push({
          id: `column:${prefix}:${t.name}.${c.name}`,
          depth: 2,
          label: c.name,
          look: 'small',
          note: c.type,
          title: `${t.name}.${c.name}, ${c.type}${c.summary ? `: ${c.summary}` : ''}. Enter or double-click inserts it.`,
        });
    return out;
  };
  const out: TreeLine[] = [];
  const starred = sorted.filter((t) => favourites.has(t.name)).flatMap((t) => lines(t, 'favourite'));
  const section = (id: string, label: string, inside: TreeLine[]) => {
    if (inside.length === 0) return;
    const open = wanted !== '' || !opened.has(`closed:${id}`);
    out.push({ id: `group:${id}`, depth: 0, label, look: 'head', open });
    if (open) out.push(...inside);
  };
  section('favourites', 'Favourites', starred);
  for (const group of [...new Set(tables.map((t) => t.group || t.workload))].sort((a, b) => placeOf(a) - placeOf(b)))
    section(
      group,
      group,
      sorted.filter((t) => (t.group || t.workload) === group).flatMap((t) => lines(t, 'table')),
    );
  return out;
}

const tableOf = (line: TreeLine) => (/^(?:table|favourite):/.test(line.id) ? line.label : undefined);

// SchemaPane is the tree of hunting tables. A double click inserts a name into the query; the reference tells about a table.
export function SchemaPane({
  tables,
  pending,
  error,
  retry,
  favourites,
  actions,
}: {
  tables: readonly TableInfo[];
  pending: boolean;
  error: unknown;
  retry: () => void;
  favourites: Favourites;
  actions: PaneActions;
}) {
  const s = usePaneStyles();
  const [find, setFind] = useState('');
  const [opened, setOpened] = useState<ReadonlySet<string>>(new Set());
  const [reference, setReference] = useState('');
  const starred = favourites.of('table');
  const lines = useMemo(() => schemaLines(tables, opened, find, starred), [tables, opened, find, starred]);
  const shown = tables.find((t) => t.name === reference);
  if (pending) return <Lines count={14} />;
  if (error) return <Failure what="the schema" error={error} retry={retry} />;
  const preview = (t: string) => actions.open({ name: `${t} preview`, query: `${t}\n| take 5`, run: true });
  return (
    <div className={s.box}>
      <div className={s.top}>
        <SearchBox
          className={s.search}
          size="small"
          placeholder="Find a table or column"
          value={find}
          onChange={(_, d) => setFind(d.value)}
        />
      </div>
      {lines.length === 0 ? (
        <Empty title={find ? 'No table or column matches' : 'No tables'}>
          {find ? null : 'You may not see any table of this tenant. Ask an administrator for the permission to read security data.'}
        </Empty>
      ) : (
        <Tree
          label="Schema"
          lines={lines}
          onPick={(line) => {
            if (line.id.startsWith('group:')) setOpened((o) => toggled(o, `closed:${line.id.slice('group:'.length)}`));
            else if (line.open !== undefined) setOpened((o) => toggled(o, line.id));
          }}
          onInsert={(line) => {
            if (!line.id.startsWith('group:')) actions.insert(tableOf(line) ?? columnName(line.label));
          }}
          menu={(line) => {
            const table = tableOf(line);
            if (line.id.startsWith('column:'))
              return (
                <MenuItem icon={<TextAddRegular />} onClick={() => actions.insert(columnName(line.label))}>
                  Insert the name
                </MenuItem>
              );
            if (!table) return undefined;
            return (
              <>
                <MenuItem icon={<BookInformationRegular />} onClick={() => setReference(table)}>
                  View reference
                </MenuItem>
                <MenuItem icon={<PlayRegular />} onClick={() => preview(table)}>
                  Preview 5 rows
                </MenuItem>
                <MenuItem icon={<TextAddRegular />} onClick={() => actions.insert(table)}>
                  Insert the name
                </MenuItem>
                <MenuItem icon={<OpenRegular />} onClick={() => actions.open({ name: table, query: `${table}\n| take 100` })}>
                  Open in a new query
                </MenuItem>
                <MenuItem
                  icon={favourites.has('table', table) ? <StarOffRegular /> : <StarRegular />}
                  onClick={() => void favourites.toggle('table', table)}
                >
                  {favourites.has('table', table) ? 'Remove from favourites' : 'Add to favourites'}
                </MenuItem>
              </>
            );
          }}
        />
      )}
      {shown ? <TableReference table={shown} actions={actions} onClose={() => setReference('')} /> : null}
    </div>
  );
}
