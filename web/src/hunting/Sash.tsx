import { useRef } from 'react';
import { makeStyles, tokens } from '@fluentui/react-components';

const useStyles = makeStyles({
  sash: {
    height: '7px',
    flexShrink: 0,
    cursor: 'row-resize',
    touchAction: 'none',
    borderTop: `1px solid ${tokens.colorNeutralStroke2}`,
    borderBottom: `1px solid ${tokens.colorNeutralStroke2}`,
    backgroundColor: tokens.colorNeutralBackground3,
    ':hover': { backgroundColor: tokens.colorBrandBackground2 },
    ':focus-visible': { outline: `2px solid ${tokens.colorStrokeFocus2}` },
  },
});

const least = 80;
const most = 700;

// Sash changes the height of the editor, by mouse or by arrow keys.
export function Sash({ height, onHeight }: { height: number; onHeight: (height: number) => void }) {
  const s = useStyles();
  const drag = useRef<{ y: number; height: number } | null>(null);
  const set = (h: number) => onHeight(Math.max(least, Math.min(most, Math.round(h))));
  return (
    <div
      className={s.sash}
      role="separator"
      aria-orientation="horizontal"
      aria-label="Height of the editor"
      aria-valuenow={height}
      aria-valuemin={least}
      aria-valuemax={most}
      tabIndex={0}
      onPointerDown={(event) => {
        drag.current = { y: event.clientY, height };
        event.currentTarget.setPointerCapture(event.pointerId);
      }}
      onPointerMove={(event) => {
        if (drag.current) set(drag.current.height + event.clientY - drag.current.y);
      }}
      onPointerUp={() => {
        drag.current = null;
      }}
      onKeyDown={(event) => {
        if (event.key === 'ArrowUp') set(height - 24);
        if (event.key === 'ArrowDown') set(height + 24);
      }}
    />
  );
}
