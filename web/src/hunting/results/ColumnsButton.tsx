import { useState } from 'react';
import {
  Button,
  Checkbox,
  makeStyles,
  Popover,
  PopoverSurface,
  PopoverTrigger,
  SearchBox,
  Switch,
  tokens,
} from '@fluentui/react-components';
import { ArrowDown16Regular, ArrowUp16Regular, ColumnTripleRegular, Pin16Filled, Pin16Regular } from '@fluentui/react-icons';
import { moved, plain, withHidden, withPinned, type Layout } from './layout';

const useStyles = makeStyles({
  surface: {
    width: '340px',
    maxWidth: '92vw',
    boxSizing: 'border-box',
    padding: tokens.spacingHorizontalM,
    display: 'flex',
    flexDirection: 'column',
    gap: tokens.spacingVerticalXS,
  },
  list: { maxHeight: '50vh', overflowY: 'auto', margin: 0, padding: 0, listStyleType: 'none' },
  row: { display: 'flex', alignItems: 'center' },
  name: { flexGrow: 1, minWidth: 0, overflowWrap: 'anywhere' },
  small: { minWidth: '28px', width: '28px' },
  foot: { display: 'flex', gap: tokens.spacingHorizontalS },
});

// ColumnsButton shows, hides, pins and orders the columns of the result.
export function ColumnsButton({
  schema,
  layout,
  onLayout,
  empty,
  showEmpty,
  onShowEmpty,
  word,
}: {
  schema: readonly { name: string; type: string }[];
  layout: Layout;
  onLayout: (layout: Layout) => void;
  empty: ReadonlySet<number>;
  showEmpty: boolean;
  onShowEmpty: (on: boolean) => void;
  word: string;
}) {
  const s = useStyles();
  const [find, setFind] = useState('');
  const wanted = find.trim().toLowerCase();
  const all = schema.map((_, i) => i);
  return (
    <Popover trapFocus>
      <PopoverTrigger disableButtonEnhancement>
        <Button size="small" appearance="subtle" icon={<ColumnTripleRegular />} aria-label="Columns" title="Customize columns">
          <span className={word}>Columns</span>
        </Button>
      </PopoverTrigger>
      <PopoverSurface className={s.surface} aria-label="Columns">
        <SearchBox
          size="small"
          style={{ maxWidth: 'none' }}
          placeholder="Find a column"
          value={find}
          onChange={(_, d) => setFind(d.value)}
        />
        <Switch label={`Show empty columns (${empty.size})`} checked={showEmpty} onChange={(_, d) => onShowEmpty(d.checked)} />
        <ul className={s.list} aria-label="Columns of the result" tabIndex={-1}>
          {layout.order.map((column, i) => {
            const name = schema[column]?.name ?? '';
            if (wanted !== '' && !name.toLowerCase().includes(wanted)) return null;
            const pinned = layout.pinned.has(column);
            return (
              <li key={column} className={s.row}>
                <Checkbox
                  className={s.name}
                  label={empty.has(column) ? `${name} (empty)` : name}
                  checked={!layout.hidden.has(column)}
                  onChange={(_, d) => onLayout(withHidden(layout, column, d.checked !== true))}
                />
                <Button
                  className={s.small}
                  size="small"
                  appearance="subtle"
                  icon={pinned ? <Pin16Filled /> : <Pin16Regular />}
                  aria-label={`${pinned ? 'Unpin' : 'Pin'} ${name}`}
                  aria-pressed={pinned}
                  onClick={() => onLayout(withPinned(layout, column, !pinned))}
                />
                <Button
                  className={s.small}
                  size="small"
                  appearance="subtle"
                  icon={<ArrowUp16Regular />}
                  aria-label={`Move ${name} up`}
                  disabled={i === 0}
                  onClick={() => onLayout(moved(layout, column, layout.order[i - 1]))}
                />
                <Button
                  className={s.small}
                  size="small"
                  appearance="subtle"
                  icon={<ArrowDown16Regular />}
                  aria-label={`Move ${name} down`}
                  disabled={i === layout.order.length - 1}
                  onClick={() => onLayout(moved(layout, column, layout.order[i + 2]))}
                />
              </li>
            );
          })}
        </ul>
        <div className={s.foot}>
          <Button size="small" onClick={() => onLayout({ ...layout, hidden: new Set() })}>
            Show all
          </Button>
          <Button size="small" onClick={() => onLayout({ ...layout, hidden: new Set(all) })}>
            Hide all
          </Button>
          <Button size="small" onClick={() => onLayout(plain(schema.length))}>
            Reset
          </Button>
        </div>
      </PopoverSurface>
    </Popover>
  );
}
