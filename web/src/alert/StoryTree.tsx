import { useRef, type ReactNode } from 'react';
import { makeStyles, mergeClasses, tokens } from '@fluentui/react-components';
import { ChevronDown16Regular, ChevronRight16Regular } from '@fluentui/react-icons';
import type { StoryNode } from '../api/types';
import { KindIcon } from '../design/marks';
import { press, visible, type TreeNode } from './tree';

const useStyles = makeStyles({
  tree: { margin: 0, padding: 0, listStyleType: 'none' },
  row: {
    display: 'grid',
    gridTemplateColumns: '20px 24px minmax(120px, 1fr) max-content',
    columnGap: tokens.spacingHorizontalXS,
    alignItems: 'start',
    padding: `${tokens.spacingVerticalSNudge} ${tokens.spacingHorizontalS}`,
    borderRadius: tokens.borderRadiusMedium,
    cursor: 'default',
    outline: 'none',
    position: 'relative',
    ':hover': { backgroundColor: tokens.colorSubtleBackgroundHover },
    ':focus-visible': { boxShadow: `inset 0 0 0 2px ${tokens.colorStrokeFocus2}` },
  },
  compact: {
    gridTemplateColumns: '16px 18px minmax(0, 1fr) max-content',
    padding: `${tokens.spacingVerticalXXS} ${tokens.spacingHorizontalXS}`,
    fontSize: tokens.fontSizeBase200,
  },
  chosen: { backgroundColor: tokens.colorBrandBackground2 },
  focus: { boxShadow: `inset 3px 0 0 0 ${tokens.colorPaletteRedForeground1}` },
  compactFocus: { boxShadow: `inset 3px 0 0 0 ${tokens.colorBrandStroke1}` },
  guide: { position: 'absolute', top: 0, bottom: 0, width: '1px', backgroundColor: tokens.colorNeutralStroke2 },
  chevron: {
    background: 'none',
    border: 'none',
    padding: 0,
    height: '20px',
    color: tokens.colorNeutralForeground2,
    cursor: 'pointer',
    display: 'flex',
    alignItems: 'center',
  },
  icon: { fontSize: '16px', lineHeight: '20px', color: tokens.colorNeutralForeground2 },
  body: { minWidth: 0 },
  name: { fontWeight: tokens.fontWeightSemibold, overflowWrap: 'anywhere' },
  note: { color: tokens.colorNeutralForeground3, fontWeight: tokens.fontWeightRegular, marginLeft: tokens.spacingHorizontalS },
  command: {
    fontFamily: tokens.fontFamilyMonospace,
    fontSize: tokens.fontSizeBase200,
    lineHeight: '17px',
    color: tokens.colorNeutralForeground2,
    overflowWrap: 'anywhere',
    display: '-webkit-box',
    WebkitLineClamp: 2,
    WebkitBoxOrient: 'vertical',
    overflow: 'hidden',
  },
});

export interface StoryTreeProps {
  label: string;
  roots: readonly TreeNode[];
  // The ids of the branches that are closed.
  closed: ReadonlySet<string>;
  onClosed: (closed: ReadonlySet<string>) => void;
  // The id of the chosen node.
  at: string;
  onAt: (id: string) => void;
  className?: string;
  // For a pane: smaller, without lines between the levels.
  compact?: boolean;
  // What stands behind a node's name, and at the end of its row.
  note?: (node: StoryNode) => string;
  side?: (node: StoryNode) => ReactNode;
}

// StoryTree shows processes and what they touched as a tree. Arrow keys move, left and right close and open branches.
export function StoryTree(p: StoryTreeProps) {
  const s = useStyles();
  const box = useRef<HTMLDivElement>(null);
  const go = (id: string) => {
    p.onAt(id);
    requestAnimationFrame(() => box.current?.querySelector<HTMLElement>(`[data-node="${CSS.escape(id)}"]`)?.focus());
  };
  const toggle = (id: string) => p.onClosed(p.closed.has(id) ? new Set([...p.closed].filter((x) => x !== id)) : new Set(p.closed).add(id));
  return (
    <div
      ref={box}
      className={mergeClasses(s.tree, p.className)}
      role="tree"
      aria-label={p.label}
      onKeyDown={(event) => {
        const move = press(event.key, p.at, p.roots, p.closed);
        if (move.to === undefined && move.open === undefined && move.close === undefined) return;
        event.preventDefault();
        event.stopPropagation();
        if (move.to !== undefined) go(move.to);
        if (move.open !== undefined) toggle(move.open);
        if (move.close !== undefined) toggle(move.close);
      }}
    >
      {visible(p.roots, p.closed).map((t) => (
        <Row key={t.node.id} tree={t} of={p} onToggle={() => toggle(t.node.id)} />
      ))}
    </div>
  );
}

function Row({ tree: t, of: p, onToggle }: { tree: TreeNode; of: StoryTreeProps; onToggle: () => void }) {
  const s = useStyles();
  const { node: n } = t;
  const chosen = n.id === p.at;
  const closed = p.closed.has(n.id);
  const step = p.compact ? 16 : 20;
  const level = Math.min(t.level - 1, p.compact ? 10 : 14);
  const note = p.note?.(n) ?? '';
  return (
    <div
      role="treeitem"
      aria-level={t.level}
      aria-selected={chosen}
      aria-expanded={t.children.length > 0 ? !closed : undefined}
      tabIndex={chosen ? 0 : -1}
      data-node={n.id}
      className={mergeClasses(s.row, p.compact && s.compact, chosen && s.chosen, n.focus && (p.compact ? s.compactFocus : s.focus))}
      style={{ paddingLeft: (p.compact ? 4 : 8) + level * step }}
      onClick={() => p.onAt(n.id)}
      onFocus={() => p.onAt(n.id)}
    >
      {p.compact
        ? null
        : Array.from({ length: level }, (_, i) => <span key={i} className={s.guide} style={{ left: 17 + i * step }} aria-hidden />)}
      {t.children.length > 0 ? (
        <button
          type="button"
          tabIndex={-1}
          className={s.chevron}
          aria-hidden
          onClick={(event) => {
            event.stopPropagation();
            onToggle();
          }}
        >
          {closed ? <ChevronRight16Regular /> : <ChevronDown16Regular />}
        </button>
      ) : (
        <span />
      )}
      <span className={s.icon}>
        <KindIcon kind={n.kind} />
      </span>
      <div className={s.body}>
        <div className={s.name} dir="auto">
          {n.label}
          {note ? <span className={s.note}>{note}</span> : null}
        </div>
        {n.commandLine || n.detail ? (
          <div className={s.command} title={n.commandLine || n.detail}>
            {n.commandLine || n.detail}
          </div>
        ) : null}
      </div>
      {p.side?.(n)}
    </div>
  );
}
