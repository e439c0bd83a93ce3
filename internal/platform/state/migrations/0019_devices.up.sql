CREATE TABLE devices (
  tenant_id TEXT NOT NULL,
  entity TEXT NOT NULL,
  device_id TEXT NOT NULL,
  name TEXT NOT NULL,
  domain TEXT NOT NULL,
  os TEXT NOT NULL,
  tags TEXT NOT NULL,
  group_id TEXT NOT NULL,
  first_seen BIGINT NOT NULL,
  last_seen BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, entity)
);
--bun:split
CREATE INDEX devices_device ON devices (tenant_id, device_id);
--bun:split
CREATE INDEX devices_group ON devices (tenant_id, group_id);
