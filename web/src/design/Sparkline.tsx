import { makeStyles, tokens } from '@fluentui/react-components';

const useStyles = makeStyles({
  chart: { display: 'block', overflow: 'visible', color: tokens.colorBrandForeground1 },
  base: { stroke: tokens.colorNeutralStroke2 },
});

// sparkPath draws counts as a line with the area below it, in a box of the given size. The highest count touches the top.
export function sparkPath(values: readonly number[], width: number, height: number): { line: string; area: string } {
  const top = Math.max(1, ...values);
  const step = values.length > 1 ? width / (values.length - 1) : 0;
  const round = (n: number) => Math.round(n * 10) / 10;
  const points = values.map((v, i) => `${round(i * step)},${round(height - (Math.max(0, v) / top) * height)}`);
  const line = points.length === 0 ? '' : `M${points.join('L')}`;
  return { line, area: line === '' ? '' : `${line}L${round((values.length - 1) * step)},${height}L0,${height}Z` };
}

// Sparkline is a small line of counts, one per minute, oldest first. What it says is also said in words.
export function Sparkline({
  values,
  words,
  width = 120,
  height = 22,
}: {
  values: readonly number[];
  words: string;
  width?: number;
  height?: number;
}) {
  const s = useStyles();
  const { line, area } = sparkPath(values, width, height);
  return (
    <svg className={s.chart} width={width} height={height + 2} viewBox={`0 -1 ${width} ${height + 2}`} role="img" aria-label={words}>
      <title>{words}</title>
      <line className={s.base} x1={0} x2={width} y1={height} y2={height} />
      <path d={area} fill="currentColor" opacity={0.15} />
      <path d={line} fill="none" stroke="currentColor" strokeWidth={1.5} strokeLinejoin="round" />
    </svg>
  );
}
