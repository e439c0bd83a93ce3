import { useEffect, useImperativeHandle, useRef, type Ref } from 'react';
import { makeStyles } from '@fluentui/react-components';
import { hunting } from '../api/endpoints';
import type { Diagnostic, SchemaTable } from '../api/types';
import type { ThemeName } from '../app/theme';
import { giveSchema, monaco } from './editor';
import { blockAt, type Block } from './statement';

const useStyles = makeStyles({ box: { width: '100%', height: '100%' } });

export interface EditorHandle {
  // current is what Run runs: the block under the cursor.
  current: () => Block | undefined;
  selection: () => Block | undefined;
  insert: (text: string) => void;
  show: (problems: readonly Diagnostic[], offset: number) => void;
  focus: () => void;
}

export interface KustoEditorProps {
  ref?: Ref<EditorHandle>;
  tabId: string;
  text: string;
  tables: readonly SchemaTable[];
  theme: ThemeName;
  onChange: (text: string) => void;
  onRun: (block: Block | undefined) => void;
}

const themes: Record<ThemeName, string> = { light: 'kusto-light', dark: 'kusto-dark', contrast: 'hc-black' };
const checkAfter = 600;

function markers(problems: readonly Diagnostic[], offset: number): monaco.editor.IMarkerData[] {
  return problems.map((p) => ({
    severity: p.severity === 'warning' ? monaco.MarkerSeverity.Warning : monaco.MarkerSeverity.Error,
    message: p.hint ? `${p.message}\n${p.hint}` : p.message,
    code: p.code,
    startLineNumber: p.line + offset,
    startColumn: p.column,
    endLineNumber: (p.endLine ?? p.line) + offset,
    endColumn: p.endColumn ?? p.column + 1,
  }));
}

// KustoEditor is the query editor. Shift+Enter runs the block under the cursor, Ctrl+Enter the selection.
export function KustoEditor({ ref, tabId, text, tables, theme, onChange, onRun }: KustoEditorProps) {
  const s = useStyles();
  const box = useRef<HTMLDivElement>(null);
  const editor = useRef<monaco.editor.IStandaloneCodeEditor>(undefined);
  const models = useRef(new Map<string, monaco.editor.ITextModel>());
  const latest = useRef({ onChange, onRun, text });
  useEffect(() => {
    latest.current = { onChange, onRun, text };
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
    const block = (): Block | undefined => {
      const position = made.getPosition();
      return blockAt(made.getValue(), position?.lineNumber ?? 1);
    };
    made.addCommand(monaco.KeyMod.Shift | monaco.KeyCode.Enter, () => latest.current.onRun(block()));
    made.addCommand(monaco.KeyMod.CtrlCmd | monaco.KeyCode.Enter, () => {
      const range = made.getSelection();
      const model = made.getModel();
      const picked = range && model && !range.isEmpty() ? model.getValueInRange(range) : '';
      latest.current.onRun(picked.trim() === '' ? block() : { text: picked, line: range?.startLineNumber ?? 1 });
    });

    let timer: ReturnType<typeof setTimeout> | undefined;
    let abort: AbortController | undefined;
    const check = () => {
      const model = made.getModel();
      const current = block();
      if (!model || !current) return;
      abort?.abort();
      abort = new AbortController();
      hunting.check(current.text, abort.signal).then(
        (answer) => monaco.editor.setModelMarkers(model, 'bartizan', markers(answer.diagnostics ?? [], current.line - 1)),
        () => undefined,
      );
    };
    const changed = made.onDidChangeModelContent((event) => {
      if (!event.isFlush) latest.current.onChange(made.getValue());
      clearTimeout(timer);
      timer = setTimeout(check, checkAfter);
    });
    const held = models.current;
    return () => {
      clearTimeout(timer);
      abort?.abort();
      changed.dispose();
      made.dispose();
      for (const model of held.values()) model.dispose();
      held.clear();
    };
  }, []);

  useEffect(() => {
    let model = models.current.get(tabId);
    if (!model) {
      model = monaco.editor.createModel(latest.current.text, 'kusto');
      models.current.set(tabId, model);
    }
    editor.current?.setModel(model);
  }, [tabId]);

  // A text that was changed from outside (a condition added from a cell, a saved query) replaces the model's.
  useEffect(() => {
    const model = models.current.get(tabId);
    if (model && model.getValue() !== text) model.setValue(text);
  }, [tabId, text]);

  useEffect(() => {
    const model = models.current.get(tabId);
    if (model && tables.length > 0) giveSchema(model, tables).catch(() => undefined);
  }, [tabId, tables]);

  useEffect(() => monaco.editor.setTheme(themes[theme]), [theme]);

  useImperativeHandle(
    ref,
    () => ({
      current: () => {
        const e = editor.current;
        return e ? blockAt(e.getValue(), e.getPosition()?.lineNumber ?? 1) : undefined;
      },
      selection: () => {
        const range = editor.current?.getSelection();
        const model = editor.current?.getModel();
        return range && model && !range.isEmpty() ? { text: model.getValueInRange(range), line: range.startLineNumber } : undefined;
      },
      insert: (words) => {
        const e = editor.current;
        const range = e?.getSelection();
        if (e && range) {
          e.executeEdits('schema', [{ range, text: words, forceMoveMarkers: true }]);
          e.focus();
        }
      },
      show: (problems, offset) => {
        const model = editor.current?.getModel();
        if (!model) return;
        monaco.editor.setModelMarkers(model, 'bartizan', markers(problems, offset));
        const first = problems[0];
        if (first) editor.current?.revealLineInCenterIfOutsideViewport(first.line + offset);
      },
      focus: () => editor.current?.focus(),
    }),
    [],
  );

  return <div ref={box} className={s.box} data-testid="kusto-editor" />;
}
