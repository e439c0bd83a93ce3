// The part of Markdown that instructions are written in: headings, paragraphs, lists, code, bold, links. Everything else stays as it is written.

export type Inline = { kind: 'text' | 'bold' | 'italic' | 'code'; text: string } | { kind: 'link'; text: string; href: string };

export type Block =
  | { kind: 'heading'; spans: Inline[] }
  | { kind: 'paragraph'; spans: Inline[] }
  | { kind: 'code'; text: string }
  | { kind: 'list'; ordered: boolean; start: number; items: Inline[][] };

// inline reads a line. Links lead to web addresses only; any other is shown as its text.
export function inline(text: string): Inline[] {
  const out: Inline[] = [];
  const pattern = /`([^`]+)`|\*\*([^*]+)\*\*|\*(?=\S)([^*]*\S)\*|\[([^\]]+)\]\(([^)\s]+)\)/g;
  let at = 0;
  for (let m = pattern.exec(text); m; m = pattern.exec(text)) {
    if (m.index > at) out.push({ kind: 'text', text: text.slice(at, m.index) });
    const [whole, code, bold, italic, label, href] = m;
    if (code !== undefined) out.push({ kind: 'code', text: code });
    else if (bold !== undefined) out.push({ kind: 'bold', text: bold });
    else if (italic !== undefined) out.push({ kind: 'italic', text: italic });
    else if (label !== undefined && href !== undefined && /^https?:\/\//i.test(href)) out.push({ kind: 'link', text: label, href });
    else out.push({ kind: 'text', text: label ?? whole });
    at = m.index + whole.length;
  }
  if (at < text.length) out.push({ kind: 'text', text: text.slice(at) });
  return out;
}

// blocks reads a text.
export function blocks(text: string): Block[] {
  const out: Block[] = [];
  const lines = text.replace(/\r\n?/g, '\n').split('\n');
  let paragraph: string[] = [];
  let list: { ordered: boolean; start: number; items: string[] } | undefined;
  const flush = () => {
    if (paragraph.length > 0) out.push({ kind: 'paragraph', spans: inline(paragraph.join(' ')) });
    paragraph = [];
    if (list) out.push({ kind: 'list', ordered: list.ordered, start: list.start, items: list.items.map(inline) });
    list = undefined;
  };
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] ?? '';
    if (/^\s*```/.test(line)) {
      flush();
      const code: string[] = [];
      for (i++; i < lines.length && !/^\s*```/.test(lines[i] ?? ''); i++) code.push(lines[i] ?? '');
      out.push({ kind: 'code', text: code.join('\n') });
      continue;
    }
    const heading = /^#{1,6}\s+(.*)$/.exec(line);
    const item = /^\s*(?:(\d+)[.)]|[-*])\s+(.*)$/.exec(line);
    if (heading) {
      flush();
      out.push({ kind: 'heading', spans: inline(heading[1] ?? '') });
    } else if (item) {
      const ordered = item[1] !== undefined;
      if (paragraph.length > 0 || (list && list.ordered !== ordered)) flush();
      list ??= { ordered, start: ordered ? Number(item[1]) : 1, items: [] };
      list.items.push(item[2] ?? '');
    } else if (line.trim() === '') {
      // A list goes on over an empty line when another item follows.
      if (!(list && /^\s*(?:\d+[.)]|[-*])\s/.test(lines[i + 1] ?? ''))) flush();
    } else if (list && /^\s+\S/.test(line)) {
      const last = list.items.length - 1;
      list.items[last] = `${list.items[last] ?? ''} ${line.trim()}`;
    } else {
      if (list) flush();
      paragraph.push(line.trim());
    }
  }
  flush();
  return out;
}
