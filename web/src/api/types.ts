// The portal's view of the API's data. Lists that a server may leave out or send as null are optional here.

export type Severity = 'Informational' | 'Low' | 'Medium' | 'High';
export type IncidentStatus = 'Active' | 'InProgress' | 'Resolved' | 'Redirected';
export type AlertStatus = 'New' | 'InProgress' | 'Resolved';

export interface Page<T> {
  value: T[];
  count?: number;
  nextLink?: string;
}

export interface Named {
  key: string;
  name: string;
}

export interface TenantRef {
  id: string;
  name: string;
}

export interface SessionUser {
  id: string;
  name: string;
  displayName?: string;
  roles?: string[];
  permissions?: string[];
  mustChangePassword?: boolean;
}

export interface Session {
  user: SessionUser;
  tenant: TenantRef;
  tenants?: TenantRef[];
  csrf: string;
  zone?: string;
  version?: string;
  lab?: { loaded: boolean; runs?: number };
  mustChangePassword?: boolean;
}

// Join is one explained edge between an alert and the alert it was joined to.
export interface Join {
  alertId: string;
  toAlertId: string;
  kind: string;
  entity?: string;
  weight?: number;
  gapSeconds?: number;
  text?: string;
  rarity?: number;
}

export interface Incident {
  id: string;
  name: string;
  severity: Severity;
  status: IncidentStatus;
  assignedTo?: string;
  classification?: string;
  determination?: string;
  tags?: string[];
  createdTime: string;
  lastUpdateTime: string;
  firstActivity?: string;
  lastActivity?: string;
  alertCount: number;
  activeAlertCount?: number;
  // At most 50 of each kind; the counts and the incident's own lists are complete.
  devices?: Named[];
  users?: Named[];
  mailboxes?: Named[];
  deviceCount?: number;
  userCount?: number;
  mailboxCount?: number;
  systemTags?: string[];
  resolvingComment?: string;
  full?: boolean;
  categories?: string[];
  techniques?: string[];
  serviceSources?: string[];
  detectionSources?: string[];
  investigationState?: string;
  redirectIncidentId?: string;
  lab?: boolean;
  joins?: Join[];
}

export interface Evidence {
  type: string;
  roles?: string[];
  verdict?: string;
  remediationStatus?: string;
  entityKey?: string;
  deviceId?: string;
  hostName?: string;
  osPlatform?: string;
  accountName?: string;
  accountDomain?: string;
  accountSid?: string;
  accountUpn?: string;
  accountObjectId?: string;
  displayName?: string;
  address?: string;
  url?: string;
  domain?: string;
  fileName?: string;
  folderPath?: string;
  sha1?: string;
  sha256?: string;
  md5?: string;
  processId?: number;
  processGuid?: string;
  commandLine?: string;
  processCreationTime?: string;
  parentProcessId?: number;
  parentProcessGuid?: string;
  parentFileName?: string;
  parentCommandLine?: string;
  mailbox?: string;
  networkMessageId?: string;
  internetMessageId?: string;
  sender?: string;
  recipient?: string;
  subject?: string;
  registryKey?: string;
  registryValueName?: string;
  registryValueData?: string;
  application?: string;
  applicationId?: string;
  name?: string;
}

export interface FieldMatch {
  field: string;
  value: string;
  match: string;
}

export interface Hit {
  file?: string;
  record?: number;
  externalId?: string;
  time: string;
}

export interface Alert {
  id: string;
  incidentId: string;
  incidentName?: string;
  title: string;
  description?: string;
  recommendedActions?: string;
  severity: Severity;
  status: AlertStatus;
  category?: string;
  techniques?: string[];
  serviceSource?: string;
  detectionSource?: string;
  product?: string;
  ruleId?: string;
  ruleTitle?: string;
  createdTime: string;
  lastUpdateTime?: string;
  resolvedTime?: string;
  firstActivity?: string;
  lastActivity?: string;
  hitCount?: number;
  assignedTo?: string;
  classification?: string;
  determination?: string;
  tags?: string[];
  investigationState?: string;
  devices?: Named[];
  users?: Named[];
  mailboxes?: Named[];
  lab?: boolean;
  evidence?: Evidence[];
  matched?: FieldMatch[];
  hits?: Hit[];
  joins?: Join[];
}

export interface Activity {
  time: string;
  actor: string;
  actorKind?: string;
  type: string;
  targetType?: string;
  targetId?: string;
  old?: string;
  new?: string;
  text?: string;
  mergedFrom?: number;
}

// Asset is a row of the Devices, Users and Mailboxes tabs of an incident.
export interface Asset {
  key: string;
  name: string;
  kind: string;
  alerts: number;
  severity: Severity;
  firstSeen: string;
  lastSeen: string;
  facts?: Evidence;
}

export interface EvidenceRow extends Evidence {
  firstSeen?: string;
  lastSeen?: string;
  alertIds?: string[];
}

export interface Investigation {
  id: string;
  trigger?: string;
  status?: string;
  source?: string;
  start?: string;
  end?: string;
  pendingActions?: number;
}

export interface GraphNode {
  id: string;
  kind: string;
  label: string;
  entityKey?: string;
  alertId?: string;
  severity?: Severity;
}

export interface GraphEdge {
  source: string;
  target: string;
  kind: string;
  text?: string;
}

export interface Graph {
  nodes: GraphNode[];
  edges: GraphEdge[];
  truncated?: boolean;
}

export interface StoryNode {
  id: string;
  parentId?: string;
  kind: string;
  label: string;
  detail?: string;
  time?: string;
  commandLine?: string;
  account?: string;
  path?: string;
  sha256?: string;
  focus?: boolean;
  alertIds?: string[];
  facts?: Record<string, string>;
}

export interface Story {
  nodes: StoryNode[];
}

export type Facets = Record<string, Record<string, number>>;

// ManagePatch changes an incident or an alert; a field left out is unchanged.
export interface ManagePatch {
  status?: string;
  severity?: string;
  name?: string;
  assignedTo?: string;
  classification?: string;
  determination?: string;
  tags?: string[];
  comment?: string;
  resolvingComment?: string;
}

export interface BulkResult {
  updated: number;
  failed?: { id: string; error: string | { code: string; message: string } }[];
}

export interface Column {
  name: string;
  type: string;
}

export type Cell = string | number | boolean | null | Cell[] | { [key: string]: Cell };

export interface RenderHint {
  kind?: string;
  visualization?: string;
  title?: string;
  xcolumn?: string;
  ycolumns?: string[];
  series?: string[];
}

export interface HuntResult {
  schema: Column[];
  rows: Cell[][];
  stats: { rows: number; ms: number; truncated?: boolean; partial?: boolean; limits?: string[] };
  render?: RenderHint | string;
}

export interface Diagnostic {
  code: string;
  message: string;
  line: number;
  column: number;
  endLine?: number;
  endColumn?: number;
  severity?: string;
  hint?: string;
}

export interface SchemaTable {
  name: string;
  workload: string;
  summary?: string;
  timeColumn?: string;
  columns: Column[];
  rows?: number;
}

export interface SavedQuery {
  id: string;
  name: string;
  folder?: string;
  query: string;
  shared?: boolean;
  owner?: string;
  mine?: boolean;
  modifiedTime?: string;
}

export interface HistoryEntry {
  id?: string;
  time: string;
  query: string;
  ms?: number;
  rows?: number;
  state?: string;
  error?: string;
}

export interface Rule {
  id: string;
  kind: string;
  title: string;
  description?: string;
  severity?: Severity;
  level?: string;
  enabled: boolean;
  category?: string;
  techniques?: string[];
  tags?: string[];
  origin?: string;
  status?: string;
  author?: string;
  logsource?: string;
  path?: string;
  // Only a single rule carries its text and what it found.
  text?: string;
  alertCount?: number;
  lastHit?: string;
  createdTime?: string;
  modifiedTime?: string;
  // Why the rule cannot run.
  error?: string;
  lastRun?: { finished?: string; covered?: string; rows?: number; detections?: number; truncated?: boolean; error?: string };
}

export interface Source {
  id: string;
  family?: string;
  firstSeen?: string;
  lastSeen?: string;
  records: number;
  refused?: number;
  ratePerMinute?: number;
}

export interface Refused {
  id?: string;
  time?: string;
  source?: string;
  path?: string;
  record?: number;
  code: string;
  message: string;
  // The record in base64, for those who may see it.
  sample?: string;
}

export interface Scenario {
  id: string;
  name: string;
  description?: string;
  techniques?: string[];
  workloads?: string[];
  lastRun?: LabRun;
}

export interface LabRun {
  id: string;
  scenario: string;
  name?: string;
  state: 'running' | 'done' | 'failed';
  started?: string;
  finished?: string;
  records?: number;
  error?: string;
  startedBy?: string;
}

export interface Lab {
  scenarios: Scenario[];
  runs: LabRun[];
}

export interface LabRemoved {
  rows: number;
  alerts: number;
  incidents: number;
  runs: number;
}

export interface PortalUser {
  id: string;
  name: string;
  displayName?: string;
  homeTenant?: string;
  roles: string[];
  disabled?: boolean;
  mustChangePassword?: boolean;
  lastSignIn?: string;
  createdTime?: string;
  // The generated password, once.
  password?: string;
}

export interface Role {
  id: string;
  name: string;
  description?: string;
  permissions: string[];
}

export interface Assignee {
  name: string;
  displayName?: string;
}

export interface ApiToken {
  id: string;
  name: string;
  scopes: string[];
  userId?: string;
  createdBy?: string;
  createdTime?: string;
  lastUsed?: string;
  expires?: string;
  // The secret, once.
  token?: string;
}

export interface Setting {
  name: string;
  value: string;
  default?: string;
  description?: string;
  changed?: boolean;
}

export interface EntityHit {
  kind: string;
  key: string;
  label: string;
  detail?: string;
  url?: string;
}

export interface HealthComponent {
  name: string;
  ok: boolean;
  status?: string;
  detail?: string;
  error?: string;
}

export interface HealthQueue {
  name: string;
  waiting: number;
  failed: number;
  bytes?: number;
  maxBytes?: number;
  oldestSeconds?: number;
}

export interface LimitHit {
  name: string;
  count?: number;
  last?: string;
  detail?: string;
}

export interface Health {
  status: string;
  version?: string;
  uptimeSeconds?: number;
  components: HealthComponent[];
  queues: HealthQueue[];
  limits: LimitHit[];
}

export interface LiveEvent {
  topic: 'incident' | 'alert' | 'ingest' | 'lab' | 'rule';
  id: string;
  change: string;
  time: string;
}
