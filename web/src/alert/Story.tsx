import { useEffect, useMemo, useRef, useState } from 'react';
import { Badge, makeStyles, mergeClasses, tokens } from '@fluentui/react-components';
import { ChevronDown16Regular, ChevronRight16Regular, ShieldErrorRegular } from '@fluentui/react-icons';
import { Link } from '@tanstack/react-router';
import type { Story as StoryData } from '../api/types';
import { CopyId } from '../design/CopyId';
import { Facts } from '../design/Facts';
import { KindIcon } from '../design/marks';
import { Section } from '../design/Section';
import { Empty } from '../design/states';
import { Time } from '../design/Time';
import { useLinkStyles } from '../design/useLinkStyles';
import { label } from '../design/words';
import { closedAtFirst, grow, press, visible, type TreeNode } from './tree';

const useStyles = makeStyles({
  split: {
    display: 'grid',
    gridTemplateColumns: 'minmax(0, 1fr) 300px',
    gap: tokens.spacingHorizontalL,
    alignItems: 'start',
    '@media (max-width: 1279px)': { gridTemplateColumns: 'minmax(0, 1fr)' },
  },
  tree: { margin: 0, padding: 0, listStyleType: 'none', overflowX: 'auto', maxHeight: '70vh', overflowY: 'auto' },
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
  chosen: { backgroundColor: tokens.colorBrandBackground2 },
  focus: { boxShadow: `inset 3px 0 0 0 ${tokens.colorPaletteRedForeground1}` },
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
  icon: { fontSize: '18px', lineHeight: '20px', color: tokens.colorNeutralForeground2 },
  name: { fontWeight: tokens.fontWeightSemibold, overflowWrap: 'anywhere' },
  account: { color: tokens.colorNeutralForeground3, fontWeight: tokens.fontWeightRegular, marginLeft: tokens.spacingHorizontalS },
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
  side: {
    display: 'flex',
    gap: tokens.spacingHorizontalS,
    alignItems: 'center',
    color: tokens.colorNeutralForeground3,
    fontSize: tokens.fontSizeBase200,
    whiteSpace: 'nowrap',
    '@media (max-width: 639px)': { gridColumnStart: 3 },
  },
  code: { fontFamily: tokens.fontFamilyMonospace, fontSize: tokens.fontSizeBase200, whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' },
});

// Story shows what happened as a tree of processes and what they touched. Arrow keys move, left and right close and open branches.
export function Story({ story, titles }: { story: StoryData; titles: ReadonlyMap<string, string> }) {
  const s = useStyles();
  const roots = useMemo(() => grow(story.nodes), [story]);
  const [closed, setClosed] = useState<ReadonlySet<string>>(() => closedAtFirst(roots));
  useEffect(() => setClosed(closedAtFirst(roots)), [roots]);
  const first = story.nodes.find((n) => n.focus)?.id ?? roots[0]?.node.id ?? '';
  const [at, setAt] = useState(first);
  useEffect(() => setAt(first), [first]);
  const tree = useRef<HTMLDivElement>(null);
  const rows = visible(roots, closed);
  const here = story.nodes.find((n) => n.id === at);

  const go = (id: string) => {
    setAt(id);
    requestAnimationFrame(() => tree.current?.querySelector<HTMLElement>(`[data-node="${CSS.escape(id)}"]`)?.focus());
  };
  if (story.nodes.length === 0)
    return <Empty title="No process was recorded for this alert">The evidence and the matched fields below say what is known.</Empty>;
  return (
    <div className={s.split}>
      <div
        ref={tree}
        className={s.tree}
        role="tree"
        aria-label="Alert story"
        onKeyDown={(event) => {
          const move = press(event.key, at, roots, closed);
          if (move.to === undefined && move.open === undefined && move.close === undefined) return;
          event.preventDefault();
          event.stopPropagation();
          if (move.to !== undefined) go(move.to);
          if (move.open !== undefined) setClosed((c) => new Set([...c].filter((x) => x !== move.open)));
          const { close } = move;
          if (close !== undefined) setClosed((c) => new Set(c).add(close));
        }}
      >
        {rows.map((t) => (
          <Row
            key={t.node.id}
            tree={t}
            chosen={t.node.id === at}
            closed={closed.has(t.node.id)}
            onChoose={() => setAt(t.node.id)}
            onToggle={() =>
              setClosed((c) => (c.has(t.node.id) ? new Set([...c].filter((x) => x !== t.node.id)) : new Set(c).add(t.node.id)))
            }
          />
        ))}
      </div>
      {here ? (
        <Section title={here.label} note={label(here.kind)} card>
          <NodeFacts node={here} titles={titles} />
        </Section>
      ) : null}
    </div>
  );
}

function Row({
  tree: t,
  chosen,
  closed,
  onChoose,
  onToggle,
}: {
  tree: TreeNode;
  chosen: boolean;
  closed: boolean;
  onChoose: () => void;
  onToggle: () => void;
}) {
  const s = useStyles();
  const { node: n } = t;
  const indent = Math.min(t.level - 1, 14) * 20;
  const alerts = (n.alertIds ?? []).length;
  return (
    <div
      role="treeitem"
      aria-level={t.level}
      aria-selected={chosen}
      aria-expanded={t.children.length > 0 ? !closed : undefined}
      tabIndex={chosen ? 0 : -1}
      data-node={n.id}
      className={mergeClasses(s.row, chosen && s.chosen, n.focus && s.focus)}
      style={{ paddingLeft: 8 + indent }}
      onClick={onChoose}
      onFocus={onChoose}
    >
      {Array.from({ length: Math.min(t.level - 1, 14) }, (_, i) => (
        <span key={i} className={s.guide} style={{ left: 17 + i * 20 }} aria-hidden />
      ))}
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
      <div style={{ minWidth: 0 }}>
        <div className={s.name} dir="auto">
          {n.label}
          {n.account ? <span className={s.account}>{n.account}</span> : null}
        </div>
        {n.commandLine || n.detail ? (
          <div className={s.command} title={n.commandLine || n.detail}>
            {n.commandLine || n.detail}
          </div>
        ) : null}
      </div>
      <div className={s.side}>
        {alerts > 0 ? (
          <Badge appearance="tint" color={n.focus ? 'danger' : 'warning'} icon={<ShieldErrorRegular />}>
            {alerts === 1 ? 'alert' : `${alerts} alerts`}
          </Badge>
        ) : null}
        <Time value={n.time} form="clock" />
      </div>
    </div>
  );
}

function NodeFacts({ node: n, titles }: { node: StoryData['nodes'][number]; titles: ReadonlyMap<string, string> }) {
  const s = useStyles();
  const l = useLinkStyles();
  return (
    <>
      <Facts
        facts={[
          ['Time', <Time key="t" value={n.time} form="absolute" />],
          ['Account', n.account],
          ['Path', n.path ? <CopyId key="p" value={n.path} /> : ''],
          [
            'Command line',
            n.commandLine ? (
              <span key="c" className={s.code}>
                {n.commandLine}
              </span>
            ) : (
              ''
            ),
          ],
          ['SHA256', n.sha256 ? <CopyId key="h" value={n.sha256} /> : ''],
          ['Details', n.detail && n.detail !== n.commandLine ? n.detail : ''],
          ...Object.entries(n.facts ?? {}).map(([name, value]): [string, string] => [name, value]),
        ]}
      />
      {(n.alertIds ?? []).map((a) => (
        <Link key={a} to="/alerts/$alertId" params={{ alertId: a }} className={l.link}>
          {titles.get(a) ?? `Alert ${a}`}
        </Link>
      ))}
    </>
  );
}
