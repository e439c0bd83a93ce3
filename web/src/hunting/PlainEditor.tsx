import { useEffect, useImperativeHandle, useRef } from 'react';
import { makeStyles, tokens } from '@fluentui/react-components';
import { hunt } from '../api/hunting';
import { Checker } from './checking';
import type { EditorProps } from './editing';
import { blockAt, type Block } from './statement';

const useStyles = makeStyles({
  box: {
    width: '100%',
    height: '100%',
    boxSizing: 'border-box',
    resize: 'none',
    border: 'none',
    padding: `${tokens.spacingVerticalS} ${tokens.spacingHorizontalL}`,
    fontFamily: tokens.fontFamilyMonospace,
    fontSize: tokens.fontSizeBase300,
    lineHeight: tokens.lineHeightBase300,
    color: tokens.colorNeutralForeground1,
    backgroundColor: tokens.colorNeutralBackground1,
    ':focus-visible': { outline: `2px solid ${tokens.colorStrokeFocus2}`, outlineOffset: '-2px' },
  },
});

const checkAfter = 600;
const lineAt = (text: string, offset: number) => text.slice(0, offset).split('\n').length;

// commented puts "// " before lines, or takes it away when all have it.
export function commented(lines: readonly string[]): string[] {
  const filled = lines.filter((l) => l.trim() !== '');
  const all = filled.length > 0 && filled.every((l) => /^\s*\/\//.test(l));
  return lines.map((l) => (l.trim() === '' ? l : all ? l.replace(/^(\s*)\/\/ ?/, '$1') : `// ${l}`));
}

// PlainEditor is a plain field for the query, for browsers in which the full editor does not start. It runs, checks and formats alike.
export function PlainEditor(props: EditorProps) {
  const { ref, tabId, text, onChange } = props;
  const s = useStyles();
  const field = useRef<HTMLTextAreaElement>(null);
  const latest = useRef(props);
  const checker = useRef(new Checker());
  useEffect(() => {
    latest.current = props;
  });

  useEffect(() => {
    const checks = checker.current;
    const timer = setTimeout(() => {
      void checks.check(text).then((problems) => {
        if (problems) latest.current.onProblems(problems);
      });
    }, checkAfter);
    return () => {
      clearTimeout(timer);
      checks.stop();
    };
  }, [tabId, text]);

  const blockHere = (): Block | undefined => {
    const f = field.current;
    return f ? blockAt(f.value, lineAt(f.value, f.selectionStart)) : undefined;
  };
  const selected = (): Block | undefined => {
    const f = field.current;
    const picked = f ? f.value.slice(f.selectionStart, f.selectionEnd) : '';
    return f && picked.trim() !== '' ? { text: picked, line: lineAt(f.value, f.selectionStart) } : undefined;
  };
  // put replaces a part of the text by the browser's own edit, which can be undone.
  const put = (from: number, to: number, words: string) => {
    const f = field.current;
    if (!f) return;
    f.focus();
    f.setSelectionRange(from, to);
    f.setRangeText(words, from, to, 'end');
    onChange(f.value);
  };
  const format = async () => {
    const f = field.current;
    const block = blockHere();
    if (!f || !block) return;
    try {
      const { query } = await hunt.format(block.text);
      const lines = f.value.split('\n');
      const from = lines.slice(0, block.line - 1).reduce((n, l) => n + l.length + 1, 0);
      put(from, from + block.text.length, query.trimEnd());
    } catch (err) {
      latest.current.onFormatFailed(err);
    }
  };
  const toggleComment = () => {
    const f = field.current;
    if (!f) return;
    const from = f.value.lastIndexOf('\n', f.selectionStart - 1) + 1;
    const after = f.value.indexOf('\n', f.selectionEnd);
    const to = after < 0 ? f.value.length : after;
    put(from, to, commented(f.value.slice(from, to).split('\n')).join('\n'));
  };

  useImperativeHandle(ref, () => ({
    current: blockHere,
    selection: selected,
    insert: (words) => {
      const f = field.current;
      if (f) put(f.selectionStart, f.selectionEnd, words);
    },
    replace: (words) => put(0, field.current?.value.length ?? 0, words),
    show: (problems, offset) => {
      const f = field.current;
      const first = problems[0];
      if (!f || !first) return;
      const lines = f.value.split('\n');
      const at = lines.slice(0, first.line + offset - 1).reduce((n, l) => n + l.length + 1, 0) + first.column - 1;
      f.setSelectionRange(at, at);
    },
    format,
    toggleComment,
    nextProblem: () => field.current?.focus(),
    focus: () => field.current?.focus(),
  }));

  return (
    <textarea
      ref={field}
      className={s.box}
      aria-label="Query editor"
      data-testid="plain-editor"
      spellCheck={false}
      value={text}
      onChange={(event) => onChange(event.target.value)}
      onKeyDown={(event) => {
        if (event.key === 'Enter' && event.shiftKey) {
          event.preventDefault();
          props.onRun(blockHere());
        } else if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
          event.preventDefault();
          props.onRun(selected() ?? blockHere());
        } else if (event.key === '/' && (event.ctrlKey || event.metaKey)) {
          event.preventDefault();
          toggleComment();
        } else if (event.key.toLowerCase() === 'f' && event.shiftKey && event.altKey) {
          event.preventDefault();
          void format();
        } else if (event.key === 'Escape') props.onCancel();
      }}
    />
  );
}
