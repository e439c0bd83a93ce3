import { Menu, MenuDivider, MenuGroup, MenuGroupHeader, MenuItem, MenuList, MenuPopover } from '@fluentui/react-components';
import { useNavigate } from '@tanstack/react-router';
import type { Cell } from '../../api/types';
import type { Filter, Order } from './arrange';
import { cellText, isEmpty } from './cells';
import { condition, extend, include, testsOf, testWords, type Test } from './condition';
import type { CellPlace } from './Grid';
import { moved, withHidden, withPinned, type Layout } from './layout';
import type { Result } from './outcome';
import { entityKind, goHunt, kindWords, pageOf, relatedEvents, timeOf } from './pivot';

const target = (at: DOMRect) => ({ getBoundingClientRect: () => at });

// recordOf is a row by the names of its columns.
export function recordOf(table: Result, row: number): Map<string, Cell> {
  return new Map(table.schema.map((c, i) => [c.name, table.rows[row]?.[i] ?? null]));
}

// CellMenu is the menu of a value: into the query, filter the result, copy, look around.
export function CellMenu({
  place,
  table,
  selected,
  onClose,
  onAddToQuery,
  onOpen,
  onFilter,
  onInspect,
  onCopy,
  onFull,
}: {
  place: CellPlace;
  table: Result;
  selected: number;
  onClose: () => void;
  onAddToQuery: (line: string) => void;
  onOpen: (query: string, title?: string, run?: boolean) => void;
  onFilter: (filter: Filter) => void;
  onInspect: (row: number) => void;
  onCopy: (what: 'cell' | 'tsv' | 'json' | 'selection' | 'selectionJson', cell?: Cell) => void;
  onFull: (name: string, cell: Cell | undefined) => void;
}) {
  const navigate = useNavigate();
  const column = table.schema[place.column] ?? { name: '', type: 'string' };
  const { path, value } = place;
  const text = cellText(value);
  const record = recordOf(table, place.row);
  const kind = isEmpty(value) || path ? undefined : entityKind(column.name);
  const hunt = kind ? goHunt(column.name, text, timeOf(record)) : undefined;
  const related = relatedEvents(record);
  const tests: readonly Test[] = path ? [] : testsOf(column.type, value);
  return (
    <Menu open onOpenChange={(_, d) => !d.open && onClose()} positioning={{ target: target(place.at), position: 'below', align: 'start' }}>
      <MenuPopover>
        <MenuList aria-label={`${column.name}: ${text.slice(0, 60)}`}>
          <MenuGroup>
            <MenuGroupHeader>Add to query</MenuGroupHeader>
            {path ? (
              <>
                <MenuItem onClick={() => onAddToQuery(include(column, path, value, true))}>Include this value</MenuItem>
                <MenuItem onClick={() => onAddToQuery(include(column, path, value, false))}>Exclude this value</MenuItem>
                <MenuItem onClick={() => onAddToQuery(extend(column, path, value, new Set(table.schema.map((c) => c.name))))}>
                  Extend into a column
                </MenuItem>
              </>
            ) : (
              tests.map((t) => (
                <MenuItem key={t} onClick={() => onAddToQuery(condition(column, value, t))} secondaryContent={t}>
                  {testWords[t]}
                </MenuItem>
              ))
            )}
          </MenuGroup>
          <MenuDivider />
          {path ? null : (
            <>
              <MenuItem onClick={() => onFilter({ column: place.column, kind: 'values', values: [text] })}>Show only this value</MenuItem>
              <MenuItem onClick={() => onFilter({ column: place.column, kind: 'values', values: [text], not: true })}>
                Hide this value
              </MenuItem>
              <MenuDivider />
            </>
          )}
          <MenuItem onClick={() => onCopy('cell', value)} {...(path ? {} : { secondaryContent: 'Ctrl+C' })}>
            Copy value
          </MenuItem>
          {path ? null : (
            <>
              <MenuItem onClick={() => onCopy('tsv')} secondaryContent="Ctrl+Shift+C">
                Copy row
              </MenuItem>
              <MenuItem onClick={() => onCopy('json')}>Copy row as JSON</MenuItem>
              {selected > 0 ? (
                <>
                  <MenuItem onClick={() => onCopy('selection')}>Copy {selected.toLocaleString()} selected rows</MenuItem>
                  <MenuItem onClick={() => onCopy('selectionJson')}>Copy selected rows as JSON</MenuItem>
                </>
              ) : null}
              {text.length > 100 ? <MenuItem onClick={() => onFull(column.name, value)}>View whole value</MenuItem> : null}
            </>
          )}
          <MenuDivider />
          <MenuItem onClick={() => onInspect(place.row)} secondaryContent="Enter">
            Inspect record
          </MenuItem>
          {kind ? (
            <MenuItem
              onClick={() => {
                const page = pageOf(kind, text);
                void navigate({ to: page.to, search: page.search as never });
              }}
            >
              {kind === 'alert' ? 'Open the alert' : kind === 'incident' ? 'Open the incident' : `Incidents with this ${kindWords[kind]}`}
            </MenuItem>
          ) : null}
          {hunt && kind ? <MenuItem onClick={() => onOpen(hunt)}>Hunt for this {kindWords[kind]}</MenuItem> : null}
          {related ? <MenuItem onClick={() => onOpen(related, 'Related events', true)}>Hunt for related events</MenuItem> : null}
        </MenuList>
      </MenuPopover>
    </Menu>
  );
}

// ColumnMenu is the menu of a column's heading.
export function ColumnMenu({
  column,
  at,
  table,
  layout,
  shown,
  orders,
  group,
  onClose,
  onLayout,
  onOrders,
  onGroup,
  onFilter,
  onFit,
}: {
  column: number;
  at: DOMRect;
  table: Result;
  layout: Layout;
  // The columns that show, in their order.
  shown: readonly number[];
  orders: readonly Order[];
  group: number | undefined;
  onClose: () => void;
  onLayout: (layout: Layout) => void;
  onOrders: (orders: readonly Order[]) => void;
  onGroup: (column: number | undefined) => void;
  onFilter: () => void;
  onFit: () => void;
}) {
  const { name = '' } = table.schema[column] ?? {};
  const pinned = layout.pinned.has(column);
  const here = shown.indexOf(column);
  const sort = (descending: boolean, more: boolean) =>
    onOrders([...(more ? orders.filter((o) => o.column !== column) : []), { column, descending }]);
  return (
    <Menu open onOpenChange={(_, d) => !d.open && onClose()} positioning={{ target: target(at), position: 'below', align: 'start' }}>
      <MenuPopover>
        <MenuList aria-label={`Column ${name}`}>
          <MenuItem onClick={() => sort(false, false)}>Sort ascending</MenuItem>
          <MenuItem onClick={() => sort(true, false)}>Sort descending</MenuItem>
          {orders.length > 0 && !orders.some((o) => o.column === column) ? (
            <MenuItem onClick={() => sort(false, true)}>Sort within the present order</MenuItem>
          ) : null}
          {orders.some((o) => o.column === column) ? (
            <MenuItem onClick={() => onOrders(orders.filter((o) => o.column !== column))}>Do not sort by it</MenuItem>
          ) : null}
          <MenuDivider />
          <MenuItem onClick={onFilter}>Filter…</MenuItem>
          <MenuItem onClick={() => onGroup(group === column ? undefined : column)}>
            {group === column ? 'Do not group' : 'Group by it'}
          </MenuItem>
          <MenuDivider />
          <MenuItem onClick={() => onLayout(withPinned(layout, column, !pinned))}>{pinned ? 'Unpin' : 'Pin to the left'}</MenuItem>
          <MenuItem disabled={here <= 0} onClick={() => onLayout(moved(layout, column, shown[here - 1]))}>
            Move left
          </MenuItem>
          <MenuItem disabled={here < 0 || here >= shown.length - 1} onClick={() => onLayout(moved(layout, column, shown[here + 2]))}>
            Move right
          </MenuItem>
          <MenuItem onClick={onFit}>Fit to content</MenuItem>
          <MenuItem onClick={() => onLayout(withHidden(layout, column, true))}>Hide</MenuItem>
        </MenuList>
      </MenuPopover>
    </Menu>
  );
}
