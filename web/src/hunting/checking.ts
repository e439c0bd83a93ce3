// Asks the server what is wrong with the queries of a tab, each once.
import { hunt } from '../api/hunting';
import type { Diagnostic } from '../api/types';
import { blocks } from './statement';

const maxBlocks = 20;
const maxKept = 100;

const moved = (d: Diagnostic, by: number): Diagnostic => ({ ...d, line: d.line + by, endLine: d.endLine + by });

// Checker checks texts block by block. What it said of a block is kept, so that typing in one asks about that one only.
export class Checker {
  private readonly kept = new Map<string, readonly Diagnostic[]>();
  private abort: AbortController | undefined;

  // check gives the problems of a text with lines counted in the whole text; undefined when a newer check took over or the server did not answer.
  async check(text: string): Promise<Diagnostic[] | undefined> {
    this.stop();
    const mine = new AbortController();
    this.abort = mine;
    const out: Diagnostic[] = [];
    for (const block of blocks(text).slice(0, maxBlocks)) {
      let found = this.kept.get(block.text);
      if (!found) {
        try {
          found = (await hunt.check(block.text, mine.signal)).diagnostics ?? [];
        } catch {
          return undefined;
        }
        if (mine.signal.aborted) return undefined;
        if (this.kept.size >= maxKept) this.kept.delete(this.kept.keys().next().value ?? '');
        this.kept.set(block.text, found);
      }
      out.push(...found.map((d) => moved(d, block.line - 1)));
    }
    return mine.signal.aborted ? undefined : out;
  }

  stop(): void {
    this.abort?.abort();
    this.abort = undefined;
  }

  // clear forgets what was said, after functions or permissions changed.
  clear(): void {
    this.kept.clear();
  }
}
