// What the upper half of the hunting page (tabs, editor, builder, panes) and the lower half (results) say to each other.
import type { HuntResult, SchemaTable } from '../api/types';

// RunState is the last run of a tab. A new run has a new id; while it streams, result grows and its members are replaced, never changed in place.
export interface RunState {
  id: string;
  state: 'none' | 'running' | 'done' | 'failed' | 'cancelled';
  // The text that ran, the time range as the API takes it and as the address has it, and the lines that stand before the text in the tab.
  query: string;
  timespan?: string;
  range: string;
  offset: number;
  // Milliseconds since the epoch.
  started: number;
  ended?: number;
  result?: HuntResult;
  error?: unknown;
}

export const noRun: RunState = { id: '', state: 'none', query: '', range: '', offset: 0, started: 0 };

// ResultsPaneProps is everything the results need of the page around them.
export interface ResultsPaneProps {
  run: RunState;
  tables: readonly SchemaTable[];
  // Appends a line ("| where X == 1") to the query of the tab; the person may undo it in the editor.
  onAddToQuery: (line: string) => void;
  // Opens a query in a tab of its own; with run it starts at once.
  onOpen: (query: string, title?: string, run?: boolean) => void;
  // Runs the same query over another range of the address ("all", "7d", "FROM~TO").
  onRange: (range: string) => void;
  onCancel: () => void;
}
