import { useEffect, useImperativeHandle, useRef } from 'react';
import { makeStyles, tokens } from '@fluentui/react-components';
import { hunt } from '../api/hunting';
import type { ThemeName } from '../app/theme';
import { Checker } from './checking';
import type { EditorProps } from './editing';
import { giveSchema, mark, monaco } from './editor';
import { blockAt, type Block } from './statement';

const useStyles = makeStyles({
  box: {
    width: '100%',
    height: '100%',
    '& .bz-error': { textDecoration: `underline wavy ${tokens.colorPaletteRedForeground1}`, textUnderlineOffset: '3px' },
    '& .bz-info': { textDecoration: `underline dotted ${tokens.colorNeutralForeground3}`, textUnderlineOffset: '3px' },
    '& .bz-warning': { textDecoration: `underline wavy ${tokens.colorPaletteDarkOrangeForeground1}`, textUnderlineOffset: '3px' },
  },
});

// The language service may still ask for a model that was in front a moment ago.
const keepModels = 30_000;

const themes: Record<ThemeName, string> = { light: 'kusto-light', dark: 'kusto-dark', contrast: 'hc-black' };
const checkAfter = 400;

// Esc belongs to what the editor has open before it cancels a run.
const idle =
  '!suggestWidgetVisible && !findWidgetVisible && !renameInputVisible && !parameterHintsVisible && !inSnippetMode && !editorHasMultipleSelections && !markersNavigationVisible && !editorHoverVisible';

// KustoEditor is the query editor. Shift+Enter runs the block under the cursor, Ctrl+Enter the selection, Esc cancels.
export function KustoEditor(props: EditorProps) {
  const { ref, tabId, text, tables, functions, theme } = props;
  const s = useStyles();
  const box = useRef<HTMLDivElement>(null);
  const editor = useRef<monaco.editor.IStandaloneCodeEditor>(undefined);
  const models = useRef(new Map<string, monaco.editor.ITextModel>());
  const latest = useRef(props);
  const checker = useRef(new Checker());
  const checkSoon = useRef<(after?: number) => void>(() => undefined);
  useEffect(() => {
    latest.current = props;
  });

  const blockHere = (): Block | undefined => {
    const e = editor.current;
    return e ? blockAt(e.getValue(), e.getPosition()?.lineNumber ?? 1) : undefined;
  };
  const selected = (): Block | undefined => {
    const range = editor.current?.getSelection();
    const model = editor.current?.getModel();
    if (!range || !model || range.isEmpty()) return undefined;
    const picked = model.getValueInRange(range);
    return picked.trim() === '' ? undefined : { text: picked, line: range.startLineNumber };
  };
  const format = async () => {
    const e = editor.current;
    const model = e?.getModel();
    const block = blockHere();
    if (!e || !model || !block) return;
    try {
      const { query } = await hunt.format(block.text);
      const last = block.line + block.text.split('\n').length - 1;
      const range = new monaco.Range(block.line, 1, last, model.getLineMaxColumn(last));
      if (model.getValueInRange(range).replaceAll('\r', '') !== block.text) return;
      e.pushUndoStop();
      e.executeEdits('format', [{ range, text: query.trimEnd() }]);
      e.pushUndoStop();
    } catch (err) {
      latest.current.onFormatFailed(err);
    }
  };
  const formatNow = useRef(format);
  useEffect(() => {
    formatNow.current = format;
  });

  useEffect(() => {
    if (!box.current) return;
    const made = monaco.editor.create(box.current, {
      model: null,
      automaticLayout: true,
      minimap: { enabled: false },
      fontSize: 13,
      lineNumbersMinChars: 3,
      scrollBeyondLastLine: false,
      wordWrap: 'on',
      tabSize: 4,
      fixedOverflowWidgets: true,
      renderLineHighlight: 'line',
      padding: { top: 8, bottom: 8 },
      accessibilitySupport: 'auto',
      ariaLabel: 'Query editor. Shift+Enter runs the query, Control+M lets Tab leave the editor.',
    });
    editor.current = made;
    const { KeyMod, KeyCode } = monaco;
    made.addAction({
      id: 'bartizan.run',
      label: 'Run the query under the cursor',
      keybindings: [KeyMod.Shift | KeyCode.Enter],
      run: () => latest.current.onRun(blockHere()),
    });
    made.addAction({
      id: 'bartizan.runSelection',
      label: 'Run the selection',
      keybindings: [KeyMod.CtrlCmd | KeyCode.Enter],
      run: () => latest.current.onRun(selected() ?? blockHere()),
    });
    made.addAction({
      id: 'bartizan.format',
      label: 'Format the query',
      keybindings: [KeyMod.Shift | KeyMod.Alt | KeyCode.KeyF],
      run: () => formatNow.current(),
    });
    made.addAction({
      id: 'bartizan.cancel',
      label: 'Cancel the running query',
      keybindings: [KeyCode.Escape],
      keybindingContext: idle,
      run: () => latest.current.onCancel(),
    });

    let timer: ReturnType<typeof setTimeout> | undefined;
    const checks = checker.current;
    const check = async () => {
      const model = made.getModel();
      if (!model) return;
      const version = model.getVersionId();
      const problems = await checks.check(model.getValue());
      if (!problems || model.isDisposed() || model.getVersionId() !== version) return;
      mark(model, problems);
      if (made.getModel() === model) latest.current.onProblems(problems);
    };
    checkSoon.current = (after = checkAfter) => {
      checks.stop();
      clearTimeout(timer);
      timer = setTimeout(() => void check(), after);
    };
    const changed = made.onDidChangeModelContent((event) => {
      if (!event.isFlush) latest.current.onChange(made.getValue());
      checkSoon.current();
    });
    const held = models.current;
    return () => {
      clearTimeout(timer);
      checks.stop();
      changed.dispose();
      made.dispose();
      const gone = [...held.values()];
      held.clear();
      setTimeout(() => gone.forEach((model) => model.dispose()), keepModels);
    };
  }, []);

  useEffect(() => {
    let model = models.current.get(tabId);
    if (!model) {
      model = monaco.editor.createModel(latest.current.text, 'kusto');
      models.current.set(tabId, model);
    }
    editor.current?.setModel(model);
    checkSoon.current(50);
  }, [tabId]);

  // A text that was changed from outside (a condition added from a cell, a saved query) replaces the model's, so that it can be undone.
  useEffect(() => {
    const model = models.current.get(tabId);
    if (!model || model.getValue() === text) return;
    model.pushStackElement();
    model.pushEditOperations([], [{ range: model.getFullModelRange(), text }], () => null);
    model.pushStackElement();
  }, [tabId, text]);

  useEffect(() => {
    const model = models.current.get(tabId);
    if (!model || tables.length === 0) return;
    giveSchema(model, tables, functions).catch(() => undefined);
    checker.current.clear();
    checkSoon.current(50);
  }, [tabId, tables, functions]);

  useEffect(() => monaco.editor.setTheme(themes[theme]), [theme]);

  useImperativeHandle(
    ref,
    () => ({
      current: blockHere,
      selection: selected,
      insert: (words) => {
        const e = editor.current;
        const range = e?.getSelection();
        if (e && range) {
          e.pushUndoStop();
          e.executeEdits('insert', [{ range, text: words, forceMoveMarkers: true }]);
          e.focus();
        }
      },
      replace: (words) => {
        const model = editor.current?.getModel();
        if (model) editor.current?.executeEdits('replace', [{ range: model.getFullModelRange(), text: words }]);
      },
      show: (problems, offset) => {
        const model = editor.current?.getModel();
        if (!model) return;
        const here = problems.map((p) => ({ ...p, line: p.line + offset, endLine: (p.endLine ?? p.line) + offset }));
        mark(model, here);
        const first = here[0];
        if (first) editor.current?.revealLineInCenterIfOutsideViewport(first.line);
      },
      format: () => formatNow.current(),
      toggleComment: () => {
        editor.current?.focus();
        editor.current?.trigger('toolbar', 'editor.action.commentLine', null);
      },
      nextProblem: () => {
        editor.current?.focus();
        editor.current?.trigger('toolbar', 'editor.action.marker.next', null);
      },
      focus: () => editor.current?.focus(),
    }),
    [],
  );

  return <div ref={box} className={s.box} data-testid="kusto-editor" />;
}
