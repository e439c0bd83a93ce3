import { useState } from 'react';
import { Button, makeStyles, mergeClasses, Radio, RadioGroup, tokens } from '@fluentui/react-components';
import { spanWords, type DayUse } from './summary';

const names: Readonly<Record<string, string>> = { portal: 'Portal', api: 'API', rule: 'Custom detection', command: 'Command line' };
const order = ['portal', 'rule', 'api', 'command'];

const useStyles = makeStyles({
  box: {
    border: `1px solid ${tokens.colorNeutralStroke2}`,
    borderRadius: tokens.borderRadiusLarge,
    padding: tokens.spacingHorizontalL,
    marginBottom: tokens.spacingVerticalL,
    display: 'flex',
    flexDirection: 'column',
    gap: tokens.spacingVerticalS,
  },
  head: { display: 'flex', flexWrap: 'wrap', gap: tokens.spacingHorizontalM, alignItems: 'center' },
  title: { margin: 0, fontSize: tokens.fontSizeBase300, fontWeight: tokens.fontWeightSemibold },
  legend: { display: 'flex', flexWrap: 'wrap', gap: tokens.spacingHorizontalXS, marginLeft: 'auto' },
  swatch: { width: '10px', height: '10px', borderRadius: tokens.borderRadiusSmall, display: 'inline-block' },
  plot: { display: 'flex', alignItems: 'flex-end', gap: tokens.spacingHorizontalXS, height: '140px', overflowX: 'auto' },
  day: {
    display: 'flex',
    flexDirection: 'column',
    alignItems: 'center',
    gap: '2px',
    height: '100%',
    minWidth: '38px',
    flexGrow: 1,
    maxWidth: '120px',
  },
  bars: { display: 'flex', alignItems: 'flex-end', gap: '2px', flexGrow: 1, width: '100%', justifyContent: 'center', minHeight: 0 },
  bar: { width: '14px', minHeight: '2px', borderRadius: tokens.borderRadiusSmall },
  label: { fontSize: tokens.fontSizeBase200, color: tokens.colorNeutralForeground3, whiteSpace: 'nowrap' },
  portal: { backgroundColor: tokens.colorBrandBackground },
  rule: {
    backgroundColor: tokens.colorPaletteLilacBackground2,
    border: `1px solid ${tokens.colorPaletteLilacBorderActive}`,
    boxSizing: 'border-box',
  },
  api: { backgroundColor: tokens.colorPaletteTealBorderActive },
  command: { backgroundColor: tokens.colorNeutralForeground4 },
  hidden: {
    position: 'absolute',
    width: '1px',
    height: '1px',
    overflow: 'hidden',
    clipPath: 'inset(50%)',
    whiteSpace: 'nowrap',
  },
});

// UsageChart draws the processor time of queries per day and interface; an interface of the legend filters the table below.
export function UsageChart({ points, chosen, onChoose }: { points: readonly DayUse[]; chosen: string; onChoose: (by: string) => void }) {
  const s = useStyles();
  const [of, setOf] = useState<'average' | 'peak'>('average');
  const shown = points.filter((p) => chosen === '' || p.interface === chosen);
  const most = Math.max(1, ...shown.map((p) => p[of]));
  const days = [...new Set(points.map((p) => p.day))];
  const present = order.filter((i) => points.some((p) => p.interface === i));
  const style = (i: string) => (i === 'portal' ? s.portal : i === 'rule' ? s.rule : i === 'api' ? s.api : s.command);
  const dayLabel = (day: string) =>
    new Date(`${day}T00:00:00Z`).toLocaleDateString(undefined, { month: 'short', day: 'numeric', timeZone: 'UTC' });
  return (
    <section className={s.box} aria-label="Processor time of queries per day">
      <div className={s.head}>
        <h2 className={s.title}>Processor time per query, by day</h2>
        <RadioGroup layout="horizontal" value={of} aria-label="Figure" onChange={(_, d) => setOf(d.value === 'peak' ? 'peak' : 'average')}>
          <Radio value="average" label="Average" />
          <Radio value="peak" label="Peak" />
        </RadioGroup>
        <div className={s.legend} role="group" aria-label="Interfaces">
          {present.map((i) => (
            <Button
              key={i}
              size="small"
              appearance={chosen === i ? 'primary' : 'subtle'}
              aria-pressed={chosen === i}
              icon={<span className={mergeClasses(s.swatch, style(i))} />}
              onClick={() => onChoose(i)}
            >
              {names[i] ?? i}
            </Button>
          ))}
        </div>
      </div>
      <div className={s.plot} aria-hidden>
        {days.map((day) => {
          const here = shown.filter((p) => p.day === day);
          return (
            <div key={day} className={s.day}>
              <span className={s.label}>{here.length > 0 ? spanWords(Math.max(...here.map((p) => p[of]))) : ''}</span>
              <div className={s.bars}>
                {here.map((p) => (
                  <div
                    key={p.interface}
                    className={mergeClasses(s.bar, style(p.interface))}
                    style={{ height: `${Math.max(2, (p[of] / most) * 100)}%` }}
                    title={`${names[p.interface] ?? p.interface}, ${dayLabel(day)}: ${spanWords(p[of])}, ${p.runs.toLocaleString()} runs`}
                  />
                ))}
              </div>
              <span className={s.label}>{dayLabel(day)}</span>
            </div>
          );
        })}
      </div>
      <table className={s.hidden}>
        <caption>Processor time of queries per day and interface</caption>
        <thead>
          <tr>
            <th scope="col">Day</th>
            <th scope="col">Interface</th>
            <th scope="col">Runs</th>
            <th scope="col">Average</th>
            <th scope="col">Peak</th>
          </tr>
        </thead>
        <tbody>
          {shown.map((p) => (
            <tr key={p.day + p.interface}>
              <td>{dayLabel(p.day)}</td>
              <td>{names[p.interface] ?? p.interface}</td>
              <td>{p.runs}</td>
              <td>{spanWords(p.average)}</td>
              <td>{spanWords(p.peak)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
