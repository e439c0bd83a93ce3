// The kinds of charts, and which one a query asks for with render.
import type { RenderHint } from '../../../api/types';

export type ChartKind =
  | 'column'
  | 'stackedcolumn'
  | 'stackedcolumn100'
  | 'bar'
  | 'stackedbar'
  | 'stackedbar100'
  | 'line'
  | 'area'
  | 'stackedarea'
  | 'stackedarea100'
  | 'time'
  | 'anomaly'
  | 'scatter'
  | 'pie'
  | 'treemap'
  | 'ladder'
  | 'timepivot'
  | 'card'
  | 'pivot';

export const chartKinds: readonly { kind: ChartKind; label: string }[] = [
  { kind: 'column', label: 'Column chart' },
  { kind: 'stackedcolumn', label: 'Stacked columns' },
  { kind: 'stackedcolumn100', label: 'Columns, shares' },
  { kind: 'bar', label: 'Bar chart' },
  { kind: 'stackedbar', label: 'Stacked bars' },
  { kind: 'stackedbar100', label: 'Bars, shares' },
  { kind: 'pie', label: 'Pie chart' },
  { kind: 'line', label: 'Line chart' },
  { kind: 'time', label: 'Time chart' },
  { kind: 'area', label: 'Area chart' },
  { kind: 'stackedarea', label: 'Stacked area' },
  { kind: 'stackedarea100', label: 'Area, shares' },
  { kind: 'scatter', label: 'Scatter chart' },
  { kind: 'anomaly', label: 'Anomaly chart' },
  { kind: 'ladder', label: 'Ladder chart' },
  { kind: 'timepivot', label: 'Time pivot' },
  { kind: 'treemap', label: 'Tree map' },
  { kind: 'pivot', label: 'Pivot table' },
  { kind: 'card', label: 'Card' },
];

const kinds: Record<string, ChartKind> = {
  barchart: 'bar',
  columnchart: 'column',
  linechart: 'line',
  timechart: 'time',
  areachart: 'area',
  stackedareachart: 'stackedarea',
  piechart: 'pie',
  scatterchart: 'scatter',
  anomalychart: 'anomaly',
  ladderchart: 'ladder',
  timepivot: 'timepivot',
  treemap: 'treemap',
  card: 'card',
  pivotchart: 'pivot',
};

const stacked: Partial<Record<ChartKind, [stacked: ChartKind, full: ChartKind]>> = {
  bar: ['stackedbar', 'stackedbar100'],
  column: ['stackedcolumn', 'stackedcolumn100'],
  area: ['stackedarea', 'stackedarea100'],
};

export type Hint = RenderHint & { properties?: Record<string, string> };

// property reads a property of render, whose names come in any case.
export function property(hint: Hint | undefined, name: string): string | undefined {
  for (const [key, value] of Object.entries(hint?.properties ?? {})) if (key.toLowerCase() === name) return value;
  return undefined;
}

// kindOf is the chart a query asks for; undefined is the table.
export function kindOf(hint: Hint | undefined): ChartKind | undefined {
  if (!hint) return undefined;
  const kind = kinds[hint.kind.toLowerCase()];
  if (!kind) return undefined;
  const how = property(hint, 'kind')?.toLowerCase();
  if (how === 'stacked') return stacked[kind]?.[0] ?? kind;
  if (how === 'stacked100') return stacked[kind]?.[1] ?? kind;
  if (how === 'map') return kind;
  return kind;
}

export type Stacking = 'none' | 'stacked' | 'full';

export function stackingOf(kind: ChartKind): Stacking {
  if (kind.endsWith('100')) return 'full';
  return kind.startsWith('stacked') ? 'stacked' : 'none';
}

export type Family = 'columns' | 'bars' | 'lines' | 'areas' | 'scatter' | 'pie' | 'treemap' | 'spans' | 'card' | 'pivot';

export function familyOf(kind: ChartKind): Family {
  switch (kind) {
    case 'column':
    case 'stackedcolumn':
    case 'stackedcolumn100':
      return 'columns';
    case 'bar':
    case 'stackedbar':
    case 'stackedbar100':
      return 'bars';
    case 'line':
    case 'time':
    case 'anomaly':
      return 'lines';
    case 'area':
    case 'stackedarea':
    case 'stackedarea100':
      return 'areas';
    case 'ladder':
    case 'timepivot':
      return 'spans';
    default:
      return kind;
  }
}
