import { useCallback, useEffect, useMemo, useState } from 'react';
import { keepPreviousData, useQueries, useQueryClient, type InfiniteData, type QueryKey } from '@tanstack/react-query';
import type { Page } from '../../api/types';

export const pageSize = 100;

export interface Paged<T> {
  count: number;
  row: (index: number) => T | undefined;
  show: (first: number, last: number) => void;
  loading: boolean;
  fetching: boolean;
  stale: boolean;
  error: unknown;
  updatedAt: number;
  refresh: () => Promise<void>;
  replace: (id: string, next: T) => void;
}

// pagesOf lists the pages that hold the rows from first to last, always with the first page, which knows the count.
export function pagesOf(first: number, last: number, size = pageSize): number[] {
  const pages = new Set([0]);
  for (let p = Math.max(0, Math.floor(first / size)); p <= Math.max(0, Math.floor(last / size)); p++) pages.add(p);
  return [...pages].sort((a, b) => a - b);
}

// usePaged reads a list of the server page by page, only the pages that are on screen. Rows do not move until refresh is called.
export function usePaged<T>(
  key: QueryKey,
  fetchPage: (skip: number, top: number, signal: AbortSignal) => Promise<Page<T>>,
  idOf: (row: T) => string,
): Paged<T> {
  const queries = useQueryClient();
  const [range, setRange] = useState<[number, number]>([0, 0]);
  const keyText = JSON.stringify(key);
  useEffect(() => setRange([0, 0]), [keyText]);
  const pages = useMemo(() => pagesOf(range[0], range[1]), [range]);
  const results = useQueries({
    queries: pages.map((page) => ({
      queryKey: [...key, page],
      queryFn: ({ signal }: { signal: AbortSignal }) => fetchPage(page * pageSize, pageSize, signal),
      staleTime: 60_000,
      refetchOnWindowFocus: false,
      refetchOnReconnect: false,
      ...(page === 0 ? { placeholderData: keepPreviousData } : {}),
    })),
  });
  const first = results[0];
  const byPage = new Map(pages.map((page, i) => [page, results[i]?.data]));
  const row = (index: number): T | undefined => {
    const page = Math.floor(index / pageSize);
    const data = byPage.get(page) ?? queries.getQueryData<Page<T>>([...key, page]);
    return data?.value[index % pageSize];
  };
  const refresh = useCallback(async () => {
    const prefix = JSON.parse(keyText) as QueryKey;
    await queries.invalidateQueries({ queryKey: prefix });
  }, [queries, keyText]);
  const replace = useCallback(
    (id: string, next: T) => {
      const prefix = JSON.parse(keyText) as QueryKey;
      queries.setQueriesData<Page<T> | InfiniteData<Page<T>>>({ queryKey: prefix }, (old) => {
        if (!old || !('value' in old)) return old;
        if (!old.value.some((r) => idOf(r) === id)) return old;
        return { ...old, value: old.value.map((r) => (idOf(r) === id ? next : r)) };
      });
    },
    [queries, keyText, idOf],
  );
  const show = useCallback((from: number, to: number) => {
    setRange((old) => {
      const before = pagesOf(old[0], old[1]).join();
      return pagesOf(from, to).join() === before ? old : [from, to];
    });
  }, []);
  return {
    count: first?.data?.count ?? first?.data?.value.length ?? 0,
    row,
    show,
    loading: first?.isPending ?? true,
    fetching: results.some((r) => r.isFetching),
    stale: first?.isPlaceholderData ?? false,
    error: results.find((r) => r.error)?.error ?? null,
    updatedAt: first?.dataUpdatedAt ?? 0,
    refresh,
    replace,
  };
}
