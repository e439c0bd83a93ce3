import { useEffect, useState } from 'react';
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
  Option,
  Radio,
  RadioGroup,
  Textarea,
} from '@fluentui/react-components';
import { useQuery } from '@tanstack/react-query';
import { alerts, incidents } from '../api/endpoints';
import { useNotify } from '../app/notify';
import { count } from '../design/words';
import { useManage } from './useManage';

export interface MoveDialogProps {
  // What to do: move alerts to another incident, or merge a whole incident into another one.
  move: { kind: 'alerts'; alertIds: string[]; from?: string | undefined } | { kind: 'merge'; incidentId: string };
  onClose: () => void;
  onDone?: (incidentId: string | undefined) => void;
}

// MoveDialog says what moves where, asks for the reason and then does it; moving alerts can be undone from the toast.
export function MoveDialog({ move, onClose, onDone }: MoveDialogProps) {
  const { notify, failed } = useNotify();
  const { reload } = useManage('incident');
  const [where, setWhere] = useState<'existing' | 'new'>('existing');
  const [typed, setTyped] = useState('');
  const [asked, setAsked] = useState('');
  const [target, setTarget] = useState('');
  const [comment, setComment] = useState('');
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setAsked(typed), 200);
    return () => clearTimeout(timer);
  }, [typed]);
  const found = useQuery({
    queryKey: ['incidents', 'pick', asked],
    queryFn: ({ signal }) => incidents.list({ search: asked, $top: 20, orderby: 'lastUpdateTime:desc' }, signal),
  });
  const own = move.kind === 'merge' ? move.incidentId : move.from;
  const what = move.kind === 'alerts' ? count(move.alertIds.length, 'alert', 'alerts') : `incident ${move.incidentId}`;
  const ready = move.kind === 'merge' || where === 'existing' ? target !== '' : true;

  const go = async () => {
    setBusy(true);
    try {
      if (move.kind === 'merge') {
        await incidents.merge(move.incidentId, target, comment);
        notify({ title: `Incident ${move.incidentId} merged into ${target}` });
        onDone?.(target);
      } else {
        const to = where === 'new' ? null : target;
        const result = await alerts.move(move.alertIds, to, comment);
        const { from } = move;
        notify({
          title: to === null ? `${what} moved to a new incident` : `${what} moved to incident ${to}`,
          ...(from === undefined
            ? {}
            : {
                undo: async () => {
                  try {
                    await alerts.move(move.alertIds, from, 'Undo');
                    notify({ title: 'Undone', intent: 'info' });
                  } catch (err) {
                    failed('Could not undo', err);
                  }
                  reload();
                },
              }),
        });
        onDone?.(result?.incidentId !== undefined ? String(result.incidentId) : (to ?? undefined));
      }
      reload();
      onClose();
    } catch (err) {
      failed(move.kind === 'merge' ? 'Could not merge' : 'Could not move', err);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog open onOpenChange={(_, d) => !d.open && onClose()}>
      <DialogSurface>
        <DialogBody>
          <DialogTitle>{move.kind === 'merge' ? `Merge ${what} into another` : `Move ${what}`}</DialogTitle>
          <DialogContent style={{ display: 'flex', flexDirection: 'column', gap: 16 }}>
            {move.kind === 'merge' ? (
              <span>
                Its alerts, tags and log go to the chosen incident. Its number then leads there. A merge cannot be undone; alerts can be
                moved out again.
              </span>
            ) : (
              <RadioGroup aria-label="Where to" value={where} onChange={(_, d) => setWhere(d.value === 'new' ? 'new' : 'existing')}>
                <Radio value="existing" label="To an existing incident" />
                <Radio value="new" label="To a new incident" />
              </RadioGroup>
            )}
            {move.kind === 'merge' || where === 'existing' ? (
              <Field label="Incident" required>
                <Combobox
                  placeholder="Name or number"
                  value={typed}
                  selectedOptions={target ? [target] : []}
                  freeform
                  onChange={(event) => {
                    setTyped(event.target.value);
                    setTarget(/^\d+$/.test(event.target.value.trim()) ? event.target.value.trim() : '');
                  }}
                  onOptionSelect={(_, d) => {
                    setTarget(d.optionValue ?? '');
                    setTyped(d.optionText ?? '');
                  }}
                >
                  {(found.data?.value ?? [])
                    .filter((i) => i.id !== own)
                    .map((i) => (
                      <Option key={i.id} value={i.id} text={`${i.id} · ${i.name}`}>
                        {`${i.id} · ${i.name}`}
                      </Option>
                    ))}
                </Combobox>
              </Field>
            ) : null}
            <Field label="Reason">
              <Textarea rows={3} value={comment} onChange={(_, d) => setComment(d.value)} />
            </Field>
          </DialogContent>
          <DialogActions>
            <Button onClick={onClose}>Cancel</Button>
            <Button appearance="primary" disabled={!ready || busy} onClick={() => void go()}>
              {move.kind === 'merge' ? 'Merge' : 'Move'}
            </Button>
          </DialogActions>
        </DialogBody>
      </DialogSurface>
    </Dialog>
  );
}
