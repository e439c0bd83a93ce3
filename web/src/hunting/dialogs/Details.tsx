import type { ReactNode } from 'react';
import {
  Button,
  Dialog,
  DialogActions,
  DialogBody,
  DialogContent,
  DialogSurface,
  DialogTitle,
  DialogTrigger,
  makeStyles,
  tokens,
} from '@fluentui/react-components';

const useStyles = makeStyles({
  surface: { width: 'min(760px, 96vw)', maxWidth: 'none' },
  content: { display: 'flex', flexDirection: 'column', gap: tokens.spacingVerticalM, minHeight: 0 },
});

// Details shows what is known of a thing of the left pane, with what can be done with it.
export function Details({
  title,
  buttons,
  onClose,
  children,
}: {
  title: string;
  buttons?: ReactNode;
  onClose: () => void;
  children: ReactNode;
}) {
  const s = useStyles();
  return (
    <Dialog open onOpenChange={(_, d) => !d.open && onClose()}>
      <DialogSurface className={s.surface}>
        <DialogBody>
          <DialogTitle>{title}</DialogTitle>
          <DialogContent className={s.content}>{children}</DialogContent>
          <DialogActions fluid>
            {buttons}
            <DialogTrigger action="close">
              <Button>Close</Button>
            </DialogTrigger>
          </DialogActions>
        </DialogBody>
      </DialogSurface>
    </Dialog>
  );
}
