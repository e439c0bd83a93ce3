CREATE TABLE secret_keys (
  tenant_id TEXT NOT NULL,
  id TEXT NOT NULL,
  master TEXT NOT NULL,
  wrapped TEXT NOT NULL,
  created BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, id)
);
--bun:split
CREATE TABLE secrets (
  tenant_id TEXT NOT NULL,
  owner TEXT NOT NULL,
  name TEXT NOT NULL,
  key_id TEXT NOT NULL,
  sealed TEXT NOT NULL,
  changed BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, owner, name)
);
--bun:split
CREATE TABLE connectors (
  tenant_id TEXT NOT NULL,
  id TEXT NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  config TEXT NOT NULL,
  enabled SMALLINT NOT NULL,
  paused SMALLINT NOT NULL,
  interval_s BIGINT NOT NULL,
  version BIGINT NOT NULL,
  cursors TEXT NOT NULL,
  batch BIGINT NOT NULL,
  outbox TEXT NOT NULL,
  outbox_after BIGINT NOT NULL,
  next_run BIGINT,
  last_run BIGINT,
  caught_up BIGINT,
  attempt BIGINT NOT NULL,
  error_code TEXT NOT NULL,
  error_message TEXT NOT NULL,
  error_time BIGINT,
  records BIGINT NOT NULL,
  refused BIGINT NOT NULL,
  bytes BIGINT NOT NULL,
  lease TEXT NOT NULL,
  lease_until BIGINT,
  created BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  changed BIGINT NOT NULL,
  changed_by TEXT NOT NULL,
  PRIMARY KEY (tenant_id, id)
);
--bun:split
CREATE UNIQUE INDEX connectors_by_name ON connectors (tenant_id, name);
--bun:split
CREATE INDEX connectors_by_time ON connectors (next_run);
--bun:split
CREATE TABLE connector_runs (
  tenant_id TEXT NOT NULL,
  connector TEXT NOT NULL,
  id TEXT NOT NULL,
  started BIGINT NOT NULL,
  ended BIGINT,
  records BIGINT NOT NULL,
  refused BIGINT NOT NULL,
  bytes BIGINT NOT NULL,
  state TEXT NOT NULL,
  error_code TEXT NOT NULL,
  error_message TEXT NOT NULL,
  PRIMARY KEY (tenant_id, connector, id)
);
--bun:split
CREATE TABLE connector_seen (
  tenant_id TEXT NOT NULL,
  connector TEXT NOT NULL,
  stream TEXT NOT NULL,
  hash BIGINT NOT NULL,
  time BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, connector, stream, hash)
);
--bun:split
CREATE INDEX connector_seen_by_time ON connector_seen (tenant_id, connector, stream, time);
