import { createContext, useContext, useEffect, useMemo, useState, type ReactNode } from 'react';
import { absolute, chooseZone, clock, relative, short, valid, zoneChoice, type ZoneChoice } from './time';

interface Zone {
  zone: ZoneChoice;
  choose: (zone: ZoneChoice) => void;
}

const ZoneContext = createContext<Zone>({ zone: 'local', choose: () => undefined });
const NowContext = createContext<number>(0);

// TimeProvider holds the person's zone and a clock that relative times follow, a step every 30 seconds.
export function TimeProvider({ children }: { children: ReactNode }) {
  const [zone, setZone] = useState<ZoneChoice>(zoneChoice);
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 30_000);
    return () => clearInterval(timer);
  }, []);
  const state = useMemo(
    () => ({
      zone,
      choose: (next: ZoneChoice) => {
        chooseZone(next);
        setZone(next);
      },
    }),
    [zone],
  );
  return (
    <ZoneContext.Provider value={state}>
      <NowContext.Provider value={now}>{children}</NowContext.Provider>
    </ZoneContext.Provider>
  );
}

export function useZone(): Zone {
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
