import { Component, lazy, Suspense, type ReactNode } from 'react';
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

class Fallback extends Component<{ children: ReactNode; instead: ReactNode }, { failed: boolean }> {
  override state = { failed: false };
  static getDerivedStateFromError() {
    return { failed: true };
  }
  override render() {
    return this.state.failed ? this.props.instead : this.props.children;
  }
}

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
