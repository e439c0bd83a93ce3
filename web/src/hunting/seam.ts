// What the upper half of the hunting page (tabs, editor, builder, panes) asks of the lower half (results) and the other way round.
import type { TableInfo } from '../api/hunting';
import type { Outcome } from './results/outcome';

// ResultsPaneProps is everything the results need of the page around them.
export interface ResultsPaneProps {
  // The last run of the tab in front; a new run has a new id.
  run: Outcome;
  // The time range of the address that the run went by: "all", "1w", "FROM~TO".
  range: string;
  tables: readonly TableInfo[];
  // The query of the tab is made of filters, not written.
  builder: boolean;
  // Appends a line ("| where X == 1") to the query of the tab; the person may undo it in the editor.
  onAddToQuery: (line: string) => void;
  // Opens a query in a tab of its own; with run it starts at once.
  onOpen: (query: string, title?: string, run?: boolean) => void;
  // Runs the same query over another range of the address.
  onRange: (range: string) => void;
  onCancel: () => void;
}
