import { Button, makeStyles, tokens, Tooltip } from '@fluentui/react-components';
import { OpenRegular, PlayRegular } from '@fluentui/react-icons';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { hunt } from '../api/hunting';
import { asSentence, Empty, Failure, Lines } from '../design/states';
import { Time } from '../design/Time';
import { useLinkStyles } from '../design/useLinkStyles';
import { label } from '../design/words';

const useStyles = makeStyles({
  scroll: { overflow: 'auto', flexGrow: 1, minHeight: 0 },
  foot: {
    padding: `${tokens.spacingVerticalXS} ${tokens.spacingHorizontalM}`,
    color: tokens.colorNeutralForeground3,
    fontSize: tokens.fontSizeBase200,
  },
  table: {
    borderCollapse: 'collapse',
    width: '100%',
    fontSize: tokens.fontSizeBase200,
    '& th, & td': {
      textAlign: 'left',
      padding: `${tokens.spacingVerticalXXS} ${tokens.spacingHorizontalM}`,
      borderBottom: `1px solid ${tokens.colorNeutralStroke3}`,
      verticalAlign: 'top',
    },
    '& th': {
      position: 'sticky',
      top: 0,
      backgroundColor: tokens.colorNeutralBackground2,
      zIndex: 1,
      fontWeight: tokens.fontWeightSemibold,
    },
    '& .wide': { '@media (max-width: 899px)': { display: 'none' } },
  },
  number: { textAlign: 'right', fontVariantNumeric: 'tabular-nums', whiteSpace: 'nowrap' },
  query: {
    background: 'none',
    border: 'none',
    padding: 0,
    textAlign: 'left',
    cursor: 'pointer',
    color: tokens.colorBrandForegroundLink,
    fontFamily: tokens.fontFamilyMonospace,
    fontSize: tokens.fontSizeBase200,
    whiteSpace: 'pre-wrap',
    overflowWrap: 'anywhere',
    display: '-webkit-box',
    WebkitLineClamp: 2,
    WebkitBoxOrient: 'vertical',
    overflow: 'hidden',
    ':focus-visible': { outline: `2px solid ${tokens.colorStrokeFocus2}` },
  },
  failed: { color: tokens.colorPaletteRedForeground1 },
  actions: { whiteSpace: 'nowrap' },
});

const states: Readonly<Record<string, string>> = { done: 'Completed' };

// HistoryPane lists the last queries of the person, newest first, to run or open again.
export function HistoryPane({ onOpen }: { onOpen: (query: string, run: boolean) => void }) {
  const s = useStyles();
  const l = useLinkStyles();
  const history = useQuery({ queryKey: ['hunting', 'history'], queryFn: hunt.history });
  if (history.isPending) return <Lines count={6} />;
  if (history.error) return <Failure what="the history" error={history.error} retry={() => void history.refetch()} />;
  if (history.data.value.length === 0)
    return <Empty title="No query has run yet">Your last 30 queries of the last 28 days stand here, to run or change them again.</Empty>;
  return (
    <div className={s.scroll} tabIndex={0} role="region" aria-label="Query history">
      <table className={s.table}>
        <thead>
          <tr>
            <th scope="col">Time</th>
            <th scope="col" style={{ width: '60%' }}>
              Query
            </th>
            <th scope="col" className="wide">
              Usage
            </th>
            <th scope="col" className="wide">
              Query time
            </th>
            <th scope="col" className="wide">
              Rows
            </th>
            <th scope="col">State</th>
            <th scope="col" aria-label="Actions" />
          </tr>
        </thead>
        <tbody>
          {history.data.value.map((h, i) => (
            <tr key={h.id || `${h.time} ${i}`}>
              <td style={{ whiteSpace: 'nowrap' }}>
                <Time value={h.time} />
              </td>
              <td>
                <button type="button" className={s.query} title="Open in a tab" onClick={() => onOpen(h.query, false)}>
                  {h.query}
                </button>
              </td>
              <td className="wide">{h.grade ?? ''}</td>
              <td className={`${s.number} wide`}>{h.ms === undefined ? '–' : `${Math.round(h.ms).toLocaleString()} ms`}</td>
              <td className={`${s.number} wide`}>{h.rows === undefined ? '–' : h.rows.toLocaleString()}</td>
              <td title={h.error ? asSentence(h.error) : undefined} className={h.error ? s.failed : undefined}>
                {states[h.state] ?? label(h.state || (h.error ? 'failed' : 'done'))}
              </td>
              <td className={s.actions}>
                <Tooltip content="Run again" relationship="label">
                  <Button size="small" appearance="subtle" icon={<PlayRegular />} onClick={() => onOpen(h.query, true)} />
                </Tooltip>
                <Tooltip content="Use in editor" relationship="label">
                  <Button size="small" appearance="subtle" icon={<OpenRegular />} onClick={() => onOpen(h.query, false)} />
                </Tooltip>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <div className={s.foot}>
        The last 30 queries of 28 days. The{' '}
        <Link to="/hunting/usage" className={l.link}>
          query resources report
        </Link>{' '}
        shows what queries and rules used.
      </div>
    </div>
  );
}
