CREATE TABLE osquery_nodes (
  tenant_id TEXT NOT NULL,
  id TEXT NOT NULL,
  key_hash TEXT NOT NULL,
  token_id TEXT NOT NULL,
  host TEXT NOT NULL,
  platform TEXT NOT NULL,
  version TEXT NOT NULL,
  address TEXT NOT NULL,
  enrolled BIGINT NOT NULL,
  last_seen BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, id)
);
--bun:split
CREATE UNIQUE INDEX osquery_nodes_by_key ON osquery_nodes (key_hash);
--bun:split
CREATE UNIQUE INDEX osquery_nodes_by_host ON osquery_nodes (tenant_id, host);
