// What the hunting page keeps in the browser. A browser that keeps nothing (private windows, full storage) is told apart, so that the page can warn.

export function read(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

// write says whether the text was kept.
export function write(key: string, text: string): boolean {
  try {
    localStorage.setItem(key, text);
    return true;
  } catch {
    return false;
  }
}

export interface Layout {
  leftOpen: boolean;
  leftWidth: number;
  leftTab: 'schema' | 'functions' | 'queries' | 'rules';
  editorHeight: number;
}

const key = 'bartizan.hunting.layout';

// layout reads how the panes were left; on a narrow window the left one starts closed.
export function layout(): Layout {
  const wide = window.innerWidth >= 900;
  let kept: Partial<Layout> = {};
  try {
    kept = JSON.parse(read(key) ?? '{}') as Partial<Layout>;
  } catch {
    // Damaged: the defaults hold.
  }
  const number = (v: unknown, least: number, most: number, otherwise: number) =>
    typeof v === 'number' && v >= least && v <= most ? v : otherwise;
  return {
    leftOpen: wide && (kept.leftOpen ?? true),
    leftWidth: number(kept.leftWidth, 220, 620, 340),
    leftTab: (['schema', 'functions', 'queries', 'rules'] as const).find((t) => t === kept.leftTab) ?? 'schema',
    editorHeight: number(kept.editorHeight, 80, 700, 240),
  };
}

export function keepLayout(l: Layout): void {
  write(key, JSON.stringify(l));
}
