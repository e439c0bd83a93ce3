import { useEffect, useMemo, useRef, useState, type KeyboardEvent, type PointerEvent } from 'react';
import { Button, Dropdown, makeStyles, Option, tokens } from '@fluentui/react-components';
import { ZoomOutRegular } from '@fluentui/react-icons';
import { exact, short } from '../../design/time';
import { day } from './words';
import { useZone } from '../../design/Time';
import type { Filter } from './arrange';
import { colorOf } from './colors';
import type { Result } from './outcome';
import { bins, otherSeries, splits, Times } from './timeline';

const useStyles = makeStyles({
  box: {
    flexShrink: 0,
    padding: `${tokens.spacingVerticalXS} ${tokens.spacingHorizontalM} 0`,
    borderBottom: `1px solid ${tokens.colorNeutralStroke2}`,
    display: 'flex',
    gap: tokens.spacingHorizontalM,
    alignItems: 'flex-start',
    containerType: 'inline-size',
  },
  plot: {
    flexGrow: 1,
    minWidth: 0,
    height: '68px',
    position: 'relative',
    cursor: 'crosshair',
    touchAction: 'none',
    outline: 'none',
    borderRadius: tokens.borderRadiusMedium,
    ':focus-visible': { boxShadow: `0 0 0 2px ${tokens.colorStrokeFocus2}` },
  },
  text: { fill: tokens.colorNeutralForeground3, fontSize: '12px', fontFamily: tokens.fontFamilyBase },
  side: {
    width: '170px',
    flexShrink: 0,
    display: 'flex',
    flexDirection: 'column',
    gap: tokens.spacingVerticalXXS,
    '@container (max-width: 520px)': { display: 'none' },
  },
  drop: { minWidth: 0, width: '100%' },
  legend: {
    position: 'absolute',
    right: 0,
    top: 0,
    maxWidth: '70%',
    display: 'flex',
    flexWrap: 'wrap',
    justifyContent: 'flex-end',
    gap: '0 10px',
    maxHeight: '34px',
    overflow: 'hidden',
    margin: 0,
    padding: 0,
    listStyleType: 'none',
    fontSize: tokens.fontSizeBase200,
    color: tokens.colorNeutralForeground2,
    pointerEvents: 'none',
  },
  key: { display: 'inline-block', width: '8px', height: '8px', borderRadius: '2px', marginRight: '4px' },
  tip: {
    position: 'absolute',
    top: 0,
    zIndex: 4,
    pointerEvents: 'none',
    backgroundColor: tokens.colorNeutralBackground1,
    border: `1px solid ${tokens.colorNeutralStroke1}`,
    borderRadius: tokens.borderRadiusMedium,
    boxShadow: tokens.shadow8,
    fontSize: tokens.fontSizeBase200,
    padding: `2px ${tokens.spacingHorizontalS}`,
    whiteSpace: 'nowrap',
  },
});

type Form = 'column' | 'line' | 'pie';
const forms: Record<Form, string> = { column: 'Columns', line: 'Lines', pie: 'Pie' };

const top = 18;
const foot = 18;

// Timeline counts the rows of a result over time. A click on a bin or a drag over several zooms in and filters the rows; with the keys, the arrows
// choose a bin (with Shift several) and Enter zooms.
export function Timeline({
  table,
  received,
  rows,
  column,
  filter,
  onFilter,
}: {
  table: Result;
  received: number;
  rows: ArrayLike<number>;
  column: number;
  filter: Filter | undefined;
  onFilter: (filter: Filter | undefined) => void;
}) {
  const s = useStyles();
  const { zone } = useZone();
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(800);
  const [split, setSplit] = useState<number | undefined>();
  const [form, setForm] = useState<Form>('column');
  const [mark, setMark] = useState<{ from: number; to: number } | undefined>();
  const [hover, setHover] = useState<number | undefined>();
  const drag = useRef<number | null>(null);
  useEffect(() => {
    const el = box.current;
    if (!el) return;
    const watch = new ResizeObserver(() => setWidth(el.clientWidth));
    watch.observe(el);
    return () => watch.disconnect();
  }, []);
  const times = useMemo(() => new Times(table, column), [table, column]);
  const [columns, setColumns] = useState<readonly number[]>([]);
  useEffect(() => {
    const stop = new AbortController();
    splits(table, received, stop.signal).then(setColumns, () => undefined);
    return () => stop.abort();
  }, [table, received]);
  const range = filter?.kind === 'range' ? filter : undefined;
  const data = useMemo(
    () => bins(table, rows, times, split, range, Math.max(12, Math.min(90, Math.floor(width / 10)))),
    [table, rows, times, split, range, width],
  );
  if (!data) return null;
  const count = data.series[0]?.counts.length ?? 1;
  const height = 68;
  const slot = width / count;
  const y = (n: number) => height - foot - (n / Math.max(1, data.most)) * (height - top - foot);
  const binAt = (x: number) => Math.max(0, Math.min(count - 1, Math.floor(x / slot)));
  const from = (bin: number) => data.start + bin * data.step;
  const zoom = (a: number, b: number) => {
    setMark(undefined);
    setHover(undefined);
    // The end of a bin belongs to the next one.
    onFilter({ column, kind: 'range', from: from(Math.min(a, b)), to: from(Math.max(a, b) + 1) - 0.001 });
  };
  const position = (event: PointerEvent<HTMLDivElement>) => event.clientX - event.currentTarget.getBoundingClientRect().left;
  const total = (bin: number) => data.series.reduce((n, x) => n + (x.counts[bin] ?? 0), 0);
  const words = (bin: number) => {
    const end = Math.min(count - 1, bin);
    return `${exact(new Date(from(end)).toISOString(), zone).slice(0, data.step < 1000 ? 23 : 19)}: ${total(end).toLocaleString()} ${total(end) === 1 ? 'row' : 'rows'}`;
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const at = mark?.to ?? -1;
    const move = (to: number) => {
      const next = Math.max(0, Math.min(count - 1, to));
      setMark(event.shiftKey && mark ? { from: mark.from, to: next } : { from: next, to: next });
      setHover(next);
    };
    if (event.key === 'ArrowRight') move(at + 1);
    else if (event.key === 'ArrowLeft') move(at - 1);
    else if (event.key === 'Home') move(0);
    else if (event.key === 'End') move(count - 1);
    else if (event.key === 'Enter' && mark) zoom(mark.from, mark.to);
    else if (event.key === 'Escape' && (mark || range)) {
      if (!mark) onFilter(undefined);
      setMark(undefined);
      setHover(undefined);
    } else return;
    event.preventDefault();
  };
  const labels = Math.max(1, Math.min(7, Math.floor(width / (data.step < 86_400_000 ? 160 : 120))));
  const name = (text: string) => (text === '' ? '(empty)' : text);
  const sums = data.series.map((x) => x.counts.reduce((a, b) => a + b, 0));
  const all = sums.reduce((a, b) => a + b, 0) || 1;
  return (
    <div className={s.box} role="group" aria-label="Timeline">
      <div
        ref={box}
        className={s.plot}
        role="slider"
        tabIndex={0}
        aria-label="Rows over time: arrows choose a bin, Shift extends, Enter zooms, Escape goes back"
        aria-valuemin={0}
        aria-valuemax={count - 1}
        aria-valuenow={mark?.to ?? 0}
        aria-valuetext={words(mark?.to ?? 0)}
        onKeyDown={onKeyDown}
        onBlur={() => {
          setMark(undefined);
          setHover(undefined);
        }}
        onPointerDown={(event) => {
          if (event.button !== 0 || form === 'pie') return;
          event.currentTarget.setPointerCapture(event.pointerId);
          drag.current = binAt(position(event));
          setMark({ from: drag.current, to: drag.current });
        }}
        onPointerMove={(event) => {
          const at = binAt(position(event));
          setHover(at);
          if (drag.current !== null) setMark({ from: drag.current, to: at });
        }}
        onPointerUp={(event) => {
          if (drag.current !== null) zoom(drag.current, binAt(position(event)));
          drag.current = null;
        }}
        onPointerLeave={() => {
          if (drag.current === null) setHover(undefined);
        }}
      >
        {form === 'pie' ? (
          <svg width={width} height={height} aria-hidden>
            <Shares sums={sums} all={all} />
          </svg>
        ) : (
          <svg width={width} height={height} aria-hidden>
            {mark ? (
              <rect
                x={Math.min(mark.from, mark.to) * slot}
                y={top - 4}
                width={(Math.abs(mark.to - mark.from) + 1) * slot}
                height={height - top - foot + 4}
                fill={tokens.colorBrandBackground2}
              />
            ) : null}
            {form === 'line'
              ? data.series.map((x, i) => (
                  <polyline
                    key={x.name}
                    fill="none"
                    stroke={colorOf(i)}
                    strokeWidth={1.5}
                    points={x.counts.map((n, b) => `${(b + 0.5) * slot},${y(n)}`).join(' ')}
                  />
                ))
              : Array.from({ length: count }, (_, b) => {
                  let sum = 0;
                  return data.series.map((x, i) => {
                    const n = x.counts[b] ?? 0;
                    if (n === 0) return null;
                    const before = sum;
                    sum += n;
                    return (
                      <rect
                        key={`${b} ${x.name}`}
                        x={b * slot + Math.min(1, slot * 0.1)}
                        y={Math.min(y(sum), y(before) - 1.5)}
                        width={Math.max(1, slot - Math.min(2, slot * 0.2))}
                        height={Math.max(1.5, y(before) - y(sum))}
                        fill={colorOf(i)}
                        opacity={hover === undefined || hover === b ? 1 : 0.75}
                      />
                    );
                  });
                })}
            <line x1={0} x2={width} y1={height - foot + 0.5} y2={height - foot + 0.5} stroke={tokens.colorNeutralStroke2} />
            <text className={s.text} x={0} y={12}>
              {data.most.toLocaleString()}
            </text>
            {Array.from({ length: labels }, (_, i) => {
              const bin = labels === 1 ? 0 : (i * count) / (labels - 1);
              return (
                <text
                  key={i}
                  className={s.text}
                  x={bin * slot}
                  y={height - 4}
                  textAnchor={i === 0 ? 'start' : i === labels - 1 ? 'end' : 'middle'}
                >
                  {data.step < 1000
                    ? exact(new Date(from(bin)).toISOString(), zone).slice(11, 23)
                    : data.step < 60_000
                      ? exact(new Date(from(bin)).toISOString(), zone).slice(11, 19)
                      : data.step < 86_400_000
                        ? short(new Date(from(bin)).toISOString(), zone)
                        : day(new Date(from(bin)).toISOString(), zone)}
                </text>
              );
            })}
          </svg>
        )}
        {split !== undefined ? (
          <ul className={s.legend}>
            {data.series.map((x, i) => (
              <li key={x.name}>
                <span className={s.key} style={{ backgroundColor: colorOf(i) }} />
                {x.name === otherSeries ? otherSeries : name(x.name).slice(0, 30)}
                {form === 'pie' ? `: ${(sums[i] ?? 0).toLocaleString()} (${(((sums[i] ?? 0) / all) * 100).toFixed(1)}%)` : ''}
              </li>
            ))}
          </ul>
        ) : null}
        {hover !== undefined && form !== 'pie' ? (
          <div className={s.tip} style={hover > count / 2 ? { right: width - hover * slot + 6 } : { left: (hover + 1) * slot + 6 }}>
            {words(hover)}
          </div>
        ) : null}
      </div>
      <div className={s.side}>
        <Dropdown
          size="small"
          className={s.drop}
          aria-label="Split the timeline by"
          value={split === undefined ? 'No split' : `By ${table.schema[split]?.name ?? ''}`}
          selectedOptions={[String(split ?? '')]}
          onOptionSelect={(_, d) => setSplit(d.optionValue ? Number(d.optionValue) : undefined)}
        >
          <Option value="">No split</Option>
          {columns.map((c) => (
            <Option key={c} value={String(c)} text={table.schema[c]?.name ?? ''}>
              {table.schema[c]?.name ?? ''}
            </Option>
          ))}
        </Dropdown>
        <Dropdown
          size="small"
          className={s.drop}
          aria-label="Form of the timeline"
          value={forms[form]}
          selectedOptions={[form]}
          onOptionSelect={(_, d) => setForm((d.optionValue ?? 'column') as Form)}
        >
          {(Object.keys(forms) as Form[]).map((f) => (
            <Option key={f} value={f}>
              {forms[f]}
            </Option>
          ))}
        </Dropdown>
        {range ? (
          <Button size="small" icon={<ZoomOutRegular />} onClick={() => onFilter(undefined)}>
            All times
          </Button>
        ) : null}
      </div>
    </div>
  );
}

function Shares({ sums, all }: { sums: readonly number[]; all: number }) {
  const r = 32;
  let angle = -Math.PI / 2;
  return (
    <g transform="translate(36, 34)">
      {sums.map((n, i) => {
        const begin = angle;
        angle += (n / all) * Math.PI * 2;
        const at = (a: number) => `${Math.cos(a) * r} ${Math.sin(a) * r}`;
        if (n === all) return <circle key={i} r={r} fill={colorOf(i)} />;
        return n === 0 ? null : (
          <path key={i} d={`M 0 0 L ${at(begin)} A ${r} ${r} 0 ${angle - begin > Math.PI ? 1 : 0} 1 ${at(angle)} Z`} fill={colorOf(i)} />
        );
      })}
    </g>
  );
}
