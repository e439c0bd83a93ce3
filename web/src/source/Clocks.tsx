import { useQuery } from '@tanstack/react-query';
import { sources } from '../api/endpoints';
import { SidePane } from '../design/SidePane';
import { Empty, Failure, Lines } from '../design/states';
import { Time } from '../design/Time';
import { gap } from '../design/time';
import { useTableStyles } from '../design/useTableStyles';

// skewWords says how wrong a clock is.
export function skewWords(seconds: number): string {
  return seconds === 0 ? 'right' : `${gap(Math.abs(seconds))} ${seconds > 0 ? 'ahead' : 'behind'}`;
}

// Clocks lists the devices whose clock is wrong, the worst first. Their events are kept at the time that they say.
export function Clocks({ onClose }: { onClose: () => void }) {
  const t = useTableStyles();
  const list = useQuery({ queryKey: ['sources', 'clocks'], queryFn: sources.clocks });
  return (
    <SidePane title="Devices with a wrong clock" onClose={onClose}>
      <span className={t.quiet}>
        Set their time (NTP): what they report is placed at the wrong time, and joins with other devices fail.
      </span>
      {list.isPending ? <Lines count={5} /> : null}
      {list.error ? <Failure what="the clocks" error={list.error} retry={() => void list.refetch()} /> : null}
      {list.data && list.data.value.length === 0 ? <Empty title="Every clock is right" /> : null}
      {list.data && list.data.value.length > 0 ? (
        <div className={t.wrap}>
          <table className={t.table} aria-label="Device clocks">
            <thead>
              <tr>
                <th>Device</th>
                <th>Clock</th>
                <th>Family</th>
                <th>Seen</th>
              </tr>
            </thead>
            <tbody>
              {list.data.value.map((x) => (
                <tr key={`${x.family} ${x.device}`}>
                  <td style={{ overflowWrap: 'anywhere' }}>{x.device}</td>
                  <td className={t.nowrap}>{skewWords(x.skewSeconds)}</td>
                  <td>{x.family}</td>
                  <td className={t.nowrap}>
                    <Time value={x.measured} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      ) : null}
    </SidePane>
  );
}
