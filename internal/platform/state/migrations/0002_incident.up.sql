CREATE TABLE incidents (
  tenant_id TEXT NOT NULL,
  id BIGINT NOT NULL,
  redirect_id BIGINT NOT NULL,
  name TEXT NOT NULL,
  name_custom SMALLINT NOT NULL,
  severity SMALLINT NOT NULL,
  severity_custom SMALLINT NOT NULL,
  status SMALLINT NOT NULL,
  classification TEXT NOT NULL,
  determination TEXT NOT NULL,
  assigned_to TEXT NOT NULL,
  resolving_comment TEXT NOT NULL,
  investigation_state TEXT NOT NULL,
  created BIGINT NOT NULL,
  updated BIGINT NOT NULL,
  first_activity BIGINT NOT NULL,
  last_activity BIGINT NOT NULL,
  alert_count BIGINT NOT NULL,
  active_alert_count BIGINT NOT NULL,
  device_count BIGINT NOT NULL,
  user_count BIGINT NOT NULL,
  mailbox_count BIGINT NOT NULL,
  lab SMALLINT NOT NULL,
  at_bound SMALLINT NOT NULL,
  summary TEXT NOT NULL,
  search TEXT NOT NULL,
  PRIMARY KEY (tenant_id, id)
);
--bun:split
CREATE INDEX incidents_updated ON incidents (tenant_id, updated, id);
--bun:split
CREATE INDEX incidents_redirect ON incidents (tenant_id, redirect_id);
--bun:split
CREATE TABLE alerts (
  tenant_id TEXT NOT NULL,
  id TEXT NOT NULL,
  no BIGINT NOT NULL,
  incident_id BIGINT NOT NULL,
  provider_alert_id TEXT NOT NULL,
  rule_id TEXT NOT NULL,
  rule_title TEXT NOT NULL,
  title TEXT NOT NULL,
  description TEXT NOT NULL,
  recommended TEXT NOT NULL,
  severity SMALLINT NOT NULL,
  status SMALLINT NOT NULL,
  category TEXT NOT NULL,
  techniques TEXT NOT NULL,
  service_source TEXT NOT NULL,
  detection_source TEXT NOT NULL,
  product TEXT NOT NULL,
  classification TEXT NOT NULL,
  determination TEXT NOT NULL,
  assigned_to TEXT NOT NULL,
  investigation_state TEXT NOT NULL,
  tags TEXT NOT NULL,
  created BIGINT NOT NULL,
  updated BIGINT NOT NULL,
  resolved BIGINT,
  first_activity BIGINT NOT NULL,
  last_activity BIGINT NOT NULL,
  hit_count BIGINT NOT NULL,
  fold BIGINT NOT NULL,
  pulses TEXT NOT NULL,
  matched TEXT NOT NULL,
  summary TEXT NOT NULL,
  lab TEXT NOT NULL,
  search TEXT NOT NULL,
  PRIMARY KEY (tenant_id, id)
);
--bun:split
CREATE UNIQUE INDEX alerts_no ON alerts (tenant_id, no);
--bun:split
CREATE INDEX alerts_incident ON alerts (tenant_id, incident_id, first_activity);
--bun:split
CREATE INDEX alerts_fold ON alerts (tenant_id, fold);
--bun:split
CREATE INDEX alerts_last ON alerts (tenant_id, last_activity, id);
--bun:split
CREATE INDEX alerts_queue ON alerts (tenant_id, status, severity, assigned_to, classification, service_source, detection_source, category, last_activity, lab);
--bun:split
CREATE INDEX alerts_tagged ON alerts (tenant_id, tags) WHERE tags <> '[]';
--bun:split
CREATE INDEX alerts_rule ON alerts (tenant_id, rule_id);
--bun:split
CREATE TABLE alert_evidence (
  tenant_id TEXT NOT NULL,
  alert_id TEXT NOT NULL,
  n BIGINT NOT NULL,
  type TEXT NOT NULL,
  entity TEXT NOT NULL,
  body TEXT NOT NULL,
  seen BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, alert_id, n)
);
--bun:split
CREATE TABLE alert_entities (
  tenant_id TEXT NOT NULL,
  entity TEXT NOT NULL,
  alert_id TEXT NOT NULL,
  role TEXT NOT NULL,
  derived SMALLINT NOT NULL,
  PRIMARY KEY (tenant_id, entity, alert_id)
);
--bun:split
CREATE INDEX alert_entities_alert ON alert_entities (tenant_id, alert_id);
--bun:split
CREATE TABLE entities (
  tenant_id TEXT NOT NULL,
  entity TEXT NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  search TEXT NOT NULL,
  first_seen BIGINT NOT NULL,
  last_seen BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, entity)
);
--bun:split
CREATE TABLE entity_aliases (
  tenant_id TEXT NOT NULL,
  alias TEXT NOT NULL,
  entity TEXT NOT NULL,
  PRIMARY KEY (tenant_id, alias)
);
--bun:split
CREATE TABLE hit_files (
  tenant_id TEXT NOT NULL,
  id BIGINT NOT NULL,
  path TEXT NOT NULL,
  PRIMARY KEY (tenant_id, id)
);
--bun:split
CREATE UNIQUE INDEX hit_files_path ON hit_files (tenant_id, path);
--bun:split
CREATE TABLE alert_hits (
  tenant_id TEXT NOT NULL,
  hash_high BIGINT NOT NULL,
  hash_low BIGINT NOT NULL,
  alert_no BIGINT NOT NULL,
  file_id BIGINT NOT NULL,
  record BIGINT NOT NULL,
  external_id TEXT NOT NULL,
  time BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, hash_high, hash_low)
);
--bun:split
CREATE INDEX alert_hits_alert ON alert_hits (tenant_id, alert_no, time);
--bun:split
CREATE TABLE incident_edges (
  tenant_id TEXT NOT NULL,
  alert_id TEXT NOT NULL,
  to_alert_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  entity TEXT NOT NULL,
  incident_id BIGINT NOT NULL,
  weight DOUBLE PRECISION NOT NULL,
  gap_seconds BIGINT NOT NULL,
  rarity DOUBLE PRECISION NOT NULL,
  text TEXT NOT NULL,
  created BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, alert_id, to_alert_id, kind, entity)
);
--bun:split
CREATE INDEX incident_edges_incident ON incident_edges (tenant_id, incident_id);
--bun:split
CREATE INDEX incident_edges_to ON incident_edges (tenant_id, to_alert_id);
--bun:split
CREATE TABLE alert_unlinks (
  tenant_id TEXT NOT NULL,
  alert_id TEXT NOT NULL,
  other_id TEXT NOT NULL,
  created BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  PRIMARY KEY (tenant_id, alert_id, other_id)
);
--bun:split
CREATE INDEX alert_unlinks_other ON alert_unlinks (tenant_id, other_id);
--bun:split
CREATE TABLE activities (
  tenant_id TEXT NOT NULL,
  no BIGINT NOT NULL,
  target_type TEXT NOT NULL,
  target_id TEXT NOT NULL,
  time BIGINT NOT NULL,
  actor TEXT NOT NULL,
  actor_kind TEXT NOT NULL,
  type TEXT NOT NULL,
  old TEXT NOT NULL,
  new TEXT NOT NULL,
  text TEXT NOT NULL,
  merged_from BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, no)
);
--bun:split
CREATE INDEX activities_target ON activities (tenant_id, target_type, target_id, no);
