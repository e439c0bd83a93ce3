import { useState } from 'react';
import {
  Button,
  Combobox,
  Dialog,
  DialogActions,
  DialogBody,
  DialogContent,
  DialogSurface,
  DialogTitle,
  Field,
  Input,
  Option,
  Radio,
  RadioGroup,
  Textarea,
} from '@fluentui/react-components';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { hunt, type Saved } from '../../api/hunting';
import { useNotify } from '../../app/notify';

// SaveDialog saves a query under a name, for oneself or for everybody in the tenant, or changes the details of a saved one.
export function SaveDialog({
  text,
  name,
  saved,
  onClose,
  onSaved,
}: {
  text: string;
  name: string;
  // The saved query that is changed; a new one is made without it.
  saved?: Saved;
  onClose: () => void;
  onSaved: (q: Saved) => void;
}) {
  const { notify, failed } = useNotify();
  const client = useQueryClient();
  const [busy, setBusy] = useState(false);
  const [called, setCalled] = useState(saved?.name ?? name);
  const [folder, setFolder] = useState(saved?.folder ?? '');
  const [description, setDescription] = useState(saved?.description ?? '');
  const [shared, setShared] = useState(saved?.shared ?? false);
  const queries = useQuery({ queryKey: ['hunting', 'queries'], queryFn: hunt.queries, staleTime: 60_000 });
  const folders = [
    ...new Set((queries.data?.value ?? []).filter((q) => (q.shared ?? false) === shared).flatMap((q) => q.folder || [])),
  ].sort();
  const save = async () => {
    setBusy(true);
    const draft = { name: called.trim(), folder: folder.trim(), description: description.trim(), query: text, shared };
    try {
      const q = saved ? await hunt.updateQuery(saved.id, draft) : await hunt.saveQuery(draft);
      notify({
        title: `Saved "${q.name}"`,
        body: q.shared ? 'Everybody in this tenant finds it under Shared queries.' : 'You find it under My queries.',
      });
      await client.invalidateQueries({ queryKey: ['hunting', 'queries'] });
      onSaved(q);
      onClose();
    } catch (err) {
      failed('Could not save the query', err);
      setBusy(false);
    }
  };
  return (
    <Dialog open onOpenChange={(_, d) => !d.open && onClose()}>
      <DialogSurface>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            void save();
          }}
        >
          <DialogBody>
            <DialogTitle>{saved ? 'Details of the query' : 'Save query'}</DialogTitle>
            <DialogContent style={{ display: 'flex', flexDirection: 'column', gap: 12 }}>
              <Field label="Name" required>
                <Input value={called} maxLength={200} required autoFocus onChange={(_, d) => setCalled(d.value)} />
              </Field>
              <Field label="Folder" hint="A slash makes a folder within a folder.">
                <Combobox
                  freeform
                  value={folder}
                  onChange={(event) => setFolder(event.target.value)}
                  onOptionSelect={(_, d) => setFolder(d.optionText ?? '')}
                >
                  {folders.map((f) => (
                    <Option key={f}>{f}</Option>
                  ))}
                </Combobox>
              </Field>
              <Field label="Description">
                <Textarea value={description} rows={2} maxLength={2000} onChange={(_, d) => setDescription(d.value)} />
              </Field>
              <RadioGroup value={shared ? 'shared' : 'mine'} aria-label="For whom" onChange={(_, d) => setShared(d.value === 'shared')}>
                <Radio value="mine" label="My queries: only you" />
                <Radio value="shared" label="Shared queries: everybody in this tenant" />
              </RadioGroup>
            </DialogContent>
            <DialogActions>
              <Button onClick={onClose}>Cancel</Button>
              <Button type="submit" appearance="primary" disabled={busy || called.trim() === ''}>
                Save
              </Button>
            </DialogActions>
          </DialogBody>
        </form>
      </DialogSurface>
    </Dialog>
  );
}
