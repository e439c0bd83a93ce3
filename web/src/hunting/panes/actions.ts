// What the left pane asks of the page.

export interface Opened {
  name: string;
  query: string;
  // The saved query it is, which Save then changes.
  saved?: string;
  run?: boolean;
}

export interface PaneActions {
  insert: (text: string) => void;
  open: (query: Opened) => void;
}
