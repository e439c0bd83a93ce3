import { useEffect, useRef, useState } from 'react';
import {
  Button,
  Checkbox,
  Field,
  Input,
  makeStyles,
  Menu,
  MenuItem,
  MenuList,
  MenuPopover,
  MenuTrigger,
  mergeClasses,
  Popover,
  PopoverSurface,
  PopoverTrigger,
  Radio,
  RadioGroup,
  SearchBox,
  tokens,
} from '@fluentui/react-components';
import { AddRegular, CalendarRegular, ChevronDown12Regular, Dismiss12Regular } from '@fluentui/react-icons';
import type { Facets } from '../../api/types';
import { text, texts, type Search } from '../../app/url';
import { useZone } from '../Time';
import { bounds, rangeLabel, rangePresets } from '../time';
import { active, cleared, filtered, optionsOf, rangeId, summary, wordOf, type Filter } from './filters';

const useStyles = makeStyles({
  bar: {
    display: 'flex',
    flexWrap: 'wrap',
    alignItems: 'center',
    gap: tokens.spacingHorizontalS,
    '@media (max-width: 639px)': { flexWrap: 'nowrap', overflowX: 'auto', paddingBottom: tokens.spacingVerticalXS },
  },
  chip: {
    display: 'inline-flex',
    alignItems: 'center',
    flexShrink: 0,
    height: '28px',
    borderRadius: tokens.borderRadiusCircular,
    border: `1px solid ${tokens.colorBrandStroke2}`,
    backgroundColor: tokens.colorBrandBackground2,
    color: tokens.colorBrandForeground2,
    overflow: 'hidden',
  },
  plain: {
    border: `1px solid ${tokens.colorNeutralStroke1}`,
    backgroundColor: tokens.colorNeutralBackground1,
    color: tokens.colorNeutralForeground1,
  },
  chipButton: {
    display: 'inline-flex',
    alignItems: 'center',
    gap: tokens.spacingHorizontalXS,
    height: '100%',
    maxWidth: '320px',
    whiteSpace: 'nowrap',
    overflow: 'hidden',
    textOverflow: 'ellipsis',
    border: 'none',
    backgroundColor: 'transparent',
    color: 'inherit',
    font: 'inherit',
    fontSize: tokens.fontSizeBase200,
    cursor: 'pointer',
    padding: `0 ${tokens.spacingHorizontalSNudge} 0 ${tokens.spacingHorizontalMNudge}`,
    ':hover': { backgroundColor: tokens.colorSubtleBackgroundHover },
    ':focus-visible': { outline: `2px solid ${tokens.colorStrokeFocus2}`, outlineOffset: '-2px' },
  },
  remove: { padding: `0 ${tokens.spacingHorizontalS} 0 ${tokens.spacingHorizontalXS}` },
  surface: { maxHeight: '60vh', overflowY: 'auto', minWidth: '240px', maxWidth: '360px', padding: tokens.spacingHorizontalM },
  options: { display: 'flex', flexDirection: 'column' },
  option: { display: 'flex', alignItems: 'center' },
  optionLabel: { flexGrow: 1, minWidth: 0 },
  count: {
    marginLeft: 'auto',
    paddingLeft: tokens.spacingHorizontalM,
    color: tokens.colorNeutralForeground3,
    fontVariantNumeric: 'tabular-nums',
    fontSize: tokens.fontSizeBase200,
  },
  search: { width: '240px', flexShrink: 0 },
  custom: { display: 'flex', flexDirection: 'column', gap: tokens.spacingVerticalS, marginTop: tokens.spacingVerticalS },
});

export interface FilterBarProps {
  filters: readonly Filter[];
  search: Search;
  facets: Facets | undefined;
  searchLabel: string;
  withRange?: boolean;
  onChange: (search: Search) => void;
  children?: React.ReactNode;
}

// FilterBar shows what narrows the list as removable chips, offers to add more, and holds the time range and the search in the list.
export function FilterBar({ filters, search, facets, searchLabel, withRange = true, onChange, children }: FilterBarProps) {
  const s = useStyles();
  const [opened, setOpened] = useState<string>('');
  const set = active(filters, search);
  const shown = filters.filter((f) => set.some((a) => a.filter.id === f.id) || f.id === opened);
  const addable = filters.filter((f) => !shown.includes(f));
  return (
    <div className={s.bar} role="group" aria-label="Filters">
      <ListSearch
        value={text(search.search) ?? ''}
        label={searchLabel}
        onChange={(value) => onChange({ ...search, search: value || undefined })}
      />
      {withRange ? <RangeChip value={text(search[rangeId])} onChange={(range) => onChange({ ...search, [rangeId]: range })} /> : null}
      {shown.map((filter) => (
        <FilterChip
          key={filter.id}
          filter={filter}
          values={texts(search[filter.id])}
          facets={facets}
          open={opened === filter.id}
          onOpen={(open) => setOpened(open ? filter.id : '')}
          onChange={(values) => onChange({ ...search, [filter.id]: values.length > 0 ? values : undefined })}
        />
      ))}
      {addable.length > 0 ? (
        <Menu>
          <MenuTrigger disableButtonEnhancement>
            <Button size="small" appearance="subtle" icon={<AddRegular />} style={{ flexShrink: 0 }}>
              Add filter
            </Button>
          </MenuTrigger>
          <MenuPopover>
            <MenuList>
              {addable.map((f) => (
                // The popover opens on the next turn, when the menu has given back the focus.
                <MenuItem key={f.id} onClick={() => setTimeout(() => setOpened(f.id), 50)}>
                  {f.label}
                </MenuItem>
              ))}
            </MenuList>
          </MenuPopover>
        </Menu>
      ) : null}
      {filtered(filters, search) ? (
        <Button size="small" appearance="subtle" onClick={() => onChange(cleared(filters, search))} style={{ flexShrink: 0 }}>
          Clear
        </Button>
      ) : null}
      {children}
    </div>
  );
}

function ListSearch({ value, label, onChange }: { value: string; label: string; onChange: (value: string) => void }) {
  const s = useStyles();
  const [typed, setTyped] = useState(value);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => setTyped(value), [value]);
  return (
    <SearchBox
      className={s.search}
      size="small"
      placeholder={label}
      aria-label={label}
      value={typed}
      onChange={(_, data) => {
        setTyped(data.value);
        clearTimeout(timer.current);
        timer.current = setTimeout(() => onChange(data.value.trim()), 250);
      }}
      onKeyDown={(event) => {
        if (event.key === 'Enter') {
          clearTimeout(timer.current);
          onChange(typed.trim());
        }
      }}
    />
  );
}

interface ChipProps {
  filter: Filter;
  values: string[];
  facets: Facets | undefined;
  open: boolean;
  onOpen: (open: boolean) => void;
  onChange: (values: string[]) => void;
}

function FilterChip({ filter, values, facets, open, onOpen, onChange }: ChipProps) {
  const s = useStyles();
  const [typed, setTyped] = useState('');
  const word = (v: string) => wordOf(filter, v);
  const name = values.length > 0 ? summary(filter, values) : filter.label;
  const options = optionsOf(filter, facets, values).filter(
    (o) => typed === '' || word(o.value).toLowerCase().includes(typed.toLowerCase()),
  );
  return (
    <span className={s.chip}>
      <Popover open={open} onOpenChange={(_, data) => onOpen(data.open)} trapFocus>
        <PopoverTrigger disableButtonEnhancement>
          <button type="button" className={s.chipButton} title={`${filter.label}: ${values.map((v) => word(v)).join(', ')}`}>
            {name}
            <ChevronDown12Regular aria-hidden />
          </button>
        </PopoverTrigger>
        <PopoverSurface className={s.surface} aria-label={`Filter by ${filter.label}`}>
          {filter.kind === 'free' ? (
            <form
              onSubmit={(event) => {
                event.preventDefault();
                const value = new FormData(event.currentTarget).get('value');
                onChange(typeof value === 'string' && value.trim() !== '' ? [value.trim()] : []);
                onOpen(false);
              }}
            >
              <Field label={filter.label}>
                <Input name="value" defaultValue={values[0] ?? ''} />
              </Field>
              <Button type="submit" size="small" style={{ marginTop: 8 }}>
                Apply
              </Button>
            </form>
          ) : filter.kind === 'one' ? (
            <RadioGroup aria-label={filter.label} value={values[0] ?? ''} onChange={(_, data) => onChange([data.value])}>
              {options.map((o) => (
                <Radio key={o.value} value={o.value} label={word(o.value)} />
              ))}
            </RadioGroup>
          ) : (
            <div className={s.options}>
              {options.length > 10 || typed !== '' ? (
                <Input
                  size="small"
                  placeholder={`Find in ${filter.label.toLowerCase()}`}
                  aria-label="Find"
                  value={typed}
                  onChange={(_, d) => setTyped(d.value)}
                />
              ) : null}
              {options.length === 0 ? <span className={s.count}>No values yet</span> : null}
              {options.slice(0, 200).map((o) => (
                <span key={o.value} className={s.option}>
                  <Checkbox
                    className={s.optionLabel}
                    label={word(o.value)}
                    checked={values.includes(o.value)}
                    onChange={(_, data) => onChange(data.checked ? [...values, o.value] : values.filter((v) => v !== o.value))}
                  />
                  {o.count === undefined ? null : <span className={s.count}>{o.count.toLocaleString()}</span>}
                </span>
              ))}
            </div>
          )}
        </PopoverSurface>
      </Popover>
      <button
        type="button"
        className={mergeClasses(s.chipButton, s.remove)}
        aria-label={`Remove filter ${filter.label}`}
        onClick={() => {
          onOpen(false);
          onChange([]);
        }}
      >
        <Dismiss12Regular />
      </button>
    </span>
  );
}

// localInput writes a time as a datetime-local field wants it, in the browser's zone.
function localInput(time: string | undefined): string {
  if (!time) return '';
  const d = new Date(time);
  return new Date(d.getTime() - d.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

// RangeChip chooses a time range: a preset, all time, or from and to.
export function RangeChip({
  value,
  onChange,
  allLabel = 'All time',
}: {
  value: string | undefined;
  onChange: (range: string | undefined) => void;
  allLabel?: string;
}) {
  const s = useStyles();
  const { zone } = useZone();
  const [open, setOpen] = useState(false);
  const b = bounds(value);
  const preset = rangePresets.some((p) => p.id === value);
  return (
    <span className={mergeClasses(s.chip, s.plain)}>
      <Popover open={open} onOpenChange={(_, data) => setOpen(data.open)} trapFocus>
        <PopoverTrigger disableButtonEnhancement>
          <button type="button" className={s.chipButton} aria-label={`Time range: ${value ? rangeLabel(value, zone) : allLabel}`}>
            <CalendarRegular aria-hidden /> {value ? rangeLabel(value, zone) : allLabel}
            <ChevronDown12Regular aria-hidden />
          </button>
        </PopoverTrigger>
        <PopoverSurface className={s.surface} aria-label="Time range">
          <RadioGroup
            aria-label="Time range"
            value={value === undefined ? 'all' : preset ? value : 'custom'}
            onChange={(_, data) => {
              if (data.value === 'custom') return;
              onChange(data.value === 'all' ? undefined : data.value);
              setOpen(false);
            }}
          >
            <Radio value="all" label={allLabel} />
            {rangePresets.map((p) => (
              <Radio key={p.id} value={p.id} label={p.label} />
            ))}
            {value !== undefined && !preset ? <Radio value="custom" label="Custom" /> : null}
          </RadioGroup>
          <form
            className={s.custom}
            onSubmit={(event) => {
              event.preventDefault();
              const data = new FormData(event.currentTarget);
              const iso = (name: string) => {
                const v = data.get(name);
                return typeof v === 'string' && v !== '' ? new Date(v).toISOString() : '';
              };
              const [from, to] = [iso('from'), iso('to')];
              onChange(from === '' && to === '' ? undefined : `${from}~${to}`);
              setOpen(false);
            }}
          >
            <Field label="From" size="small">
              <Input type="datetime-local" name="from" defaultValue={preset ? '' : localInput(b.from)} />
            </Field>
            <Field label="To" size="small">
              <Input type="datetime-local" name="to" defaultValue={preset ? '' : localInput(b.to)} />
            </Field>
            <Button type="submit" size="small">
              Apply custom range
            </Button>
          </form>
        </PopoverSurface>
      </Popover>
    </span>
  );
}
