import { useEffect } from 'react';
import { useNavigate } from '@tanstack/react-router';
import { useNotify } from '../app/notify';
import type { Search } from '../app/url';
import { linkedIn, unpack } from './deeplink';

// useLinkedQuery opens the query of the address and takes it out of there, so that a reload does not open it again.
export function useLinkedQuery(search: Search, open: (query: string, run: boolean, range: string | undefined) => void): void {
  const navigate = useNavigate();
  const { failed } = useNotify();
  const linked = linkedIn(search);
  useEffect(() => {
    if (!linked) return;
    let gone = false;
    unpack(linked.query)
      .then((query) => {
        if (gone) return;
        open(query, linked.run, linked.range);
      })
      .catch((err: unknown) => failed('Could not read the link', err))
      .finally(() => {
        if (gone) return;
        const rest: Search = { ...search, query: undefined, runQuery: undefined, timeRangeId: undefined };
        void navigate({ to: '.', search: { ...rest, ...(linked.range ? { range: linked.range } : {}) } as never, replace: true });
      });
    return () => {
      gone = true;
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- once per linked query
  }, [linked?.query]);
}
