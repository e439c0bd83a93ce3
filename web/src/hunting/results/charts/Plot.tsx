import { useMemo, useRef, useState, type KeyboardEvent } from 'react';
import { mergeClasses, tokens } from '@fluentui/react-components';
import { absolute } from '../../../design/time';
import { useZone } from '../../../design/Time';
import { colorOf } from '../colors';
import { filled, stack, type Chart } from './model';
import { compact, full, logTicks, ticks, timeLabel, timeTicks } from './scale';
import { useDrawStyles } from './style';
import { useSize } from './useSize';

const short = (text: string, most: number) => (text.length > most ? `${text.slice(0, Math.max(1, most - 1))}…` : text);

// Plot draws columns, lines, areas and points over a time, a number or labels. A cursor under the pointer, or moved by the arrow keys, names the values.
export function Plot({ data }: { data: Chart }) {
  const s = useDrawStyles();
  const { zone } = useZone();
  const box = useRef<HTMLDivElement>(null);
  const size = useSize(box);
  const [cursor, setCursor] = useState<number | undefined>();
  const chart = useMemo(() => (data.family === 'areas' || data.stacking !== 'none' ? filled(data) : data), [data]);
  const layers = useMemo(() => stack(chart), [chart]);
  const places = useMemo(() => [...new Set(chart.series.flatMap((x) => x.points.map((p) => p.at)))].sort((a, b) => a - b), [chart]);
  const byPlace = useMemo(() => {
    const out = new Map<number, { label: string; values: { name: string; y: number; color: number }[] }>();
    chart.series.forEach((x, i) =>
      x.points.forEach((p) => {
        const held = out.get(p.at);
        if (held) held.values.push({ name: x.name, y: p.y, color: i });
        else out.set(p.at, { label: p.label, values: [{ name: x.name, y: p.y, color: i }] });
      }),
    );
    return out;
  }, [chart]);

  const columns = chart.family === 'columns';
  const bounds = layers.flatMap((l) => l.map((p) => p.to));
  const dataMin = Math.min(...(bounds.length > 0 ? bounds : [0]));
  const dataMax = Math.max(...(bounds.length > 0 ? bounds : [1]));
  const log = chart.log && dataMin > 0;
  const zero = columns || chart.family === 'areas' || dataMin >= 0;
  const marks = log
    ? logTicks(chart.yMin ?? dataMin, chart.yMax ?? dataMax)
    : chart.stacking === 'full'
      ? [0, 25, 50, 75, 100]
      : ticks(
          chart.yMin ?? dataMin,
          chart.yMax ?? dataMax,
          Math.max(2, Math.min(8, Math.floor(size.height / 50))),
          zero && chart.yMin === undefined,
        );
  const y0 = chart.yMin ?? marks[0] ?? 0;
  const y1 = chart.yMax ?? marks.at(-1) ?? 1;
  const widest = Math.max(...marks.map((m) => compact(m).length), 1);
  const left = 14 + widest * 7 + (chart.yTitle ? 18 : 0);
  const right = 16;
  const top = 10;
  const bottom = 46;
  const w = Math.max(80, size.width - left - right);
  const h = Math.max(60, size.height - top - bottom);
  const x0 = places[0] ?? 0;
  const x1 = places.at(-1) ?? 1;
  const slot = chart.axis === 'label' ? w / Math.max(1, chart.labels.length) : w / Math.max(1, places.length);
  const inset = columns && chart.axis !== 'label' ? Math.min(w / 4, w / Math.max(2, places.length) / 2) : 0;
  const px = (at: number) =>
    chart.axis === 'label' ? left + (at + 0.5) * slot : x1 === x0 ? left + w / 2 : left + inset + ((at - x0) / (x1 - x0)) * (w - 2 * inset);
  const scaled = (v: number) => (log ? Math.log10(Math.max(v, 1e-9)) : v);
  const py = (v: number) => {
    const share = (scaled(v) - scaled(y0)) / (scaled(y1) - scaled(y0) || 1);
    return top + h - Math.max(-0.02, Math.min(1.02, share)) * h;
  };
  const base = py(log ? y0 : Math.max(y0, Math.min(0, y1)));
  const span = x1 - x0;
  const every = Math.max(1, Math.ceil(chart.labels.length / Math.max(2, Math.floor(w / 90))));
  const room = Math.floor((slot * every) / 7);
  const xMarks =
    chart.axis === 'time'
      ? timeTicks(x0, x1, Math.max(2, Math.floor(w / 130))).map((at) => ({ at, text: timeLabel(at, span, zone) }))
      : chart.axis === 'number'
        ? ticks(x0, x1, Math.max(2, Math.floor(w / 90)), false)
            .filter((v) => v >= x0 && v <= x1)
            .map((at) => ({ at, text: compact(at) }))
        : chart.labels.flatMap((l, i) => (i % every === 0 ? [{ at: i, text: short(l || '(empty)', Math.max(4, room)) }] : []));
  const stacked = chart.stacking !== 'none';
  const narrowest =
    columns && chart.axis !== 'label' && places.length > 1
      ? places.slice(1).reduce((m, p, i) => Math.min(m, px(p) - px(places[i] ?? 0)), w)
      : slot;
  const group = Math.max(1, Math.min(narrowest, 90) * 0.8);
  const bar = stacked ? group : group / Math.max(1, chart.series.length);
  const here = cursor === undefined ? undefined : byPlace.get(places[cursor] ?? NaN);
  const name = (at: number, label: string) => (chart.axis === 'time' ? absolute(new Date(at).toISOString(), zone) : label || '(empty)');
  const nearest = (x: number) => {
    let best = 0;
    let far = Infinity;
    places.forEach((p, i) => {
      const d = Math.abs(px(p) - x);
      if (d < far) [best, far] = [i, d];
    });
    return best;
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const to = { ArrowRight: (cursor ?? -1) + 1, ArrowLeft: (cursor ?? 1) - 1, Home: 0, End: places.length - 1 }[event.key];
    if (event.key === 'Escape') setCursor(undefined);
    else if (to !== undefined) setCursor(Math.max(0, Math.min(places.length - 1, to)));
    else return;
    event.preventDefault();
  };
  const values = (here?.values ?? []).slice().sort((a, b) => Math.abs(b.y) - Math.abs(a.y));
  const at = places[cursor ?? 0] ?? 0;
  const said = byPlace.get(at);
  return (
    <div
      ref={box}
      className={s.plot}
      role="slider"
      tabIndex={0}
      aria-label={`${chart.series
        .map((x) => x.name)
        .join(', ')
        .slice(0, 200)} by ${chart.xTitle}; arrows move along`}
      aria-valuemin={0}
      aria-valuemax={Math.max(0, places.length - 1)}
      aria-valuenow={cursor ?? 0}
      aria-valuetext={
        said
          ? `${name(at, said.label)}: ${said.values
              .map((v) => `${v.name} ${full(v.y)}`)
              .join(', ')
              .slice(0, 400)}`
          : ''
      }
      onKeyDown={onKeyDown}
      onBlur={() => setCursor(undefined)}
      onPointerMove={(event) => {
        const x = event.clientX - event.currentTarget.getBoundingClientRect().left;
        setCursor(x < left || x > left + w ? undefined : nearest(x));
      }}
      onPointerLeave={() => setCursor(undefined)}
    >
      <svg className={s.svg} width={size.width} height={size.height} aria-hidden data-chart>
        {marks.map((v) => (
          <g key={v}>
            <line className={v === 0 ? s.zero : s.rule} x1={left} x2={left + w} y1={py(v)} y2={py(v)} />
            <text className={s.text} x={left - 8} y={py(v) + 4} textAnchor="end">
              {compact(v)}
              {chart.stacking === 'full' ? '%' : ''}
            </text>
          </g>
        ))}
        {chart.yTitle ? (
          <text className={s.text} transform={`translate(13, ${top + h / 2}) rotate(-90)`} textAnchor="middle">
            {short(chart.yTitle, Math.floor(h / 7))}
          </text>
        ) : null}
        {xMarks.map((t, i) => {
          const x = px(t.at);
          const wide = t.text.length * 3.3;
          return (
            <text
              key={`${t.at} ${i}`}
              className={s.text}
              x={Math.max(left + wide - 10, Math.min(left + w - wide + 10, x))}
              y={top + h + 18}
              textAnchor="middle"
            >
              {t.text}
            </text>
          );
        })}
        <text className={s.text} x={left + w / 2} y={top + h + 38} textAnchor="middle">
          {chart.xTitle}
        </text>
        {cursor !== undefined && here ? <line className={s.cursor} x1={px(at)} x2={px(at)} y1={top} y2={top + h} /> : null}
        {layers.map((points, i) => {
          const color = colorOf(i);
          const key = chart.series[i]?.name ?? String(i);
          if (columns)
            return (
              <g key={key} fill={color}>
                {points.map((p) => {
                  const x = stacked ? px(p.point.at) - bar / 2 : px(p.point.at) - group / 2 + i * bar;
                  const [a, b] = [py(log && p.from === 0 ? y0 : p.from), py(p.to)];
                  return (
                    <rect
                      key={p.point.at}
                      x={x}
                      y={Math.min(a, b)}
                      width={Math.max(1, bar - (bar > 6 ? 1 : 0))}
                      height={Math.max(0.5, Math.abs(a - b))}
                    />
                  );
                })}
              </g>
            );
          if (chart.family === 'scatter')
            return (
              <g key={key} fill={color} opacity={0.75}>
                {points.map((p, n) => (
                  <circle key={n} cx={px(p.point.at)} cy={py(p.to)} r={3.5} />
                ))}
              </g>
            );
          const line = points.map((p, n) => `${n === 0 ? 'M' : 'L'}${px(p.point.at).toFixed(1)} ${py(p.to).toFixed(1)}`).join('');
          const under = stacked
            ? [...points]
                .reverse()
                .map((p) => `L${px(p.point.at).toFixed(1)} ${py(p.from).toFixed(1)}`)
                .join('')
            : `L${px(points.at(-1)?.point.at ?? 0)} ${base}L${px(points[0]?.point.at ?? 0)} ${base}`;
          return (
            <g key={key}>
              {chart.family === 'areas' && points.length > 0 ? (
                <path d={`${line}${under}Z`} fill={color} opacity={stacked ? 0.75 : 0.2} />
              ) : null}
              <path d={line} fill="none" stroke={color} strokeWidth={chart.family === 'areas' && stacked ? 1 : 2} strokeLinejoin="round" />
              {points.length <= 60 && chart.family === 'lines'
                ? points.map((p, n) => <circle key={n} cx={px(p.point.at)} cy={py(p.to)} r={2.5} fill={color} />)
                : null}
              {points.map((p, n) =>
                p.point.odd ? (
                  <circle
                    key={`o${n}`}
                    cx={px(p.point.at)}
                    cy={py(p.to)}
                    r={5.5}
                    fill={tokens.colorPaletteRedBackground3}
                    stroke={tokens.colorNeutralBackground1}
                    strokeWidth={1.5}
                  />
                ) : null,
              )}
            </g>
          );
        })}
      </svg>
      {here && cursor !== undefined ? (
        <div className={s.tip} style={px(at) > left + w / 2 ? { right: size.width - px(at) + 12 } : { left: px(at) + 12 }}>
          <div className={s.tipName}>
            <strong>{name(at, here.label)}</strong>
          </div>
          {values.slice(0, 10).map((v, i) => (
            <div key={`${v.name} ${i}`} className={s.tipRow}>
              <span className={s.key} style={{ backgroundColor: colorOf(v.color) }} />
              <span className={mergeClasses(s.tipName)}>{v.name}</span>
              <span className={s.tipValue}>{full(v.y)}</span>
            </div>
          ))}
          {values.length > 10 ? <div>{(values.length - 10).toLocaleString()} more</div> : null}
        </div>
      ) : null}
    </div>
  );
}
