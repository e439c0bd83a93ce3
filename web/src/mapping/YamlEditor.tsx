import { useEffect, useImperativeHandle, useRef } from 'react';
import 'monaco-editor/esm/vs/editor/editor.all.js';
import * as monaco from 'monaco-editor/esm/vs/editor/editor.api';
import 'monaco-editor/esm/vs/basic-languages/yaml/yaml.contribution.js';
import EditorWorker from 'monaco-editor/esm/vs/editor/editor.worker?worker';
import type { ThemeName } from '../app/theme';
import type { MappingEditorProps } from './editor';

// The hunting page's editor sets up workers of more kinds; whichever comes first serves both.
self.MonacoEnvironment ??= { getWorker: () => new EditorWorker() };

// The dark theme's own comments are too faint to read.
monaco.editor.defineTheme('bartizan-dark', {
  base: 'vs-dark',
  inherit: true,
  colors: {},
  rules: [{ token: 'comment', foreground: '8CC37A' }],
});

const themes: Record<ThemeName, string> = { light: 'vs', dark: 'bartizan-dark', contrast: 'hc-black' };
const owner = 'mapping';

// YamlEditor edits the text of a mapping; problems are underlined where they are.
export function YamlEditor({ ref, text, onChange, readOnly, theme, problems, label }: MappingEditorProps) {
  const box = useRef<HTMLDivElement>(null);
  const editor = useRef<monaco.editor.IStandaloneCodeEditor>(undefined);
  const changed = useRef(onChange);
  useEffect(() => {
    changed.current = onChange;
  });
  useImperativeHandle(ref, () => ({
    goTo: (lineNumber, column = 1) => {
      editor.current?.revealLineInCenter(lineNumber);
      editor.current?.setPosition({ lineNumber, column });
      editor.current?.focus();
    },
  }));
  useEffect(() => {
    if (!box.current) return;
    const made = monaco.editor.create(box.current, {
      model: monaco.editor.createModel('', 'yaml'),
      automaticLayout: true,
      minimap: { enabled: false },
      fontSize: 13,
      lineNumbersMinChars: 3,
      renderFinalNewline: 'on',
      scrollBeyondLastLine: false,
      wordWrap: 'on',
      tabSize: 2,
      insertSpaces: true,
      fixedOverflowWidgets: true,
      padding: { top: 8, bottom: 8 },
    });
    editor.current = made;
    const watch = made.onDidChangeModelContent(() => changed.current(made.getValue()));
    return () => {
      watch.dispose();
      made.getModel()?.dispose();
      made.dispose();
      editor.current = undefined;
    };
  }, []);
  useEffect(() => {
    const e = editor.current;
    if (e && e.getValue() !== text) e.setValue(text);
  }, [text]);
  useEffect(() => {
    editor.current?.updateOptions({
      readOnly,
      ariaLabel: `${label}. ${readOnly ? 'It cannot be changed.' : 'Control+M lets Tab leave the editor.'}`,
    });
  }, [readOnly, label]);
  useEffect(() => monaco.editor.setTheme(themes[theme]), [theme]);
  useEffect(() => {
    const model = editor.current?.getModel();
    if (!model) return;
    monaco.editor.setModelMarkers(
      model,
      owner,
      problems
        .filter((p) => p.line !== undefined)
        .map((p) => {
          const line = Math.min(Math.max(1, p.line ?? 1), model.getLineCount());
          const column = Math.min(Math.max(1, p.column ?? model.getLineFirstNonWhitespaceColumn(line)), model.getLineMaxColumn(line));
          return {
            severity: monaco.MarkerSeverity.Error,
            message: p.message,
            startLineNumber: line,
            startColumn: column,
            endLineNumber: line,
            endColumn: Math.max(column + 1, model.getLineMaxColumn(line)),
          };
        }),
    );
  }, [problems]);
  return <div ref={box} style={{ width: '100%', height: '100%' }} />;
}
