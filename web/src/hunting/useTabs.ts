import { useCallback, useEffect, useRef, useState } from 'react';
import { read, write } from './keep';
import { load, unsaved, type Tabs } from './tabs';

export interface TabsState {
  state: Tabs;
  // update changes the tabs and gives what they became, so that a run can start in a tab that was just made.
  update: (change: (before: Tabs) => Tabs) => Tabs;
}

// useTabs keeps the open queries in the browser. Where it keeps nothing, leaving the page with unsaved queries asks first.
export function useTabs(key: string): TabsState {
  const [state, setState] = useState<Tabs>(() => load(read(key)));
  const latest = useRef(state);
  const kept = useRef(true);
  const update = useCallback((change: (before: Tabs) => Tabs) => {
    latest.current = change(latest.current);
    setState(latest.current);
    return latest.current;
  }, []);
  useEffect(() => {
    kept.current = write(key, JSON.stringify(state));
  }, [key, state]);
  useEffect(() => {
    const leave = (event: BeforeUnloadEvent) => {
      if (!kept.current && latest.current.tabs.some(unsaved)) event.preventDefault();
    };
    window.addEventListener('beforeunload', leave);
    return () => window.removeEventListener('beforeunload', leave);
  }, []);
  return { state, update };
}
