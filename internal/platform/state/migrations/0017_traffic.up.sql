CREATE TABLE senders (
  tenant_id TEXT NOT NULL,
  id TEXT NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  address TEXT NOT NULL,
  families TEXT NOT NULL,
  first_seen BIGINT NOT NULL,
  last_seen BIGINT NOT NULL,
  records BIGINT NOT NULL,
  bytes BIGINT NOT NULL,
  refused BIGINT NOT NULL,
  throttled BIGINT NOT NULL,
  steady BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant_id, id)
);
--bun:split
CREATE TABLE traffic_minutes (
  tenant_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  id TEXT NOT NULL,
  minute BIGINT NOT NULL,
  records BIGINT NOT NULL,
  refused BIGINT NOT NULL,
  bytes BIGINT NOT NULL,
  lag_ms BIGINT NOT NULL,
  lag_records BIGINT NOT NULL,
  delay_ms BIGINT NOT NULL,
  delay_records BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, kind, id, minute)
);
--bun:split
CREATE TABLE quota_use (
  tenant_id TEXT NOT NULL,
  account TEXT NOT NULL,
  day BIGINT NOT NULL,
  bytes BIGINT NOT NULL,
  records BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, account)
);
--bun:split
CREATE TABLE arrivals (
  tenant_id TEXT NOT NULL,
  bucket BIGINT NOT NULL,
  arrived BIGINT NOT NULL,
  records BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, bucket)
);
--bun:split
CREATE TABLE late_windows (
  tenant_id TEXT NOT NULL,
  rule_id TEXT NOT NULL,
  until BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, rule_id, until)
);
--bun:split
CREATE TABLE device_clocks (
  tenant_id TEXT NOT NULL,
  device TEXT NOT NULL,
  family TEXT NOT NULL,
  skew_ms BIGINT NOT NULL,
  records BIGINT NOT NULL,
  measured BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, device)
);
--bun:split
ALTER TABLE sources ADD COLUMN bytes BIGINT NOT NULL DEFAULT 0;
--bun:split
ALTER TABLE sources ADD COLUMN late BIGINT NOT NULL DEFAULT 0;
--bun:split
ALTER TABLE sources ADD COLUMN ahead BIGINT NOT NULL DEFAULT 0;
--bun:split
ALTER TABLE sources ADD COLUMN steady BIGINT NOT NULL DEFAULT 0;
--bun:split
ALTER TABLE api_tokens ADD COLUMN quota_records BIGINT NOT NULL DEFAULT 0;
--bun:split
ALTER TABLE api_tokens ADD COLUMN quota_bytes BIGINT NOT NULL DEFAULT 0;
