import { useState } from 'react';
import {
  Button,
  Dialog,
  DialogActions,
  DialogBody,
  DialogContent,
  DialogSurface,
  DialogTitle,
  Field,
  Input,
  Radio,
  RadioGroup,
} from '@fluentui/react-components';
import { useQueryClient } from '@tanstack/react-query';
import { hunting } from '../api/endpoints';
import type { SavedQuery } from '../api/types';
import { useNotify } from '../app/notify';

// SaveDialog saves the tab's query under a name, for oneself or for everybody in the tenant.
export function SaveDialog({
  text,
  name,
  onClose,
  onSaved,
}: {
  text: string;
  name: string;
  onClose: () => void;
  onSaved: (q: SavedQuery) => void;
}) {
  const { notify, failed } = useNotify();
  const client = useQueryClient();
  const [busy, setBusy] = useState(false);
  return (
    <Dialog open onOpenChange={(_, d) => !d.open && onClose()}>
      <DialogSurface>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            const form = new FormData(event.currentTarget);
            setBusy(true);
            hunting
              .saveQuery({
                name: String(form.get('name') ?? '').trim(),
                folder: String(form.get('folder') ?? '').trim(),
                query: text,
                shared: form.get('where') === 'shared',
              })
              .then((q) => {
                notify({ title: `Saved "${q.name}"` });
                void client.invalidateQueries({ queryKey: ['hunting', 'queries'] });
                onSaved(q);
                onClose();
              })
              .catch((err: unknown) => failed('Could not save the query', err))
              .finally(() => setBusy(false));
          }}
        >
          <DialogBody>
            <DialogTitle>Save query</DialogTitle>
            <DialogContent style={{ display: 'flex', flexDirection: 'column', gap: 12 }}>
              <Field label="Name" required>
                <Input name="name" defaultValue={name} required />
              </Field>
              <Field label="Folder">
                <Input name="folder" />
              </Field>
              <RadioGroup name="where" defaultValue="mine" aria-label="For whom">
                <Radio value="mine" label="My queries" />
                <Radio value="shared" label="Shared queries: everybody in this tenant" />
              </RadioGroup>
            </DialogContent>
            <DialogActions>
              <Button onClick={onClose}>Cancel</Button>
              <Button type="submit" appearance="primary" disabled={busy}>
                Save
              </Button>
            </DialogActions>
          </DialogBody>
        </form>
      </DialogSurface>
    </Dialog>
  );
}
