import { makeStyles, tokens } from '@fluentui/react-components';
import { CheckmarkCircle16Regular, ErrorCircle16Filled, SubtractCircle16Regular } from '@fluentui/react-icons';
import type { SampleOutcome } from '../api/mappings';
import { asSentence } from '../design/states';
import { useTableStyles } from '../design/useTableStyles';
import { count } from '../design/words';
import { valueText } from './samples';

const useStyles = makeStyles({
  list: { display: 'flex', flexDirection: 'column', gap: tokens.spacingVerticalM },
  card: {
    border: `1px solid ${tokens.colorNeutralStroke2}`,
    borderRadius: tokens.borderRadiusLarge,
    padding: tokens.spacingHorizontalM,
    minWidth: 0,
  },
  head: { display: 'flex', gap: tokens.spacingHorizontalS, alignItems: 'flex-start', minWidth: 0 },
  icon: { flexShrink: 0, lineHeight: 0, paddingTop: '2px' },
  good: { color: tokens.colorPaletteGreenForeground1 },
  bad: { color: tokens.colorPaletteRedForeground1 },
  calm: { color: tokens.colorNeutralForeground3 },
  sample: {
    fontFamily: tokens.fontFamilyMonospace,
    fontSize: tokens.fontSizeBase200,
    overflowWrap: 'anywhere',
    display: '-webkit-box',
    WebkitLineClamp: 2,
    WebkitBoxOrient: 'vertical',
    overflow: 'hidden',
    color: tokens.colorNeutralForeground2,
  },
  row: { marginTop: tokens.spacingVerticalS, overflowX: 'auto' },
  value: { fontFamily: tokens.fontFamilyMonospace, fontSize: tokens.fontSizeBase200, overflowWrap: 'anywhere' },
  column: { whiteSpace: 'nowrap', verticalAlign: 'top !important' as 'top', width: '1%' },
});

// Outcomes shows what a mapping makes of each sample: rows by table, nothing, or what went wrong.
export function Outcomes({ outcomes }: { outcomes: readonly SampleOutcome[] }) {
  const s = useStyles();
  const t = useTableStyles();
  const taken = outcomes.filter((o) => o.matched && !o.error).length;
  const failed = outcomes.filter((o) => o.error).length;
  return (
    <div className={s.list} role="region" aria-label="Results of the test">
      <span role="status">
        {`${count(taken, 'sample', 'samples')} of ${outcomes.length.toLocaleString()} ${taken === 1 ? 'is' : 'are'} taken`}
        {failed > 0 ? `, ${failed.toLocaleString()} ${failed === 1 ? 'fails' : 'fail'}` : ''}.
      </span>
      {outcomes.map((o, i) => {
        const [Icon, tone, word] = o.error
          ? ([ErrorCircle16Filled, s.bad, 'Failed'] as const)
          : o.matched
            ? ([CheckmarkCircle16Regular, s.good, 'Taken'] as const)
            : ([SubtractCircle16Regular, s.calm, 'Not taken'] as const);
        return (
          <article key={i} className={s.card} aria-label={`Sample ${i + 1}: ${word}`}>
            <div className={s.head}>
              <span className={`${s.icon} ${tone}`} role="img" aria-label={word}>
                <Icon />
              </span>
              <div style={{ minWidth: 0 }}>
                <strong>{word}</strong>
                <div className={s.sample} dir="auto">
                  {o.sample}
                </div>
              </div>
            </div>
            {o.error ? (
              <div className={t.bad}>
                {o.error.line ? `Line ${o.error.line}: ` : ''}
                {asSentence(o.error.message)}
              </div>
            ) : null}
            {!o.matched && !o.error ? (
              <div className={t.quiet}>
                Its match is not true for this record. It is read as {o.family}
                {o.unmapped ? `, ${o.unmapped}, and kept in a table of its own` : ''}
                {o.rows.length > 0 ? ', and becomes:' : '.'}
              </div>
            ) : null}
            {o.rows.map((r, n) => (
              <div key={n} className={s.row}>
                <table className={t.table} aria-label={`Row of ${r.table}`}>
                  <caption style={{ textAlign: 'left', fontWeight: 600 }}>{r.table}</caption>
                  <tbody>
                    {Object.entries(r.values).map(([column, value]) => (
                      <tr key={column}>
                        <td className={s.column}>{column}</td>
                        <td className={s.value} dir="auto">
                          {valueText(value)}
                        </td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
            ))}
          </article>
        );
      })}
    </div>
  );
}
