import { useCallback, useMemo, useRef, useState } from 'react';
import { Button, makeStyles, Tab, TabList, tokens } from '@fluentui/react-components';
import { DataUsageRegular, PanelLeftRegular } from '@fluentui/react-icons';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { hunt, type HuntFunction, type TableInfo } from '../api/hunting';
import type { Diagnostic } from '../api/types';
import { useNotify } from '../app/notify';
import { useMay, useSession } from '../app/session';
import { useThemeChoice } from '../app/theme';
import { text, type Search } from '../app/url';
import { Page } from '../design/Page';
import { useZone } from '../design/Time';
import { Builder } from './builder/Builder';
import { generate, incomplete } from './builder/generate';
import { emptyModel } from './builder/model';
import { linkTo } from './deeplink';
import { CloseDialog } from './dialogs/CloseDialog';
import { FunctionDialog } from './dialogs/FunctionDialog';
import { RuleDialog } from './dialogs/RuleDialog';
import { SaveDialog } from './dialogs/SaveDialog';
import { EditorArea } from './EditorArea';
import { widened, type EditorHandle } from './editing';
import { GettingStarted } from './GettingStarted';
import { HistoryPane } from './HistoryPane';
import { keepLayout, layout, type Layout } from './keep';
import { LeftPane } from './LeftPane';
import type { Opened } from './panes/actions';
import { QueryBar } from './QueryBar';
import { QueryError } from './QueryError';
import { QueryTabs } from './QueryTabs';
import { isRange, zoneLabel } from './ranges';
import { problemOf } from './results/problem';
import { ResultsPane } from './results/ResultsPane';
import { Sash } from './Sash';
import { description, ownTime, withLines, type Block } from './statement';
import { StatusLine } from './StatusLine';
import { add, addBuilder, change, close, duplicate, move, rename, unsaved, type QueryTab } from './tabs';
import { useLinkedQuery } from './useLinkedQuery';
import { useRuns } from './useRuns';
import { useTabs } from './useTabs';

const useStyles = makeStyles({
  split: {
    display: 'flex',
    flexGrow: 1,
    minHeight: 0,
    minWidth: 0,
    position: 'relative',
    borderTop: `1px solid ${tokens.colorNeutralStroke2}`,
  },
  center: { display: 'flex', flexDirection: 'column', flexGrow: 1, minWidth: 0, minHeight: 0 },
  editor: { flexShrink: 0, position: 'relative', borderTop: `1px solid ${tokens.colorNeutralStroke2}` },
  bottom: { display: 'flex', flexDirection: 'column', flexGrow: 1, minHeight: 0, minWidth: 0, position: 'relative' },
  bottomTabs: {
    flexShrink: 0,
    padding: `0 ${tokens.spacingHorizontalXS}`,
    borderBottom: `1px solid ${tokens.colorNeutralStroke3}`,
    overflowX: 'auto',
  },
});

type BottomTab = 'start' | 'results' | 'history';
type Asking = 'save' | 'saveAs' | 'function' | 'rule' | undefined;

const defaultRange = '30d';
// The builder's rows are taller than lines of text.
const builderHeight = 320;
const noTables: TableInfo[] = [];
const noFunctions: HuntFunction[] = [];
const noProblems: Diagnostic[] = [];

// HuntingPage is free KQL over the hunting tables: queries in tabs, written in the editor or put together in the builder, and what they return.
export function HuntingPage() {
  const s = useStyles();
  const search: Search = useSearch({ strict: false });
  const navigate = useNavigate();
  const client = useQueryClient();
  const { user, tenant } = useSession();
  const { name: theme } = useThemeChoice();
  const { zone } = useZone();
  const { notify, failed } = useNotify();
  const mayMakeRules = useMay('settings.detection.manage');
  const { state, update } = useTabs(`bartizan.hunting.${user.id}.${tenant.id}`);
  const runs = useRuns();
  const [panes, setPanes] = useState<Layout>(layout);
  const [bottomTab, setBottomTab] = useState<BottomTab>('start');
  const [asking, setAsking] = useState<Asking>();
  const [closing, setClosing] = useState<QueryTab>();
  const [problems, setProblems] = useState<readonly Diagnostic[]>(noProblems);
  const editor = useRef<EditorHandle>(null);

  const schema = useQuery({ queryKey: ['hunting', 'schema', tenant.id], queryFn: hunt.schema, staleTime: 300_000 });
  const functions = useQuery({ queryKey: ['hunting', 'functions', tenant.id], queryFn: hunt.functions, staleTime: 300_000, retry: false });
  const tables = schema.data?.tables ?? noTables;
  const known = functions.data?.value ?? noFunctions;

  const current = state.tabs.find((t) => t.id === state.current) ?? state.tabs[0];
  const asked = text(search.range);
  const range = asked !== undefined && isRange(asked) ? asked : defaultRange;
  const run = runs.of(state.current);
  const builder = current?.kind === 'builder';
  const blocked = builder && current?.model ? incomplete(current.model) : undefined;

  const arrange = (patch: Partial<Layout>) => {
    const next = { ...panes, ...patch };
    setPanes(next);
    keepLayout(next);
  };
  const setRange = useCallback(
    (next: string) => void navigate({ to: '.', search: (before: Search) => ({ ...before, range: next }) as never, replace: true }),
    [navigate],
  );

  const start = async (tab: QueryTab, block: Block | undefined, over = range) => {
    if (!block || block.text.trim() === '') return;
    setBottomTab('results');
    const outcome = await runs.run(tab.id, block.text, block.line - 1, over);
    const found = outcome.state === 'failed' ? problemOf(outcome.error) : undefined;
    if (found) editor.current?.show([widened(found, block.text)], block.line - 1);
    const title = description(block.text).slice(0, 60);
    if (title !== '' && tab.kind === 'editor')
      update((st) => {
        const t = st.tabs.find((x) => x.id === tab.id);
        return t && !t.named && t.saved === undefined && t.title.startsWith('New query') ? change(st, tab.id, { title }) : st;
      });
  };
  const built = (tab: QueryTab): string => (tab.model && !incomplete(tab.model) ? generate(tab.model, tables) : '');
  const here = (): Block | undefined => {
    if (!current) return undefined;
    if (current.kind === 'builder') return { text: built(current), line: 1 };
    return editor.current?.selection() ?? editor.current?.current() ?? { text: current.text, line: 1 };
  };
  const runHere = (over = range) => {
    if (!current) return;
    const block = here();
    if (current.kind === 'builder' && block?.text === '')
      notify({
        title: 'No table holds rows for which all of this can be asked',
        intent: 'info',
        body: 'Take a filter away, or join them by OR.',
      });
    else void start(current, block, over);
  };
  const open = useCallback(
    (q: Opened, over = range) => {
      const more = q.saved ? { saved: q.saved, savedText: q.query, named: true } : {};
      const next = update((st) => add(st, q.query, q.name || description(q.query), more));
      const tab = next.tabs.find((t) => t.id === next.current);
      if (q.run && tab) void start(tab, { text: q.query, line: 1 }, over);
      if (window.innerWidth < 900) setPanes((p) => ({ ...p, leftOpen: false }));
    },
    [range, update], // eslint-disable-line react-hooks/exhaustive-deps -- start reads what the list names
  );
  useLinkedQuery(search, (query, runs, over) => open({ name: description(query).slice(0, 60), query, run: runs }, over));

  const share = async (query: string) => {
    try {
      await navigator.clipboard.writeText(await linkTo(window.location.origin, query, range));
      notify({ title: 'Link copied', body: 'It runs this query with the rights of whoever follows it.' });
    } catch (err) {
      failed('Could not copy the link', err);
    }
  };
  const save = async () => {
    if (!current) return;
    const kept = current.saved ? (await client.ensureQueryData({ queryKey: ['hunting', 'queries'], queryFn: hunt.queries })).value : [];
    const before = kept.find((q) => q.id === current.saved && q.mine);
    if (!before) {
      setAsking('save');
      return;
    }
    try {
      await hunt.updateQuery(before.id, {
        name: before.name,
        folder: before.folder,
        description: before.description ?? '',
        query: current.text,
        shared: before.shared,
      });
      update((st) => change(st, current.id, { savedText: current.text }));
      notify({ title: `Saved "${before.name}"` });
      await client.invalidateQueries({ queryKey: ['hunting', 'queries'] });
    } catch (err) {
      failed('Could not save the query', err);
    }
  };
  const closeNow = (tab: QueryTab) => {
    const before = state;
    runs.forget(tab.id);
    update((st) => close(st, tab.id));
    setClosing(undefined);
    if (unsaved(tab)) notify({ title: `Closed "${tab.title}"`, intent: 'info', undo: () => update(() => before) });
  };
  const fix = (line: number, column: number, endColumn: number, name: string) => {
    if (!current) return;
    const lines = current.text.split('\n');
    const at = lines[line - 1] ?? '';
    lines[line - 1] = at.slice(0, column - 1) + name + at.slice(endColumn - 1);
    editor.current?.replace(lines.join('\n'));
  };
  const fieldOf = useMemo(() => ownTime(current?.text ?? ''), [current?.text]);
  const insert = (words: string) => {
    if (builder || !editor.current) open({ name: '', query: words });
    else editor.current.insert(words);
  };
  const load = <T,>(q: { isPending: boolean; error: unknown; refetch: () => unknown }, data: readonly T[]) => ({
    data,
    pending: q.isPending,
    error: q.error,
    retry: () => void q.refetch(),
  });

  return (
    <Page
      fixed
      title="Advanced hunting"
      crumbs={[{ label: 'Hunting' }]}
      commands={
        <>
          <Button
            size="small"
            appearance="subtle"
            icon={<PanelLeftRegular />}
            onClick={() => arrange({ leftOpen: !panes.leftOpen })}
            aria-pressed={panes.leftOpen}
          >
            Schema
          </Button>
          <Button size="small" appearance="subtle" icon={<DataUsageRegular />} onClick={() => void navigate({ to: '/hunting/usage' })}>
            Query resources
          </Button>
        </>
      }
    >
      <div className={s.split}>
        {panes.leftOpen ? (
          <LeftPane
            width={panes.leftWidth}
            onWidth={(leftWidth) => arrange({ leftWidth })}
            tab={panes.leftTab}
            onTab={(leftTab) => arrange({ leftTab })}
            tables={load(schema, tables)}
            functions={load(functions, known)}
            actions={{ insert, open }}
            onShare={(query) => void share(query)}
            onClose={() => arrange({ leftOpen: false })}
          />
        ) : null}
        <div className={s.center}>
          <QueryTabs
            state={state}
            running={(id) => runs.of(id).state === 'running'}
            onGo={(id) => {
              update((st) => ({ ...st, current: id }));
              setProblems(noProblems);
            }}
            onAdd={(kind) => {
              update((st) => (kind === 'builder' ? addBuilder(st, emptyModel()) : add(st)));
              setProblems(noProblems);
              setTimeout(() => editor.current?.focus(), 50);
            }}
            onClose={(tab) => (unsaved(tab) ? setClosing(tab) : closeNow(tab))}
            onCloseOthers={(tab) => {
              const before = state;
              for (const t of state.tabs) if (t.id !== tab.id) runs.forget(t.id);
              update((st) => ({ tabs: st.tabs.filter((t) => t.id === tab.id), current: tab.id }));
              notify({ title: `Closed ${before.tabs.length - 1} queries`, intent: 'info', undo: () => update(() => before) });
            }}
            onRename={(id, title) => update((st) => rename(st, id, title))}
            onDuplicate={(id) => update((st) => duplicate(st, id))}
            onMove={(id, by) => update((st) => move(st, id, by))}
          />
          <QueryBar
            builder={builder}
            runningSince={run.state === 'running' ? run.started : undefined}
            blocked={blocked}
            range={range}
            canUpdate={current?.saved !== undefined}
            mayMakeRules={mayMakeRules}
            onRun={() => runHere()}
            onCancel={() => runs.cancel(state.current)}
            onRange={setRange}
            onSave={() => void save()}
            onSaveAs={() => setAsking('saveAs')}
            onFunction={() => setAsking('function')}
            onShare={() => void share(current?.text ?? '')}
            onRule={() => setAsking('rule')}
            onFormat={() => void editor.current?.format()}
            onComment={() => editor.current?.toggleComment()}
            onEditInKql={() => {
              const query = current ? built(current) : '';
              if (query !== '') open({ name: `${current?.title ?? 'Query'} (KQL)`, query });
            }}
          />
          <div className={s.editor} style={{ height: builder ? Math.max(panes.editorHeight, builderHeight) : panes.editorHeight }}>
            {current?.kind === 'builder' ? (
              <Builder
                model={current.model ?? emptyModel()}
                tables={tables}
                onChange={(model) => update((st) => change(st, current.id, { model }))}
              />
            ) : current ? (
              <EditorArea
                ref={editor}
                tabId={current.id}
                text={current.text}
                tables={tables}
                functions={known}
                theme={theme}
                onChange={(words) => update((st) => change(st, st.current, { text: words }))}
                onRun={(block) => void start(current, block)}
                onCancel={() => runs.cancel(state.current)}
                onProblems={setProblems}
                onFormatFailed={(err) => failed('Could not format the query', err)}
              />
            ) : null}
          </div>
          {builder ? null : (
            <StatusLine problems={problems} ownTime={fieldOf} zone={zoneLabel(zone)} onNext={() => editor.current?.nextProblem()} />
          )}
          <Sash height={panes.editorHeight} onHeight={(editorHeight) => arrange({ editorHeight })} />
          <div className={s.bottom}>
            <TabList
              className={s.bottomTabs}
              size="small"
              selectedValue={bottomTab}
              onTabSelect={(_, d) => setBottomTab(d.value as BottomTab)}
              aria-label="Below the query"
            >
              <Tab value="start">Getting started</Tab>
              <Tab value="results">Results</Tab>
              <Tab value="history">Query history</Tab>
            </TabList>
            {bottomTab === 'start' ? (
              <GettingStarted onOpen={open} onBuilder={() => update((st) => addBuilder(st, emptyModel()))} />
            ) : bottomTab === 'history' ? (
              <HistoryPane onOpen={(query, now) => open({ name: description(query) || 'From history', query, run: now })} />
            ) : run.state === 'failed' ? (
              <QueryError
                error={run.error}
                query={run.query ?? ''}
                offset={run.offset ?? 0}
                onShow={() => editor.current?.nextProblem()}
                onFix={fix}
                onRetry={() => current && void start(current, { text: run.query ?? '', line: (run.offset ?? 0) + 1 })}
              />
            ) : (
              <ResultsPane
                key={state.current}
                run={run}
                range={range}
                tables={tables}
                builder={builder}
                onAddToQuery={(line) => {
                  if (!current) return;
                  if (builder) open({ name: `${current.title} (KQL)`, query: withLines(built(current), [line]) });
                  else update((st) => change(st, current.id, { text: withLines(current.text, [line], editor.current?.current()?.line) }));
                }}
                onOpen={(query, title, now) => open({ name: title ?? description(query), query, run: now ?? false })}
                onRange={(next) => {
                  setRange(next);
                  if (current && run.query !== undefined) void start(current, { text: run.query, line: (run.offset ?? 0) + 1 }, next);
                }}
                onCancel={() => runs.cancel(state.current)}
              />
            )}
          </div>
        </div>
      </div>
      {current && (asking === 'save' || asking === 'saveAs') ? (
        <SaveDialog
          text={current.text}
          name={
            current.title.startsWith('New query')
              ? description(current.text)
              : asking === 'saveAs'
                ? `${current.title} (copy)`
                : current.title
          }
          onClose={() => setAsking(undefined)}
          onSaved={(q) => update((st) => change(st, current.id, { title: q.name, saved: q.id, savedText: q.query, named: true }))}
        />
      ) : null}
      {asking === 'function' ? <FunctionDialog body={here()?.text ?? ''} onClose={() => setAsking(undefined)} /> : null}
      {asking === 'rule' && current ? (
        <RuleDialog query={here()?.text ?? ''} name={current.title} onClose={() => setAsking(undefined)} />
      ) : null}
      {closing ? (
        <CloseDialog
          title={closing.title}
          canSave={closing.kind === 'editor'}
          onKeep={() => setClosing(undefined)}
          onSave={() => {
            setClosing(undefined);
            update((st) => ({ ...st, current: closing.id }));
            setAsking('save');
          }}
          onClose={() => closeNow(closing)}
        />
      ) : null}
    </Page>
  );
}
