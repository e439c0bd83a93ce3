// Sets up the Kusto editor: Monaco without the languages it does not need, the Kusto language service and its worker, all from this server.
import 'monaco-editor/esm/vs/editor/editor.all.js';
import * as monaco from 'monaco-editor/esm/vs/editor/editor.api';
import EditorWorker from 'monaco-editor/esm/vs/editor/editor.worker?worker';
import KustoWorker from './kusto.worker?worker';
import { getKustoWorker, kustoDefaults } from '@kusto/monaco-kusto';
import type { HuntFunction, TableInfo } from '../api/hunting';
import type { Diagnostic } from '../api/types';
import { actionContext, actionTypes, suggestions } from './editing';
import { blockAt } from './statement';
import { quoted } from './kqltext';

self.MonacoEnvironment = {
  getWorker: (_: string, label: string) => (label === 'kusto' ? new KustoWorker() : new EditorWorker()),
};

kustoDefaults.setLanguageSettings({
  ...kustoDefaults.languageSettings,
  includeControlCommands: false,
  enableQueryWarnings: false,
  enableQuerySuggestions: false,
  enableQuickFixes: false,
});

const owner = 'bartizan';

// The engine that runs the query is the one to say what is wrong with it; the language service's own opinion would contradict it at times.
monaco.editor.onDidChangeMarkers((resources) => {
  for (const resource of resources) {
    const model = monaco.editor.getModel(resource);
    if (model && monaco.editor.getModelMarkers({ resource, owner: 'kusto' }).length > 0) monaco.editor.setModelMarkers(model, 'kusto', []);
  }
});

// What each model knows of the schema, for the values of ActionType.
const known = new WeakMap<monaco.editor.ITextModel, readonly TableInfo[]>();

monaco.languages.registerCompletionItemProvider('kusto', {
  triggerCharacters: ['"'],
  provideCompletionItems: (model, position) => {
    const before = model.getValueInRange(new monaco.Range(Math.max(1, position.lineNumber - 20), 1, position.lineNumber, position.column));
    const at = actionContext(before);
    if (!at) return { suggestions: [] };
    const block = blockAt(model.getValue(), position.lineNumber)?.text ?? model.getValue();
    const start = position.column - at.typed.length;
    const line = model.getLineContent(position.lineNumber);
    const closed = line.charAt(position.column - 1) === '"';
    const range = new monaco.Range(position.lineNumber, start, position.lineNumber, position.column);
    return {
      suggestions: actionTypes(block, known.get(model) ?? []).map((a) => ({
        label: a.value,
        kind: monaco.languages.CompletionItemKind.EnumMember,
        detail: `ActionType of ${a.table}`,
        insertText: at.quoted ? `${a.value}${closed ? '' : '"'}` : quoted(a.value),
        filterText: a.value,
        sortText: `0${a.value}`,
        range,
      })),
    };
  },
});

monaco.languages.registerCodeActionProvider('kusto', {
  provideCodeActions: (model, _range, context) => ({
    actions: context.markers.flatMap((marker) => {
      const names = suggestions(marker.message.split('\n').at(-1));
      return names.map((name, i): monaco.languages.CodeAction => ({
        title: `Change to ${name}`,
        kind: 'quickfix',
        diagnostics: [marker],
        isPreferred: i === 0,
        edit: { edits: [{ resource: model.uri, versionId: model.getVersionId(), textEdit: { range: marker, text: name } }] },
      }));
    }),
    dispose: () => undefined,
  }),
});

export { monaco };

// The underlines of each model. They are our own, because the language service takes away those that belong to markers.
const underlines = new WeakMap<monaco.editor.ITextModel, string[]>();

const severities: Readonly<Record<Diagnostic['severity'], monaco.MarkerSeverity>> = {
  error: monaco.MarkerSeverity.Error,
  warning: monaco.MarkerSeverity.Warning,
  // Shown when one hovers; F8 steps over it.
  info: monaco.MarkerSeverity.Hint,
};

// mark shows problems in a model. Lines of problems are those of the whole text.
export function mark(model: monaco.editor.ITextModel, problems: readonly Diagnostic[]): void {
  underlines.set(
    model,
    model.deltaDecorations(
      underlines.get(model) ?? [],
      problems.map((p) => ({
        range: model.validateRange(
          new monaco.Range(
            p.line,
            p.column,
            p.endLine ?? p.line,
            Math.max(p.endColumn ?? p.column + 1, p.endLine === p.line ? p.column + 1 : 1),
          ),
        ),
        options: { inlineClassName: `bz-${p.severity}`, stickiness: 1 },
      })),
    ),
  );
  monaco.editor.setModelMarkers(
    model,
    owner,
    problems.map((p) => ({
      severity: severities[p.severity],
      message: p.hint ? `${p.message}\n${p.hint}` : p.message,
      code: p.code,
      startLineNumber: p.line,
      startColumn: p.column,
      endLineNumber: p.endLine ?? p.line,
      endColumn: Math.max(p.endColumn ?? p.column + 1, p.endLine === p.line ? p.column + 1 : 1),
    })),
  );
}

// described is a function as the language service wants it. One whose text is not known passes its rows through.
function described(f: HuntFunction) {
  const parameters = f.parameters ?? [];
  const rows = parameters.find((p) => p.columns || p.type === 'table');
  return {
    name: f.name,
    docstring: f.description ?? '',
    body: f.body?.trim() ? `{ ${f.body} }` : rows ? `{ ${rows.name} }` : '{ print Result = "" }',
    inputParameters: parameters.map((p) =>
      p.columns || p.type === 'table'
        ? { name: p.name, columns: (p.columns ?? []).map((c) => ({ name: c.name, type: c.type, cslType: c.type })) }
        : { name: p.name, type: p.type, cslType: p.type, ...(p.default === undefined ? {} : { cslDefaultValue: p.default }) },
    ),
  };
}

// giveSchema tells the language service which tables and functions there are, for completion and hover.
export async function giveSchema(
  model: monaco.editor.ITextModel,
  tables: readonly TableInfo[],
  functions: readonly HuntFunction[],
): Promise<void> {
  known.set(model, tables);
  const database = {
    name: 'hunting',
    tables: tables.map((t) => ({
      name: t.name,
      entityType: 'Table' as const,
      docstring: t.summary ?? '',
      columns: t.columns.map((c) => ({ name: c.name, type: c.type, docstring: c.summary ?? '' })),
    })),
    functions: functions.map(described),
    entityGroups: [],
    majorVersion: 1,
    minorVersion: 0,
  };
  const worker = await (await getKustoWorker())(model.uri);
  await worker.setSchema({
    clusterType: 'Engine',
    cluster: { connectionString: 'bartizan', databases: [database] },
    database,
  });
}
