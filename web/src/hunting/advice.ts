// What to do about a query that failed, by the class of the error.
import type { ApiError } from '../api/client';

export interface Advice {
  title: string;
  todo: string;
}

const classes: Readonly<Record<string, Advice>> = {
  syntax: {
    title: 'The query is not written right',
    todo: 'Correct the marked place. Ctrl+Space in the editor lists what may stand there.',
  },
  name: { title: 'A name is not known', todo: 'Names mind letter case. The schema on the left lists tables and columns.' },
  type: { title: 'A value does not fit', todo: 'Check what the operator takes; tostring(), toint() and todatetime() convert values.' },
  semantic: {
    title: 'The operator is not used right',
    todo: 'Check what the operator takes; hover over it in the editor to read about it.',
  },
  unsupported: { title: 'This part of the language does not run here', todo: 'Write the query without it.' },
  outbound: {
    title: 'The query reads from outside',
    todo: 'An administrator can allow the host in the settings, or put the list into the query with datatable.',
  },
  timeout: {
    title: 'The query ran out of time',
    todo: 'Filter earlier, on Timestamp first, choose a shorter time range, or summarize less.',
  },
  busy: {
    title: 'Too much is running',
    todo: 'Your share of processing time is used up for now, or too many queries run at the same time.',
  },
  limit: { title: 'The query reached a limit', todo: 'Return less: summarize, project the columns you need, or take fewer rows.' },
  too_large: {
    title: 'The query is too large',
    todo: 'Name the tables: search in (Table1, Table2) "word" instead of search over all, union of some tables instead of union *.',
  },
  runtime: { title: 'The query failed while it ran', todo: 'Filter earlier or take fewer rows, and run it again.' },
  memory: {
    title: 'The query needed too much memory',
    todo: 'Summarize fewer distinct values, project before join, and put the smaller table on the left.',
  },
  unavailable: { title: 'The store does not answer', todo: 'Run the query again in a moment. If it stays so, look at Health.' },
  unreachable: { title: 'The server cannot be reached', todo: 'Check the network, then run the query again.' },
  broken_off: {
    title: 'The answer broke off',
    todo: 'Rows that had arrived are not shown, because they might mislead. Run the query again.',
  },
};

// advice names the class of an error and what to do about it.
export function advice(error: Pick<ApiError, 'code' | 'status' | 'message' | 'details'>): Advice {
  const memory = /memory/i.test(error.message);
  if (error.status === 504) return classes.timeout ?? unknown;
  if ((error.code === 'limit' || error.code === 'runtime') && memory) return classes.memory ?? unknown;
  if (error.code === 'limit' && /\btime\b|timeout|too long/i.test(error.message)) return classes.timeout ?? unknown;
  return classes[error.code] ?? unknown;
}

const unknown: Advice = {
  title: 'The query failed',
  todo: 'Run it again. If it fails again, give the request id to an administrator.',
};

// retryAt is when a throttled query may run again, in milliseconds since the epoch; undefined when the server does not say.
export function retryAt(error: Pick<ApiError, 'details'>, now = Date.now()): number | undefined {
  const { retryAfter } = error.details as { retryAfter?: unknown };
  if (typeof retryAfter === 'number' && retryAfter >= 0) return now + retryAfter * 1000;
  if (typeof retryAfter === 'string') {
    const seconds = Number(retryAfter);
    if (retryAfter !== '' && Number.isFinite(seconds)) return now + seconds * 1000;
    const time = Date.parse(retryAfter);
    return Number.isNaN(time) ? undefined : time;
  }
  return undefined;
}
