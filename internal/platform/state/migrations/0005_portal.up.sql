CREATE TABLE saved_queries (
  tenant_id TEXT NOT NULL,
  id TEXT NOT NULL,
  owner_id TEXT NOT NULL,
  owner TEXT NOT NULL,
  name TEXT NOT NULL,
  folder TEXT NOT NULL,
  query TEXT NOT NULL,
  shared SMALLINT NOT NULL,
  created BIGINT NOT NULL,
  changed BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, id)
);
--bun:split
CREATE INDEX saved_queries_owner ON saved_queries (tenant_id, owner_id);
--bun:split
CREATE TABLE query_history (
  tenant_id TEXT NOT NULL,
  owner_id TEXT NOT NULL,
  id TEXT NOT NULL,
  time BIGINT NOT NULL,
  query TEXT NOT NULL,
  ms BIGINT NOT NULL,
  row_count BIGINT NOT NULL,
  state TEXT NOT NULL,
  error TEXT NOT NULL,
  PRIMARY KEY (tenant_id, owner_id, id)
);
