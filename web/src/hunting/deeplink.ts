// Links that carry a query: made short by compression, and read in either form, "query=TEXT" or "query=BASE64 OF GZIP".
import { text, type Search } from '../app/url';
import { isRange } from './ranges';

// Links are bounded by what browsers and proxies carry, and a query by what the server takes.
const maxLinked = 64 << 10;
const maxUnpacked = 256 << 10;

async function drain(stream: ReadableStream<Uint8Array>, limit: number): Promise<Uint8Array> {
  const reader = stream.getReader();
  const parts: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > limit) {
      await reader.cancel();
      throw new Error('The linked query is too long.');
    }
    parts.push(value);
  }
  const out = new Uint8Array(size);
  let at = 0;
  for (const p of parts) {
    out.set(p, at);
    at += p.length;
  }
  return out;
}

const through = (bytes: Uint8Array, by: CompressionStream | DecompressionStream) =>
  new Blob([bytes as BlobPart]).stream().pipeThrough(by as unknown as ReadableWritablePair<Uint8Array, Uint8Array>);

// pack writes a query as base64 of gzip, in the alphabet of addresses.
export async function pack(query: string): Promise<string> {
  const bytes = await drain(through(new TextEncoder().encode(query), new CompressionStream('gzip')), maxUnpacked);
  let binary = '';
  for (const b of bytes) binary += String.fromCharCode(b);
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

// unpack reads the query of a link. Compressed texts may be UTF-8 or UTF-16; what is not compressed is the query itself.
export async function unpack(linked: string): Promise<string> {
  if (linked.length > maxLinked) throw new Error('The linked query is too long.');
  if (!/^H4sI[A-Za-z0-9+/_= -]*$/.test(linked)) return linked;
  const plain = linked.replaceAll(' ', '+').replaceAll('-', '+').replaceAll('_', '/').replace(/=+$/, '');
  const bytes = Uint8Array.from(atob(plain.padEnd(Math.ceil(plain.length / 4) * 4, '=')), (c) => c.charCodeAt(0));
  const out = await drain(through(bytes, new DecompressionStream('gzip')), maxUnpacked);
  const wide = out.length > 1 && out.length % 2 === 0 && (out[1] === 0 || (out[0] === 0xff && out[1] === 0xfe));
  return new TextDecoder(wide ? 'utf-16le' : 'utf-8').decode(out).replace(/^\ufeff/, '');
}

const ids: Record<string, string> = { hour: '1h', day: '1d', week: '1w', month: '30d', all: 'all' };

export interface Linked {
  query: string;
  run: boolean;
  // A range of the address, when the link names one.
  range?: string;
}

// linkedIn reads what an address asks the page to open; undefined when it names no query.
export function linkedIn(search: Search): Linked | undefined {
  const query = text(search.query);
  if (query === undefined) return undefined;
  const range = text(search.range) ?? ids[text(search.timeRangeId) ?? ''];
  return { query, run: text(search.runQuery) === 'true', ...(range !== undefined && isRange(range) ? { range } : {}) };
}

// linkTo makes the address that opens a query, and runs it with the rights of whoever follows it.
export async function linkTo(origin: string, query: string, range: string, run = true): Promise<string> {
  const out = new URLSearchParams({ query: await pack(query) });
  if (run) out.set('runQuery', 'true');
  const id = Object.entries(ids).find(([, r]) => r === range)?.[0];
  if (id) out.set('timeRangeId', id);
  else out.set('range', range);
  return `${origin}/hunting?${out.toString()}`;
}
