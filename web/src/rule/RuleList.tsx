import { useCallback, useState } from 'react';
import {
  Button,
  Dialog,
  DialogActions,
  DialogBody,
  DialogContent,
  DialogSurface,
  DialogTitle,
  Field,
  makeStyles,
  Switch,
  Textarea,
  tokens,
  mergeClasses,
} from '@fluentui/react-components';
import { AddRegular, ShieldTaskRegular } from '@fluentui/react-icons';
import { useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { rules } from '../api/endpoints';
import type { Rule } from '../api/types';
import { useNotify } from '../app/notify';
import { useMay } from '../app/session';
import type { GridColumn } from '../design/grid/columns';
import type { Filter } from '../design/list/filters';
import { Queue } from '../design/list/Queue';
import { SeverityMark, Tags } from '../design/marks';
import { useLinkStyles } from '../design/useLinkStyles';
import { label, severities } from '../design/words';

const useStyles = makeStyles({
  error: { color: tokens.colorPaletteRedForeground1 },
  quiet: { color: tokens.colorNeutralForeground3, fontSize: tokens.fontSizeBase200 },
});

const originWords: Record<string, string> = { builtin: 'Built in', import: 'Imported', user: 'Own' };

function RuleTitle({ rule }: { rule: Rule }) {
  const l = useLinkStyles();
  return (
    <Link to="/rules/$ruleId" params={{ ruleId: rule.id }} className={mergeClasses(l.link, l.cut)} title={rule.title}>
      {rule.title}
    </Link>
  );
}

function RuleState({ rule }: { rule: Rule }) {
  const s = useStyles();
  if (rule.error)
    return (
      <span className={s.error} title={rule.error}>
        Cannot run
      </span>
    );
  return <>{rule.enabled ? 'On' : 'Off'}</>;
}

const columns: readonly GridColumn<Rule>[] = [
  { id: 'title', header: 'Rule', width: 420, minWidth: 160, cell: (r) => <RuleTitle rule={r} />, text: (r) => r.title },
  {
    id: 'enabled',
    header: 'State',
    width: 100,
    cell: (r) => <RuleState rule={r} />,
    text: (r) => (r.error ? 'Cannot run' : r.enabled ? 'On' : 'Off'),
  },
  { id: 'severity', header: 'Severity', width: 130, cell: (r) => <SeverityMark value={r.severity} />, text: (r) => r.severity ?? '' },
  { id: 'kind', header: 'Kind', width: 80, cell: (r) => label(r.kind), text: (r) => r.kind },
  { id: 'category', header: 'Category', width: 170, cell: (r) => label(r.category) || '–', text: (r) => label(r.category) },
  {
    id: 'techniques',
    header: 'Techniques',
    width: 190,
    cell: (r) => <Tags values={r.techniques} />,
    text: (r) => (r.techniques ?? []).join('; '),
  },
  { id: 'logsource', header: 'Log source', width: 230, cell: (r) => r.logsource || '–', text: (r) => r.logsource ?? '' },
  { id: 'origin', header: 'Origin', width: 100, cell: (r) => originWords[r.origin ?? ''] ?? r.origin, text: (r) => r.origin ?? '' },
  { id: 'author', header: 'Author', width: 160, hidden: true, cell: (r) => r.author || '–', text: (r) => r.author ?? '' },
  { id: 'status', header: 'Maturity', width: 110, hidden: true, cell: (r) => label(r.status) || '–', text: (r) => r.status ?? '' },
];

const filters: readonly Filter[] = [
  { id: 'kind', label: 'Kind', options: ['sigma', 'kql'] },
  { id: 'enabled', label: 'State', kind: 'one', options: ['true', 'false'], word: (v) => (v === 'true' ? 'On' : 'Off') },
  { id: 'severity', label: 'Severity', options: severities },
  { id: 'origin', label: 'Origin', options: ['builtin', 'import', 'user'], word: (v) => originWords[v] ?? v },
];

const idOf = (r: Rule) => r.id;
const nameOf = (r: Rule) => r.title;

// RuleList is the list of detection rules.
export function RuleList() {
  const s = useStyles();
  const navigate = useNavigate();
  const { notify, failed } = useNotify();
  const queries = useQueryClient();
  const mayManage = useMay('settings.detection.manage');
  const [adding, setAdding] = useState(false);
  const open = useCallback((r: Rule) => void navigate({ to: '/rules/$ruleId', params: { ruleId: r.id } }), [navigate]);
  const setEnabled = async (ids: string[], enabled: boolean, clear: () => void, refresh: () => Promise<void>) => {
    try {
      for (const id of ids) await rules.setEnabled(id, enabled);
      notify({
        title: `${ids.length.toLocaleString()} ${ids.length === 1 ? 'rule' : 'rules'} switched ${enabled ? 'on' : 'off'}`,
        undo: async () => {
          try {
            for (const id of ids) await rules.setEnabled(id, !enabled);
            notify({ title: 'Undone', intent: 'info' });
          } catch (err) {
            failed('Could not undo', err);
          }
          await refresh();
        },
      });
      clear();
    } catch (err) {
      failed('Could not change every rule', err);
    }
    await refresh();
  };
  return (
    <>
      <Queue<Rule>
        list="rules"
        title="Detection rules"
        things={['rule', 'rules']}
        crumbs={[{ label: 'Hunting' }]}
        columns={columns}
        filters={filters}
        searchLabel="Title, ID or technique"
        defaultOrder=""
        withRange={false}
        idOf={idOf}
        nameOf={nameOf}
        fetchPage={rules.list}
        commands={({ selected, clear, refresh }) =>
          mayManage ? (
            <>
              {selected.length > 0 ? (
                <>
                  <Button size="small" appearance="primary" onClick={() => void setEnabled(selected, true, clear, refresh)}>
                    Switch on
                  </Button>
                  <Button size="small" onClick={() => void setEnabled(selected, false, clear, refresh)}>
                    Switch off
                  </Button>
                </>
              ) : null}
              <Button size="small" icon={<AddRegular />} onClick={() => setAdding(true)}>
                Add rule
              </Button>
            </>
          ) : null
        }
        onOpen={open}
        selectable={mayManage}
        narrow={(r) => (
          <div style={{ minWidth: 0 }}>
            <RuleTitle rule={r} />
            <div>
              <SeverityMark value={r.severity} /> · <RuleState rule={r} />
            </div>
            <span className={s.quiet}>{r.logsource}</span>
          </div>
        )}
        emptyIcon={<ShieldTaskRegular />}
        emptyTitle="No rules"
        emptyBody="Import a folder of Sigma rules with “bartizan rule import”, or add a rule here."
      />
      {adding ? (
        <AddRule
          onClose={() => setAdding(false)}
          onDone={(r) => {
            void queries.invalidateQueries({ queryKey: ['rules'] });
            open(r);
          }}
        />
      ) : null}
    </>
  );
}

function AddRule({ onClose, onDone }: { onClose: () => void; onDone: (rule: Rule) => void }) {
  const { notify } = useNotify();
  const [text, setText] = useState('');
  const [kql, setKql] = useState(false);
  const [problem, setProblem] = useState('');
  const [busy, setBusy] = useState(false);
  return (
    <Dialog open onOpenChange={(_, d) => !d.open && onClose()}>
      <DialogSurface style={{ maxWidth: 760 }}>
        <DialogBody>
          <DialogTitle>Add rule</DialogTitle>
          <DialogContent style={{ display: 'flex', flexDirection: 'column', gap: 12 }}>
            <Switch label={kql ? 'KQL on a schedule' : 'Sigma'} checked={kql} onChange={(_, d) => setKql(d.checked)} />
            <Field label="Rule text" validationState={problem ? 'error' : 'none'} validationMessage={problem || undefined}>
              <Textarea
                rows={18}
                value={text}
                onChange={(_, d) => {
                  setText(d.value);
                  setProblem('');
                }}
                textarea={{ spellCheck: false, style: { fontFamily: tokens.fontFamilyMonospace, fontSize: tokens.fontSizeBase200 } }}
              />
            </Field>
          </DialogContent>
          <DialogActions>
            <Button onClick={onClose}>Cancel</Button>
            <Button
              appearance="primary"
              disabled={busy || text.trim() === ''}
              onClick={() => {
                setBusy(true);
                rules
                  .create(kql ? 'kql' : 'sigma', text)
                  .then((r) => {
                    notify({ title: `Added "${r.title}"`, undo: () => rules.delete(r.id) });
                    onClose();
                    onDone(r);
                  })
                  .catch((err: unknown) => setProblem(err instanceof Error ? err.message : String(err)))
                  .finally(() => setBusy(false));
              }}
            >
              Add
            </Button>
          </DialogActions>
        </DialogBody>
      </DialogSurface>
    </Dialog>
  );
}
