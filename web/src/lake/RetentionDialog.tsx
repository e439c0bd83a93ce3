import { useState } from 'react';
import { Field, Input, MessageBar, MessageBarBody } from '@fluentui/react-components';
import { lake, type LakeTable } from '../api/lake';
import { useNotify } from '../app/notify';
import { bytes, sizeOf } from '../design/bytes';
import { FormDialog, useSubmit } from '../design/dialog/FormDialog';
import { goes, wrongRetention } from './lake';

// RetentionDialog sets how long the rows of a table are kept, and says before when rows go by it.
export function RetentionDialog({ table, onClose, onDone }: { table: LakeTable; onClose: () => void; onDone: () => void }) {
  const { notify } = useNotify();
  const { busy, refusal, submit } = useSubmit();
  const own = table.retentionFrom === 'table';
  const [days, setDays] = useState(table.retentionDays > 0 ? String(table.retentionDays) : '');
  const [size, setSize] = useState(table.retentionBytes ? bytes(table.retentionBytes, 'en') : '');
  const typed = { days, size };
  const wrong = wrongRetention(typed);
  const incomplete = Object.keys(wrong).length > 0 || (days.trim() === '' && size.trim() === '');
  return (
    <FormDialog
      title={`How long ${table.table} is kept`}
      action="Save"
      busy={busy}
      incomplete={incomplete}
      refusal={refusal}
      onClose={onClose}
      onSubmit={() =>
        void submit(async () => {
          await lake.retain(table.table, {
            ...(days.trim() === '' ? {} : { days: Number(days) }),
            ...(size.trim() === '' ? {} : { bytes: sizeOf(size) ?? 0 }),
          });
          notify({ title: `${table.table}: retention changed` });
          onDone();
          onClose();
        })
      }
    >
      <span>
        {own ? 'This table has a retention of its own.' : 'The default holds until now.'} Rows beyond either bound are deleted, the oldest
        first.
      </span>
      <Field
        label="Days"
        {...(wrong.days ? { validationMessage: wrong.days } : { hint: 'By the time of the event. Empty: as the default says' })}
      >
        <Input inputMode="numeric" autoFocus value={days} onChange={(_, d) => setDays(d.value)} />
      </Field>
      <Field label="Size on disk" {...(wrong.size ? { validationMessage: wrong.size } : { hint: 'Such as 20 GB. Empty: no bound' })}>
        <Input value={size} onChange={(_, d) => setSize(d.value)} />
      </Field>
      {!incomplete && goes(table, typed, Date.now()) ? (
        <MessageBar intent="warning" layout="multiline">
          <MessageBarBody>
            Rows that the table has now are deleted by this, and cannot be had back. Export them first to keep them.
          </MessageBarBody>
        </MessageBar>
      ) : null}
    </FormDialog>
  );
}
