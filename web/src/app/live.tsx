import { createContext, useCallback, useContext, useEffect, useMemo, useRef, useState, type ReactNode } from 'react';
import { useQueryClient } from '@tanstack/react-query';
import { currentTenant, query } from '../api/client';
import type { LiveEvent } from '../api/types';

type Listener = (event: LiveEvent) => void;
export type LiveState = 'connecting' | 'live' | 'stale';

interface Live {
  state: LiveState;
  subscribe: (listener: Listener) => () => void;
}

const LiveContext = createContext<Live>({ state: 'connecting', subscribe: () => () => undefined });

const topics = ['incident', 'alert', 'ingest', 'lab', 'rule'] as const;

// LiveProvider keeps one server-sent event stream open and hands its events to whoever listens. The browser reconnects by itself.
export function LiveProvider({ children }: { children: ReactNode }) {
  const listeners = useRef(new Set<Listener>());
  const [state, setState] = useState<LiveState>('connecting');
  const queries = useQueryClient();

  useEffect(() => {
    const source = new EventSource(`/api/events${query({ tid: currentTenant() })}`);
    let broken = false;
    source.onopen = () => {
      setState('live');
      // What happened while the stream was down is not replayed, so shown data may be old.
      if (broken) void queries.invalidateQueries();
      broken = false;
    };
    source.onerror = () => {
      broken = true;
      setState('stale');
    };
    for (const topic of topics) {
      source.addEventListener(topic, (message: MessageEvent<string>) => {
        try {
          const data = JSON.parse(message.data) as Omit<LiveEvent, 'topic'>;
          // The server dropped changes because this browser was slow: what is shown may be old.
          if (data.change === 'lost') void queries.invalidateQueries();
          for (const listener of listeners.current) listener({ ...data, topic });
        } catch {
          // A message that is not ours.
        }
      });
    }
    return () => source.close();
  }, [queries]);

  const subscribe = useCallback((listener: Listener) => {
    listeners.current.add(listener);
    return () => {
      listeners.current.delete(listener);
    };
  }, []);
  const value = useMemo(() => ({ state, subscribe }), [state, subscribe]);
  return <LiveContext.Provider value={value}>{children}</LiveContext.Provider>;
}

export function useLiveState(): LiveState {
  return useContext(LiveContext).state;
}

// useLive calls the listener for each live event while the component is shown.
export function useLive(listener: Listener): void {
  const { subscribe } = useContext(LiveContext);
  const latest = useRef(listener);
  useEffect(() => {
    latest.current = listener;
  });
  useEffect(() => subscribe((event) => latest.current(event)), [subscribe]);
}

// useNews counts the things of a topic created since the list was last read.
export function useNews(topic: LiveEvent['topic']): { fresh: number; clear: () => void } {
  const [ids, setIds] = useState<ReadonlySet<string>>(new Set());
  useLive((event) => {
    if (event.topic === topic && event.change === 'created') setIds((before) => new Set(before).add(event.id));
  });
  const clear = useCallback(() => setIds(new Set()), []);
  return { fresh: ids.size, clear };
}
