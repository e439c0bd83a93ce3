CREATE TABLE dead_letters (
  tenant_id TEXT NOT NULL,
  id TEXT NOT NULL,
  source TEXT NOT NULL,
  file TEXT NOT NULL,
  number BIGINT NOT NULL,
  code TEXT NOT NULL,
  message TEXT NOT NULL,
  data TEXT NOT NULL,
  received BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, id)
);
--bun:split
CREATE INDEX dead_letters_by_time ON dead_letters (tenant_id, received, id);
--bun:split
CREATE TABLE sources (
  tenant_id TEXT NOT NULL,
  family TEXT NOT NULL,
  first_seen BIGINT NOT NULL,
  last_seen BIGINT NOT NULL,
  records BIGINT NOT NULL,
  refused BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, family)
);
