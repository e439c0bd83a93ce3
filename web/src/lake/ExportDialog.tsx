import { useState } from 'react';
import { Checkbox, Field, Input, makeStyles, tokens } from '@fluentui/react-components';
import { download } from '../api/endpoints';
import { parquetAddress } from '../api/lake';
import { useNotify } from '../app/notify';
import { FormDialog, useSubmit } from '../design/dialog/FormDialog';
import { count } from '../design/words';

const useStyles = makeStyles({
  tables: {
    maxHeight: '220px',
    overflowY: 'auto',
    border: `1px solid ${tokens.colorNeutralStroke2}`,
    borderRadius: tokens.borderRadiusMedium,
    display: 'flex',
    flexDirection: 'column',
  },
  range: { display: 'grid', gridTemplateColumns: 'repeat(auto-fit, minmax(200px, 1fr))', gap: tokens.spacingHorizontalM },
  quiet: { color: tokens.colorNeutralForeground3, fontSize: tokens.fontSizeBase200 },
});

const iso = (local: string) => (local === '' ? undefined : new Date(local).toISOString());

// fetchFile has the browser download an address by itself, straight to disk.
function fetchFile(address: string): void {
  const link = document.createElement('a');
  link.href = address;
  link.download = '';
  document.body.append(link);
  link.click();
  link.remove();
}

// ExportDialog writes tables to Parquet files: one of them straight to disk, several as an archive.
export function ExportDialog({ tables, onClose }: { tables: readonly string[]; onClose: () => void }) {
  const s = useStyles();
  const { notify } = useNotify();
  const { busy, refusal, submit } = useSubmit();
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set(tables.length === 1 ? tables : []));
  const [from, setFrom] = useState('');
  const [to, setTo] = useState('');
  const backwards = from !== '' && to !== '' && from >= to;
  const names = tables.filter((t) => chosen.has(t));
  return (
    <FormDialog
      title={tables.length === 1 ? `Export ${tables[0] ?? ''}` : 'Export to Parquet'}
      action={names.length > 1 ? `Export ${count(names.length, 'table', 'tables')}` : 'Export'}
      busy={busy}
      incomplete={names.length === 0 || backwards}
      refusal={refusal}
      onClose={onClose}
      onSubmit={() =>
        void submit(async () => {
          const [only, ...more] = names;
          if (only === undefined) return;
          if (more.length === 0) fetchFile(parquetAddress(only, iso(from), iso(to)));
          else {
            const range = { ...(from === '' ? {} : { from: iso(from) }), ...(to === '' ? {} : { to: iso(to) }) };
            await download('/api/lake/export', `lake-${new Date().toISOString().slice(0, 10)}.tar`, { tables: names, ...range });
          }
          notify({ title: 'Export', body: more.length === 0 ? 'The browser fetches the file.' : 'The archive is complete.' });
          onClose();
        })
      }
    >
      {tables.length > 1 ? (
        <div>
          <Checkbox
            label="All of them"
            checked={names.length === tables.length ? true : names.length > 0 ? 'mixed' : false}
            onChange={(_, d) => setChosen(new Set(d.checked === true ? tables : []))}
          />
          <div className={s.tables} role="group" aria-label="Tables">
            {tables.map((t) => (
              <Checkbox
                key={t}
                label={t}
                checked={chosen.has(t)}
                onChange={(_, d) => setChosen(d.checked ? new Set(chosen).add(t) : new Set([...chosen].filter((x) => x !== t)))}
              />
            ))}
          </div>
        </div>
      ) : null}
      <div className={s.range}>
        <Field label="From" hint="Empty: from the oldest row">
          <Input type="datetime-local" value={from} onChange={(_, d) => setFrom(d.value)} />
        </Field>
        <Field label="To" {...(backwards ? { validationMessage: 'It lies before the start.' } : { hint: 'Empty: to the newest row' })}>
          <Input type="datetime-local" value={to} onChange={(_, d) => setTo(d.value)} />
        </Field>
      </div>
      <span className={s.quiet}>
        Several tables make one archive, which the browser holds until it is complete. For very large ones:{' '}
        <code>bartizan lake export DIR</code> on the server.
      </span>
    </FormDialog>
  );
}
