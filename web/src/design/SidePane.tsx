import { useEffect, useRef, type ReactNode } from 'react';
import { Button, makeStyles, Text, tokens, Tooltip } from '@fluentui/react-components';
import { ChevronDownRegular, ChevronUpRegular, DismissRegular } from '@fluentui/react-icons';

const useStyles = makeStyles({
  pane: {
    width: '480px',
    flexShrink: 0,
    display: 'flex',
    flexDirection: 'column',
    minHeight: 0,
    backgroundColor: tokens.colorNeutralBackground1,
    borderLeft: `1px solid ${tokens.colorNeutralStroke2}`,
    outline: 'none',
    '@media (max-width: 1099px)': {
      position: 'fixed',
      top: '48px',
      right: 0,
      bottom: 0,
      zIndex: 20,
      maxWidth: '100vw',
      boxShadow: tokens.shadow28,
    },
    '@media (max-width: 639px)': { width: '100vw' },
  },
  head: {
    display: 'flex',
    alignItems: 'flex-start',
    gap: tokens.spacingHorizontalXS,
    padding: `${tokens.spacingVerticalM} ${tokens.spacingHorizontalM} ${tokens.spacingVerticalS} ${tokens.spacingHorizontalL}`,
    borderBottom: `1px solid ${tokens.colorNeutralStroke2}`,
  },
  title: { flexGrow: 1, minWidth: 0, overflowWrap: 'anywhere', lineHeight: tokens.lineHeightBase400 },
  body: {
    flexGrow: 1,
    minHeight: 0,
    overflowY: 'auto',
    padding: tokens.spacingHorizontalL,
    display: 'flex',
    flexDirection: 'column',
    gap: tokens.spacingVerticalL,
  },
  foot: {
    display: 'flex',
    gap: tokens.spacingHorizontalS,
    padding: `${tokens.spacingVerticalM} ${tokens.spacingHorizontalL}`,
    borderTop: `1px solid ${tokens.colorNeutralStroke2}`,
    flexWrap: 'wrap',
  },
});

export interface SidePaneProps {
  title: string;
  onClose: () => void;
  onStep?: ((by: 1 | -1) => void) | undefined;
  foot?: ReactNode;
  focus?: boolean;
  children: ReactNode;
}

// SidePane shows details beside a list. Arrow keys step through the list, Escape closes.
export function SidePane({ title, onClose, onStep, foot, focus = false, children }: SidePaneProps) {
  const s = useStyles();
  const pane = useRef<HTMLElement>(null);
  useEffect(() => {
    if (focus) pane.current?.focus();
  }, [focus]);
  return (
    <aside
      ref={pane}
      className={s.pane}
      aria-label={title}
      tabIndex={-1}
      onKeyDown={(event) => {
        if (event.defaultPrevented) return;
        const target = event.target as HTMLElement;
        const field = /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) || target.getAttribute('role') === 'combobox';
        if (event.key === 'Escape') {
          event.preventDefault();
          onClose();
        } else if (!field && onStep && target === pane.current && (event.key === 'ArrowDown' || event.key === 'ArrowUp')) {
          event.preventDefault();
          onStep(event.key === 'ArrowDown' ? 1 : -1);
        }
      }}
    >
      <div className={s.head}>
        <Text as="h2" size={400} weight="semibold" className={s.title} style={{ margin: 0 }}>
          {title}
        </Text>
        {onStep ? (
          <>
            <Tooltip content="Previous (k)" relationship="label">
              <Button appearance="subtle" icon={<ChevronUpRegular />} onClick={() => onStep(-1)} />
            </Tooltip>
            <Tooltip content="Next (j)" relationship="label">
              <Button appearance="subtle" icon={<ChevronDownRegular />} onClick={() => onStep(1)} />
            </Tooltip>
          </>
        ) : null}
        <Tooltip content="Close (Esc)" relationship="label">
          <Button appearance="subtle" icon={<DismissRegular />} onClick={onClose} />
        </Tooltip>
      </div>
      <div className={s.body}>{children}</div>
      {foot ? <div className={s.foot}>{foot}</div> : null}
    </aside>
  );
}
