declare module 'monaco-editor/esm/vs/editor/editor.all.js';
declare module 'monaco-editor/esm/vs/editor/editor.api' {
  export * from 'monaco-editor';
}
declare module '@kusto/monaco-kusto/release/esm/kusto.worker';
declare module 'monaco-editor/esm/vs/basic-languages/yaml/yaml.contribution.js';
