import { useEffect, useRef, useState } from 'react';
import { Button, Field, makeStyles, MessageBar, MessageBarBody, Spinner, Switch, Textarea, tokens } from '@fluentui/react-components';
import { PlayRegular, SaveRegular } from '@fluentui/react-icons';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useBlocker, useNavigate, useSearch } from '@tanstack/react-router';
import { ApiError } from '../api/client';
import { mappings, type Mapping, type MappingProblem, type SampleOutcome } from '../api/mappings';
import { describe, useNotify } from '../app/notify';
import { useMay } from '../app/session';
import { useThemeChoice } from '../app/theme';
import { text as first, type Search } from '../app/url';
import { Confirm } from '../design/dialog/Confirm';
import { Page } from '../design/Page';
import { asSentence, Failure, Lines } from '../design/states';
import { useTableStyles } from '../design/useTableStyles';
import type { MappingEditorHandle } from './editor';
import { nameOf, origins, renamed, starter } from './mapping';
import { MappingEditor } from './MappingEditor';
import { Outcomes } from './Outcomes';
import { mostSamples, problemOf, samplesOf } from './samples';

const useStyles = makeStyles({
  split: {
    display: 'grid',
    gridTemplateColumns: 'minmax(0, 1fr) minmax(0, 1fr)',
    flexGrow: 1,
    minHeight: 0,
    borderTop: `1px solid ${tokens.colorNeutralStroke2}`,
    '@media (max-width: 1099px)': { display: 'flex', flexDirection: 'column', overflowY: 'auto' },
  },
  left: {
    display: 'flex',
    flexDirection: 'column',
    minHeight: 0,
    borderRight: `1px solid ${tokens.colorNeutralStroke2}`,
    '@media (max-width: 1099px)': { height: '45vh', flexShrink: 0, borderBottom: `1px solid ${tokens.colorNeutralStroke2}` },
  },
  editor: { flexGrow: 1, minHeight: 0 },
  right: {
    display: 'flex',
    flexDirection: 'column',
    gap: tokens.spacingVerticalM,
    padding: tokens.spacingHorizontalL,
    overflowY: 'auto',
    minHeight: 0,
    '@media (max-width: 1099px)': { overflowY: 'visible', flexShrink: 0 },
  },
  bar: { display: 'flex', gap: tokens.spacingHorizontalM, alignItems: 'center', flexWrap: 'wrap' },
  problems: {
    borderTop: `1px solid ${tokens.colorNeutralStroke2}`,
    padding: tokens.spacingHorizontalS,
    maxHeight: '30%',
    overflowY: 'auto',
  },
  problem: { textAlign: 'left', justifyContent: 'flex-start', maxWidth: 'none', width: '100%', fontWeight: tokens.fontWeightRegular },
});

// MappingPage shows one mapping, or a new one: its text, and what it makes of samples.
export function MappingPage() {
  const search: Search = useSearch({ strict: false });
  const name = first(search.name);
  const copy = first(search.copy);
  const found = useQuery({
    queryKey: ['mappings', 'one', name ?? copy],
    queryFn: () => mappings.get(name ?? copy ?? ''),
    enabled: name !== undefined || copy !== undefined,
    refetchOnMount: 'always',
  });
  const title = name ?? 'New mapping';
  const crumbs = [{ label: 'System' }, { label: 'Mappings', to: '/mappings' }];
  if ((name !== undefined || copy !== undefined) && !found.data)
    return (
      <Page title={title} crumbs={crumbs}>
        {found.error ? (
          <Failure what={`the mapping ${name ?? copy ?? ''}`} error={found.error} retry={() => void found.refetch()} />
        ) : (
          <Lines count={8} />
        )}
      </Page>
    );
  return name !== undefined && found.data ? (
    <Editing key={name} kept={found.data} start={found.data.text} crumbs={crumbs} />
  ) : (
    <Editing key={`new ${copy ?? ''}`} start={found.data ? renamed(found.data.text, `${found.data.name}-copy`) : starter} crumbs={crumbs} />
  );
}

function Editing({ kept, start, crumbs }: { kept?: Mapping; start: string; crumbs: { label: string; to?: string }[] }) {
  const s = useStyles();
  const t = useTableStyles();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const { notify } = useNotify();
  const { name: theme } = useThemeChoice();
  const mayManage = useMay('settings.core.manage');
  const editor = useRef<MappingEditorHandle>(null);
  const [text, setText] = useState(start);
  const [saved, setSaved] = useState(start);
  const [enabled, setEnabled] = useState(kept?.enabled ?? true);
  const [typed, setTyped] = useState('');
  const [outcomes, setOutcomes] = useState<readonly SampleOutcome[] | undefined>();
  const [problems, setProblems] = useState<readonly MappingProblem[]>([]);
  const [refusal, setRefusal] = useState('');
  const [busy, setBusy] = useState<'test' | 'save' | undefined>();
  const builtin = kept !== undefined && kept.origin !== 'user';
  const readOnly = builtin || !mayManage;
  const dirty = !readOnly && (text !== saved || enabled !== (kept?.enabled ?? true));
  const leaving = useRef(false);
  const blocker = useBlocker({ shouldBlockFn: () => dirty && !leaving.current, enableBeforeUnload: () => dirty, withResolver: true });
  const name = nameOf(text);
  const samples = samplesOf(typed);

  // What is wrong with the text belongs to a place in it.
  const refused = (err: unknown) => {
    if (err instanceof ApiError && err.details.line !== undefined) setProblems([problemOf(err)]);
    else setRefusal(describe(err));
  };
  const work = async (what: 'test' | 'save', go: () => Promise<void>) => {
    setBusy(what);
    setRefusal('');
    setProblems([]);
    try {
      await go();
    } catch (err) {
      refused(err);
    }
    setBusy(undefined);
  };
  const test = () =>
    work('test', async () => {
      setOutcomes(undefined);
      const { value } = await mappings.test(text, samples);
      setOutcomes(value);
      setProblems(value.flatMap((o) => (o.error?.line === undefined ? [] : [o.error])).slice(0, 20));
    });
  const save = () =>
    work('save', async () => {
      const draft = { name, text, enabled };
      if (kept) await mappings.update(kept.name, draft);
      else await mappings.create(draft);
      setSaved(text);
      leaving.current = true;
      notify({ title: `Saved ${name}`, body: enabled ? 'It takes records from now on.' : 'It is off, and takes no records.' });
      await queries.invalidateQueries({ queryKey: ['mappings'] });
      if (!kept || kept.name !== name) await navigate({ to: '/mappings/edit', search: { name } as never, replace: true });
      leaving.current = false;
    });
  // Another text, other problems.
  useEffect(() => setProblems([]), [text]);
  return (
    <Page
      fixed
      title={kept?.name ?? (name || 'New mapping')}
      crumbs={crumbs}
      meta={builtin ? `${origins[kept.origin]}: make a copy to change it` : dirty ? 'Not saved yet' : undefined}
      commands={
        <>
          {builtin && mayManage ? (
            <Button size="small" onClick={() => void navigate({ to: '/mappings/edit', search: { copy: kept.name } as never })}>
              Make a copy
            </Button>
          ) : null}
          {readOnly ? null : (
            <>
              <Switch
                label={enabled ? 'On' : 'Off'}
                aria-label="It takes records"
                checked={enabled}
                onChange={(_, d) => setEnabled(d.checked)}
              />
              <Button
                size="small"
                appearance="primary"
                icon={busy === 'save' ? <Spinner size="tiny" /> : <SaveRegular />}
                disabled={busy !== undefined || name === '' || (!dirty && kept !== undefined)}
                onClick={() => void save()}
              >
                Save
              </Button>
            </>
          )}
        </>
      }
    >
      <div className={s.split}>
        <section className={s.left} aria-label="Text of the mapping">
          <div className={s.editor}>
            <MappingEditor
              ref={editor}
              text={text}
              onChange={setText}
              readOnly={readOnly}
              theme={theme}
              problems={problems}
              label="Mapping"
            />
          </div>
          {problems.length > 0 || name === '' ? (
            <div className={s.problems} role="alert">
              {name === '' ? <div className={t.bad}>The text has no line “name: …”.</div> : null}
              {problems.map((p, i) => (
                <Button
                  key={i}
                  size="small"
                  appearance="subtle"
                  className={s.problem}
                  onClick={() => editor.current?.goTo(p.line ?? 1, p.column)}
                >
                  <span className={t.bad}>
                    Line {p.line}
                    {p.column ? `, column ${p.column}` : ''}: {asSentence(p.message)}
                  </span>
                </Button>
              ))}
            </div>
          ) : null}
        </section>
        <section className={s.right} aria-label="Test">
          <Field
            label="Samples"
            hint={`Records as they arrive: JSON, or one line each. At most ${mostSamples}.`}
            {...(samples.length > mostSamples ? { validationMessage: `There are ${samples.length.toLocaleString()}.` } : {})}
          >
            <Textarea
              rows={8}
              resize="vertical"
              textarea={{ className: t.code, spellCheck: false }}
              value={typed}
              onChange={(_, d) => setTyped(d.value)}
            />
          </Field>
          <div className={s.bar}>
            <Button
              icon={busy === 'test' ? <Spinner size="tiny" /> : <PlayRegular />}
              disabled={busy !== undefined || !mayManage || samples.length === 0 || samples.length > mostSamples}
              onClick={() => void test()}
            >
              Test
            </Button>
            <span className={t.quiet}>
              {!mayManage
                ? 'Testing takes the permission to manage settings.'
                : samples.length === 0
                  ? 'Paste records to see what becomes of them.'
                  : `${samples.length.toLocaleString()} ${samples.length === 1 ? 'sample' : 'samples'}. Nothing is stored.`}
            </span>
          </div>
          {refusal ? (
            <MessageBar intent="error" layout="multiline" role="alert">
              <MessageBarBody>{asSentence(refusal)}</MessageBarBody>
            </MessageBar>
          ) : null}
          {outcomes ? <Outcomes outcomes={outcomes} /> : null}
        </section>
      </div>
      {blocker.status === 'blocked' ? (
        <Confirm
          title="Leave without saving?"
          action="Leave"
          onClose={() => blocker.reset()}
          onDone={async () => {
            blocker.proceed();
            await Promise.resolve();
          }}
        >
          The changes of this mapping are lost.
        </Confirm>
      ) : null}
    </Page>
  );
}
