import type { ReactNode } from 'react';
import { Button, Dialog, DialogActions, DialogBody, DialogContent, DialogSurface, DialogTitle } from '@fluentui/react-components';
import { Refusal, useSubmit } from './FormDialog';

// Confirm asks before something that cannot be undone, and does it. It closes when that is done, and says why when it failed.
export function Confirm(p: { title: string; action: string; onClose: () => void; onDone: () => Promise<void>; children: ReactNode }) {
  const { busy, refusal, submit } = useSubmit();
  return (
    <Dialog open modalType="alert" onOpenChange={(_, d) => !d.open && !busy && p.onClose()}>
      <DialogSurface>
        <DialogBody>
          <DialogTitle>{p.title}</DialogTitle>
          <DialogContent>
            {p.children}
            <Refusal text={refusal} />
          </DialogContent>
          <DialogActions>
            <Button onClick={p.onClose} disabled={busy}>
              Cancel
            </Button>
            <Button
              appearance="primary"
              disabled={busy}
              onClick={() =>
                void submit(async () => {
                  await p.onDone();
                  p.onClose();
                })
              }
            >
              {p.action}
            </Button>
          </DialogActions>
        </DialogBody>
      </DialogSurface>
    </Dialog>
  );
}
