import { useRef, useState } from 'react';
import {
  Button,
  Dialog,
  DialogActions,
  DialogBody,
  DialogContent,
  DialogSurface,
  DialogTitle,
  MessageBar,
  MessageBarBody,
  ProgressBar,
} from '@fluentui/react-components';
import { DocumentAddRegular, FolderAddRegular } from '@fluentui/react-icons';
import { useQueryClient } from '@tanstack/react-query';
import { hunt, type ImportAnswer } from '../../api/hunting';
import { describe } from '../../app/notify';
import { batches, fromList, type PickedFile } from './importing';
import { usePaneStyles } from './usePaneStyles';

// Total is the answers of all calls together.
type Total = Pick<ImportAnswer, 'added' | 'replaced' | 'unchanged' | 'skipped' | 'refused'>;

// ImportDialog adds query files of the person's machine to the community queries.
export function ImportDialog({ picked, onClose }: { picked: readonly PickedFile[]; onClose: () => void }) {
  const s = usePaneStyles();
  const client = useQueryClient();
  const files = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
  const [chosen, setChosen] = useState<readonly PickedFile[]>(picked);
  const [done, setDone] = useState<number | undefined>();
  const [answer, setAnswer] = useState<Total | undefined>();
  const [problem, setProblem] = useState('');
  const busy = done !== undefined && !answer;
  const choose = (list: FileList | null) => {
    if (list) void fromList([...list]).then(setChosen);
  };
  const start = async () => {
    const total: Total = { added: 0, replaced: 0, unchanged: 0, skipped: 0, refused: [] };
    setProblem('');
    setDone(0);
    try {
      let n = 0;
      for (const batch of batches(chosen)) {
        const one = await hunt.importCommunity(batch);
        total.added += one.added;
        total.replaced += one.replaced;
        total.unchanged += one.unchanged;
        total.skipped += one.skipped;
        total.refused = [...total.refused, ...one.refused];
        n += batch.length;
        setDone(n);
      }
      setAnswer(total);
    } catch (err) {
      setProblem(describe(err));
      setDone(undefined);
    }
    await client.invalidateQueries({ queryKey: ['hunting', 'community'] });
  };
  const refused = answer?.refused ?? [];
  return (
    <Dialog open onOpenChange={(_, d) => !d.open && !busy && onClose()}>
      <DialogSurface>
        <DialogBody>
          <DialogTitle>Import community queries</DialogTitle>
          <DialogContent>
            <div className={s.section}>
              <span>
                Files with one query each: .kql, .csl, .txt and .md, and .yaml files with a member <code>query</code>. Folders become
                folders of the tree. A query that is there already under its path is replaced.
              </span>
              <div className={s.row}>
                <Button icon={<DocumentAddRegular />} disabled={busy} onClick={() => files.current?.click()}>
                  Choose files
                </Button>
                <Button icon={<FolderAddRegular />} disabled={busy} onClick={() => folder.current?.click()}>
                  Choose a folder
                </Button>
                <input
                  ref={files}
                  type="file"
                  multiple
                  hidden
                  accept=".kql,.csl,.txt,.md,.yaml,.yml"
                  data-testid="community-files"
                  onChange={(event) => choose(event.target.files)}
                />
                <input ref={folder} type="file" hidden {...{ webkitdirectory: '' }} onChange={(event) => choose(event.target.files)} />
                <span role="status">
                  {chosen.length.toLocaleString()} {chosen.length === 1 ? 'file' : 'files'} chosen
                </span>
              </div>
              {busy ? <ProgressBar value={chosen.length === 0 ? 0 : (done ?? 0) / chosen.length} aria-label="Importing" /> : null}
              {problem ? (
                <MessageBar intent="error" layout="multiline">
                  <MessageBarBody>{problem}</MessageBarBody>
                </MessageBar>
              ) : null}
              {answer ? (
                <MessageBar intent={refused.length > 0 ? 'warning' : 'success'} layout="multiline">
                  <MessageBarBody>
                    Added {answer.added.toLocaleString()}, replaced {answer.replaced.toLocaleString()}, unchanged{' '}
                    {answer.unchanged.toLocaleString()}, without a query {answer.skipped.toLocaleString()}
                    {refused.length > 0 ? `, refused ${refused.length.toLocaleString()}` : ''}.
                  </MessageBarBody>
                </MessageBar>
              ) : null}
              {refused.length > 0 ? (
                <ul className={s.list} style={{ maxHeight: 200, overflowY: 'auto' }}>
                  {refused.slice(0, 200).map((r) => (
                    <li key={r.path}>
                      <code>{r.path}</code>
                      {r.line ? `, line ${r.line}` : ''}: {r.message}
                    </li>
                  ))}
                </ul>
              ) : null}
            </div>
          </DialogContent>
          <DialogActions>
            <Button disabled={busy} onClick={onClose}>
              {answer ? 'Close' : 'Cancel'}
            </Button>
            {answer ? null : (
              <Button appearance="primary" disabled={busy || chosen.length === 0} onClick={() => void start()}>
                Import
              </Button>
            )}
          </DialogActions>
        </DialogBody>
      </DialogSurface>
    </Dialog>
  );
}
