// What is wrong with a query, out of the server's refusal.
import { ApiError } from '../../api/client';
import type { Diagnostic } from '../../api/types';

// problemOf reads line and column out of a refused query.
export function problemOf(err: unknown): Diagnostic | undefined {
  if (!(err instanceof ApiError)) return undefined;
  const { line, column, endLine, endColumn, hint } = err.details as {
    line?: number;
    column?: number;
    endLine?: number;
    endColumn?: number;
    hint?: string;
  };
  if (typeof line !== 'number') return undefined;
  const at = typeof column === 'number' ? column : 1;
  return {
    code: err.code,
    message: err.message,
    line,
    column: at,
    endLine: typeof endLine === 'number' ? endLine : line,
    endColumn: typeof endColumn === 'number' ? endColumn : at + 1,
    severity: 'error',
    ...(hint ? { hint } : {}),
  };
}
