import '@xyflow/react/dist/style.css';
import { useEffect, useMemo, useRef, useState } from 'react';
import {
  Button,
  makeStyles,
  mergeClasses,
  MessageBar,
  MessageBarBody,
  Slider,
  Switch,
  Tab,
  TabList,
  tokens,
} from '@fluentui/react-components';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { Background, Controls, Handle, Position, ReactFlow, type Edge, type Node, type NodeProps } from '@xyflow/react';
import { incidents } from '../../api/endpoints';
import type { Graph, Incident } from '../../api/types';
import { useThemeChoice } from '../../app/theme';
import { text, type Search } from '../../app/url';
import { CopyId } from '../../design/CopyId';
import { Facts } from '../../design/Facts';
import { KindIcon, SeverityMark } from '../../design/marks';
import { Section } from '../../design/Section';
import { SidePane } from '../../design/SidePane';
import { Empty, Failure, Lines } from '../../design/states';
import { Time } from '../../design/Time';
import { useLinkStyles } from '../../design/useLinkStyles';
import { label, plural } from '../../design/words';
import { collapse, neighbours, nodeHeight, nodeWidth, only, place, trim, type ShownNode } from './layout';

const useStyles = makeStyles({
  bar: {
    display: 'flex',
    flexWrap: 'wrap',
    gap: tokens.spacingHorizontalL,
    alignItems: 'center',
    padding: `${tokens.spacingVerticalXS} ${tokens.spacingHorizontalXXL}`,
    '@media (max-width: 639px)': { padding: `${tokens.spacingVerticalXS} ${tokens.spacingHorizontalM}` },
  },
  canvas: { flexGrow: 1, minHeight: '320px', minWidth: 0, position: 'relative', backgroundColor: tokens.colorNeutralBackground2 },
  scrub: { display: 'flex', alignItems: 'center', gap: tokens.spacingHorizontalS, flexGrow: 1, maxWidth: '420px', minWidth: '220px' },
  slider: { flexGrow: 1 },
  node: {
    width: `${nodeWidth}px`,
    height: `${nodeHeight}px`,
    boxSizing: 'border-box',
    display: 'flex',
    alignItems: 'center',
    gap: tokens.spacingHorizontalS,
    padding: `0 ${tokens.spacingHorizontalS}`,
    borderRadius: tokens.borderRadiusLarge,
    border: `1px solid ${tokens.colorNeutralStroke1}`,
    backgroundColor: tokens.colorNeutralBackground1,
    color: tokens.colorNeutralForeground1,
    fontSize: tokens.fontSizeBase300,
    textAlign: 'left',
    boxShadow: tokens.shadow2,
  },
  alert: { borderLeft: `4px solid ${tokens.colorNeutralForeground4}` },
  high: { borderLeft: `4px solid ${tokens.colorPaletteRedForeground1}` },
  medium: { borderLeft: `4px solid ${tokens.colorPaletteDarkOrangeForeground1}` },
  low: { borderLeft: `4px solid ${tokens.colorPaletteYellowForeground2}` },
  chosen: { outline: `2px solid ${tokens.colorBrandStroke1}`, outlineOffset: '1px' },
  faded: { opacity: 0.3 },
  icon: { fontSize: '20px', lineHeight: 0, flexShrink: 0, color: tokens.colorNeutralForeground2 },
  text: {
    minWidth: 0,
    overflow: 'hidden',
    display: '-webkit-box',
    WebkitLineClamp: 2,
    WebkitBoxOrient: 'vertical',
    lineHeight: '18px',
    overflowWrap: 'anywhere',
  },
  kind: { color: tokens.colorNeutralForeground3 },
  handle: { opacity: 0 },
  list: { padding: `${tokens.spacingVerticalS} ${tokens.spacingHorizontalXXL}`, overflowY: 'auto' },
  table: {
    borderCollapse: 'collapse',
    width: '100%',
    '& th, & td': {
      textAlign: 'left',
      padding: tokens.spacingHorizontalS,
      borderBottom: `1px solid ${tokens.colorNeutralStroke3}`,
      verticalAlign: 'top',
      overflowWrap: 'anywhere',
    },
  },
  pick: {
    background: 'none',
    border: 'none',
    padding: 0,
    font: 'inherit',
    color: tokens.colorBrandForegroundLink,
    cursor: 'pointer',
    textAlign: 'left',
  },
});

interface EntityData extends Record<string, unknown> {
  shown: ShownNode;
  chosen: boolean;
  faded: boolean;
}

function EntityNode({ data }: NodeProps<Node<EntityData>>) {
  const s = useStyles();
  const { shown: n, chosen, faded } = data;
  const words = n.members ? `${n.members.length} ${plural(n.kind)}` : n.label;
  return (
    <div
      className={mergeClasses(
        s.node,
        n.kind === 'alert' && s.alert,
        n.severity === 'High' && s.high,
        n.severity === 'Medium' && s.medium,
        n.severity === 'Low' && s.low,
        chosen && s.chosen,
        faded && s.faded,
      )}
      title={`${label(n.kind)}: ${words}`}
    >
      <Handle type="target" position={Position.Left} className={s.handle} isConnectable={false} />
      <span className={s.icon}>
        <KindIcon kind={n.kind} />
      </span>
      <span className={s.text} dir="auto">
        {words}
      </span>
      <Handle type="source" position={Position.Right} className={s.handle} isConnectable={false} />
    </div>
  );
}

const nodeTypes = { entity: EntityNode };

// GraphTab draws the alerts and entities of an incident and what ties them, or lists the same ties for keyboard and screen reader.
export function GraphTab({ incident }: { incident: Incident }) {
  const s = useStyles();
  const search: Search = useSearch({ strict: false });
  const navigate = useNavigate();
  const { name: theme } = useThemeChoice();
  const graph = useQuery({ queryKey: ['incident', incident.id, 'graph'], queryFn: () => incidents.graph(incident.id) });
  const alerts = useQuery({
    queryKey: ['incident', incident.id, 'alerts', 'graph'],
    queryFn: () => incidents.alerts(incident.id, { $top: 1000, orderby: 'firstActivity:asc' }),
  });
  const canvas = useRef<HTMLDivElement>(null);
  const [focusOnly, setFocusOnly] = useState(false);
  const [opened, setOpened] = useState<ReadonlySet<string>>(new Set());
  const [until, setUntil] = useState<number | undefined>();
  const [positions, setPositions] = useState<Map<string, { x: number; y: number }>>(new Map());
  const [problem, setProblem] = useState<unknown>(null);
  const chosen = text(search.node);
  const view = text(search.view) === 'list' ? 'list' : 'graph';
  const go = (next: Search) => void navigate({ to: '.', search: { ...search, ...next } as never, replace: true, resetScroll: false });

  const times = useMemo(() => {
    const out = new Map<string, string>();
    for (const a of alerts.data?.value ?? []) if (a.firstActivity) out.set(a.id, a.firstActivity);
    return out;
  }, [alerts.data]);
  const steps = useMemo(() => [...new Set(times.values())].sort(), [times]);
  const atTime = until !== undefined ? steps[until] : undefined;

  const visible = useMemo<Graph>(() => {
    // A join points from an alert to the one it was joined to; the story goes from the earlier to the later.
    const edges = (graph.data?.edges ?? []).map((e) =>
      (times.get(e.source) ?? '') > (times.get(e.target) ?? '~') ? { ...e, source: e.target, target: e.source } : e,
    );
    const all: Graph = { nodes: graph.data?.nodes ?? [], edges };
    let kept = all;
    if (atTime !== undefined) {
      const late = new Set(all.nodes.filter((n) => n.alertId !== undefined && (times.get(n.alertId) ?? '') > atTime).map((n) => n.id));
      const alive = all.edges.filter((e) => !late.has(e.source) && !late.has(e.target));
      const tied = new Set(alive.flatMap((e) => [e.source, e.target]));
      kept = { nodes: all.nodes.filter((n) => !late.has(n.id) && (n.alertId !== undefined || tied.has(n.id))), edges: alive };
    }
    return focusOnly && chosen !== undefined ? only(kept, neighbours(kept, chosen)) : kept;
  }, [graph.data, atTime, times, focusOnly, chosen]);
  const weights = useMemo(
    () =>
      new Map(
        (incident.joins ?? []).flatMap((j) => [
          [`${j.alertId} ${j.toAlertId} ${j.kind}`, j.weight] as const,
          [`${j.toAlertId} ${j.alertId} ${j.kind}`, j.weight] as const,
        ]),
      ),
    [incident.joins],
  );
  const shown = useMemo(
    () =>
      collapse(
        trim(visible, (e) => weights.get(`${e.source} ${e.target} ${e.kind}`) ?? 0),
        opened,
      ),
    [visible, weights, opened],
  );

  useEffect(() => {
    let current = true;
    if (shown.nodes.length === 0) return;
    place(shown).then(
      (p) => {
        if (current) setPositions(p);
      },
      (err: unknown) => {
        if (current) setProblem(err);
      },
    );
    return () => {
      current = false;
    };
  }, [shown]);

  const near = useMemo(
    () => (chosen === undefined ? undefined : neighbours({ nodes: shown.nodes, edges: [...shown.edges, ...visible.edges] }, chosen)),
    [shown, visible, chosen],
  );
  const nodes = useMemo<Node<EntityData>[]>(
    () =>
      shown.nodes
        .filter((n) => positions.has(n.id))
        .map((n) => ({
          id: n.id,
          type: 'entity',
          position: positions.get(n.id) ?? { x: 0, y: 0 },
          width: nodeWidth,
          height: nodeHeight,
          data: { shown: n, chosen: n.id === chosen, faded: near !== undefined && !near.has(n.id) },
          ariaLabel: `${label(n.kind)} ${n.label}`,
        })),
    [shown, positions, chosen, near],
  );
  const edges = useMemo<Edge[]>(() => {
    const alertIds = new Set(shown.nodes.filter((n) => n.kind === 'alert').map((n) => n.id));
    // One reason for each alert stands on the picture; all of them show at the chosen node.
    const explained = new Set<string>();
    const drawn = new Set(shown.edges.map((e) => `${e.source} ${e.target}`));
    const more =
      chosen === undefined
        ? []
        : visible.edges.filter((e) => (e.source === chosen || e.target === chosen) && !drawn.has(`${e.source} ${e.target}`));
    return [...shown.edges, ...more.map((e, i) => ({ ...e, id: `more ${i}`, count: 1 }))].map((e) => {
      const lit = chosen !== undefined && (e.source === chosen || e.target === chosen);
      const join = alertIds.has(e.source) && alertIds.has(e.target);
      const first = join && !explained.has(e.target);
      if (first) explained.add(e.target);
      return {
        id: e.id,
        source: e.source,
        target: e.target,
        ...(lit || (first && chosen === undefined && alertIds.size <= 20)
          ? { label: shorten(lit ? e.text || label(e.kind) : label(e.kind)) }
          : {}),
        style: {
          stroke: lit ? tokens.colorBrandStroke1 : join ? tokens.colorNeutralStroke1Selected : tokens.colorNeutralStroke1,
          strokeWidth: lit || join ? 2 : 1,
          ...(near !== undefined && !lit ? { opacity: 0.25 } : {}),
        },
        labelStyle: { fill: tokens.colorNeutralForeground1, fontSize: 13 },
        labelBgStyle: { fill: tokens.colorNeutralBackground1 },
        labelBgPadding: [6, 3] as [number, number],
        labelBgBorderRadius: 4,
      };
    });
  }, [shown, visible, chosen, near]);

  if (graph.isPending) return <Lines count={8} />;
  if (graph.error) return <Failure what="the attack story" error={graph.error} retry={() => void graph.refetch()} />;
  if (graph.data.nodes.length === 0)
    return <Empty title="Nothing to draw">This incident has no alert with an entity that you may see.</Empty>;
  if (problem) return <Failure what="the drawing" error={problem} retry={() => setProblem(null)} />;
  const node = graph.data.nodes.find((n) => n.id === chosen);
  return (
    <>
      {graph.data.truncated ? (
        <MessageBar intent="info" style={{ flexShrink: 0 }}>
          <MessageBarBody>The graph shows the nodes with the most ties. Alerts and Evidence list everything.</MessageBarBody>
        </MessageBar>
      ) : null}
      <div className={s.bar}>
        <TabList
          size="small"
          selectedValue={view}
          onTabSelect={(_, d) => go({ view: d.value === 'list' ? 'list' : undefined })}
          aria-label="View"
        >
          <Tab value="graph">Graph</Tab>
          <Tab value="list">List</Tab>
        </TabList>
        {view === 'graph' ? (
          <Switch
            label="Only the chosen node and what it touches"
            checked={focusOnly}
            disabled={chosen === undefined}
            onChange={(_, d) => setFocusOnly(d.checked)}
          />
        ) : null}
        {steps.length > 1 ? (
          <span className={s.scrub}>
            <Slider
              className={s.slider}
              size="small"
              aria-label="Show what happened until"
              aria-valuetext={atTime ?? steps.at(-1)}
              min={0}
              max={steps.length - 1}
              value={until ?? steps.length - 1}
              onChange={(_, d) => setUntil(d.value === steps.length - 1 ? undefined : d.value)}
            />
            <span style={{ minWidth: 120 }}>{atTime ? <Time value={atTime} form="short" /> : 'Whole story'}</span>
          </span>
        ) : null}
        {opened.size > 0 ? (
          <Button size="small" appearance="subtle" onClick={() => setOpened(new Set())}>
            Collapse groups
          </Button>
        ) : null}
      </div>
      <div style={{ display: 'flex', flexGrow: 1, minHeight: 0 }}>
        {view === 'graph' ? (
          <div ref={canvas} className={s.canvas} data-testid="attack-story" aria-busy={nodes.length === 0}>
            {nodes.length === 0 ? <Lines count={8} /> : null}
            <ReactFlow
              key={`${positions.size > 0}-${focusOnly}`}
              nodes={nodes}
              edges={edges}
              nodeTypes={nodeTypes}
              colorMode={theme === 'light' ? 'light' : 'dark'}
              onInit={(flow) => void flow.setViewport(viewport(positions, canvas.current))}
              fitViewOptions={{ maxZoom: 1, padding: 0.06 }}
              minZoom={0.1}
              nodesDraggable={false}
              nodesConnectable={false}
              edgesFocusable={false}
              onlyRenderVisibleElements={shown.nodes.length > 150}
              onNodeClick={(_, n) => {
                const members = shown.nodes.find((x) => x.id === n.id)?.members;
                if (members) setOpened((o) => new Set(o).add(n.id));
                else go({ node: n.id });
              }}
              onPaneClick={() => chosen !== undefined && go({ node: undefined })}
            >
              <Background gap={24} />
              <Controls showInteractive={false} />
            </ReactFlow>
          </div>
        ) : (
          <GraphList graph={visible} onPick={(id) => go({ node: id })} />
        )}
        {node ? (
          <NodePane node={node} graph={graph.data} onClose={() => go({ node: undefined })} onPick={(id) => go({ node: id })} />
        ) : null}
      </div>
    </>
  );
}

const readable = 0.75;

// viewport shows the whole story when it can still be read at that size, else its beginning at a size that can.
export function viewport(
  positions: ReadonlyMap<string, { x: number; y: number }>,
  box: HTMLElement | null,
): { x: number; y: number; zoom: number } {
  const [width, height] = [box?.clientWidth ?? 1000, box?.clientHeight ?? 600];
  const all = [...positions.values()];
  const right = Math.max(0, ...all.map((p) => p.x)) + nodeWidth;
  const bottom = Math.max(0, ...all.map((p) => p.y)) + nodeHeight;
  const zoom = Math.min(1, Math.max(readable, Math.min((width - 48) / right, (height - 48) / bottom)));
  return { x: Math.max(24, (width - right * zoom) / 2), y: Math.max(24, (height - bottom * zoom) / 2), zoom };
}

function shorten(words: string): string {
  return words.length > 44 ? `${words.slice(0, 43)}…` : words;
}

function GraphList({ graph, onPick }: { graph: Graph; onPick: (id: string) => void }) {
  const s = useStyles();
  const names = new Map(graph.nodes.map((n) => [n.id, n]));
  const cell = (id: string) => {
    const n = names.get(id);
    return (
      <button type="button" className={s.pick} onClick={() => onPick(id)}>
        {n ? `${label(n.kind)}: ${n.label}` : id}
      </button>
    );
  };
  return (
    <div className={s.list} style={{ flexGrow: 1 }}>
      <table className={s.table}>
        <thead>
          <tr>
            <th>From</th>
            <th>Reason</th>
            <th>To</th>
          </tr>
        </thead>
        <tbody>
          {graph.edges.map((e) => (
            <tr key={`${e.source} ${e.target} ${e.kind} ${e.text ?? ''}`}>
              <td>{cell(e.source)}</td>
              <td>{e.text || label(e.kind)}</td>
              <td>{cell(e.target)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function NodePane({
  node,
  graph,
  onClose,
  onPick,
}: {
  node: Graph['nodes'][number];
  graph: Graph;
  onClose: () => void;
  onPick: (id: string) => void;
}) {
  const s = useStyles();
  const l = useLinkStyles();
  const names = new Map(graph.nodes.map((n) => [n.id, n]));
  const ties = graph.edges.filter((e) => e.source === node.id || e.target === node.id);
  return (
    <SidePane title={node.label} onClose={onClose}>
      <Facts
        facts={[
          ['Kind', label(node.kind)],
          ['Severity', node.severity ? <SeverityMark key="s" value={node.severity} /> : ''],
          ['Key', node.entityKey ? <CopyId key="k" value={node.entityKey} /> : ''],
        ]}
      />
      {node.alertId ? (
        <Link to="/alerts/$alertId" params={{ alertId: node.alertId }} className={l.link}>
          Open alert page
        </Link>
      ) : node.entityKey ? (
        <Link to="/incidents" search={{ entity: node.entityKey } as never} className={l.link}>
          All incidents with it
        </Link>
      ) : null}
      <Section title="Tied to" note={`${ties.length}`}>
        {ties.slice(0, 50).map((e) => {
          const other = names.get(e.source === node.id ? e.target : e.source);
          return other ? (
            <div key={`${e.source} ${e.target} ${e.kind}`}>
              <button type="button" className={s.pick} onClick={() => onPick(other.id)}>
                {other.label}
              </button>
              <div className={s.kind}>{e.text || label(e.kind)}</div>
            </div>
          ) : null;
        })}
      </Section>
    </SidePane>
  );
}
