import {
  Button,
  Dialog,
  DialogActions,
  DialogBody,
  DialogContent,
  DialogSurface,
  DialogTitle,
  makeStyles,
  tokens,
} from '@fluentui/react-components';
import type { Cell } from '../../api/types';
import { cellText, tree } from './cells';

const useStyles = makeStyles({
  text: {
    margin: 0,
    fontFamily: tokens.fontFamilyMonospace,
    fontSize: tokens.fontSizeBase200,
    whiteSpace: 'pre-wrap',
    overflowWrap: 'anywhere',
    maxHeight: '65vh',
    overflow: 'auto',
  },
});

// WholeValue shows a value that is too long for its cell.
export function WholeValue({
  name,
  cell,
  onClose,
  onCopy,
}: {
  name: string;
  cell: Cell | undefined;
  onClose: () => void;
  onCopy: (text: string) => void;
}) {
  const s = useStyles();
  const structure = tree(cell);
  const text = structure ? JSON.stringify(structure, null, 2) : cellText(cell);
  return (
    <Dialog open onOpenChange={(_, d) => !d.open && onClose()}>
      <DialogSurface style={{ maxWidth: 'min(960px, 94vw)' }}>
        <DialogBody>
          <DialogTitle>{name}</DialogTitle>
          <DialogContent>
            <pre className={s.text} tabIndex={0}>
              {text}
            </pre>
          </DialogContent>
          <DialogActions>
            <Button onClick={() => onCopy(cellText(cell))}>Copy</Button>
            <Button appearance="primary" onClick={onClose}>
              Close
            </Button>
          </DialogActions>
        </DialogBody>
      </DialogSurface>
    </Dialog>
  );
}
