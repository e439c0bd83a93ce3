import { useEffect, useRef, useState } from 'react';
import { makeStyles, tokens } from '@fluentui/react-components';
import type { HuntResult } from '../api/types';
import { Empty } from '../design/states';
import { useZone } from '../design/Time';
import { short } from '../design/time';
import { chart, ticks, type Chart, type ChartKind } from './chart';

const colors = [
  tokens.colorPaletteBlueBorderActive,
  tokens.colorPaletteDarkOrangeBorderActive,
  tokens.colorPaletteTealBorderActive,
  tokens.colorPaletteBerryBorderActive,
  tokens.colorPaletteGoldBorderActive,
  tokens.colorPaletteForestBorderActive,
  tokens.colorPaletteGrapeBorderActive,
  tokens.colorPaletteRedBorderActive,
  tokens.colorPaletteSteelBorderActive,
  tokens.colorPaletteBrassBorderActive,
  tokens.colorPaletteMagentaBorderActive,
  tokens.colorPaletteSeafoamBorderActive,
];

const colorOf = (i: number) => colors[i % colors.length] ?? tokens.colorBrandStroke1;

const useStyles = makeStyles({
  box: {
    flexGrow: 1,
    minHeight: 0,
    minWidth: 0,
    overflow: 'auto',
    padding: tokens.spacingHorizontalL,
    display: 'flex',
    flexDirection: 'column',
    gap: tokens.spacingVerticalM,
  },
  title: { margin: 0, fontSize: tokens.fontSizeBase300 },
  plot: { flexGrow: 1, minHeight: '220px', position: 'relative' },
  svg: { display: 'block', position: 'absolute', inset: 0 },
  text: { fill: tokens.colorNeutralForeground3, fontSize: '12px', fontFamily: tokens.fontFamilyBase },
  rule: { stroke: tokens.colorNeutralStroke2 },
  legend: {
    display: 'flex',
    flexWrap: 'wrap',
    gap: tokens.spacingHorizontalL,
    margin: 0,
    padding: 0,
    listStyleType: 'none',
    fontSize: tokens.fontSizeBase200,
  },
  key: { display: 'inline-block', width: '10px', height: '10px', borderRadius: '2px', marginRight: tokens.spacingHorizontalXS },
  bars: {
    display: 'grid',
    gridTemplateColumns: 'minmax(80px, 260px) 1fr max-content',
    columnGap: tokens.spacingHorizontalM,
    rowGap: tokens.spacingVerticalXXS,
    alignItems: 'center',
    fontSize: tokens.fontSizeBase200,
  },
  cut: { overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap' },
  track: { height: '14px' },
});

// ChartView draws a result. The numbers stay readable: bars carry them, the other kinds name them on hover, and the table is one click away.
export function ChartView({ result, kind }: { result: HuntResult; kind: ChartKind }) {
  const s = useStyles();
  const data = chart(result, kind);
  if (!data || data.series.every((x) => x.points.length === 0))
    return <Empty title="Nothing to draw">A chart needs a column with numbers. Add a summarize, or switch to the table.</Empty>;
  return (
    <div className={s.box}>
      {data.title ? <h3 className={s.title}>{data.title}</h3> : null}
      {kind === 'bar' ? <BarChart data={data} /> : kind === 'pie' ? <PieChart data={data} /> : <Plot data={data} />}
      {data.series.length > 1 && kind !== 'pie' ? (
        <ul className={s.legend} aria-label="Series">
          {data.series.map((x, i) => (
            <li key={x.name}>
              <span className={s.key} style={{ backgroundColor: colorOf(i) }} />
              {x.name || '(empty)'}
            </li>
          ))}
        </ul>
      ) : null}
    </div>
  );
}

function BarChart({ data }: { data: Chart }) {
  const s = useStyles();
  const max = Math.max(1e-9, ...data.series.flatMap((x) => x.points.map((p) => p.y)));
  return (
    <div className={s.bars} role="img" aria-label={`Bars by ${data.xName}`}>
      {data.labels.slice(0, 200).flatMap((label) =>
        data.series.flatMap((x, i) =>
          x.points
            .filter((p) => p.x === label)
            .map((p) => [
              <span key={`${label} ${x.name} l`} className={s.cut} title={label}>
                {label || '(empty)'}
              </span>,
              <span
                key={`${label} ${x.name} b`}
                className={s.track}
                style={{ width: `${Math.max(0.3, (p.y / max) * 100)}%`, backgroundColor: colorOf(i) }}
              />,
              <span key={`${label} ${x.name} v`}>{p.y.toLocaleString()}</span>,
            ]),
        ),
      )}
    </div>
  );
}

function PieChart({ data }: { data: Chart }) {
  const s = useStyles();
  const points = [...(data.series[0]?.points ?? [])].sort((a, b) => b.y - a.y);
  const total = points.reduce((sum, p) => sum + Math.max(0, p.y), 0) || 1;
  const top = points.slice(0, 11);
  const rest = points.slice(11).reduce((sum, p) => sum + p.y, 0);
  const slices = rest > 0 ? [...top, { x: 'Others', at: 0, y: rest }] : top;
  let angle = -Math.PI / 2;
  return (
    <div style={{ display: 'flex', gap: 24, flexWrap: 'wrap', alignItems: 'center' }}>
      <svg width={240} height={240} viewBox="-110 -110 220 220" role="img" aria-label={`Shares by ${data.xName}`}>
        {slices.map((p, i) => {
          const from = angle;
          angle += (p.y / total) * Math.PI * 2;
          const large = angle - from > Math.PI ? 1 : 0;
          const at = (a: number) => `${Math.cos(a) * 100} ${Math.sin(a) * 100}`;
          const d =
            slices.length === 1
              ? 'M -100 0 A 100 100 0 1 1 100 0 A 100 100 0 1 1 -100 0'
              : `M 0 0 L ${at(from)} A 100 100 0 ${large} 1 ${at(angle)} Z`;
          return (
            <path key={p.x} d={d} fill={colorOf(i)} stroke={tokens.colorNeutralBackground1}>
              <title>{`${p.x}: ${p.y.toLocaleString()}`}</title>
            </path>
          );
        })}
      </svg>
      <ul style={{ margin: 0, padding: 0, listStyleType: 'none' }}>
        {slices.map((p, i) => (
          <li key={p.x}>
            <span className={s.key} style={{ backgroundColor: colorOf(i) }} />
            {p.x || '(empty)'}: {p.y.toLocaleString()} ({((p.y / total) * 100).toFixed(1)}%)
          </li>
        ))}
      </ul>
    </div>
  );
}

const margin = { left: 56, right: 16, top: 12, bottom: 44 };

function Plot({ data }: { data: Chart }) {
  const s = useStyles();
  const { zone } = useZone();
  const box = useRef<HTMLDivElement>(null);
  const [size, setSize] = useState({ width: 800, height: 300 });
  useEffect(() => {
    const el = box.current;
    if (!el) return;
    const watch = new ResizeObserver(() => setSize({ width: el.clientWidth, height: el.clientHeight }));
    watch.observe(el);
    return () => watch.disconnect();
  }, []);
  const all = data.series.flatMap((x) => x.points);
  const columns = data.kind === 'column' && !data.time;
  const xs = columns || !data.time ? data.labels.map((_, i) => i) : all.map((p) => p.at);
  const [x0, x1] = [Math.min(...xs), Math.max(...xs)];
  const marks = ticks(Math.min(...all.map((p) => p.y)), Math.max(...all.map((p) => p.y)));
  const [y0, y1] = [marks[0] ?? 0, marks.at(-1) ?? 1];
  const w = Math.max(100, size.width - margin.left - margin.right);
  const h = Math.max(80, size.height - margin.top - margin.bottom);
  const slot = w / Math.max(1, data.labels.length);
  const px = (at: number) => (columns ? margin.left + (at + 0.5) * slot : margin.left + (x1 === x0 ? w / 2 : ((at - x0) / (x1 - x0)) * w));
  const py = (v: number) => margin.top + h - ((v - y0) / (y1 - y0 || 1)) * h;
  const every = Math.max(1, Math.ceil(data.labels.length / Math.max(2, Math.floor(w / 110))));
  const timeTicks = Math.max(2, Math.min(8, Math.floor(w / 130)));
  const xTicks = data.time
    ? Array.from({ length: timeTicks }, (_, i) => x0 + ((x1 - x0) * i) / (timeTicks - 1)).map((at) => ({
        at,
        text: short(new Date(at).toISOString(), zone),
      }))
    : data.labels.flatMap((l, i) => (i % every === 0 ? [{ at: i, text: l.length > 16 ? `${l.slice(0, 15)}…` : l }] : []));
  const bar = Math.max(2, (slot * 0.8) / data.series.length);
  return (
    <div ref={box} className={s.plot}>
      <svg
        className={s.svg}
        width={size.width}
        height={size.height}
        role="img"
        aria-label={`${data.series.map((x) => x.name).join(', ')} by ${data.xName}`}
      >
        {marks.map((v) => (
          <g key={v}>
            <line className={s.rule} x1={margin.left} x2={margin.left + w} y1={py(v)} y2={py(v)} />
            <text className={s.text} x={margin.left - 8} y={py(v) + 4} textAnchor="end">
              {Intl.NumberFormat(undefined, { notation: 'compact' }).format(v)}
            </text>
          </g>
        ))}
        {xTicks.map((t, i) => (
          <text
            key={`${t.at} ${i}`}
            className={s.text}
            x={px(t.at)}
            y={margin.top + h + 18}
            textAnchor={data.time && i === 0 ? 'start' : data.time && i === xTicks.length - 1 ? 'end' : 'middle'}
          >
            {t.text}
          </text>
        ))}
        <text className={s.text} x={margin.left + w / 2} y={margin.top + h + 38} textAnchor="middle">
          {data.xName}
        </text>
        {data.series.map((x, i) => {
          if (data.kind === 'column')
            return (
              <g key={x.name}>
                {x.points.map((p) => {
                  const width = columns ? bar : Math.max(2, (w / Math.max(1, x.points.length)) * 0.7);
                  const left = columns ? px(p.at) - (bar * data.series.length) / 2 + i * bar : px(p.at) - width / 2;
                  return (
                    <rect
                      key={`${p.x} ${p.at}`}
                      x={left}
                      y={Math.min(py(p.y), py(0))}
                      width={width}
                      height={Math.abs(py(0) - py(p.y))}
                      fill={colorOf(i)}
                    >
                      <title>{`${p.x}, ${x.name}: ${p.y.toLocaleString()}`}</title>
                    </rect>
                  );
                })}
              </g>
            );
          const path = x.points.map((p, n) => `${n === 0 ? 'M' : 'L'} ${px(p.at)} ${py(p.y)}`).join(' ');
          const first = x.points[0];
          const last = x.points.at(-1);
          return (
            <g key={x.name}>
              {data.kind === 'area' && first && last ? (
                <path d={`${path} L ${px(last.at)} ${py(0)} L ${px(first.at)} ${py(0)} Z`} fill={colorOf(i)} opacity={0.25} />
              ) : null}
              {data.kind === 'scatter' ? null : <path d={path} fill="none" stroke={colorOf(i)} strokeWidth={2} />}
              {x.points.length <= 120 || data.kind === 'scatter'
                ? x.points.map((p) => (
                    <circle key={`${p.x} ${p.at} ${p.y}`} cx={px(p.at)} cy={py(p.y)} r={3} fill={colorOf(i)}>
                      <title>{`${p.x}, ${x.name}: ${p.y.toLocaleString()}`}</title>
                    </circle>
                  ))
                : null}
            </g>
          );
        })}
      </svg>
    </div>
  );
}
