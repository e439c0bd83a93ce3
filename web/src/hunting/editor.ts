// Sets up the Kusto editor: Monaco without the languages it does not need, the Kusto language service and its worker, all from this server.
import 'monaco-editor/esm/vs/editor/editor.all.js';
import * as monaco from 'monaco-editor/esm/vs/editor/editor.api';
import EditorWorker from 'monaco-editor/esm/vs/editor/editor.worker?worker';
import KustoWorker from './kusto.worker?worker';
import { getKustoWorker, kustoDefaults } from '@kusto/monaco-kusto';
import type { SchemaTable } from '../api/types';

self.MonacoEnvironment = {
  getWorker: (_: string, label: string) => (label === 'kusto' ? new KustoWorker() : new EditorWorker()),
};

kustoDefaults.setLanguageSettings({
  ...kustoDefaults.languageSettings,
  includeControlCommands: false,
  enableQueryWarnings: false,
  enableQuerySuggestions: false,
});

// The engine that runs the query is the one to say what is wrong with it; the language service's own opinion would contradict it at times.
monaco.editor.onDidChangeMarkers((resources) => {
  for (const resource of resources) {
    const model = monaco.editor.getModel(resource);
    if (model && monaco.editor.getModelMarkers({ resource, owner: 'kusto' }).length > 0) monaco.editor.setModelMarkers(model, 'kusto', []);
  }
});

export { monaco };

// giveSchema tells the language service which tables there are, for completion and hover.
export async function giveSchema(model: monaco.editor.ITextModel, tables: readonly SchemaTable[]): Promise<void> {
  const database = {
    name: 'hunting',
    tables: tables.map((t) => ({
      name: t.name,
      entityType: 'Table' as const,
      docstring: t.summary ?? '',
      columns: t.columns.map((c) => ({ name: c.name, type: c.type })),
    })),
    functions: [],
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
