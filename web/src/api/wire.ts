// What the API sends, where the portal holds it in another shape: numbers as ids, techniques by a shorter name, nulls for empty lists.
import type { Alert, AlertStatus, Graph, Incident, IncidentStatus, Page, Severity, WireAlert, WireIncident } from './types';

export function incident(wire: WireIncident): Incident {
  const { id, redirectIncidentId, ...rest } = wire;
  return {
    ...rest,
    id: String(id),
    severity: wire.severity as Severity,
    status: wire.status as IncidentStatus,
    ...(redirectIncidentId ? { redirectIncidentId: String(redirectIncidentId) } : {}),
  };
}

export function alert(wire: WireAlert): Alert {
  const { mitreTechniques, incidentId, ...rest } = wire;
  return {
    ...rest,
    incidentId: incidentId ? String(incidentId) : '',
    techniques: mitreTechniques ?? [],
    severity: wire.severity as Severity,
    status: wire.status as AlertStatus,
  };
}

export function page<W, T>(wire: Page<W>, of: (w: W) => T): Page<T> {
  return { ...wire, value: wire.value.map(of) };
}

export function graph(wire: { nodes?: Graph['nodes'] | null; edges?: Graph['edges'] | null; truncated?: boolean }): Graph {
  return { nodes: wire.nodes ?? [], edges: wire.edges ?? [], truncated: wire.truncated ?? false };
}
