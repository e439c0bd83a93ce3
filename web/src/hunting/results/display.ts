// What stands on which line of the grid: rows, headings of groups, and rows that are taller because they are expanded.
import type { Arranged } from './arrange';

export const rowHeight = 28;

// Display numbers the lines. A line is a row of the result (its number) or a group's heading (-1 - group).
export interface Display {
  count: number;
  at(line: number): number;
  lineOf(row: number): number;
}

// display lays out the rows; of groups only the open ones show theirs.
export function display(arranged: Arranged, open: ReadonlySet<string>, keyOf: (group: number) => string): Display {
  const { rows, groups } = arranged;
  if (!groups)
    return {
      count: rows.length,
      at: (line) => rows[line] ?? 0,
      lineOf: (row) => rows.indexOf(row),
    };
  const starts = new Float64Array(groups.length);
  let count = 0;
  groups.forEach((g, i) => {
    starts[i] = count;
    count += 1 + (open.has(keyOf(i)) ? g.rows.length : 0);
  });
  const groupAt = (line: number): number => {
    let low = 0;
    let high = groups.length - 1;
    while (low < high) {
      const mid = (low + high + 1) >> 1;
      if ((starts[mid] ?? 0) <= line) low = mid;
      else high = mid - 1;
    }
    return low;
  };
  return {
    count,
    at: (line) => {
      const g = groupAt(line);
      const inside = line - (starts[g] ?? 0);
      return inside === 0 ? -1 - g : (groups[g]?.rows[inside - 1] ?? 0);
    },
    lineOf: (row) => {
      for (let g = 0; g < groups.length; g++) {
        if (!open.has(keyOf(g))) continue;
        const inside = groups[g]?.rows.indexOf(row) ?? -1;
        if (inside >= 0) return (starts[g] ?? 0) + 1 + inside;
      }
      return -1;
    },
  };
}

// groupKey names a group of a result for the set of open ones.
export function groupKey(arranged: Arranged, group: number): string {
  const g = arranged.groups?.[group];
  return g ? (g.missing ? '\u0000' : g.value) : '';
}

// Heights knows where lines begin when some rows have something open below them.
export class Heights {
  private readonly lines: number[];
  private readonly extra: number[];

  constructor(
    private readonly count: number,
    taller: readonly (readonly [line: number, extra: number])[],
  ) {
    const sorted = taller.filter(([line]) => line >= 0).sort((a, b) => a[0] - b[0]);
    this.lines = sorted.map(([line]) => line);
    let sum = 0;
    this.extra = sorted.map(([, extra]) => (sum += extra));
  }

  total(): number {
    return this.count * rowHeight + (this.extra.at(-1) ?? 0);
  }

  // top is where a line begins.
  top(line: number): number {
    let sum = 0;
    for (let i = 0; i < this.lines.length && (this.lines[i] ?? 0) < line; i++) sum = this.extra[i] ?? 0;
    return line * rowHeight + sum;
  }

  // lineAt is the line at a height.
  lineAt(y: number): number {
    let before = 0;
    for (let i = 0; i < this.lines.length; i++) {
      const bottom = ((this.lines[i] ?? 0) + 1) * rowHeight + before;
      if (y < bottom) break;
      const after = this.extra[i] ?? 0;
      if (y < bottom + after - before) return this.lines[i] ?? 0;
      before = after;
    }
    return Math.max(0, Math.min(this.count - 1, Math.floor((y - before) / rowHeight)));
  }
}
