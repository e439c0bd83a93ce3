// The portal's view of the API's data: the generated types, with ids of incidents as text, and lists that the server may send as null optional
// (readers say "?? []").
import type { components } from './generated';

type Schemas = components['schemas'];

// Loose makes members that may be null optional, at every depth.
export type Loose<T> = T extends (infer E)[]
  ? Loose<E>[]
  : T extends object
    ? { [K in keyof T as null extends T[K] ? never : K]: Loose<T[K]> } & {
        [K in keyof T as null extends T[K] ? K : never]?: Loose<NonNullable<T[K]>>;
      }
    : T;

export type Severity = 'Informational' | 'Low' | 'Medium' | 'High';
export type IncidentStatus = 'Active' | 'InProgress' | 'Resolved' | 'Redirected';
export type AlertStatus = 'New' | 'InProgress' | 'Resolved';

export interface Page<T> {
  value: T[];
  count?: number;
  nextLink?: string;
}

export type Named = Schemas['EntityRef'];
export type Session = Schemas['Session'];

// Join is one explained edge between an alert and the alert it was joined to.
export type Join = Schemas['Join'];
export type Evidence = Loose<Schemas['Evidence']>;
export type EvidenceRow = Loose<Schemas['EvidenceItem']>;
export type FieldMatch = Schemas['FieldMatch'];
export type Hit = Schemas['HitRecord'];

export type WireIncident = Loose<Schemas['Incident']>;
export type WireAlert = Loose<Schemas['Alert']>;

export type Incident = Omit<WireIncident, 'id' | 'redirectIncidentId' | 'severity' | 'status'> & {
  id: string;
  redirectIncidentId?: string;
  severity: Severity;
  status: IncidentStatus;
};

export type Alert = Omit<WireAlert, 'incidentId' | 'mitreTechniques' | 'severity' | 'status'> & {
  incidentId: string;
  techniques: string[];
  severity: Severity;
  status: AlertStatus;
};

export type Activity = Schemas['Activity'];

// Asset is a row of the Devices, Users and Mailboxes tabs of an incident.
export type Asset = Loose<Schemas['Asset']>;

// Investigation has an id only until the product investigates; the other members are those of the specification.
export type Investigation = Schemas['Investigation'] & {
  trigger?: string;
  status?: string;
  source?: string;
  start?: string;
  end?: string;
  pendingActions?: number;
};

export type GraphNode = Schemas['GraphNode'];
export type GraphEdge = Schemas['GraphEdge'];

export interface Graph {
  nodes: GraphNode[];
  edges: GraphEdge[];
  truncated?: boolean;
}

export type StoryNode = Schemas['StoryNode'];
export type Story = Schemas['Story'];

export type Facets = Record<string, Record<string, number>>;

// ManagePatch changes an incident or an alert; a field left out is unchanged.
export type ManagePatch = Loose<Schemas['Patch']>;
export type BulkResult = Schemas['BulkAnswer'];

export type Column = Schemas['HuntColumn'];
export type Cell = string | number | boolean | null | Cell[] | { [key: string]: Cell };
export type RenderHint = Loose<Schemas['HuntRender']>;
export type HuntResult = Omit<Loose<Schemas['HuntAnswer']>, 'rows'> & { rows: Cell[][] };
export type Diagnostic = Schemas['HuntDiagnostic'];
export type SchemaTable = Schemas['HuntTable'];
export type SavedQuery = Schemas['SavedQuery'];

export type Rule = Loose<Schemas['RuleView']>;
export type Source = Schemas['SourceView'];

// Sender is who delivers: a token, a connector, a syslog peer.
export type Sender = Schemas['SenderView'];
export type Quota = Omit<Schemas['TokenQuota'], '$schema'>;

// DeviceClock is a device whose clock is wrong.
export type DeviceClock = Schemas['ClockView'];
export type Refused = Schemas['RefusedRecord'];
export type Scenario = Schemas['LabScenario'];
export type LabRun = Schemas['LabRun'];
export type Lab = Schemas['Lab'];
export type LabRemoved = Schemas['Removed'];
export type PortalUser = Schemas['UserView'];
export type Role = Schemas['RoleView'];
export type Assignee = Schemas['Assignee'];
export type ApiToken = Schemas['TokenView'];
export type Setting = Schemas['Setting'];
export type EntityHit = Schemas['EntityHit'];
export type HealthComponent = Schemas['HealthComponent'];
export type HealthQueue = Schemas['HealthQueue'];
export type Health = Schemas['Health'];

// LiveEvent is one server-sent event; its name is the topic.
export interface LiveEvent {
  topic: 'incident' | 'alert' | 'ingest' | 'lab' | 'rule';
  id: string;
  change: string;
  time: string;
}
