import { lazy, Suspense } from 'react';
import { Fallback } from '../design/Fallback';
import { Lines } from '../design/states';
import type { EditorProps } from './editing';
import { PlainEditor } from './PlainEditor';

// Without the full editor's parts (an old browser, a network that broke off) the plain field takes its place.
const Full = lazy(() =>
  import('./KustoEditor').then(
    (m) => ({ default: m.KustoEditor }),
    () => ({ default: PlainEditor }),
  ),
);

// EditorArea shows the full editor, or the plain one where the full one does not start.
export function EditorArea(props: EditorProps) {
  return (
    <Fallback instead={<PlainEditor {...props} />}>
      <Suspense fallback={<Lines count={6} />}>
        <Full {...props} />
      </Suspense>
    </Fallback>
  );
}
