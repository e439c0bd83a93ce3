CREATE TABLE rules (
  tenant_id TEXT NOT NULL,
  id TEXT NOT NULL,
  kind TEXT NOT NULL,
  title TEXT NOT NULL,
  description TEXT NOT NULL,
  level TEXT NOT NULL,
  severity TEXT NOT NULL,
  category TEXT NOT NULL,
  techniques TEXT NOT NULL,
  tags TEXT NOT NULL,
  status TEXT NOT NULL,
  author TEXT NOT NULL,
  logsource TEXT NOT NULL,
  origin TEXT NOT NULL,
  path TEXT NOT NULL,
  source TEXT NOT NULL,
  issue TEXT NOT NULL,
  enabled SMALLINT NOT NULL,
  enabled_set SMALLINT NOT NULL,
  search TEXT NOT NULL,
  created BIGINT NOT NULL,
  changed BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, id)
);
--bun:split
CREATE INDEX rules_title ON rules (tenant_id, title, id);
--bun:split
CREATE INDEX rules_origin ON rules (tenant_id, origin);
--bun:split
CREATE TABLE rule_runs (
  tenant_id TEXT NOT NULL,
  rule_id TEXT NOT NULL,
  covered BIGINT,
  finished BIGINT,
  result_rows BIGINT NOT NULL,
  detections BIGINT NOT NULL,
  truncated SMALLINT NOT NULL,
  error TEXT NOT NULL,
  PRIMARY KEY (tenant_id, rule_id)
);
