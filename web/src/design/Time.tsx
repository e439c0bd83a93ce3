import { createContext, useContext, useEffect, useMemo, useState, type ReactNode } from 'react';
import { absolute, chooseZone, clock, relative, resolve, short, valid, zoneChoice, type Zone, type ZoneChoice } from './time';

interface ZoneState {
  zone: Zone;
  choice: ZoneChoice;
  tenantZone: string;
  choose: (choice: ZoneChoice) => void;
}

const ZoneContext = createContext<ZoneState>({ zone: 'local', choice: 'local', tenantZone: 'UTC', choose: () => undefined });
const NowContext = createContext<number>(0);

// TimeProvider holds the zone that times show in and a clock that relative times follow, a step every 30 seconds.
export function TimeProvider({ tenantZone, children }: { tenantZone: string; children: ReactNode }) {
  const [choice, setChoice] = useState<ZoneChoice>(zoneChoice);
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 30_000);
    return () => clearInterval(timer);
  }, []);
  const state = useMemo(
    () => ({
      zone: resolve(choice, tenantZone),
      choice,
      tenantZone,
      choose: (next: ZoneChoice) => {
        chooseZone(next);
        setChoice(next);
      },
    }),
    [choice, tenantZone],
  );
  return (
    <ZoneContext.Provider value={state}>
      <NowContext.Provider value={now}>{children}</NowContext.Provider>
    </ZoneContext.Provider>
  );
}

export function useZone(): ZoneState {
  return useContext(ZoneContext);
}

// Time shows a time: relative with the absolute one on hover, or the absolute one with the relative one behind it.
export function Time({
  value,
  form = 'relative',
}: {
  value: string | undefined | null;
  form?: 'relative' | 'short' | 'clock' | 'absolute' | 'both';
}) {
  const { zone } = useZone();
  const now = useContext(NowContext);
  if (!valid(value)) return <span aria-label="no time">–</span>;
  const exact = absolute(value, zone);
  const ago = relative(value, Math.max(now, Date.now()));
  return (
    <time dateTime={value} title={form === 'relative' || form === 'clock' ? exact : ago}>
      {form === 'relative'
        ? ago
        : form === 'short'
          ? short(value, zone)
          : form === 'clock'
            ? clock(value, zone)
            : form === 'absolute'
              ? exact
              : `${exact} (${ago})`}
    </time>
  );
}
