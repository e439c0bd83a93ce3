CREATE TABLE nodes (
  id       TEXT PRIMARY KEY,
  name     TEXT NOT NULL,
  roles    TEXT NOT NULL,
  version  TEXT NOT NULL,
  address  TEXT NOT NULL,
  started  BIGINT NOT NULL,
  seen     BIGINT NOT NULL
);
--bun:split
CREATE TABLE leases (
  tenant_id TEXT NOT NULL,
  name      TEXT NOT NULL,
  holder    TEXT NOT NULL,
  epoch     BIGINT NOT NULL,
  expires   BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, name)
);
--bun:split
CREATE TABLE late_alerts (
  tenant_id TEXT NOT NULL,
  alert_id  TEXT NOT NULL,
  asked     BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, alert_id)
);
