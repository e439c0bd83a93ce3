// Filters of a list as data: what can be filtered, and how the choice is written in the address and asked of the server.
import type { Params } from '../../api/client';
import type { Facets } from '../../api/types';
import { text, texts, type Search } from '../../app/url';
import { bounds } from '../time';
import { label as words } from '../words';

export interface Filter {
  id: string;
  label: string;
  // The values to choose from; those the facets name are added to them.
  options?: readonly string[];
  // A free filter takes typed text; one filter takes a single value.
  kind?: 'many' | 'free' | 'one';
  word?: (value: string) => string;
  // The words for things without a value; such a filter asks the server for the empty text.
  none?: string;
}

// noneValue stands for the empty value in the address, where an empty parameter means nothing.
export const noneValue = '-';

export const rangeId = 'range';

// active lists the filters that the address sets, in their defined order.
export function active(filters: readonly Filter[], search: Search): { filter: Filter; values: string[] }[] {
  return filters.flatMap((filter) => {
    const values = texts(search[filter.id]);
    return values.length > 0 ? [{ filter, values }] : [];
  });
}

// wordOf names a value of a filter.
export function wordOf(filter: Filter, value: string): string {
  if (value === noneValue && filter.none !== undefined) return filter.none;
  return (filter.word ?? words)(value);
}

// summary names a set filter for its chip: "Severity: High, Medium", or with a count when there are many.
export function summary(filter: Filter, values: readonly string[]): string {
  const shown = values.length > 2 ? `${values.length} chosen` : values.map((v) => wordOf(filter, v)).join(', ');
  return `${filter.label}: ${shown}`;
}

// optionsOf gives the values of a filter with how many things have each: the known ones first, then those found in the data.
export function optionsOf(
  filter: Filter,
  facets: Facets | undefined,
  chosen: readonly string[],
): { value: string; count: number | undefined }[] {
  const found = facets?.[filter.id] ?? {};
  const values = [...(filter.none === undefined ? [] : [noneValue]), ...(filter.options ?? [])];
  for (const value of [...Object.keys(found).sort((a, b) => (found[b] ?? 0) - (found[a] ?? 0)), ...chosen]) {
    if (value !== '' && !values.includes(value)) values.push(value);
  }
  return values.map((value) => ({ value, count: facets ? (found[value === noneValue ? '' : value] ?? 0) : undefined }));
}

// params turns the address into what the server is asked.
export function params(filters: readonly Filter[], search: Search, defaultOrder: string, now?: number): Params {
  const out: Params = {};
  for (const { filter, values } of active(filters, search))
    out[filter.id] =
      filter.kind === 'one' || filter.kind === 'free'
        ? values[0]
        : values.map((v) => (v === noneValue && filter.none !== undefined ? '' : v));
  const { from, to } = bounds(text(search[rangeId]), now);
  out.from = from;
  out.to = to;
  out.search = text(search.search);
  out.orderby = text(search.orderby) ?? defaultOrder;
  return out;
}

// filtered reports whether anything narrows the list, so that an empty one can offer to clear it.
export function filtered(filters: readonly Filter[], search: Search): boolean {
  return active(filters, search).length > 0 || text(search.search) !== undefined || text(search[rangeId]) !== undefined;
}

// cleared is the address without its filters.
export function cleared(filters: readonly Filter[], search: Search): Search {
  const out: Search = { ...search };
  for (const f of filters) out[f.id] = undefined;
  out.search = undefined;
  out[rangeId] = undefined;
  return out;
}
