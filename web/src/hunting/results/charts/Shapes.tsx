import { useRef } from 'react';
import { makeStyles, tokens } from '@fluentui/react-components';
import { exact } from '../../../design/time';
import { useZone } from '../../../design/Time';
import { colorOf } from '../colors';
import { filled, slices, stack, type Chart, type Span } from './model';
import { compact, full, squares, timeLabel, timeTicks } from './scale';
import { useDrawStyles } from './style';
import { useSize } from './useSize';

const useStyles = makeStyles({
  box: { flexGrow: 1, minHeight: '200px', minWidth: 0, position: 'relative' },
  parts: { margin: 0, padding: 0, listStyleType: 'none', display: 'grid', rowGap: tokens.spacingVerticalXS, alignContent: 'center' },
  part: { display: 'flex', gap: tokens.spacingHorizontalS, alignItems: 'center', minWidth: 0 },
  name: { overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap', maxWidth: '340px' },
  value: { color: tokens.colorNeutralForeground2, fontVariantNumeric: 'tabular-nums', whiteSpace: 'nowrap' },
  cards: { display: 'flex', flexWrap: 'wrap', gap: tokens.spacingHorizontalL },
  card: {
    border: `1px solid ${tokens.colorNeutralStroke2}`,
    borderRadius: tokens.borderRadiusLarge,
    padding: `${tokens.spacingVerticalL} ${tokens.spacingHorizontalXL}`,
    minWidth: '140px',
  },
  big: {
    fontSize: tokens.fontSizeHero800,
    lineHeight: tokens.lineHeightHero800,
    fontWeight: tokens.fontWeightSemibold,
    overflowWrap: 'anywhere',
  },
});

const short = (text: string, most: number) => (text.length > most ? `${text.slice(0, Math.max(1, most - 1))}…` : text);

// Bars draws horizontal bars with their numbers at the end.
export function Bars({ data }: { data: Chart }) {
  const s = useDrawStyles();
  const mine = useStyles();
  const box = useRef<HTMLDivElement>(null);
  const { width } = useSize(box);
  const chart = data.stacking === 'none' ? data : filled(data);
  const layers = stack(chart);
  const stacked = chart.stacking !== 'none';
  const longest = Math.max(4, ...chart.labels.map((l) => l.length));
  const left = Math.min(width * 0.4, longest * 6.6 + 16, 280);
  const per = stacked ? 18 : Math.max(10, 18 - chart.series.length);
  const line = stacked ? 24 : per * chart.series.length + 6;
  const top = 4;
  const values = layers.flatMap((l) => l.map((p) => p.to));
  const most = chart.yMax ?? Math.max(1e-9, ...values);
  const least = Math.min(0, chart.yMin ?? 0, ...values);
  const ends = compact(most).length * 8 + 24;
  const w = Math.max(60, width - left - ends);
  const px = (v: number) => left + ((Math.max(least, Math.min(most, v)) - least) / (most - least || 1)) * w;
  const height = top + chart.labels.length * line + 4;
  return (
    <div ref={box} className={mine.box}>
      <svg className={s.still} width={width} height={height} role="img" aria-label={`Bars by ${chart.xTitle}`} data-chart>
        {chart.labels.map((label, i) => (
          <text key={label} className={s.strong} x={left - 8} y={top + i * line + line / 2 + 4} textAnchor="end">
            <title>{label}</title>
            {short(label || '(empty)', Math.floor(left / 6.6) - 1)}
          </text>
        ))}
        {layers.map((points, i) =>
          points.map((p) => {
            const y = top + p.point.at * line + (stacked ? 3 : 3 + i * per);
            const [a, b] = [px(p.from), px(p.to)];
            const last = !stacked || i === layers.length - 1;
            return (
              <g key={`${i} ${p.point.at}`}>
                <rect x={Math.min(a, b)} y={y} width={Math.max(1, Math.abs(b - a))} height={per - 2} fill={colorOf(i)}>
                  <title>{`${p.point.label}, ${chart.series[i]?.name ?? ''}: ${full(p.point.y)}`}</title>
                </rect>
                {last ? (
                  <text className={s.text} x={Math.max(a, b) + 6} y={y + per / 2 + 3}>
                    {stacked && chart.stacking === 'full' ? '' : full(p.to)}
                  </text>
                ) : null}
              </g>
            );
          }),
        )}
      </svg>
    </div>
  );
}

// Pie draws shares, with the numbers beside them.
export function Pie({ data }: { data: Chart }) {
  const s = useDrawStyles();
  const mine = useStyles();
  const parts = slices(data, 12);
  const total = parts.reduce((n, p) => n + p.y, 0) || 1;
  let angle = -Math.PI / 2;
  return (
    <div style={{ display: 'flex', gap: 32, flexWrap: 'wrap', alignItems: 'center' }}>
      <svg
        className={s.still}
        width={280}
        height={280}
        viewBox="-110 -110 220 220"
        role="img"
        aria-label={`Shares by ${data.xTitle}`}
        data-chart
      >
        {parts.map((p, i) => {
          const from = angle;
          angle += (p.y / total) * Math.PI * 2;
          const at = (a: number) => `${Math.cos(a) * 100} ${Math.sin(a) * 100}`;
          const whole = p.y >= total * 0.99999;
          return whole ? (
            <circle key={p.label} r={100} fill={colorOf(i)} />
          ) : (
            <path
              key={p.label}
              d={`M 0 0 L ${at(from)} A 100 100 0 ${angle - from > Math.PI ? 1 : 0} 1 ${at(angle)} Z`}
              fill={colorOf(i)}
              stroke={tokens.colorNeutralBackground1}
            >
              <title>{`${p.label}: ${full(p.y)}`}</title>
            </path>
          );
        })}
      </svg>
      <ul className={mine.parts}>
        {parts.map((p, i) => (
          <li key={p.label} className={mine.part}>
            <span className={s.key} style={{ backgroundColor: colorOf(i) }} />
            <span className={mine.name} title={p.label}>
              {p.label || '(empty)'}
            </span>
            <span className={mine.value}>
              {full(p.y)} ({((p.y / total) * 100).toFixed(1)}%)
            </span>
          </li>
        ))}
      </ul>
    </div>
  );
}

// TreeMap draws values as areas.
export function TreeMap({ data }: { data: Chart }) {
  const s = useDrawStyles();
  const box = useRef<HTMLDivElement>(null);
  const { width, height } = useSize(box);
  const parts = slices(data, 60);
  const boxes = squares(
    parts.map((p) => p.y),
    { x: 0, y: 0, w: width, h: height },
  );
  return (
    <div ref={box} className={s.plot}>
      <svg className={s.svg} width={width} height={height} role="img" aria-label={`Areas by ${data.xTitle}`} data-chart>
        {parts.map((p, i) => {
          const b = boxes[i];
          if (!b) return null;
          return (
            <g key={p.label}>
              <rect
                x={b.x}
                y={b.y}
                width={b.w}
                height={b.h}
                fill={colorOf(i)}
                fillOpacity={0.28}
                stroke={tokens.colorNeutralBackground1}
                strokeWidth={2}
              >
                <title>{`${p.label}: ${full(p.y)}`}</title>
              </rect>
              {b.w > 46 && b.h > 20 ? (
                <text className={s.strong} x={b.x + 8} y={b.y + 18}>
                  {short(p.label || '(empty)', Math.floor((b.w - 12) / 7))}
                </text>
              ) : null}
              {b.w > 46 && b.h > 38 ? (
                <text className={s.text} x={b.x + 8} y={b.y + 34}>
                  {compact(p.y)}
                </text>
              ) : null}
            </g>
          );
        })}
      </svg>
    </div>
  );
}

// Lanes draws spans of time, or marks, one lane for each name.
export function Lanes({ lanes, spans }: { lanes: readonly string[]; spans: readonly Span[] }) {
  const s = useDrawStyles();
  const mine = useStyles();
  const { zone } = useZone();
  const box = useRef<HTMLDivElement>(null);
  const { width } = useSize(box);
  const left = Math.min(width * 0.35, 260, Math.max(8, ...lanes.map((l) => l.length)) * 6.8 + 12);
  const w = Math.max(80, width - left - 16);
  const from = spans.reduce((m, x) => Math.min(m, x.from), Infinity);
  const to = spans.reduce((m, x) => Math.max(m, x.to), -Infinity);
  const px = (t: number) => left + (to === from ? w / 2 : ((t - from) / (to - from)) * w);
  const line = 24;
  const height = lanes.length * line + 30;
  const index = new Map(lanes.map((l, i) => [l, i]));
  return (
    <div ref={box} className={mine.box}>
      <svg className={s.still} width={width} height={height} role="img" aria-label="Lanes over time" data-chart>
        {timeTicks(from, to, Math.max(2, Math.floor(w / 130))).map((t) => (
          <g key={t}>
            <line className={s.rule} x1={px(t)} x2={px(t)} y1={0} y2={height - 24} />
            <text className={s.text} x={Math.max(left + 30, Math.min(width - 50, px(t)))} y={height - 6} textAnchor="middle">
              {timeLabel(t, to - from, zone)}
            </text>
          </g>
        ))}
        {lanes.map((l, i) => (
          <text key={l} className={s.strong} x={left - 8} y={i * line + 16} textAnchor="end">
            <title>{l}</title>
            {short(l, Math.floor(left / 6.8) - 1)}
          </text>
        ))}
        {spans.map((x, i) => {
          const lane = index.get(x.lane) ?? 0;
          return (
            <rect
              key={i}
              x={px(x.from) - 1}
              y={lane * line + 4}
              width={Math.max(3, px(x.to) - px(x.from))}
              height={line - 8}
              rx={2}
              fill={colorOf(lane)}
              fillOpacity={0.8}
            >
              <title>{`${x.text}: ${exact(new Date(x.from).toISOString(), zone)}${x.to > x.from ? ` – ${exact(new Date(x.to).toISOString(), zone)}` : ''}`}</title>
            </rect>
          );
        })}
      </svg>
    </div>
  );
}

// Cards shows the values of one row large.
export function Cards({ values }: { values: readonly { name: string; text: string }[] }) {
  const mine = useStyles();
  return (
    <div className={mine.cards}>
      {values.map((v, i) => (
        <div key={`${v.name} ${i}`} className={mine.card}>
          <div className={mine.value}>{v.name}</div>
          <div className={mine.big}>{v.text}</div>
        </div>
      ))}
    </div>
  );
}
