import type { ReactNode } from 'react';
import {
  Button,
  Dialog,
  DialogActions,
  DialogBody,
  DialogContent,
  DialogSurface,
  DialogTitle,
  makeStyles,
  Spinner,
  tokens,
} from '@fluentui/react-components';

const useStyles = makeStyles({
  surface: { width: 'min(760px, 96vw)', maxWidth: 'none' },
  content: { display: 'flex', flexDirection: 'column', gap: tokens.spacingVerticalM, minHeight: 0 },
  last: { whiteSpace: 'nowrap' },
  step: { color: tokens.colorNeutralForeground3, fontSize: tokens.fontSizeBase200 },
});

export interface WizardProps {
  title: string;
  steps: readonly string[];
  step: number;
  busy: boolean;
  // The word on the button of the last step.
  action: string;
  // Everything is done (or nothing can be): only closing is left.
  over?: boolean;
  // No way on from here.
  stuck?: boolean;
  buttons?: ReactNode;
  onBack: () => void;
  onNext: () => void;
  onFinish: () => void;
  onClose: () => void;
  children: ReactNode;
}

// Wizard is a dialog in steps: it says where one is, goes back and on, and does the work in the last one.
export function Wizard(p: WizardProps) {
  const s = useStyles();
  const last = p.step === p.steps.length - 1;
  return (
    <Dialog open modalType="alert" onOpenChange={(_, d) => !d.open && !p.busy && p.onClose()}>
      <DialogSurface className={s.surface}>
        <DialogBody>
          <DialogTitle>{p.title}</DialogTitle>
          <DialogContent className={s.content}>
            {p.over || p.stuck ? null : (
              <span className={s.step} role="status">
                Step {p.step + 1} of {p.steps.length}: {p.steps[p.step]}
              </span>
            )}
            {p.children}
          </DialogContent>
          <DialogActions>
            {p.over ? (
              <Button appearance="primary" onClick={p.onClose}>
                Close
              </Button>
            ) : (
              <>
                {p.buttons}
                {p.step > 0 ? (
                  <Button onClick={p.onBack} disabled={p.busy}>
                    Back
                  </Button>
                ) : null}
                <Button onClick={p.onClose} disabled={p.busy}>
                  Cancel
                </Button>
                {p.stuck ? null : last ? (
                  <Button
                    className={s.last}
                    appearance="primary"
                    onClick={p.onFinish}
                    disabled={p.busy}
                    {...(p.busy ? { icon: <Spinner size="tiny" /> } : {})}
                  >
                    {p.action}
                  </Button>
                ) : (
                  <Button appearance="primary" onClick={p.onNext} disabled={p.busy}>
                    Next
                  </Button>
                )}
              </>
            )}
          </DialogActions>
        </DialogBody>
      </DialogSurface>
    </Dialog>
  );
}
