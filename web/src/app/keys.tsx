import { useEffect, useRef } from 'react';

// KeyMap maps a key ("j", "?", "Escape") or a sequence of two ("g i") to what it does.
export type KeyMap = Record<string, (event: KeyboardEvent) => void>;

// typing reports whether a key press belongs to a text field, an editor, an open menu or a dialog.
export function typing(target: EventTarget | null): boolean {
  if (!(target instanceof Element)) return false;
  return (
    (target instanceof HTMLElement && target.isContentEditable) ||
    /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) ||
    target.closest('[role="menu"],[role="listbox"],[role="dialog"],[role="alertdialog"],.monaco-editor') !== null
  );
}

const sequenceTimeout = 1200;

// useKeys listens for keys on the whole page while the component is shown. Keys with Ctrl, Alt or Meta are left to the browser.
export function useKeys(map: KeyMap, active = true): void {
  const latest = useRef(map);
  useEffect(() => {
    latest.current = map;
  });
  useEffect(() => {
    if (!active) return;
    let first = '';
    let at = 0;
    const down = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey || typing(event.target)) return;
      const sequence = first !== '' && Date.now() - at < sequenceTimeout ? `${first} ${event.key}` : '';
      first = '';
      const action = latest.current[sequence] ?? latest.current[event.key];
      if (action) {
        action(event);
        return;
      }
      if (Object.keys(latest.current).some((k) => k.startsWith(`${event.key} `))) {
        first = event.key;
        at = Date.now();
      }
    };
    window.addEventListener('keydown', down);
    return () => window.removeEventListener('keydown', down);
  }, [active]);
}
