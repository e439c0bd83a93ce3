import { useCallback, useEffect, useRef, useState } from 'react';
import { useQueryClient } from '@tanstack/react-query';
import type { Outcome } from './results/outcome';
import { cancelRun, runId, runQuery } from './results/stream';
import { timespan } from './statement';

export const noRun: Outcome = { state: 'none' };

export interface Runs {
  of: (tab: string) => Outcome;
  // run starts a query for a tab and ends the one that the tab still runs; the promise tells how it went.
  run: (tab: string, text: string, offset: number, range: string) => Promise<Outcome>;
  cancel: (tab: string) => void;
  forget: (tab: string) => void;
}

// useRuns keeps the last run of every tab. Tabs run independently; leaving the page cancels what still runs, in the server too.
export function useRuns(): Runs {
  const client = useQueryClient();
  const [outcomes, setOutcomes] = useState<ReadonlyMap<string, Outcome>>(new Map());
  const live = useRef(new Map<string, { id: string; abort: AbortController }>());
  const set = useCallback((tab: string, next: Outcome) => setOutcomes((o) => new Map(o).set(tab, next)), []);

  const stop = useCallback((tab: string) => {
    const running = live.current.get(tab);
    if (!running) return;
    live.current.delete(tab);
    void cancelRun(running.id);
    running.abort.abort();
  }, []);

  useEffect(() => {
    const held = live.current;
    return () => {
      for (const tab of [...held.keys()]) stop(tab);
    };
  }, [stop]);

  const run = useCallback(
    async (tab: string, text: string, offset: number, range: string): Promise<Outcome> => {
      stop(tab);
      const id = runId();
      const abort = new AbortController();
      const mine = { id, abort };
      live.current.set(tab, mine);
      const span = timespan(range);
      const started = Date.now();
      let outcome: Outcome = { state: 'running', id, query: text, offset, started, ...(span === undefined ? {} : { timespan: span }) };
      set(tab, outcome);
      const current = () => live.current.get(tab) === mine;
      try {
        const result = await runQuery(
          { id, query: text, ...(span === undefined ? {} : { timespan: span }) },
          (partial, received) => {
            if (!current()) return;
            outcome = { ...outcome, result: partial, received };
            set(tab, outcome);
          },
          abort.signal,
        );
        outcome = { ...outcome, state: 'done', result, received: result.rows.length };
      } catch (error) {
        const cancelled = abort.signal.aborted || (error instanceof DOMException && error.name === 'AbortError');
        outcome = cancelled ? { ...outcome, state: 'cancelled' } : { ...outcome, state: 'failed', error };
      }
      // A newer run of the tab has taken over.
      if (live.current.has(tab) && !current()) return outcome;
      live.current.delete(tab);
      set(tab, outcome);
      void client.invalidateQueries({ queryKey: ['hunting', 'history'] });
      return outcome;
    },
    [client, set, stop],
  );

  const forget = useCallback(
    (tab: string) => {
      stop(tab);
      setOutcomes((o) => {
        const next = new Map(o);
        next.delete(tab);
        return next;
      });
    },
    [stop],
  );

  return { of: (tab) => outcomes.get(tab) ?? noRun, run, cancel: stop, forget };
}
