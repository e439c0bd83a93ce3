import { useEffect, useMemo, useRef, useState } from 'react';
import { arrange, type Arranged, type Arrangement } from './arrange';
import type { Result } from './outcome';

// While rows still arrive, filters and sorting are done anew at most this often.
const rest = 600;

// straight is every row in the order of the result.
export const straight = (count: number): Arranged => {
  const rows = new Int32Array(count);
  for (let i = 0; i < count; i++) rows[i] = i;
  return { rows };
};

// useArranged keeps the rows to show up to date without ever holding up the page: what was shown stays until the new order is ready.
export function useArranged(table: Result, received: number, running: boolean, a: Arrangement): { arranged: Arranged; busy: boolean } {
  const plain = a.filters.length === 0 && a.find.trim() === '' && a.orders.length === 0 && a.group === undefined;
  const direct = useMemo(() => (plain ? straight(received) : undefined), [plain, received]);
  const [done, setDone] = useState<{ table: Result; asked: Arrangement; received: number; arranged: Arranged } | undefined>();
  const last = useRef<{ asked: Arrangement; at: number }>(undefined);
  useEffect(() => {
    if (plain) return;
    const stop = new AbortController();
    const begin = () => {
      last.current = { asked: a, at: performance.now() };
      arrange(table, a, stop.signal).then(
        (arranged) => {
          if (!stop.signal.aborted) setDone({ table, asked: a, received, arranged });
        },
        () => undefined,
      );
    };
    const before = last.current;
    const wait = running && before?.asked === a ? Math.max(0, before.at + rest - performance.now()) : 0;
    const timer = wait > 0 ? setTimeout(begin, wait) : undefined;
    if (wait === 0) begin();
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [table, received, running, plain, a]);
  const held = useMemo(() => straight(Math.min(received, 1000)), [received]);
  if (direct) return { arranged: direct, busy: false };
  if (done?.table !== table) return { arranged: held, busy: true };
  return { arranged: done.arranged, busy: done.asked !== a || done.received !== received };
}
