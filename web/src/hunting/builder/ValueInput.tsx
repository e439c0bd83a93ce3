import { useId, useState } from 'react';
import {
  Combobox,
  Input,
  InteractionTag,
  InteractionTagPrimary,
  InteractionTagSecondary,
  makeStyles,
  Option,
  Text,
  tokens,
} from '@fluentui/react-components';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { entities } from '../../api/endpoints';
import type { TableInfo } from '../../api/hunting';
import { useZone } from '../../design/Time';
import { instant, wallTime, zoneLabel } from '../ranges';
import { carriers, type Operator, type Property } from './properties';

const useStyles = makeStyles({
  box: { display: 'flex', flexWrap: 'wrap', gap: tokens.spacingHorizontalXS, alignItems: 'center', minWidth: 0 },
  input: { minWidth: '140px', flexGrow: 1 },
  tag: { maxWidth: '320px' },
});

const maxListed = 300;

// choices lists the closed values of a property.
export function choices(p: Property, tables: readonly TableInfo[]): string[] {
  if (Array.isArray(p.values)) return [...(p.values as readonly string[])];
  if (p.values !== 'ActionType') return [];
  const names = new Set(carriers(p, tables).map((c) => c.table));
  return [...new Set(tables.filter((t) => names.has(t.name)).flatMap((t) => t.actionTypes ?? []))].sort();
}

interface Props {
  property: Property;
  operator: Operator;
  values: readonly string[];
  tables: readonly TableInfo[];
  onChange: (values: readonly string[]) => void;
}

// ValueInput takes the values of a condition, in the form that the property's type asks for.
export function ValueInput(p: Props) {
  if (p.operator.values === 'none') return null;
  if (p.property.type === 'datetime') return <TimeInput {...p} />;
  if (p.property.type === 'choice') return <ChoiceInput {...p} />;
  return <WordsInput {...p} />;
}

function TimeInput({ property, values, onChange }: Props) {
  const { zone } = useZone();
  return (
    <Input
      type="datetime-local"
      aria-label={`Value of ${property.label}, ${zoneLabel(zone)}`}
      defaultValue={wallTime(values[0], zone)}
      onChange={(_, d) => {
        const at = instant(d.value, zone);
        onChange(at ? [at] : []);
      }}
      contentAfter={<Text size={200}>{zoneLabel(zone)}</Text>}
    />
  );
}

function ChoiceInput({ property, values, tables, onChange }: Props) {
  const s = useStyles();
  const [typed, setTyped] = useState('');
  const [editing, setEditing] = useState(false);
  const all = choices(property, tables);
  const known = [...new Set([...values, ...all])];
  const shown = known.filter((v) => v.toLowerCase().includes(typed.toLowerCase())).slice(0, maxListed);
  return (
    <Combobox
      className={s.input}
      multiselect
      aria-label={`Values of ${property.label}`}
      placeholder={all.length === 0 ? 'No values known' : 'Choose one or more'}
      value={editing ? typed : values.join(', ')}
      selectedOptions={[...values]}
      onFocus={() => setEditing(true)}
      onBlur={() => {
        setEditing(false);
        setTyped('');
      }}
      onChange={(event) => setTyped(event.target.value)}
      onOptionSelect={(_, d) => onChange(d.selectedOptions)}
    >
      {shown.map((v) => (
        <Option key={v} value={v}>
          {v}
        </Option>
      ))}
    </Combobox>
  );
}

function WordsInput({ property, operator, values, onChange }: Props) {
  const s = useStyles();
  const list = useId();
  const [typed, setTyped] = useState('');
  const many = operator.values === 'many';
  const wanted = property.lookup && typed.trim().length >= 2 ? typed.trim() : '';
  const found = useQuery({
    queryKey: ['hunting', 'entities', wanted],
    queryFn: ({ signal }) => entities.search(wanted, signal),
    enabled: wanted !== '',
    placeholderData: keepPreviousData,
    staleTime: 60_000,
    retry: false,
  });
  const kinds = property.lookup === 'device' ? ['device'] : ['user', 'mailbox'];
  const suggested = wanted === '' ? [] : (found.data?.value ?? []).filter((e) => kinds.includes(e.kind)).slice(0, 12);
  const add = () => {
    const value = property.type === 'number' ? typed.trim() : typed;
    if (value.trim() === '') return;
    onChange(many ? [...new Set([...values, value])] : [value]);
    setTyped('');
  };
  if (!many)
    return (
      <Input
        className={s.input}
        aria-label={`Value of ${property.label}`}
        inputMode={property.type === 'number' ? 'numeric' : 'text'}
        value={values[0] ?? ''}
        onChange={(_, d) => onChange(d.value === '' ? [] : [d.value])}
      />
    );
  return (
    <span className={s.box}>
      {values.map((v) => (
        <InteractionTag key={v} size="small" className={s.tag}>
          <InteractionTagPrimary
            hasSecondaryAction
            title="Change the value"
            onClick={() => {
              onChange(values.filter((x) => x !== v));
              setTyped(v);
            }}
          >
            {v}
          </InteractionTagPrimary>
          <InteractionTagSecondary aria-label={`Remove ${v}`} onClick={() => onChange(values.filter((x) => x !== v))} />
        </InteractionTag>
      ))}
      <Input
        className={s.input}
        aria-label={`Values of ${property.label}`}
        placeholder={values.length === 0 ? 'Value, then Enter' : 'Another value'}
        inputMode={property.type === 'number' ? 'numeric' : 'text'}
        value={typed}
        {...(property.lookup ? { list } : {})}
        onChange={(_, d) => setTyped(d.value)}
        onBlur={add}
        onKeyDown={(event) => {
          if (event.key === 'Enter') {
            event.preventDefault();
            add();
          }
          if (event.key === 'Backspace' && typed === '' && values.length > 0) onChange(values.slice(0, -1));
        }}
        onPaste={(event) => {
          const lines = event.clipboardData
            .getData('text')
            .split(/\r?\n/)
            .filter((l) => l.trim() !== '');
          if (lines.length < 2) return;
          event.preventDefault();
          onChange([...new Set([...values, ...lines])]);
        }}
      />
      {property.lookup ? (
        <datalist id={list}>
          {suggested.map((e) => (
            <option key={e.kind + e.key} value={e.label}>
              {e.detail}
            </option>
          ))}
        </datalist>
      ) : null}
    </span>
  );
}
