// Runs a query and takes its rows as they arrive.
import { ApiError, send } from '../../api/client';
import type { Cell, HuntResult, RenderHint } from '../../api/types';
import { plainResult, type Result, type Stats, type Warning } from './outcome';

export interface RunRequest {
  id: string;
  query: string;
  timespan?: string;
  now?: string;
  limit?: number;
}

interface Line {
  id?: string;
  schema?: { name: string; type: string }[];
  render?: RenderHint;
  rows?: Cell[][];
  stats?: Stats;
  warnings?: Warning[];
  error?: { code?: string; message?: string; target?: string; details?: Record<string, unknown> };
}

// unfinished is what a result's stats say before the run is over.
const unfinished = (): Stats => ({ rows: 0, ms: 0, truncated: false, partial: false, limits: [] });

// Reader puts a result together from the lines of a streamed answer.
export class Reader {
  result: Result | undefined;
  over = false;
  private rest = '';

  // take adds a piece of the answer; lines may be cut anywhere. It returns whether rows or columns came with it.
  take(piece: string): boolean {
    const text = this.rest + piece;
    let from = 0;
    let grown = false;
    for (let to = text.indexOf('\n', from); to >= 0; to = text.indexOf('\n', from)) {
      if (this.line(text.slice(from, to))) grown = true;
      from = to + 1;
    }
    this.rest = text.slice(from);
    return grown;
  }

  // end takes what follows the last line break, and complains about an answer that broke off.
  end(): Result {
    if (this.rest.trim() !== '') this.line(this.rest);
    this.rest = '';
    if (!this.over || !this.result) throw new ApiError(0, 'broken_off', 'The answer broke off before its end. Run the query again.');
    return this.result;
  }

  private line(text: string): boolean {
    if (text.trim() === '') return false;
    let line: Line;
    try {
      line = JSON.parse(text) as Line;
    } catch {
      throw new ApiError(0, 'broken_off', 'The answer broke off before its end. Run the query again.');
    }
    if (line.error)
      throw new ApiError(
        200,
        line.error.code ?? 'runtime',
        line.error.message ?? 'The query failed.',
        '',
        line.error.target ?? '',
        line.error.details ?? {},
      );
    if (line.schema)
      this.result = {
        schema: line.schema,
        rows: [],
        stats: unfinished(),
        ...(line.render ? { render: line.render } : {}),
        ...(line.id ? { id: line.id } : {}),
      };
    if (this.result && line.rows) for (const row of line.rows) this.result.rows.push(row);
    if (this.result && line.stats) {
      this.result.stats = line.stats;
      if (line.warnings) this.result.warnings = line.warnings;
      if (line.render) this.result.render = line.render;
      this.over = true;
    }
    return line.schema !== undefined || line.rows !== undefined;
  }
}

// runId makes the name by which a run can be cancelled.
export function runId(): string {
  // Pages that were not loaded by HTTPS have no randomUUID.
  if (window.isSecureContext) return crypto.randomUUID();
  const bytes = [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, '0')).join('');
  return `${bytes.slice(0, 8)}-${bytes.slice(8, 12)}-4${bytes.slice(13, 16)}-8${bytes.slice(17, 20)}-${bytes.slice(20)}`;
}

// runQuery runs a query. onRows tells, at most once per frame or so, that more rows are there; the promise ends with the complete result.
export async function runQuery(
  request: RunRequest,
  onRows: (result: Result, received: number) => void,
  signal?: AbortSignal,
): Promise<Result> {
  const response = await send('POST', '/api/hunting/run', request, signal, 'application/x-ndjson, application/json;q=0.5');
  if (!(response.headers.get('Content-Type') ?? '').includes('ndjson') || !response.body)
    return plainResult((await response.json()) as HuntResult);
  const reader = new Reader();
  const from = response.body.pipeThrough(new TextDecoderStream() as unknown as ReadableWritablePair<string, Uint8Array>).getReader();
  let told = 0;
  for (;;) {
    const { done, value } = await from.read();
    if (done) break;
    const grown = reader.take(value);
    if (grown && reader.result && performance.now() - told > 80) {
      onRows(reader.result, reader.result.rows.length);
      // Let the page draw and answer before more is taken.
      await new Promise((resolve) => setTimeout(resolve, 0));
      told = performance.now();
    }
  }
  return reader.end();
}

// cancelRun asks the server to stop a run; one that is over already is fine.
export async function cancelRun(id: string): Promise<void> {
  try {
    await send('DELETE', `/api/hunting/runs/${encodeURIComponent(id)}`);
  } catch {
    // The connection was closed as well, which cancels too.
  }
}
