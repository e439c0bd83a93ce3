CREATE TABLE lake_retention (
  tenant_id TEXT NOT NULL,
  table_name TEXT NOT NULL,
  days BIGINT NOT NULL DEFAULT 0,
  bytes BIGINT NOT NULL DEFAULT 0,
  changed BIGINT NOT NULL,
  changed_by TEXT NOT NULL,
  PRIMARY KEY (tenant_id, table_name)
);
--bun:split
CREATE TABLE lake_compactions (
  tenant_id TEXT NOT NULL,
  state TEXT NOT NULL,
  started BIGINT,
  ended BIGINT,
  bytes_before BIGINT NOT NULL DEFAULT 0,
  bytes_after BIGINT NOT NULL DEFAULT 0,
  done_rows BIGINT NOT NULL DEFAULT 0,
  all_rows BIGINT NOT NULL DEFAULT 0,
  message TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (tenant_id)
);
