// What the browser tests ask of a page: accessibility, size of text, choices in a dropdown.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

// faults runs axe on the page as it is and returns what breaks WCAG 2.2 A and AA. Left out are the editor and the drawn graph, which have modes
// of their own for assistive technology, and the invisible elements by which the design system moves the focus.
export async function faults(page) {
  await page.evaluate(axe);
  const result = await page.evaluate(() =>
    globalThis.axe.run(document, {
      runOnly: { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] },
    }),
  );
  return result.violations
    .map((v) => ({
      id: v.id,
      impact: v.impact,
      help: v.help,
      nodes: v.nodes.filter((n) => !/monaco|react-flow|data-tabster-dummy/.test(n.html + n.target.join(' '))),
    }))
    .filter((v) => v.nodes.length > 0)
    .map(
      (v) =>
        `${v.id} (${v.impact}): ${v.help}\n  ${v.nodes
          .slice(0, 3)
          .map((n) => `${n.target.join(' ')} ${n.html.slice(0, 160)}`)
          .join('\n  ')}`,
    );
}

// small finds visible text below 12 px.
export function small(page) {
  return page.evaluate(() => {
    const out = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let n = walker.nextNode(); n; n = walker.nextNode()) {
      const el = n.parentElement;
      if (!el || !n.textContent?.trim() || el.closest('.monaco-editor, .react-flow, script, style')) continue;
      const style = getComputedStyle(el);
      if (parseFloat(style.fontSize) < 12 && el.getClientRects().length > 0)
        out.push(`${style.fontSize} ${n.textContent.trim().slice(0, 40)}`);
    }
    return [...new Set(out)].slice(0, 5);
  });
}

// pick opens a dropdown by its field's label and chooses an option.
export async function pick(page, label, option) {
  await page.getByRole('combobox', { name: label, exact: true }).click();
  await page.getByRole('option', { name: option, exact: true }).click();
}

// until asks the page again and again until what it is asked for, which may take a promise, is true. The browser's own waiting takes a promise for true.
export async function until(page, predicate, arg, timeout = Number(process.env.BARTIZAN_TIMEOUT ?? 30_000)) {
  const end = Date.now() + timeout;
  while (!(await page.evaluate(predicate, arg))) {
    if (Date.now() > end) throw new Error(`still not so after ${timeout} ms: ${predicate}`);
    await page.waitForTimeout(200);
  }
}
