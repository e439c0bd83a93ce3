import { useMemo, useState } from 'react';
import {
  Button,
  Combobox,
  Dropdown,
  Field,
  Input,
  makeStyles,
  Option,
  OptionGroup,
  Tag,
  TagGroup,
  Textarea,
  tokens,
} from '@fluentui/react-components';
import { useQuery } from '@tanstack/react-query';
import { access, alerts, incidents } from '../api/endpoints';
import type { ManagePatch } from '../api/types';
import { useSession } from '../app/session';
import { SidePane } from '../design/SidePane';
import { alertStatuses, count, determinationTable, incidentStatuses, label, severities } from '../design/words';
import { difference, empty, type Managed, type Thing } from './change';
import { useManage } from './useManage';

const useStyles = makeStyles({
  tags: { display: 'flex', flexWrap: 'wrap', gap: tokens.spacingHorizontalXS, marginBottom: tokens.spacingVerticalXS },
});

const unchanged = '(unchanged)';

export interface ManagePaneProps {
  thing: Thing;
  // The incidents or alerts to change; with several, fields start as "unchanged".
  targets: readonly Partial<Managed>[];
  onClose: () => void;
  onDone?: () => void;
}

// ManagePane edits status, severity, owner, classification, tags and adds a comment, for one thing or many.
export function ManagePane({ thing, targets, onClose, onDone }: ManagePaneProps) {
  const s = useStyles();
  const { user } = useSession();
  const { change } = useManage(thing);
  const one = targets.length === 1 ? targets[0] : undefined;
  const [form, setForm] = useState<ManagePatch>(() =>
    one
      ? {
          ...(one.name !== undefined ? { name: one.name } : {}),
          status: one.status,
          severity: one.severity,
          assignedTo: one.assignedTo ?? '',
          classification: one.classification || 'Unknown',
          determination: one.determination || 'NotAvailable',
          tags: one.tags ?? [],
        }
      : {},
  );
  const [busy, setBusy] = useState(false);
  const [typedTag, setTypedTag] = useState('');
  const [typedOwner, setTypedOwner] = useState(form.assignedTo ?? '');
  const set = (patch: ManagePatch) => setForm((f) => ({ ...f, ...patch }));

  const users = useQuery({ queryKey: ['assignees'], queryFn: access.assignees, staleTime: 300_000, retry: 0 });
  const facets = useQuery({
    queryKey: [`${thing}s-facets`, 'manage'],
    queryFn: ({ signal }) => (thing === 'incident' ? incidents : alerts).facets({}, signal),
    staleTime: 60_000,
    retry: 0,
  });
  const owners = useMemo(() => {
    const names = [user.name, ...(users.data?.value ?? []).map((u) => u.name), ...Object.keys(facets.data?.assignedTo ?? {})];
    return [...new Set(names)].filter((n) => n !== '');
  }, [user.name, users.data, facets.data]);
  const usedTags = useMemo(() => {
    const used = facets.data?.tag ?? facets.data?.tags ?? {};
    return Object.keys(used).filter((t) => !(form.tags ?? []).includes(t));
  }, [facets.data, form.tags]);

  const patch = one ? difference(one, form) : difference({}, form);
  const addTag = (tag: string) => {
    const clean = tag.trim();
    if (clean !== '' && !(form.tags ?? []).includes(clean)) set({ tags: [...(form.tags ?? []), clean] });
    setTypedTag('');
  };
  const statuses = thing === 'incident' ? incidentStatuses : alertStatuses;
  const pair = form.classification ? `${form.classification}/${form.determination ?? ''}` : '';
  const save = async () => {
    setBusy(true);
    const done = await change(targets, patch);
    setBusy(false);
    if (done) {
      onDone?.();
      onClose();
    }
  };
  const what = thing === 'incident' ? count(targets.length, 'incident', 'incidents') : count(targets.length, 'alert', 'alerts');
  return (
    <SidePane
      title={one ? `Manage ${thing}` : `Manage ${what}`}
      onClose={onClose}
      focus
      foot={
        <>
          <Button appearance="primary" disabled={busy || empty(patch)} onClick={() => void save()}>
            {busy ? 'Saving…' : 'Save'}
          </Button>
          <Button onClick={onClose}>Cancel</Button>
        </>
      }
    >
      {thing === 'incident' && one ? (
        <Field label="Name">
          <Input value={form.name ?? ''} onChange={(_, d) => set({ name: d.value })} />
        </Field>
      ) : null}
      <Field
        label="Status"
        {...(form.status === 'Resolved' && thing === 'incident' ? { hint: 'Resolving an incident resolves its open alerts.' } : {})}
      >
        <Dropdown
          value={form.status ? label(form.status) : unchanged}
          selectedOptions={form.status ? [form.status] : []}
          onOptionSelect={(_, d) => set({ status: d.optionValue })}
        >
          {statuses.map((v) => (
            <Option key={v} value={v}>
              {label(v)}
            </Option>
          ))}
        </Dropdown>
      </Field>
      {form.status === 'Resolved' && one?.status !== 'Resolved' && thing === 'incident' ? (
        <Field label="Resolution note">
          <Textarea rows={2} value={form.resolvingComment ?? ''} onChange={(_, d) => set({ resolvingComment: d.value })} />
        </Field>
      ) : null}
      <Field label="Severity">
        <Dropdown
          value={form.severity ? label(form.severity) : unchanged}
          selectedOptions={form.severity ? [form.severity] : []}
          onOptionSelect={(_, d) => set({ severity: d.optionValue })}
        >
          {severities.map((v) => (
            <Option key={v} value={v}>
              {label(v)}
            </Option>
          ))}
        </Dropdown>
      </Field>
      <Field label="Assigned to" {...(thing === 'incident' ? { hint: 'Assigning an incident assigns its alerts too.' } : {})}>
        <Combobox
          freeform
          clearable
          placeholder={one ? 'Nobody' : unchanged}
          value={typedOwner}
          selectedOptions={form.assignedTo ? [form.assignedTo] : []}
          onChange={(event) => {
            setTypedOwner(event.target.value);
            set({ assignedTo: event.target.value.trim() });
          }}
          onOptionSelect={(_, d) => {
            setTypedOwner(d.optionValue ?? '');
            set({ assignedTo: d.optionValue ?? '' });
          }}
        >
          {owners.map((name) => (
            <Option key={name} value={name} text={name}>
              {name === user.name ? `${name} (me)` : name}
            </Option>
          ))}
        </Combobox>
      </Field>
      <Field label="Classification">
        <Dropdown
          value={
            form.classification
              ? form.classification === 'Unknown'
                ? 'Not set'
                : `${label(form.classification)}: ${label(form.determination)}`
              : unchanged
          }
          selectedOptions={pair ? [pair] : []}
          onOptionSelect={(_, d) => {
            const [classification = '', determination = ''] = (d.optionValue ?? '').split('/');
            set({ classification, determination });
          }}
        >
          {determinationTable.map((g) =>
            g.classification === 'Unknown' ? (
              <Option key="Unknown" value="Unknown/NotAvailable">
                Not set
              </Option>
            ) : (
              <OptionGroup key={g.classification} label={label(g.classification)}>
                {g.determinations.map((d) => (
                  <Option key={d} value={`${g.classification}/${d}`} text={`${label(g.classification)}: ${label(d)}`}>
                    {label(d)}
                  </Option>
                ))}
              </OptionGroup>
            ),
          )}
        </Dropdown>
      </Field>
      <Field label={one ? 'Tags' : 'Tags (replace those of every selected one)'}>
        <>
          {(form.tags ?? []).length > 0 ? (
            <TagGroup
              className={s.tags}
              aria-label="Chosen tags"
              onDismiss={(_, d) => set({ tags: (form.tags ?? []).filter((t) => t !== d.value) })}
            >
              {(form.tags ?? []).map((t) => (
                <Tag key={t} value={t} size="small" dismissible dismissIcon={{ 'aria-label': `Remove ${t}` }}>
                  {t}
                </Tag>
              ))}
            </TagGroup>
          ) : null}
          <Combobox
            freeform
            aria-label="Add a tag"
            placeholder="Type a tag and press Enter"
            value={typedTag}
            selectedOptions={[]}
            onChange={(event) => setTypedTag(event.target.value)}
            onOptionSelect={(_, d) => addTag(d.optionValue ?? '')}
            onKeyDown={(event) => {
              if (event.key === 'Enter' && typedTag.trim() !== '') {
                event.preventDefault();
                addTag(typedTag);
              }
            }}
          >
            {usedTags
              .filter((t) => t.toLowerCase().includes(typedTag.toLowerCase()))
              .slice(0, 50)
              .map((t) => (
                <Option key={t}>{t}</Option>
              ))}
            {typedTag.trim() !== '' && !usedTags.includes(typedTag.trim()) ? (
              <Option value={typedTag.trim()} text={typedTag.trim()}>
                {`Create "${typedTag.trim()}"`}
              </Option>
            ) : null}
          </Combobox>
        </>
      </Field>
      <Field label="Comment">
        <Textarea
          rows={4}
          resize="vertical"
          maxLength={30_000}
          value={form.comment ?? ''}
          onChange={(_, d) => set({ comment: d.value })}
          onKeyDown={(event) => {
            if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && !empty(patch)) void save();
          }}
        />
      </Field>
    </SidePane>
  );
}
