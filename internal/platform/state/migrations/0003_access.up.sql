CREATE TABLE users (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  display_name TEXT NOT NULL,
  home_tenant TEXT NOT NULL,
  password TEXT NOT NULL,
  must_change SMALLINT NOT NULL,
  disabled SMALLINT NOT NULL,
  epoch BIGINT NOT NULL,
  created BIGINT NOT NULL,
  changed BIGINT NOT NULL,
  last_sign_in BIGINT
);
--bun:split
CREATE TABLE memberships (
  tenant_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  role TEXT NOT NULL,
  PRIMARY KEY (tenant_id, user_id, role)
);
--bun:split
CREATE INDEX memberships_user ON memberships (user_id);
--bun:split
CREATE TABLE api_tokens (
  tenant_id TEXT NOT NULL,
  id TEXT NOT NULL,
  hash TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  user_id TEXT NOT NULL,
  scopes TEXT NOT NULL,
  created BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  expires BIGINT,
  last_used BIGINT,
  PRIMARY KEY (tenant_id, id)
);
--bun:split
CREATE INDEX api_tokens_user ON api_tokens (user_id);
--bun:split
CREATE TABLE sessions (
  token TEXT PRIMARY KEY,
  data TEXT NOT NULL,
  expires BIGINT NOT NULL
);
--bun:split
CREATE INDEX sessions_expires ON sessions (expires);
--bun:split
CREATE TABLE sign_in_failures (
  subject TEXT PRIMARY KEY,
  failures BIGINT NOT NULL,
  since BIGINT NOT NULL
);
--bun:split
CREATE TABLE audit (
  tenant_id TEXT NOT NULL,
  no BIGINT NOT NULL,
  time BIGINT NOT NULL,
  actor TEXT NOT NULL,
  actor_kind TEXT NOT NULL,
  address TEXT NOT NULL,
  action TEXT NOT NULL,
  target TEXT NOT NULL,
  result TEXT NOT NULL,
  details TEXT NOT NULL,
  hash TEXT NOT NULL,
  PRIMARY KEY (tenant_id, no)
);
--bun:split
CREATE INDEX audit_time ON audit (tenant_id, time, no);
--bun:split
CREATE TABLE audit_heads (
  tenant_id TEXT PRIMARY KEY,
  no BIGINT NOT NULL,
  hash TEXT NOT NULL
);
