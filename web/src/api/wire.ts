// What the API sends, where the portal holds it in another shape: numbers as ids, lists of counts, nulls for empty lists.
import type { Alert, Facets, Incident, Page } from './types';

export type WireIncident = Omit<Incident, 'id' | 'redirectIncidentId'> & {
  id: number | string;
  redirectIncidentId?: number | string | null;
};
export type WireAlert = Omit<Alert, 'incidentId' | 'techniques'> & {
  incidentId?: number | string;
  mitreTechniques?: string[];
  techniques?: string[];
};
export type WireFacets = Record<string, { value: string; count: number }[] | Record<string, number> | null>;

export function incident(wire: WireIncident): Incident {
  const { redirectIncidentId, ...rest } = wire;
  return {
    ...rest,
    id: String(wire.id),
    ...(redirectIncidentId === undefined || redirectIncidentId === null ? {} : { redirectIncidentId: String(redirectIncidentId) }),
  };
}

export function alert(wire: WireAlert): Alert {
  const { mitreTechniques, ...rest } = wire;
  const incidentId = wire.incidentId === undefined || wire.incidentId === 0 ? '' : String(wire.incidentId);
  return { ...rest, incidentId, techniques: mitreTechniques ?? wire.techniques ?? [] };
}

export function page<W, T>(wire: Page<W> | { value: W[] | null; count?: number }, of: (w: W) => T): Page<T> {
  return { ...wire, value: (wire.value ?? []).map(of) };
}

export function plain<T>(wire: Page<T> | { value: T[] | null; count?: number }): Page<T> {
  return { ...wire, value: wire.value ?? [] };
}

export function facets(wire: WireFacets): Facets {
  const out: Facets = {};
  for (const [name, counts] of Object.entries(wire)) {
    if (Array.isArray(counts)) out[name] = Object.fromEntries(counts.map((c) => [c.value, c.count]));
    else if (counts && typeof counts === 'object') out[name] = counts;
  }
  return out;
}
