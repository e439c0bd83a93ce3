import { Button, Checkbox, makeStyles, Popover, PopoverSurface, PopoverTrigger, Switch, tokens } from '@fluentui/react-components';
import { ArrowDown16Regular, ArrowUp16Regular, ColumnTripleRegular } from '@fluentui/react-icons';
import { defaultLayout, move, type GridColumn, type Layout } from './columns';

const useStyles = makeStyles({
  surface: { maxHeight: '70vh', overflowY: 'auto', minWidth: '280px', padding: tokens.spacingHorizontalM },
  row: { display: 'flex', alignItems: 'center' },
  grow: { flexGrow: 1 },
  small: { minWidth: '28px', width: '28px' },
});

export interface ColumnChooserProps<T> {
  columns: readonly GridColumn<T>[];
  layout: Layout;
  onLayout: (layout: Layout) => void;
  comfortable: boolean;
  onComfortable: (on: boolean) => void;
}

// ColumnChooser shows, hides and orders the columns of a list and sets the height of its rows.
export function ColumnChooser<T>({ columns, layout, onLayout, comfortable, onComfortable }: ColumnChooserProps<T>) {
  const s = useStyles();
  const byId = new Map(columns.map((c) => [c.id, c]));
  return (
    <Popover trapFocus>
      <PopoverTrigger disableButtonEnhancement>
        <Button size="small" appearance="subtle" icon={<ColumnTripleRegular />}>
          View
        </Button>
      </PopoverTrigger>
      <PopoverSurface className={s.surface} aria-label="Columns and row height">
        <Switch label="Taller rows" checked={comfortable} onChange={(_, data) => onComfortable(data.checked)} />
        {layout.order.map((id, i) => {
          const column = byId.get(id);
          if (!column) return null;
          return (
            <div key={id} className={s.row}>
              <Checkbox
                label={column.header}
                checked={!layout.hidden.includes(id)}
                disabled={i === 0 && !layout.hidden.includes(id)}
                onChange={(_, data) =>
                  onLayout({ ...layout, hidden: data.checked ? layout.hidden.filter((h) => h !== id) : [...layout.hidden, id] })
                }
              />
              <span className={s.grow} />
              <Button
                className={s.small}
                size="small"
                appearance="subtle"
                icon={<ArrowUp16Regular />}
                aria-label={`Move ${column.header} up`}
                disabled={i === 0}
                onClick={() => onLayout(move(layout, id, layout.order[i - 1]))}
              />
              <Button
                className={s.small}
                size="small"
                appearance="subtle"
                icon={<ArrowDown16Regular />}
                aria-label={`Move ${column.header} down`}
                disabled={i === layout.order.length - 1}
                onClick={() => onLayout(move(layout, id, layout.order[i + 2]))}
              />
            </div>
          );
        })}
        <Button size="small" onClick={() => onLayout(defaultLayout(columns))}>
          Reset columns
        </Button>
      </PopoverSurface>
    </Popover>
  );
}
