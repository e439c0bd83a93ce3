import { useState } from 'react';
import { Button, Dropdown, Field, Input, Option, Switch, Textarea } from '@fluentui/react-components';
import type { Connector, ConnectorField, ConnectorKind } from '../api/connectors';
import { hasSecret, type Draft } from './connector';

export interface ConnectorFieldsProps {
  kind: ConnectorKind;
  draft: Draft;
  // The connector that is changed; none for a new one.
  connector?: Connector | undefined;
  wrong: Record<string, string>;
  onChange: (draft: Draft) => void;
}

// ConnectorFields asks for everything a connector has to know.
export function ConnectorFields({ kind, draft, connector, wrong, onChange }: ConnectorFieldsProps) {
  const says = (name: string) => (wrong[name] ? { validationMessage: wrong[name] } : {});
  const set = (name: string, value: string) => onChange({ ...draft, values: { ...draft.values, [name]: value } });
  return (
    <>
      <Field label="Name" required {...says('name')}>
        <Input value={draft.name} maxLength={100} onChange={(_, d) => onChange({ ...draft, name: d.value })} />
      </Field>
      {kind.fields.map((f) => (
        <One
          key={f.name}
          field={f}
          value={draft.values[f.name] ?? ''}
          kept={hasSecret(connector, f.name)}
          message={wrong[f.name]}
          onChange={(value) => set(f.name, value)}
        />
      ))}
      <Field label="Minutes between runs" hint="Empty: what suits the service" {...says('interval')}>
        <Input inputMode="decimal" value={draft.interval} onChange={(_, d) => onChange({ ...draft, interval: d.value })} />
      </Field>
      {connector ? null : (
        <Field label="Fetch what is newer than" hint="Empty: the last 24 hours">
          <Input type="datetime-local" value={draft.since} onChange={(_, d) => onChange({ ...draft, since: d.value })} />
        </Field>
      )}
    </>
  );
}

function One({
  field: f,
  value,
  kept,
  message,
  onChange,
}: {
  field: ConnectorField;
  value: string;
  kept: boolean;
  message: string | undefined;
  onChange: (value: string) => void;
}) {
  const [changing, setChanging] = useState(!kept);
  const says = message ? { validationMessage: message } : {};
  const hint = f.help ? { hint: f.help } : {};
  if (f.type === 'boolean')
    return (
      <Field {...hint} {...says}>
        <Switch label={f.label} checked={value === 'true'} onChange={(_, d) => onChange(String(d.checked))} />
      </Field>
    );
  if (f.type === 'select')
    return (
      <Field label={f.label} required={f.required} {...hint} {...says}>
        <Dropdown value={value} selectedOptions={[value]} onOptionSelect={(_, d) => onChange(d.optionValue ?? '')}>
          {(f.options ?? []).map((o) => (
            <Option key={o} value={o}>
              {o}
            </Option>
          ))}
        </Dropdown>
      </Field>
    );
  if (f.type === 'secret' && !changing && !message)
    return (
      <Field label={f.label} required={f.required} {...hint}>
        {(props) => (
          <div {...props} role="group" style={{ display: 'flex', alignItems: 'center', gap: 8 }}>
            <span>Set, and kept secret</span>
            <Button size="small" aria-label={`Change ${f.label}`} onClick={() => setChanging(true)}>
              Change
            </Button>
          </div>
        )}
      </Field>
    );
  if (f.type === 'secret')
    return (
      <Field label={f.label} required={f.required} hint={[f.help, kept ? 'Left empty: as it is.' : ''].filter(Boolean).join(' ')} {...says}>
        {/key|json|certificate|pem/i.test(f.name + f.label) && !/access key|api key|secret key/i.test(f.label) ? (
          <Textarea
            rows={3}
            resize="vertical"
            value={value}
            textarea={{ spellCheck: false, autoComplete: 'off' }}
            onChange={(_, d) => onChange(d.value)}
          />
        ) : (
          <Input type="password" autoComplete="new-password" value={value} onChange={(_, d) => onChange(d.value)} />
        )}
      </Field>
    );
  return (
    <Field label={f.label} required={f.required} {...hint} {...says}>
      <Input
        value={value}
        {...(f.type === 'number' ? { inputMode: 'numeric' as const } : {})}
        spellCheck={false}
        onChange={(_, d) => onChange(d.value)}
      />
    </Field>
  );
}
