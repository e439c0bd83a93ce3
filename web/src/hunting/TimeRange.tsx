import { useState } from 'react';
import {
  Button,
  Field,
  Input,
  makeStyles,
  Popover,
  PopoverSurface,
  PopoverTrigger,
  Radio,
  RadioGroup,
  Text,
  tokens,
} from '@fluentui/react-components';
import { CalendarRegular, ChevronDown12Regular } from '@fluentui/react-icons';
import { useZone } from '../design/Time';
import { instant, presets, rangeDetail, rangeName, wallTime, zoneLabel } from './ranges';

const useStyles = makeStyles({
  surface: { padding: tokens.spacingHorizontalM, width: '280px', boxSizing: 'border-box' },
  custom: { display: 'flex', flexDirection: 'column', gap: tokens.spacingVerticalS, marginTop: tokens.spacingVerticalS },
  hint: { color: tokens.colorNeutralForeground3 },
  label: { maxWidth: '240px', overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap' },
});

// TimeRange chooses the time that a query looks at: a preset, or from and to in the zone of the page.
export function TimeRange({ value, onChange }: { value: string; onChange: (range: string) => void }) {
  const s = useStyles();
  const { zone } = useZone();
  const [open, setOpen] = useState(false);
  const [problem, setProblem] = useState('');
  const preset = presets.some((p) => p.id === value);
  const [from, to] = value.includes('~') ? value.split('~') : [];
  return (
    <Popover open={open} onOpenChange={(_, d) => setOpen(d.open)} trapFocus>
      <PopoverTrigger disableButtonEnhancement>
        <Button
          size="small"
          icon={<CalendarRegular />}
          aria-label={`Time range: ${rangeName(value, zone)}`}
          title={`${rangeDetail(value, zone)}, ${zoneLabel(zone)}`}
        >
          <span className={s.label}>{rangeName(value, zone)}</span>
          <ChevronDown12Regular aria-hidden />
        </Button>
      </PopoverTrigger>
      <PopoverSurface className={s.surface} aria-label="Time range">
        <RadioGroup
          aria-label="Time range"
          value={preset ? value : 'custom'}
          onChange={(_, d) => {
            if (d.value === 'custom') return;
            onChange(d.value);
            setOpen(false);
          }}
        >
          {presets.map((p) => (
            <Radio key={p.id} value={p.id} label={p.label} />
          ))}
          {preset ? null : <Radio value="custom" label="Custom" />}
        </RadioGroup>
        <form
          className={s.custom}
          onSubmit={(event) => {
            event.preventDefault();
            const data = new FormData(event.currentTarget);
            const read = (name: string) => {
              const v = data.get(name);
              return instant(typeof v === 'string' ? v : '', zone) ?? '';
            };
            const [start, end] = [read('from'), read('to')];
            if (start === '' && end === '') {
              setProblem('Enter a start, an end, or both.');
              return;
            }
            if (start !== '' && end !== '' && start >= end) {
              setProblem('The start is not before the end.');
              return;
            }
            setProblem('');
            onChange(`${start}~${end}`);
            setOpen(false);
          }}
        >
          <Field label="From" size="small">
            <Input type="datetime-local" name="from" defaultValue={wallTime(from, zone)} />
          </Field>
          <Field label="To" size="small" {...(problem ? { validationMessage: problem } : {})}>
            <Input type="datetime-local" name="to" defaultValue={wallTime(to, zone)} />
          </Field>
          <Text size={200} className={s.hint}>
            {zoneLabel(zone) === 'UTC' ? 'Times are UTC.' : `Times are in ${zoneLabel(zone)}. Times inside a query are UTC.`}
          </Text>
          <Button type="submit" size="small">
            Apply custom range
          </Button>
        </form>
      </PopoverSurface>
    </Popover>
  );
}
