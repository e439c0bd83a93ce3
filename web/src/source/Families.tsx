import { Badge, makeStyles, mergeClasses, tokens } from '@fluentui/react-components';
import { Link } from '@tanstack/react-router';
import type { Source } from '../api/types';
import { bytes } from '../design/bytes';
import { Sparkline } from '../design/Sparkline';
import { Time } from '../design/Time';
import { useLinkStyles } from '../design/useLinkStyles';
import { useTableStyles } from '../design/useTableStyles';
import { count } from '../design/words';
import { delay, perMinute, rateWords, worstFirst } from './state';
import { StateMark } from './StateMark';

const useStyles = makeStyles({
  scroll: {
    overflow: 'auto',
    flexGrow: 1,
    padding: `${tokens.spacingVerticalM} ${tokens.spacingHorizontalXXL}`,
    '@media (max-width: 639px)': { padding: `${tokens.spacingVerticalS} ${tokens.spacingHorizontalM}` },
  },
  flags: { display: 'flex', gap: tokens.spacingHorizontalXS, marginTop: tokens.spacingVerticalXXS, flexWrap: 'wrap' },
  small: { fontSize: tokens.fontSizeBase200 },
  name: { fontWeight: tokens.fontWeightSemibold },
});

// Families lists the families of records with how well they flow; what needs a look stands on top.
export function Families({ list }: { list: readonly Source[] }) {
  const s = useStyles();
  const t = useTableStyles();
  const l = useLinkStyles();
  return (
    <div className={s.scroll}>
      <table className={t.table} aria-label="Families">
        <thead>
          <tr>
            <th>Family</th>
            <th>State</th>
            <th>Last record</th>
            <th>Last hour</th>
            <th className={t.number}>Per minute</th>
            <th className={t.number} title="From received to queryable, lately">
              Lag
            </th>
            <th className={t.number} title="From the event to received, the recent median">
              Delay
            </th>
            <th className={t.number}>Records</th>
            <th className={t.number}>Size</th>
            <th className={t.number}>Refused</th>
            <th>First record</th>
          </tr>
        </thead>
        <tbody>
          {worstFirst(list).map((x) => (
            <tr key={x.id}>
              <td>
                <span className={s.name}>{x.id}</span>
                {x.late > 0 || x.ahead > 0 || x.skewedDevices > 0 ? (
                  <div className={s.flags}>
                    {x.late > 0 ? (
                      <Badge
                        appearance="tint"
                        color="warning"
                        title="Their events were old when they arrived. They are kept and detected all the same."
                      >
                        {`${x.late.toLocaleString()} late`}
                      </Badge>
                    ) : null}
                    {x.ahead > 0 ? (
                      <Badge appearance="tint" color="warning" title="Their events lie in the future: the clock of a sender is wrong.">
                        {`${x.ahead.toLocaleString()} from the future`}
                      </Badge>
                    ) : null}
                    {x.skewedDevices > 0 ? (
                      <Link to="." search={{ pane: 'clocks' } as never} className={mergeClasses(l.link, l.inText, s.small)}>
                        {count(x.skewedDevices, 'clock is wrong', 'clocks are wrong')}
                      </Link>
                    ) : null}
                  </div>
                ) : null}
              </td>
              <td>
                <StateMark source={x} />
              </td>
              <td className={t.nowrap}>
                <Time value={x.lastSeen} />
              </td>
              <td>
                <Sparkline values={x.recent} words={rateWords(x.recent)} />
              </td>
              <td className={t.number}>{perMinute(x.ratePerMinute)}</td>
              <td className={t.number}>{delay(x.lagSeconds)}</td>
              <td className={t.number}>{delay(x.delaySeconds)}</td>
              <td className={t.number}>{x.records.toLocaleString()}</td>
              <td className={t.number}>{bytes(x.bytes)}</td>
              <td className={t.number}>
                {x.refused > 0 ? (
                  <Link to="." search={{ tab: 'refused' } as never} className={mergeClasses(l.link, l.inText)}>
                    {x.refused.toLocaleString()}
                  </Link>
                ) : (
                  '0'
                )}
              </td>
              <td className={t.nowrap}>
                <Time value={x.firstSeen} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
