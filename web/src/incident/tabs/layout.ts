// The attack-story graph as data for drawing: focus, grouping of like nodes, sizes, and the layered layout by ELK.
import ELK, { type ElkNode } from 'elkjs/lib/elk-api';
import workerUrl from 'elkjs/lib/elk-worker.min.js?url';
import type { Graph, GraphEdge, GraphNode } from '../../api/types';

export const nodeWidth = 200;
export const nodeHeight = 48;
export const groupAbove = 6;

export interface ShownNode extends GraphNode {
  // The ids of the nodes that a group stands for.
  members?: string[];
}

export interface ShownGraph {
  nodes: ShownNode[];
  edges: (GraphEdge & { id: string; count: number })[];
}

// neighbours is the focused node with everything it is tied to.
export function neighbours(graph: Graph, focus: string): Set<string> {
  const out = new Set([focus]);
  for (const e of graph.edges) {
    if (e.source === focus) out.add(e.target);
    if (e.target === focus) out.add(e.source);
  }
  return out;
}

// collapse joins entities of one kind that hang on the same alerts into one node with a count, when there are many of them.
export function collapse(graph: Graph, opened: ReadonlySet<string>): ShownGraph {
  const ties = new Map<string, string[]>();
  for (const e of graph.edges) {
    ties.set(e.source, [...(ties.get(e.source) ?? []), `>${e.target}`]);
    ties.set(e.target, [...(ties.get(e.target) ?? []), `<${e.source}`]);
  }
  const like = new Map<string, GraphNode[]>();
  for (const n of graph.nodes) {
    if (n.kind === 'alert') continue;
    const key = `${n.kind} ${(ties.get(n.id) ?? []).sort().join(' ')}`;
    like.set(key, [...(like.get(key) ?? []), n]);
  }
  const standsFor = new Map<string, string>();
  const groups: ShownNode[] = [];
  for (const [key, members] of like) {
    if (members.length < groupAbove) continue;
    const id = `group ${key}`;
    if (opened.has(id)) continue;
    const kind = members[0]?.kind ?? '';
    groups.push({ id, kind, label: `${members.length}`, members: members.map((m) => m.id) });
    for (const m of members) standsFor.set(m.id, id);
  }
  const nodes: ShownNode[] = [...graph.nodes.filter((n) => !standsFor.has(n.id)), ...groups];
  const edges = new Map<string, ShownGraph['edges'][number]>();
  for (const e of graph.edges) {
    const source = standsFor.get(e.source) ?? e.source;
    const target = standsFor.get(e.target) ?? e.target;
    const id = `${source}|${target}|${e.kind}`;
    const before = edges.get(id);
    if (before) before.count++;
    else edges.set(id, { ...e, source, target, id, count: 1 });
  }
  return { nodes, edges: [...edges.values()] };
}

// trim keeps one join for each later alert, the strongest, so that a picture of many alerts that all share something stays readable. The ties
// between alerts and entities stay.
export function trim(graph: Graph, weight: (edge: GraphEdge) => number): Graph {
  const alerts = new Set(graph.nodes.filter((n) => n.kind === 'alert').map((n) => n.id));
  const best = new Map<string, GraphEdge>();
  for (const e of graph.edges) {
    if (!alerts.has(e.source) || !alerts.has(e.target)) continue;
    const before = best.get(e.target);
    if (!before || weight(e) > weight(before)) best.set(e.target, e);
  }
  const kept = new Set(best.values());
  return { ...graph, edges: graph.edges.filter((e) => !alerts.has(e.source) || !alerts.has(e.target) || kept.has(e)) };
}

// only keeps the given nodes and the edges between them.
export function only(graph: Graph, keep: ReadonlySet<string>): Graph {
  return { nodes: graph.nodes.filter((n) => keep.has(n.id)), edges: graph.edges.filter((e) => keep.has(e.source) && keep.has(e.target)) };
}

let elk: InstanceType<typeof ELK> | undefined;

// place lays the graph out in layers from left to right. It runs in a worker.
export async function place(graph: ShownGraph): Promise<Map<string, { x: number; y: number }>> {
  elk ??= new ELK({ workerFactory: () => new Worker(workerUrl) });
  const known = new Set(graph.nodes.map((n) => n.id));
  const root: ElkNode = {
    id: 'root',
    layoutOptions: {
      'elk.algorithm': 'layered',
      'elk.direction': 'RIGHT',
      'elk.layered.spacing.nodeNodeBetweenLayers': '130',
      'elk.spacing.nodeNode': '14',
      'elk.layered.nodePlacement.strategy': 'BRANDES_KOEPF',
      'elk.separateConnectedComponents': 'true',
    },
    children: graph.nodes.map((n) => ({ id: n.id, width: nodeWidth, height: nodeHeight })),
    edges: graph.edges
      .filter((e) => known.has(e.source) && known.has(e.target))
      .map((e) => ({ id: e.id, sources: [e.source], targets: [e.target] })),
  };
  const out = await elk.layout(root);
  return new Map((out.children ?? []).map((c) => [c.id, { x: c.x ?? 0, y: c.y ?? 0 }]));
}
