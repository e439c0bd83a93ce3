// The query tabs, kept in the browser so that nothing typed is lost.
import type { BuilderModel } from './builder/model';

export interface QueryTab {
  id: string;
  title: string;
  kind: 'editor' | 'builder';
  text: string;
  // The builder's conditions; tabs of the editor have none.
  model?: BuilderModel;
  // The saved query it was opened from, and the text that is saved: another text is unsaved.
  saved?: string;
  savedText?: string;
  // A person gave it its title; runs leave it alone.
  named?: boolean;
}

export interface Tabs {
  tabs: QueryTab[];
  current: string;
}

const starter =
  '// Processes seen most often\nDeviceProcessEvents\n| summarize Count = count(), Devices = dcount(DeviceId) by FileName\n| top 50 by Count\n';

const maxTabs = 40;

function newId(): string {
  return `t${Date.now().toString(36)}${Math.floor(Math.random() * 1e6).toString(36)}`;
}

// untitled is the first free name for a tab without one.
export function untitled(tabs: readonly QueryTab[]): string {
  for (let n = 1; ; n++) {
    const name = n === 1 ? 'New query' : `New query ${n}`;
    if (!tabs.some((t) => t.title === name)) return name;
  }
}

export function fresh(tabs: readonly QueryTab[], text = '', title = ''): QueryTab {
  return { id: newId(), title: title || untitled(tabs), kind: 'editor', text, ...(title ? {} : { savedText: text }) };
}

function sound(t: Partial<QueryTab> | null): t is QueryTab {
  return !!t && typeof t.id === 'string' && typeof t.text === 'string' && typeof t.title === 'string';
}

export function load(text: string | null): Tabs {
  try {
    const data = text === null ? null : (JSON.parse(text) as Partial<Tabs>);
    const tabs = (data?.tabs ?? []).filter(sound).map((t) => (t.kind === 'builder' && t.model ? t : { ...t, kind: 'editor' as const }));
    if (tabs.length > 0) return { tabs, current: tabs.some((t) => t.id === data?.current) ? (data?.current ?? '') : (tabs[0]?.id ?? '') };
  } catch {
    // Damaged: start anew.
  }
  const first = fresh([], starter);
  return { tabs: [first], current: first.id };
}

// add opens a tab, or goes to the one that has the text already. The oldest tab without unsaved text gives way when there are too many.
export function add(state: Tabs, text = '', title = '', more: Partial<QueryTab> = {}): Tabs {
  const same = text === '' ? undefined : state.tabs.find((t) => t.kind === 'editor' && t.text.trim() === text.trim());
  if (same) return change({ ...state, current: same.id }, same.id, more);
  const tab: QueryTab = { ...fresh(state.tabs, text, title), ...more };
  const tabs = [...state.tabs, tab];
  const spare = tabs.length > maxTabs ? tabs.find((t) => t.id !== tab.id && !unsaved(t)) : undefined;
  return { tabs: spare ? tabs.filter((t) => t !== spare) : tabs, current: tab.id };
}

// addBuilder opens a tab with the query builder.
export function addBuilder(state: Tabs, model: BuilderModel): Tabs {
  const tab: QueryTab = { ...fresh(state.tabs), kind: 'builder', model };
  return { tabs: [...state.tabs, tab], current: tab.id };
}

export function close(state: Tabs, id: string): Tabs {
  const at = state.tabs.findIndex((t) => t.id === id);
  if (at < 0) return state;
  const tabs = state.tabs.filter((t) => t.id !== id);
  if (tabs.length === 0) {
    const tab = fresh([]);
    return { tabs: [tab], current: tab.id };
  }
  return { tabs, current: state.current === id ? (tabs[Math.min(at, tabs.length - 1)]?.id ?? '') : state.current };
}

export function change(state: Tabs, id: string, patch: Partial<QueryTab>): Tabs {
  return { ...state, tabs: state.tabs.map((t) => (t.id === id ? { ...t, ...patch } : t)) };
}

export function rename(state: Tabs, id: string, title: string): Tabs {
  const name = title.trim().slice(0, 120);
  return name === '' ? state : change(state, id, { title: name, named: true });
}

// duplicate copies a tab to its right and goes there.
export function duplicate(state: Tabs, id: string): Tabs {
  const at = state.tabs.findIndex((t) => t.id === id);
  const tab = state.tabs[at];
  if (!tab) return state;
  const copy: QueryTab = { ...tab, id: newId(), title: `${tab.title} (copy)` };
  delete copy.saved;
  delete copy.savedText;
  return { tabs: state.tabs.toSpliced(at + 1, 0, copy), current: copy.id };
}

// move puts a tab by so many places to the right, or to the left when by is negative.
export function move(state: Tabs, id: string, by: number): Tabs {
  const at = state.tabs.findIndex((t) => t.id === id);
  const tab = state.tabs[at];
  const to = Math.max(0, Math.min(state.tabs.length - 1, at + by));
  if (!tab || to === at) return state;
  return { ...state, tabs: state.tabs.toSpliced(at, 1).toSpliced(to, 0, tab) };
}

// unsaved says whether a tab holds something that is kept nowhere else. A tab that was never saved counts once it has a text of its own.
export function unsaved(tab: QueryTab): boolean {
  if (tab.kind === 'builder') return (tab.model?.root.items.length ?? 0) > 0;
  return tab.text.trim() !== '' && tab.text !== tab.savedText && tab.text !== starter;
}
