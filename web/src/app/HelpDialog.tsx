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

const useStyles = makeStyles({
  grid: { display: 'grid', gridTemplateColumns: 'repeat(auto-fit, minmax(220px, 1fr))', gap: tokens.spacingHorizontalXXL },
  title: { margin: `0 0 ${tokens.spacingVerticalS}`, fontSize: tokens.fontSizeBase300 },
  row: { display: 'flex', justifyContent: 'space-between', gap: tokens.spacingHorizontalM, padding: `${tokens.spacingVerticalXXS} 0` },
  key: {
    fontFamily: tokens.fontFamilyMonospace,
    fontSize: tokens.fontSizeBase200,
    border: `1px solid ${tokens.colorNeutralStroke1}`,
    borderRadius: tokens.borderRadiusSmall,
    padding: `0 ${tokens.spacingHorizontalXS}`,
    whiteSpace: 'nowrap',
  },
});

const groups: [title: string, keys: [key: string, does: string][]][] = [
  [
    'Anywhere',
    [
      ['/', 'Search'],
      ['g .', 'Home'],
      ['g i', 'Incidents'],
      ['g a', 'Alerts'],
      ['g h', 'Advanced hunting'],
      ['g r', 'Detection rules'],
      ['g s', 'Data sources'],
      ['g c', 'Connectors'],
      ['g m', 'Mappings'],
      ['g k', 'Data lake'],
      ['g l', 'Evaluation lab'],
      ['?', 'This list'],
    ],
  ],
  [
    'Lists',
    [
      ['j / k', 'Next, previous row'],
      ['x', 'Select the row'],
      ['Shift+click', 'Select up to a row'],
      ['Space', 'Open the side pane'],
      ['Enter', 'Open the page'],
      ['→ / ←', 'Expand, collapse a row'],
      ['Esc', 'Close the side pane'],
    ],
  ],
  [
    'Trees and editor',
    [
      ['↑ ↓', 'Move in a tree'],
      ['→ / ←', 'Into, out of a branch'],
      ['Shift+Enter', 'Run the query'],
      ['Ctrl+Enter', 'Run the selection'],
      ['Esc', 'Cancel the running query'],
      ['Ctrl+Space', 'Complete'],
      ['Ctrl+.', 'Quick fix'],
      ['F8', 'Next problem'],
      ['Shift+Alt+F', 'Format the query'],
      ['Ctrl+/', 'Toggle comment'],
      ['F2', 'Rename a query tab'],
      ['Ctrl+Shift+← →', 'Move a query tab'],
      ['Ctrl+M', 'Tab leaves the editor'],
    ],
  ],
];

// HelpDialog lists every key of the portal.
export function HelpDialog({ open, onClose }: { open: boolean; onClose: () => void }) {
  const s = useStyles();
  return (
    <Dialog open={open} onOpenChange={(_, data) => !data.open && onClose()}>
      <DialogSurface style={{ maxWidth: '860px' }}>
        <DialogBody>
          <DialogTitle>Keys</DialogTitle>
          <DialogContent>
            <div className={s.grid}>
              {groups.map(([title, keys]) => (
                <section key={title} aria-label={title}>
                  <h3 className={s.title}>{title}</h3>
                  {keys.map(([key, does]) => (
                    <div key={key + does} className={s.row}>
                      <span>{does}</span>
                      <kbd className={s.key}>{key}</kbd>
                    </div>
                  ))}
                </section>
              ))}
            </div>
          </DialogContent>
          <DialogActions>
            <Button appearance="primary" onClick={onClose}>
              Close
            </Button>
          </DialogActions>
        </DialogBody>
      </DialogSurface>
    </Dialog>
  );
}
