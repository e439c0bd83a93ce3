// What a tab of the hunting page knows about its last run.
import type { Cell, HuntResult, RenderHint } from '../../api/types';

// Warning is a remark of the server on a query that ran all the same.
export interface Warning {
  code: string;
  message: string;
  line?: number;
  column?: number;
  hint?: string;
}

// Stats tells how a run went; cpuMs, grade and bytes are known when it is over.
export interface Stats {
  rows: number;
  ms: number;
  truncated: boolean;
  partial: boolean;
  limits?: string[];
  cpuMs?: number;
  grade?: string;
  bytes?: number;
  [more: string]: unknown;
}

// Result is a query's answer. While it arrives, rows grows in place and the outcome's received counts it.
export interface Result {
  schema: { name: string; type: string }[];
  rows: Cell[][];
  render?: RenderHint;
  stats: Stats;
  warnings?: Warning[];
  id?: string;
}

// Outcome is the state of a tab's run. A cancelled run keeps the rows that had arrived.
export interface Outcome {
  state: 'none' | 'running' | 'done' | 'failed' | 'cancelled';
  result?: Result;
  // Rows that have arrived so far; it changes with every batch while result stays the same object.
  received?: number;
  error?: unknown;
  // Lines of the tab above the query that ran.
  offset?: number;
  query?: string;
  timespan?: string;
  id?: string;
  started?: number;
}

// plainResult fills what an answer may leave out.
export function plainResult(r: HuntResult): Result {
  const more = r as unknown as { warnings?: Warning[]; id?: string };
  return {
    schema: r.schema ?? [],
    rows: r.rows ?? [],
    stats: { ...r.stats },
    ...(r.render ? { render: r.render } : {}),
    ...(more.warnings ? { warnings: more.warnings } : {}),
    ...(more.id ? { id: more.id } : {}),
  };
}
