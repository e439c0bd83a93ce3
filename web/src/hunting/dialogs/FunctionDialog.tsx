import { useState } from 'react';
import { Button, Dropdown, Field, Input, makeStyles, Option, Radio, RadioGroup, Textarea, tokens } from '@fluentui/react-components';
import { AddRegular, ArrowDownRegular, ArrowUpRegular, DeleteRegular } from '@fluentui/react-icons';
import { useQueryClient } from '@tanstack/react-query';
import { hunt, type FunctionParameter, type HuntFunction } from '../../api/hunting';
import { useNotify } from '../../app/notify';
import { FormDialog, useSubmit } from '../../design/dialog/FormDialog';
import { columnsOf, draftOf, parameterTypes, signature, wrong } from '../functions';

const useStyles = makeStyles({
  parameter: {
    display: 'grid',
    gridTemplateColumns: 'minmax(0, 3fr) minmax(110px, 2fr) minmax(0, 4fr) auto',
    gap: tokens.spacingHorizontalS,
    alignItems: 'start',
    '@media (max-width: 639px)': { gridTemplateColumns: 'minmax(0, 1fr) minmax(0, 1fr)' },
  },
  narrow: { minWidth: 0 },
  code: { fontFamily: tokens.fontFamilyMonospace, fontSize: tokens.fontSizeBase200 },
});

interface Row {
  key: number;
  name: string;
  type: string;
  // The default of a value, or the columns of a table.
  more: string;
}

const rowOf = (p: FunctionParameter, key: number): Row => ({
  key,
  name: p.name,
  type: p.type === 'table' || p.columns ? 'table' : p.type,
  more: p.type === 'table' || p.columns ? (p.columns ?? []).map((c) => `${c.name}:${c.type}`).join(', ') : (p.default ?? ''),
});

// FunctionDialog saves a query as a function of the tenant, with its parameters, or changes one.
export function FunctionDialog({ edited, body, onClose }: { edited?: HuntFunction; body: string; onClose: () => void }) {
  const s = useStyles();
  const client = useQueryClient();
  const { notify } = useNotify();
  const start = edited ? draftOf(edited) : undefined;
  const [name, setName] = useState(start?.name ?? '');
  const [folder, setFolder] = useState(start?.folder ?? '');
  const [description, setDescription] = useState(start?.description ?? '');
  const [shared, setShared] = useState(start?.shared ?? false);
  const [text, setText] = useState(start?.body ?? body);
  const [rows, setRows] = useState<readonly Row[]>((start?.parameters ?? []).map(rowOf));
  const [tried, setTried] = useState(false);
  const { busy, refusal, submit } = useSubmit();

  const badColumns = rows.find((r) => r.type === 'table' && columnsOf(r.more) === undefined);
  const parameters = rows.map((r): FunctionParameter =>
    r.type === 'table'
      ? { name: r.name.trim(), type: 'table', columns: columnsOf(r.more) ?? [] }
      : { name: r.name.trim(), type: r.type, ...(r.more.trim() === '' ? {} : { default: r.more.trim() }) },
  );
  const draft = { name: name.trim(), folder: folder.trim(), description: description.trim(), parameters, body: text, shared };
  const problem = tried ? wrong(draft) : undefined;
  const says = (field: 'name' | 'body') => (problem?.field === field ? { validationMessage: problem.message } : {});
  const patch = (key: number, change: Partial<Row>) => setRows((all) => all.map((r) => (r.key === key ? { ...r, ...change } : r)));
  const move = (at: number, by: number) =>
    setRows((all) => {
      const row = all[at];
      return row && at + by >= 0 && at + by < all.length ? all.toSpliced(at, 1).toSpliced(at + by, 0, row) : all;
    });
  const save = async () => {
    setTried(true);
    if (wrong(draft) || badColumns) return;
    await submit(async () => {
      const f = edited ? await hunt.updateFunction(edited.id, draft) : await hunt.saveFunction(draft);
      await client.invalidateQueries({ queryKey: ['hunting', 'functions'] });
      notify({ title: `Saved the function ${f.name}`, body: 'Call it by its name in any query.' });
      onClose();
    });
  };
  return (
    <FormDialog
      wide
      title={edited ? `Edit ${edited.name}` : 'Save as function'}
      action="Save"
      busy={busy}
      refusal={refusal}
      onSubmit={() => void save()}
      onClose={onClose}
    >
      <Field
        label="Name"
        required
        hint="Letters, digits and underscores; an upper-case letter first tells it from the language's own."
        {...says('name')}
      >
        <Input value={name} maxLength={128} autoFocus onChange={(_, d) => setName(d.value)} />
      </Field>
      <Field label="Description">
        <Input value={description} maxLength={2000} onChange={(_, d) => setDescription(d.value)} />
      </Field>
      <Field label="Folder">
        <Input value={folder} maxLength={200} onChange={(_, d) => setFolder(d.value)} />
      </Field>
      <RadioGroup
        layout="horizontal"
        value={shared ? 'shared' : 'mine'}
        aria-label="For whom"
        onChange={(_, d) => setShared(d.value === 'shared')}
      >
        <Radio value="mine" label="My functions" />
        <Radio value="shared" label="Shared functions: everybody, and rules" />
      </RadioGroup>
      <div role="group" aria-label="Parameters" style={{ display: 'flex', flexDirection: 'column', gap: 8 }}>
        {rows.map((r, i) => (
          <div key={r.key} className={s.parameter}>
            <Field {...(problem?.field === i ? { validationMessage: problem.message } : {})}>
              <Input
                className={s.narrow}
                aria-label={`Name of parameter ${i + 1}`}
                placeholder="Name"
                value={r.name}
                onChange={(_, d) => patch(r.key, { name: d.value })}
              />
            </Field>
            <Dropdown
              className={s.narrow}
              style={{ minWidth: 0 }}
              aria-label={`Type of parameter ${i + 1}`}
              value={r.type}
              selectedOptions={[r.type]}
              onOptionSelect={(_, d) => patch(r.key, { type: d.optionValue ?? 'string' })}
            >
              {parameterTypes.map((t) => (
                <Option key={t} value={t}>
                  {t}
                </Option>
              ))}
            </Dropdown>
            <Field {...(tried && badColumns === r ? { validationMessage: 'Write columns as Name:type, Name:type.' } : {})}>
              <Input
                className={s.narrow}
                aria-label={r.type === 'table' ? `Columns of parameter ${i + 1}` : `Default of parameter ${i + 1}`}
                placeholder={r.type === 'table' ? 'Columns: Name:type, …' : 'Default, none: required'}
                value={r.more}
                onChange={(_, d) => patch(r.key, { more: d.value })}
              />
            </Field>
            <span>
              <Button
                appearance="subtle"
                icon={<ArrowUpRegular />}
                aria-label={`Move parameter ${i + 1} up`}
                disabled={i === 0}
                onClick={() => move(i, -1)}
              />
              <Button
                appearance="subtle"
                icon={<ArrowDownRegular />}
                aria-label={`Move parameter ${i + 1} down`}
                disabled={i === rows.length - 1}
                onClick={() => move(i, 1)}
              />
              <Button
                appearance="subtle"
                icon={<DeleteRegular />}
                aria-label={`Remove parameter ${i + 1}`}
                onClick={() => setRows((all) => all.filter((x) => x.key !== r.key))}
              />
            </span>
          </div>
        ))}
        <Button
          style={{ alignSelf: 'start' }}
          size="small"
          icon={<AddRegular />}
          onClick={() =>
            setRows((all) => [...all, { key: Math.max(-1, ...all.map((r) => r.key)) + 1, name: '', type: 'string', more: '' }])
          }
        >
          Add parameter
        </Button>
      </div>
      <Field
        label={`Query of ${signature({ name: name || 'the function', parameters: parameters.filter((x) => x.name !== '') })}`}
        required
        {...says('body')}
      >
        <Textarea
          resize="vertical"
          rows={9}
          textarea={{ className: s.code, spellCheck: false }}
          value={text}
          onChange={(_, d) => setText(d.value)}
        />
      </Field>
    </FormDialog>
  );
}
