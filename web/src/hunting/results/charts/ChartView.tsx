import { useMemo, useRef, useState } from 'react';
import { Button, makeStyles, Menu, MenuItem, MenuList, MenuPopover, MenuTrigger, mergeClasses, tokens } from '@fluentui/react-components';
import { ImageArrowBackRegular, TableRegular } from '@fluentui/react-icons';
import { useNotify } from '../../../app/notify';
import { Empty } from '../../../design/states';
import { exact } from '../../../design/time';
import { useZone } from '../../../design/Time';
import { cellText, isNumeric } from '../cells';
import { colorOf } from '../colors';
import { saveBlob, stamp } from '../files';
import type { Result } from '../outcome';
import { png, standalone } from './image';
import { familyOf, property, type ChartKind, type Hint } from './kinds';
import { chart, crossed, slices, spans, type Chart } from './model';
import { Plot } from './Plot';
import { full } from './scale';
import { Bars, Cards, Lanes, Pie, TreeMap } from './Shapes';

const useStyles = makeStyles({
  box: {
    flexGrow: 1,
    minHeight: 0,
    minWidth: 0,
    overflow: 'auto',
    padding: `${tokens.spacingVerticalS} ${tokens.spacingHorizontalL} ${tokens.spacingVerticalM}`,
    display: 'flex',
    flexDirection: 'column',
    gap: tokens.spacingVerticalS,
  },
  head: { display: 'flex', alignItems: 'center', gap: tokens.spacingHorizontalS, flexShrink: 0, minHeight: '28px' },
  title: { margin: 0, fontSize: tokens.fontSizeBase300, fontWeight: tokens.fontWeightSemibold, flexGrow: 1 },
  legend: {
    display: 'flex',
    flexWrap: 'wrap',
    gap: `${tokens.spacingVerticalXXS} ${tokens.spacingHorizontalM}`,
    margin: 0,
    padding: 0,
    listStyleType: 'none',
    fontSize: tokens.fontSizeBase200,
    flexShrink: 0,
    maxHeight: '84px',
    overflowY: 'auto',
  },
  entry: {
    border: 'none',
    background: 'none',
    font: 'inherit',
    color: 'inherit',
    cursor: 'pointer',
    display: 'flex',
    alignItems: 'center',
    gap: tokens.spacingHorizontalXS,
    padding: '2px 4px',
    minHeight: '24px',
    maxWidth: '260px',
    borderRadius: tokens.borderRadiusSmall,
    ':focus-visible': { outline: `2px solid ${tokens.colorStrokeFocus2}` },
  },
  off: { color: tokens.colorNeutralForeground3, textDecorationLine: 'line-through' },
  cut: { overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap' },
  key: { display: 'inline-block', width: '10px', height: '10px', borderRadius: '2px', flexShrink: 0 },
  note: { color: tokens.colorNeutralForeground3, fontSize: tokens.fontSizeBase200, flexShrink: 0 },
  scroll: { overflow: 'auto', minHeight: 0, flexGrow: 1 },
  table: {
    borderCollapse: 'collapse',
    fontSize: tokens.fontSizeBase200,
    '& th, & td': {
      textAlign: 'left',
      padding: `${tokens.spacingVerticalXXS} ${tokens.spacingHorizontalM}`,
      borderBottom: `1px solid ${tokens.colorNeutralStroke3}`,
      whiteSpace: 'nowrap',
      maxWidth: '320px',
      overflow: 'hidden',
      textOverflow: 'ellipsis',
    },
    '& thead th': { position: 'sticky', top: 0, backgroundColor: tokens.colorNeutralBackground2 },
    '& td': { textAlign: 'right', fontVariantNumeric: 'tabular-nums' },
  },
});

const mostTableRows = 500;

// ChartView draws the rows that show. Every drawing has its numbers as a table beside it and can be saved as an image.
export function ChartView({
  table,
  rows,
  kind,
  render,
  onTable,
}: {
  table: Result;
  rows: ArrayLike<number>;
  kind: ChartKind;
  render: Hint | undefined;
  onTable: () => void;
}) {
  const s = useStyles();
  const { notify, failed } = useNotify();
  const { zone } = useZone();
  const box = useRef<HTMLDivElement>(null);
  const [numbers, setNumbers] = useState(false);
  const [off, setOff] = useState<ReadonlySet<string>>(new Set());
  const family = familyOf(kind);
  const whole = useMemo(
    () => (family === 'spans' || family === 'pivot' || family === 'card' ? undefined : chart(table, rows, kind, render)),
    [table, rows, kind, render, family],
  );
  const lanes = useMemo(() => (family === 'spans' ? spans(table, rows, kind, render) : undefined), [table, rows, kind, render, family]);
  const pivot = useMemo(() => (family === 'pivot' ? crossed(table, rows) : undefined), [table, rows, family]);
  const cards = useMemo(() => {
    if (family !== 'card') return undefined;
    const row = table.rows[rows[0] ?? 0] ?? [];
    return table.schema.slice(0, 24).map((c, i) => {
      const text = cellText(row[i]);
      return {
        name: c.name,
        text: isNumeric(c.type) && text !== '' ? full(Number(text)) : c.type === 'datetime' ? exact(text, zone) : text || '–',
      };
    });
  }, [table, rows, family, zone]);
  // Series that were switched off keep their colours for those that stay.
  const data = useMemo<Chart | undefined>(
    () => (whole && off.size > 0 ? { ...whole, series: whole.series.map((x) => (off.has(x.name) ? { ...x, points: [] } : x)) } : whole),
    [whole, off],
  );
  const empty =
    rows.length === 0 ||
    (family === 'spans'
      ? (lanes?.spans.length ?? 0) === 0
      : family === 'pivot'
        ? !pivot
        : family === 'card'
          ? false
          : !whole || whole.series.every((x) => x.points.length === 0));
  if (empty)
    return (
      <Empty title="Nothing to draw" actions={<Button onClick={onTable}>Show the table</Button>}>
        {family === 'spans'
          ? 'This chart needs a column of times and one of names.'
          : family === 'pivot'
            ? 'A pivot table needs two columns of texts.'
            : 'A chart needs a column with numbers. Add a summarize, for example by count().'}
      </Empty>
    );
  const title = whole?.title ?? render?.title ?? property(render, 'title') ?? '';
  const drawn = family !== 'pivot' && family !== 'card';
  const legend = whole && whole.legend && whole.series.length > 1 && family !== 'pie' && family !== 'treemap';
  const left = whole?.left ?? lanes?.left ?? pivot?.left ?? [];
  const image = async (form: 'png' | 'svg') => {
    const svg = box.current?.querySelector<SVGSVGElement>('svg[data-chart]');
    if (!svg) return;
    const entries =
      family === 'pie' && whole
        ? slices(whole, 12).map((p, i) => ({ name: `${p.label || '(empty)'}: ${full(p.y)}`, color: colorOf(i) }))
        : legend
          ? whole.series.flatMap((x, i) => (off.has(x.name) ? [] : [{ name: x.name, color: colorOf(i) }]))
          : [];
    try {
      const out = standalone(svg, title, entries);
      saveBlob(form === 'svg' ? new Blob([out.text], { type: 'image/svg+xml' }) : await png(out), `hunting-${stamp()}.${form}`);
      notify({ title: `Saved the chart as ${form.toUpperCase()}`, intent: 'info' });
    } catch (err) {
      failed('Could not save the chart', err);
    }
  };
  return (
    <div ref={box} className={s.box}>
      <div className={s.head}>
        <h3 className={s.title}>{title}</h3>
        {drawn && whole ? (
          <Button size="small" appearance="subtle" icon={<TableRegular />} aria-pressed={numbers} onClick={() => setNumbers(!numbers)}>
            Numbers
          </Button>
        ) : null}
        {drawn && !numbers ? (
          <Menu>
            <MenuTrigger disableButtonEnhancement>
              <Button size="small" appearance="subtle" icon={<ImageArrowBackRegular />}>
                Save image
              </Button>
            </MenuTrigger>
            <MenuPopover>
              <MenuList>
                <MenuItem onClick={() => void image('png')}>PNG</MenuItem>
                <MenuItem onClick={() => void image('svg')}>SVG</MenuItem>
              </MenuList>
            </MenuPopover>
          </Menu>
        ) : null}
      </div>
      {numbers && whole ? (
        <Numbers chart={whole} />
      ) : family === 'bars' && data ? (
        <Bars data={data} />
      ) : family === 'pie' && data ? (
        <Pie data={data} />
      ) : family === 'treemap' && data ? (
        <TreeMap data={data} />
      ) : lanes ? (
        <Lanes lanes={lanes.lanes} spans={lanes.spans} />
      ) : cards ? (
        <Cards values={cards} />
      ) : pivot ? (
        <div className={s.scroll}>
          <table className={s.table}>
            <thead>
              <tr>
                <th scope="col">
                  {pivot.down} / {pivot.across} ({pivot.value})
                </th>
                {pivot.columns.map((c) => (
                  <th key={c} scope="col" title={c}>
                    {c || '(empty)'}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {pivot.rows.map((r) => (
                <tr key={r}>
                  <th scope="row" title={r}>
                    {r || '(empty)'}
                  </th>
                  {pivot.columns.map((c) => {
                    const v = pivot.cells.get(`${r}\u0000${c}`);
                    return <td key={c}>{v === undefined ? '' : full(v)}</td>;
                  })}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      ) : data ? (
        <Plot data={data} />
      ) : null}
      {legend && !numbers ? (
        <ul className={s.legend} aria-label="Series">
          {whole.series.map((x, i) => (
            <li key={x.name}>
              <button
                type="button"
                className={mergeClasses(s.entry, off.has(x.name) && s.off)}
                aria-pressed={!off.has(x.name)}
                title={x.name}
                onClick={() => {
                  const next = new Set(off);
                  if (!next.delete(x.name)) next.add(x.name);
                  setOff(next);
                }}
              >
                <span className={s.key} style={{ backgroundColor: colorOf(i) }} />
                <span className={s.cut}>{x.name || '(empty)'}</span>
              </button>
            </li>
          ))}
        </ul>
      ) : null}
      {left.map((l) => (
        <div key={l} className={s.note}>
          {l}
        </div>
      ))}
    </div>
  );
}

// Numbers is a chart as a table: a line per label, a column per series.
function Numbers({ chart: c }: { chart: Chart }) {
  const s = useStyles();
  const { zone } = useZone();
  const values = c.series.map((x) => new Map(x.points.map((p) => [p.label, p.y])));
  return (
    <div className={s.scroll} tabIndex={0} role="region" aria-label="Numbers of the chart">
      <table className={s.table}>
        <thead>
          <tr>
            <th scope="col">{c.xTitle}</th>
            {c.series.map((x) => (
              <th key={x.name} scope="col" title={x.name}>
                {x.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {c.labels.slice(0, mostTableRows).map((l) => (
            <tr key={l}>
              <th scope="row" title={l}>
                {c.axis === 'time' ? exact(l, zone) : l || '(empty)'}
              </th>
              {values.map((v, i) => {
                const y = v.get(l);
                return <td key={i}>{y === undefined ? '' : full(y)}</td>;
              })}
            </tr>
          ))}
        </tbody>
      </table>
      {c.labels.length > mostTableRows ? <div className={s.note}>The first {mostTableRows} lines.</div> : null}
    </div>
  );
}
