// The time ranges of the hunting page as the address has them: a preset, "all", or "FROM~TO".
import { absolute, short, valid, type Zone } from '../design/time';

export const presets: readonly { id: string; label: string }[] = [
  { id: '1h', label: 'Last hour' },
  { id: '1d', label: 'Last 24 hours' },
  { id: '1w', label: 'Last 7 days' },
  { id: '30d', label: 'Last 30 days' },
  { id: '6m', label: 'Last 6 months' },
  { id: 'all', label: 'All time' },
];

export function isRange(range: string): boolean {
  if (presets.some((p) => p.id === range) || range === '3d') return true;
  const parts = range.split('~');
  return parts.length === 2 && parts.every((p) => p === '' || valid(p)) && parts.some((p) => p !== '');
}

// rangeName names a range for a button, rangeDetail with seconds and zone.
export function rangeName(range: string, zone: Zone): string {
  const preset = presets.find((p) => p.id === range);
  if (preset) return preset.label;
  if (range === '3d') return 'Last 3 days';
  const [from, to] = range.split('~');
  if (valid(from) && valid(to)) return `${short(from, zone)} – ${short(to, zone)}`;
  if (valid(from)) return `Since ${short(from, zone)}`;
  if (valid(to)) return `Until ${short(to, zone)}`;
  return 'All time';
}

export function rangeDetail(range: string, zone: Zone): string {
  const [from, to] = range.includes('~') ? range.split('~') : [];
  if (!valid(from) && !valid(to)) return rangeName(range, zone);
  return `${valid(from) ? absolute(from, zone) : 'the beginning'} – ${valid(to) ? absolute(to, zone) : 'now'}`;
}

// zoneLabel names the zone that times of the page are written in.
export function zoneLabel(zone: Zone): string {
  return zone === 'local' ? Intl.DateTimeFormat().resolvedOptions().timeZone : zone;
}

// offset is the minutes that a zone is ahead of UTC at an instant.
function offset(at: number, zone: Zone): number {
  if (zone === 'local') return -new Date(at).getTimezoneOffset();
  const parts = new Map(
    new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
    })
      .formatToParts(at)
      .map((p) => [p.type, Number(p.value)]),
  );
  const part = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? 0;
  const wall = Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'));
  return Math.round((wall - Math.floor(at / 60_000) * 60_000) / 60_000);
}

// instant reads a clock time of a zone ("2026-11-23T15:00") as an instant; undefined when it is none.
export function instant(wall: string, zone: Zone): string | undefined {
  const utc = Date.parse(`${wall}Z`);
  if (wall === '' || Number.isNaN(utc)) return undefined;
  const first = utc - offset(utc, zone) * 60_000;
  return new Date(utc - offset(first, zone) * 60_000).toISOString();
}

// wallTime writes an instant as a clock time of a zone, for a field of date and time.
export function wallTime(iso: string | undefined, zone: Zone): string {
  if (!valid(iso)) return '';
  const at = Date.parse(iso);
  return new Date(at + offset(at, zone) * 60_000).toISOString().slice(0, 16);
}
