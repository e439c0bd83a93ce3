import { Button, Dialog, DialogActions, DialogBody, DialogContent, DialogSurface, DialogTitle } from '@fluentui/react-components';

// CloseDialog asks before a query that is kept nowhere else is closed.
export function CloseDialog({
  title,
  canSave,
  onKeep,
  onSave,
  onClose,
}: {
  title: string;
  canSave: boolean;
  onKeep: () => void;
  onSave: () => void;
  onClose: () => void;
}) {
  return (
    <Dialog open modalType="alert" onOpenChange={(_, d) => !d.open && onKeep()}>
      <DialogSurface>
        <DialogBody>
          <DialogTitle>Close without saving?</DialogTitle>
          <DialogContent>“{title}” has changes that are not saved.</DialogContent>
          <DialogActions fluid>
            {canSave ? <Button onClick={onSave}>Save</Button> : null}
            <Button onClick={onKeep}>Keep open</Button>
            <Button appearance="primary" onClick={onClose}>
              Close
            </Button>
          </DialogActions>
        </DialogBody>
      </DialogSurface>
    </Dialog>
  );
}
