import { useState, type ReactNode } from 'react';
import {
  Button,
  Dialog,
  DialogActions,
  DialogBody,
  DialogContent,
  DialogSurface,
  DialogTitle,
  makeStyles,
  MessageBar,
  MessageBarBody,
  mergeClasses,
  tokens,
} from '@fluentui/react-components';
import { describe } from '../../app/notify';

const useStyles = makeStyles({
  wide: { width: 'min(840px, 96vw)', maxWidth: 'none' },
  content: { display: 'flex', flexDirection: 'column', gap: tokens.spacingVerticalM, minHeight: 0 },
});

// useSubmit runs what a form is sent for: busy while it runs, the refusal as text when it failed.
export function useSubmit() {
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState('');
  const submit = async (work: () => Promise<void>) => {
    setBusy(true);
    setRefusal('');
    try {
      await work();
    } catch (err) {
      setRefusal(describe(err));
    }
    setBusy(false);
  };
  return { busy, refusal, submit };
}

// Refusal says why the server did not take what was sent.
export function Refusal({ text }: { text: string }) {
  return text === '' ? null : (
    <MessageBar intent="error" layout="multiline" role="alert">
      <MessageBarBody>{text}</MessageBarBody>
    </MessageBar>
  );
}

export interface FormDialogProps {
  title: string;
  // The word on the button that sends the form.
  action: string;
  wide?: boolean;
  busy?: boolean;
  // The form lacks something that the button waits for.
  incomplete?: boolean;
  refusal?: string;
  // Buttons before Cancel.
  buttons?: ReactNode;
  onSubmit: () => void;
  onClose: () => void;
  children: ReactNode;
}

// FormDialog is a dialog around a form: fields, the reason for which the server refused it, cancel and send. While it is sent it stays open.
export function FormDialog(p: FormDialogProps) {
  const s = useStyles();
  return (
    <Dialog open onOpenChange={(_, d) => !d.open && !p.busy && p.onClose()}>
      <DialogSurface className={mergeClasses(p.wide && s.wide)}>
        <form
          noValidate
          onSubmit={(event) => {
            event.preventDefault();
            p.onSubmit();
          }}
        >
          <DialogBody>
            <DialogTitle>{p.title}</DialogTitle>
            <DialogContent className={s.content}>
              {p.children}
              <Refusal text={p.refusal ?? ''} />
            </DialogContent>
            <DialogActions>
              {p.buttons}
              <Button onClick={p.onClose} disabled={p.busy ?? false}>
                Cancel
              </Button>
              <Button type="submit" appearance="primary" disabled={(p.busy ?? false) || (p.incomplete ?? false)}>
                {p.action}
              </Button>
            </DialogActions>
          </DialogBody>
        </form>
      </DialogSurface>
    </Dialog>
  );
}
