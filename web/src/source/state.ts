// What the state of a source means, and its delays in words.
import type { Source } from '../api/types';
import { gap } from '../design/time';

export type SourceState = Source['state'];

export const stateWords: Record<SourceState, { word: string; means: string }> = {
  delivering: { word: 'Delivering', means: 'Records came within the last minutes.' },
  quiet: { word: 'Quiet', means: 'Nothing came lately. Some sources deliver only now and then.' },
  silent: { word: 'Silent', means: 'It delivered regularly and has stopped. Look whether the sender still runs and reaches this server.' },
  failing: { word: 'Failing', means: 'Most of what comes is refused. The refused records say why.' },
};

const minute = 60_000;

// worstFirst orders sources so that what needs a look stands on top, then by name.
export function worstFirst(list: readonly Source[]): Source[] {
  const order: SourceState[] = ['failing', 'silent', 'delivering', 'quiet'];
  return list.toSorted((a, b) => order.indexOf(a.state) - order.indexOf(b.state) || a.id.localeCompare(b.id));
}

// delay writes a lag of seconds: with a tenth below ten seconds, in two units above.
export function delay(seconds: number | undefined | null): string {
  if (seconds === undefined || seconds === null || !Number.isFinite(seconds)) return '–';
  if (seconds < 0) return `${gap(-seconds)} ahead`;
  if (seconds < 10) return `${seconds.toLocaleString(undefined, { maximumFractionDigits: 1 })} s`;
  return gap(seconds);
}

// rateWords says in words what the small chart of an hour shows.
export function rateWords(recent: readonly number[]): string {
  const sum = recent.reduce((a, b) => a + b, 0);
  if (sum === 0) return 'No records in the last hour';
  return `${sum.toLocaleString()} records in the last hour, at most ${Math.max(...recent).toLocaleString()} in a minute`;
}

// perMinute writes a rate: whole numbers, or a tenth below ten.
export function perMinute(rate: number | undefined | null): string {
  return (rate ?? 0).toLocaleString(undefined, { maximumFractionDigits: (rate ?? 0) < 10 ? 1 : 0 });
}

// recently says whether a moment is not more than some minutes ago.
export function recently(time: string | undefined, now: number, minutes = 5): boolean {
  return time !== undefined && now - Date.parse(time) < minutes * minute;
}
