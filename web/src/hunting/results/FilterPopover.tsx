import { useEffect, useMemo, useState } from 'react';
import {
  Button,
  Checkbox,
  Dropdown,
  Field,
  Input,
  makeStyles,
  Option,
  Popover,
  PopoverSurface,
  SearchBox,
  Spinner,
  tokens,
  type PositioningVirtualElement,
} from '@fluentui/react-components';
import { distinct, type Counted, type Filter, type Table, type TextTest } from './arrange';
import { isNumeric, timeKey } from './cells';

const useStyles = makeStyles({
  surface: {
    width: '340px',
    maxWidth: '92vw',
    boxSizing: 'border-box',
    padding: tokens.spacingHorizontalM,
    display: 'flex',
    flexDirection: 'column',
    gap: tokens.spacingVerticalS,
  },
  title: { margin: 0, fontSize: tokens.fontSizeBase300, fontWeight: tokens.fontWeightSemibold, overflowWrap: 'anywhere' },
  list: { maxHeight: '260px', overflowY: 'auto', margin: 0, padding: 0, listStyleType: 'none' },
  option: { display: 'grid', gridTemplateColumns: 'minmax(0, 1fr) max-content', alignItems: 'start' },
  label: { minWidth: 0, overflowWrap: 'anywhere' },
  count: {
    color: tokens.colorNeutralForeground3,
    fontSize: tokens.fontSizeBase200,
    padding: '8px 4px 0 8px',
    fontVariantNumeric: 'tabular-nums',
  },
  note: { color: tokens.colorNeutralForeground3, fontSize: tokens.fontSizeBase200 },
  foot: { display: 'flex', gap: tokens.spacingHorizontalS },
  full: { maxWidth: 'none', width: '100%' },
  range: { display: 'grid', gridTemplateColumns: '1fr 1fr', gap: tokens.spacingHorizontalS },
});

type Mode = 'in' | 'out' | TextTest | 'range';

const words: Record<Mode, string> = {
  in: 'Is one of',
  out: 'Is none of',
  contains: 'Contains',
  notcontains: 'Does not contain',
  equals: 'Is',
  startswith: 'Starts with',
  endswith: 'Ends with',
  range: 'Lies between',
};

function modeOf(filter: Filter | undefined): Mode {
  if (!filter) return 'in';
  if (filter.kind === 'text') return filter.test;
  if (filter.kind === 'range') return 'range';
  return filter.not ? 'out' : 'in';
}

const shownValues = 200;

// localTime writes a time for a field of kind datetime-local, in UTC.
const localTime = (ms: number | undefined) => (ms === undefined ? '' : new Date(ms).toISOString().slice(0, 19));

// FilterPopover asks for a test on a column: some of its values with their counts, a text, or a range. It acts on the result only.
export function FilterPopover({
  table,
  received,
  column,
  filter,
  target,
  onFilter,
  onClose,
}: {
  table: Table;
  received: number;
  column: number;
  filter: Filter | undefined;
  target: PositioningVirtualElement;
  onFilter: (filter: Filter | undefined) => void;
  onClose: () => void;
}) {
  const s = useStyles();
  const { name = '', type = 'string' } = table.schema[column] ?? {};
  const ranged = isNumeric(type) || type === 'datetime';
  const [mode, setMode] = useState<Mode>(modeOf(filter));
  const [values, setValues] = useState<ReadonlySet<string>>(new Set(filter?.kind === 'values' ? filter.values : []));
  const [text, setText] = useState(filter?.kind === 'text' ? filter.text : '');
  const [from, setFrom] = useState(
    filter?.kind === 'range' ? (type === 'datetime' ? localTime(filter.from) : String(filter.from ?? '')) : '',
  );
  const [to, setTo] = useState(filter?.kind === 'range' ? (type === 'datetime' ? localTime(filter.to) : String(filter.to ?? '')) : '');
  const [find, setFind] = useState('');
  const [counted, setCounted] = useState<{ values: Counted[]; total: number } | undefined>();
  useEffect(() => {
    const stop = new AbortController();
    distinct(table, column, 20_000, stop.signal).then(setCounted, () => undefined);
    return () => stop.abort();
  }, [table, column, received]);
  const wanted = find.trim().toLowerCase();
  const matching = useMemo(
    () => (counted?.values ?? []).filter((v) => wanted === '' || v.value.toLowerCase().includes(wanted)),
    [counted, wanted],
  );
  const number = (t: string): number | undefined => {
    if (t.trim() === '') return undefined;
    const n = type === 'datetime' ? timeKey(`${t}Z`) : Number(t);
    return Number.isNaN(n) ? undefined : n;
  };
  const apply = () => {
    if (mode === 'in' || mode === 'out')
      onFilter(values.size === 0 ? undefined : { column, kind: 'values', values: [...values], ...(mode === 'out' ? { not: true } : {}) });
    else if (mode === 'range') {
      const [a, b] = [number(from), number(to)];
      onFilter(
        a === undefined && b === undefined
          ? undefined
          : { column, kind: 'range', ...(a === undefined ? {} : { from: a }), ...(b === undefined ? {} : { to: b }) },
      );
    } else onFilter(text === '' ? undefined : { column, kind: 'text', test: mode, text });
    onClose();
  };
  const modes: Mode[] = ranged ? ['in', 'out', 'range'] : ['in', 'out', 'contains', 'notcontains', 'equals', 'startswith', 'endswith'];
  return (
    <Popover
      open
      onOpenChange={(_, d) => !d.open && onClose()}
      trapFocus
      positioning={{ target, position: 'below', align: 'start', fallbackPositions: ['above'] }}
    >
      <PopoverSurface className={s.surface} aria-label={`Filter ${name}`}>
        <h3 className={s.title}>{name}</h3>
        <Dropdown
          size="small"
          className={s.full}
          style={{ minWidth: 0 }}
          aria-label="Test"
          value={words[mode]}
          selectedOptions={[mode]}
          onOptionSelect={(_, d) => setMode((d.optionValue ?? 'in') as Mode)}
          inlinePopup
        >
          {modes.map((m) => (
            <Option key={m} value={m}>
              {words[m]}
            </Option>
          ))}
        </Dropdown>
        {mode === 'in' || mode === 'out' ? (
          <>
            <SearchBox size="small" className={s.full} placeholder="Find a value" value={find} onChange={(_, d) => setFind(d.value)} />
            {counted === undefined ? (
              <Spinner size="tiny" label="Counting" />
            ) : (
              <ul className={s.list} aria-label="Values" tabIndex={-1}>
                {matching.slice(0, shownValues).map((v) => (
                  <li key={v.value} className={s.option}>
                    <Checkbox
                      className={s.label}
                      label={v.value === '' ? '(empty)' : v.value.length > 200 ? `${v.value.slice(0, 200)}…` : v.value}
                      checked={values.has(v.value)}
                      onChange={(_, d) => {
                        const next = new Set(values);
                        if (d.checked) next.add(v.value);
                        else next.delete(v.value);
                        setValues(next);
                      }}
                    />
                    <span className={s.count}>{v.count.toLocaleString()}</span>
                  </li>
                ))}
              </ul>
            )}
            {counted && matching.length > shownValues ? (
              <span className={s.note}>
                {shownValues} of {(wanted === '' ? counted.total : matching.length).toLocaleString()} values. Search to see others.
              </span>
            ) : null}
            {counted && matching.length === 0 ? <span className={s.note}>No value is like this.</span> : null}
          </>
        ) : mode === 'range' ? (
          <div className={s.range}>
            <Field label={type === 'datetime' ? 'From (UTC)' : 'From'} size="small">
              <Input
                size="small"
                style={{ minWidth: 0 }}
                type={type === 'datetime' ? 'datetime-local' : 'number'}
                step={1}
                value={from}
                onChange={(_, d) => setFrom(d.value)}
              />
            </Field>
            <Field label={type === 'datetime' ? 'To (UTC)' : 'To'} size="small">
              <Input
                size="small"
                style={{ minWidth: 0 }}
                type={type === 'datetime' ? 'datetime-local' : 'number'}
                step={1}
                value={to}
                onChange={(_, d) => setTo(d.value)}
              />
            </Field>
          </div>
        ) : (
          <Input
            size="small"
            className={s.full}
            aria-label="Text"
            value={text}
            onChange={(_, d) => setText(d.value)}
            onKeyDown={(event) => {
              if (event.key === 'Enter') apply();
            }}
          />
        )}
        <div className={s.foot}>
          <Button size="small" appearance="primary" onClick={apply}>
            Apply
          </Button>
          <Button
            size="small"
            onClick={() => {
              onFilter(undefined);
              onClose();
            }}
          >
            Clear
          </Button>
        </div>
      </PopoverSurface>
    </Popover>
  );
}
