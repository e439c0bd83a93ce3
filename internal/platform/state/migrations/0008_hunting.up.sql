ALTER TABLE saved_queries ADD COLUMN description TEXT NOT NULL DEFAULT '';
--bun:split
ALTER TABLE saved_queries ADD COLUMN text_id TEXT NOT NULL DEFAULT '';
--bun:split
ALTER TABLE saved_queries ADD COLUMN run_count BIGINT NOT NULL DEFAULT 0;
--bun:split
ALTER TABLE saved_queries ADD COLUMN last_run BIGINT;
--bun:split
CREATE INDEX saved_queries_text ON saved_queries (tenant_id, text_id);
--bun:split
CREATE TABLE query_texts (
  tenant_id TEXT NOT NULL,
  id TEXT NOT NULL,
  query TEXT NOT NULL,
  PRIMARY KEY (tenant_id, id)
);
--bun:split
CREATE TABLE query_runs (
  tenant_id TEXT NOT NULL,
  id TEXT NOT NULL,
  owner_id TEXT NOT NULL,
  owner TEXT NOT NULL,
  interface TEXT NOT NULL,
  time BIGINT NOT NULL,
  text_id TEXT NOT NULL,
  timespan TEXT NOT NULL,
  state TEXT NOT NULL,
  error TEXT NOT NULL,
  grade TEXT NOT NULL,
  ms BIGINT NOT NULL,
  cpu_ms BIGINT NOT NULL,
  row_count BIGINT NOT NULL,
  bytes BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, id)
);
--bun:split
CREATE INDEX query_runs_time ON query_runs (tenant_id, time);
--bun:split
CREATE INDEX query_runs_owner ON query_runs (tenant_id, owner_id, time);
--bun:split
CREATE INDEX query_runs_text ON query_runs (tenant_id, text_id);
--bun:split
INSERT INTO query_texts (tenant_id, id, query) SELECT tenant_id, 'h' || owner_id || id, query FROM query_history;
--bun:split
INSERT INTO query_runs (tenant_id, id, owner_id, owner, interface, time, text_id, timespan, state, error, grade, ms, cpu_ms, row_count, bytes)
SELECT tenant_id, id, owner_id, COALESCE((SELECT u.name FROM users u WHERE u.id = owner_id), ''), 'portal', time, 'h' || owner_id || id, '',
  CASE state WHEN 'done' THEN 'completed' ELSE state END, error, '', ms, 0, row_count, 0 FROM query_history;
--bun:split
DROP TABLE query_history;
--bun:split
CREATE TABLE custom_functions (
  tenant_id TEXT NOT NULL,
  id TEXT NOT NULL,
  owner_id TEXT NOT NULL,
  owner TEXT NOT NULL,
  name TEXT NOT NULL,
  folder TEXT NOT NULL,
  description TEXT NOT NULL,
  parameters TEXT NOT NULL,
  body TEXT NOT NULL,
  tables TEXT NOT NULL,
  tabular SMALLINT NOT NULL,
  shared SMALLINT NOT NULL,
  created BIGINT NOT NULL,
  changed BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, id)
);
--bun:split
CREATE INDEX custom_functions_name ON custom_functions (tenant_id, name);
--bun:split
CREATE TABLE community_queries (
  tenant_id TEXT NOT NULL,
  id TEXT NOT NULL,
  source TEXT NOT NULL,
  path TEXT NOT NULL,
  n BIGINT NOT NULL,
  folder TEXT NOT NULL,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  tactics TEXT NOT NULL,
  techniques TEXT NOT NULL,
  connectors TEXT NOT NULL,
  tables TEXT NOT NULL,
  issue TEXT NOT NULL,
  query TEXT NOT NULL,
  content TEXT NOT NULL,
  search TEXT NOT NULL,
  changed BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, id)
);
--bun:split
CREATE INDEX community_queries_place ON community_queries (tenant_id, folder, name);
--bun:split
CREATE INDEX community_queries_source ON community_queries (tenant_id, source, path);
--bun:split
CREATE TABLE query_favorites (
  tenant_id TEXT NOT NULL,
  owner_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  created BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, owner_id, kind, name)
);
--bun:split
CREATE TABLE alert_results (
  tenant_id TEXT NOT NULL,
  alert_id TEXT NOT NULL,
  query TEXT NOT NULL,
  timespan TEXT NOT NULL,
  result_columns TEXT NOT NULL,
  result_rows TEXT NOT NULL,
  created BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, alert_id)
);
