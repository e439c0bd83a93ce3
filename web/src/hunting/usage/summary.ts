// The figures of the query resources report.
import type { UsagePoint } from '../../api/hunting';
import { valid, type Zone } from '../../design/time';
import { rangeName } from '../ranges';

export interface DayUse {
  // "2026-11-23", in UTC.
  day: string;
  interface: string;
  runs: number;
  // Mean processor time of a run and the largest of one hour's peak, in milliseconds.
  average: number;
  peak: number;
}

// perDay adds the hours of each day and interface up.
export function perDay(points: readonly UsagePoint[]): DayUse[] {
  const by = new Map<string, { day: string; interface: string; runs: number; cpu: number; peak: number }>();
  for (const p of points) {
    const day = p.time.slice(0, 10);
    const key = `${day} ${p.interface}`;
    const at = by.get(key) ?? { day, interface: p.interface, runs: 0, cpu: 0, peak: 0 };
    at.runs += p.runs;
    at.cpu += p.cpuMs;
    at.peak = Math.max(at.peak, p.peakCpuMs);
    by.set(key, at);
  }
  return [...by.values()]
    .map(({ cpu, ...rest }) => ({ ...rest, average: rest.runs === 0 ? 0 : cpu / rest.runs }))
    .sort((a, b) => (a.day === b.day ? (a.interface < b.interface ? -1 : 1) : a.day < b.day ? -1 : 1));
}

export function total(points: readonly UsagePoint[]): number {
  return points.reduce((n, p) => n + p.runs, 0);
}

// spanWords writes milliseconds for a narrow column.
export function spanWords(ms: number): string {
  if (ms < 1) return ms > 0 ? '<1 ms' : '0 ms';
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}

// rangeWords writes the time range of a run in the zone of the page; what is no range stays as it is.
export function rangeWords(timespan: string | undefined, zone: Zone): string {
  if (!timespan) return 'All time';
  const [from, to] = timespan.split('/');
  if (valid(from) && valid(to)) return rangeName(`${from}~${to}`, zone);
  const m = /^P(?:(\d+)D|T(\d+)H)$/.exec(timespan);
  if (!m) return timespan.replaceAll('/', ' to ');
  const n = Number(m[1] ?? m[2]);
  const unit = m[1] ? 'day' : 'hour';
  return n === 1 ? `Last ${unit}` : `Last ${n} ${unit}s`;
}
