// Times as people read them: relative in lists, absolute with zone on hover, in panes and in exports.

// Zone is an IANA name, or "local" for the browser's own.
export type Zone = string;

// ZoneChoice is what the person picked: the tenant's zone, the browser's, or UTC.
export type ZoneChoice = 'tenant' | 'local' | 'utc';

const zoneKey = 'bartizan.zone';

export function zoneChoice(): ZoneChoice {
  const stored = localStorage.getItem(zoneKey);
  return stored === 'utc' || stored === 'local' ? stored : 'tenant';
}

export function chooseZone(choice: ZoneChoice): void {
  localStorage.setItem(zoneKey, choice);
}

// resolve gives the zone that a choice means. A tenant zone that the browser does not know is the browser's own.
export function resolve(choice: ZoneChoice, tenantZone: string): Zone {
  if (choice === 'local') return 'local';
  const name = choice === 'utc' ? 'UTC' : tenantZone;
  try {
    new Intl.DateTimeFormat(undefined, { timeZone: name });
    return name === '' ? 'local' : name;
  } catch {
    return 'local';
  }
}

function options(zone: Zone): Intl.DateTimeFormatOptions {
  return zone === 'local' ? {} : { timeZone: zone };
}

// valid is false for missing times and for the zero time of the server.
export function valid(time: string | undefined | null): time is string {
  return !!time && !time.startsWith('0001-') && !Number.isNaN(Date.parse(time));
}

// absolute writes a time to the second with its zone.
export function absolute(time: string | undefined | null, zone: Zone): string {
  if (!valid(time)) return '';
  return new Date(time).toLocaleString(undefined, {
    year: 'numeric',
    month: 'short',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    timeZoneName: 'short',
    ...options(zone),
  });
}

// short writes a time for a narrow column, without seconds and zone.
export function short(time: string | undefined | null, zone: Zone): string {
  if (!valid(time)) return '';
  const date = new Date(time);
  const sameYear = date.getFullYear() === new Date().getFullYear();
  return date.toLocaleString(undefined, {
    ...(sameYear ? {} : { year: 'numeric' }),
    month: 'short',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    ...options(zone),
  });
}

// clock writes the time of day to the second.
export function clock(time: string | undefined | null, zone: Zone): string {
  if (!valid(time)) return '';
  return new Date(time).toLocaleTimeString(undefined, {
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
    ...options(zone),
  });
}

// exact writes a time as records are compared: "2026-11-23 15:04:05.123".
export function exact(time: string | undefined | null, zone: Zone): string {
  if (!valid(time)) return time ?? '';
  const date = new Date(time);
  // The Swedish form of a time is the one that sorts.
  return `${date.toLocaleString('sv-SE', options(zone))}.${String(date.getUTCMilliseconds()).padStart(3, '0')}`;
}

const steps: [limit: number, unit: Intl.RelativeTimeFormatUnit, seconds: number][] = [
  [60, 'second', 1],
  [3600, 'minute', 60],
  [86_400, 'hour', 3600],
  [7 * 86_400, 'day', 86_400],
  [31 * 86_400, 'week', 7 * 86_400],
  [365 * 86_400, 'month', 30.44 * 86_400],
];

// relative writes how long ago (or ahead) a time is, "5 minutes ago".
export function relative(time: string | undefined | null, now: number = Date.now(), locale?: string): string {
  if (!valid(time)) return '';
  const seconds = (Date.parse(time) - now) / 1000;
  const format = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' });
  if (Math.abs(seconds) < 10) return 'just now';
  for (const [limit, unit, size] of steps) if (Math.abs(seconds) < limit) return format.format(Math.round(seconds / size), unit);
  return format.format(Math.round(seconds / (365.25 * 86_400)), 'year');
}

// gap writes a span of seconds in its largest two units, "1 h 5 min".
export function gap(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return s % 60 === 0 ? `${Math.floor(s / 60)} min` : `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86_400) {
    const minutes = Math.round((s % 3600) / 60);
    return minutes === 0 ? `${Math.floor(s / 3600)} h` : `${Math.floor(s / 3600)} h ${minutes} min`;
  }
  const hours = Math.round((s % 86_400) / 3600);
  return hours === 0 ? `${Math.floor(s / 86_400)} d` : `${Math.floor(s / 86_400)} d ${hours} h`;
}

const day = 86_400_000;

export const rangePresets = [
  { id: '1d', label: 'Last day', days: 1 },
  { id: '3d', label: 'Last 3 days', days: 3 },
  { id: '1w', label: 'Last week', days: 7 },
  { id: '30d', label: 'Last 30 days', days: 30 },
  { id: '6m', label: 'Last 6 months', days: 183 },
] as const;

export interface Bounds {
  from?: string;
  to?: string;
}

// bounds turns a range of the URL into times: a preset id, "FROM~TO" (either may be empty), or anything else for all time.
// The start of a preset is rounded down to the minute so that the same list is asked for with the same words.
export function bounds(range: string | undefined, now: number = Date.now()): Bounds {
  if (!range) return {};
  const preset = rangePresets.find((p) => p.id === range);
  if (preset) return { from: new Date(Math.floor((now - preset.days * day) / 60_000) * 60_000).toISOString() };
  const parts = range.split('~');
  if (parts.length !== 2) return {};
  const out: Bounds = {};
  if (valid(parts[0])) out.from = new Date(parts[0]).toISOString();
  if (valid(parts[1])) out.to = new Date(parts[1]).toISOString();
  return out;
}

// rangeLabel names a range of the URL.
export function rangeLabel(range: string | undefined, zone: Zone): string {
  if (!range) return 'All time';
  const preset = rangePresets.find((p) => p.id === range);
  if (preset) return preset.label;
  const b = bounds(range);
  if (b.from && b.to) return `${short(b.from, zone)} – ${short(b.to, zone)}`;
  if (b.from) return `Since ${short(b.from, zone)}`;
  if (b.to) return `Until ${short(b.to, zone)}`;
  return 'All time';
}
