// Refused records as people read them.
import type { Refused } from '../api/types';

// decoded reads the base64 of a refused record as text, as far as it is text.
export function decoded(sample: string): string {
  try {
    const bytes = Uint8Array.from(atob(sample.replace(/…$/, '')), (c) => c.charCodeAt(0));
    return new TextDecoder('utf-8').decode(bytes);
  } catch {
    return sample;
  }
}

// beginning is the start of a record on one line; characters that show nothing are shown as a dot.
export function beginning(sample: string | undefined, length = 160): string {
  if (!sample) return '';
  const text = decoded(sample)
    .replace(/\s+/g, ' ')
    .trim()
    .replace(/\p{C}|\uFFFD/gu, '·');
  const cut = [...text].slice(0, length).join('');
  return cut.length < text.length ? `${cut}…` : cut;
}

// A record that was received has a place in the log: the delivery above these bits, the record of it below.
const recordBits = 20;

// placeOf says where a refused record stood: in which file, or in which delivery to a receiver.
export function placeOf(r: Pick<Refused, 'path' | 'record'>): string {
  if (r.path) return r.record > 0 ? `${r.path}, record ${r.record.toLocaleString()}` : r.path;
  if (r.record < 2 ** recordBits) return r.record > 0 ? `Record ${r.record.toLocaleString()}` : '';
  return `Record ${((r.record % 2 ** recordBits) + 1).toLocaleString()} of delivery ${Math.floor(r.record / 2 ** recordBits).toLocaleString()}`;
}
