CREATE TABLE mappings (
  tenant_id TEXT NOT NULL,
  name TEXT NOT NULL,
  body TEXT NOT NULL,
  enabled SMALLINT NOT NULL,
  created BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  changed BIGINT NOT NULL,
  changed_by TEXT NOT NULL,
  PRIMARY KEY (tenant_id, name)
);
