import { lazy, Suspense, useImperativeHandle, useRef } from 'react';
import { makeStyles, tokens } from '@fluentui/react-components';
import { Fallback } from '../design/Fallback';
import { Lines } from '../design/states';
import type { MappingEditorProps } from './editor';

const useStyles = makeStyles({
  field: {
    width: '100%',
    height: '100%',
    boxSizing: 'border-box',
    resize: 'none',
    border: 'none',
    padding: tokens.spacingHorizontalM,
    fontFamily: tokens.fontFamilyMonospace,
    fontSize: tokens.fontSizeBase200,
    color: tokens.colorNeutralForeground1,
    backgroundColor: tokens.colorNeutralBackground1,
    ':focus-visible': { outline: `2px solid ${tokens.colorStrokeFocus2}`, outlineOffset: '-2px' },
  },
});

// A plain field takes the place of the full editor where that does not start.
const Full = lazy(() =>
  import('./YamlEditor').then(
    (m) => ({ default: m.YamlEditor }),
    () => ({ default: Plain }),
  ),
);

// MappingEditor edits the text of a mapping.
export function MappingEditor(props: MappingEditorProps) {
  return (
    <Fallback instead={<Plain {...props} />}>
      <Suspense fallback={<Lines count={8} />}>
        <Full {...props} />
      </Suspense>
    </Fallback>
  );
}

function Plain({ ref, text, onChange, readOnly, label }: MappingEditorProps) {
  const s = useStyles();
  const field = useRef<HTMLTextAreaElement>(null);
  useImperativeHandle(ref, () => ({
    goTo: (line) => {
      const at =
        text
          .split('\n')
          .slice(0, line - 1)
          .join('\n').length + (line > 1 ? 1 : 0);
      field.current?.focus();
      field.current?.setSelectionRange(at, at);
    },
  }));
  return (
    <textarea
      ref={field}
      className={s.field}
      aria-label={label}
      spellCheck={false}
      readOnly={readOnly}
      value={text}
      onChange={(event) => onChange(event.target.value)}
    />
  );
}
