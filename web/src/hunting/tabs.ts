// The editor's tabs, kept in the browser so that nothing typed is lost.

export interface QueryTab {
  id: string;
  title: string;
  text: string;
  // The saved query it was opened from.
  saved?: string;
}

export interface Tabs {
  tabs: QueryTab[];
  current: string;
}

const starter =
  '// Processes seen most often\nDeviceProcessEvents\n| summarize Count = count(), Devices = dcount(DeviceId) by FileName\n| top 50 by Count\n';

export function fresh(n: number, text = '', title = ''): QueryTab {
  return {
    id: `t${Date.now().toString(36)}${Math.floor(Math.random() * 1e6).toString(36)}`,
    title: title || (n === 1 ? 'New query' : `New query ${n}`),
    text,
  };
}

export function load(text: string | null): Tabs {
  try {
    const data = text === null ? null : (JSON.parse(text) as Partial<Tabs>);
    const tabs = (data?.tabs ?? []).filter((t) => typeof t.id === 'string' && typeof t.text === 'string');
    if (tabs.length > 0) return { tabs, current: tabs.some((t) => t.id === data?.current) ? (data?.current ?? '') : (tabs[0]?.id ?? '') };
  } catch {
    // Damaged: start anew.
  }
  const first = fresh(1, starter);
  return { tabs: [first], current: first.id };
}

export function add(state: Tabs, text = '', title = ''): Tabs {
  const same = text === '' ? undefined : state.tabs.find((t) => t.text.trim() === text.trim());
  if (same) return { ...state, current: same.id };
  const tab = fresh(state.tabs.length + 1, text, title);
  return { tabs: [...state.tabs, tab], current: tab.id };
}

export function close(state: Tabs, id: string): Tabs {
  const at = state.tabs.findIndex((t) => t.id === id);
  if (at < 0) return state;
  const tabs = state.tabs.filter((t) => t.id !== id);
  if (tabs.length === 0) {
    const tab = fresh(1);
    return { tabs: [tab], current: tab.id };
  }
  return { tabs, current: state.current === id ? (tabs[Math.min(at, tabs.length - 1)]?.id ?? '') : state.current };
}

export function change(state: Tabs, id: string, patch: Partial<QueryTab>): Tabs {
  return { ...state, tabs: state.tabs.map((t) => (t.id === id ? { ...t, ...patch } : t)) };
}
