CREATE TABLE user_groups (
  tenant_id TEXT NOT NULL,
  id TEXT NOT NULL,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  claim TEXT NOT NULL,
  created BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, id)
);
--bun:split
CREATE UNIQUE INDEX user_groups_name ON user_groups (tenant_id, name);
--bun:split
CREATE TABLE user_group_members (
  tenant_id TEXT NOT NULL,
  group_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  via TEXT NOT NULL,
  PRIMARY KEY (tenant_id, group_id, user_id)
);
--bun:split
CREATE INDEX user_group_members_user ON user_group_members (user_id);
--bun:split
CREATE TABLE custom_roles (
  tenant_id TEXT NOT NULL,
  id TEXT NOT NULL,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  choices TEXT NOT NULL,
  permissions TEXT NOT NULL,
  changed BIGINT NOT NULL,
  changed_by TEXT NOT NULL,
  PRIMARY KEY (tenant_id, id)
);
--bun:split
CREATE UNIQUE INDEX custom_roles_name ON custom_roles (tenant_id, name);
--bun:split
CREATE TABLE role_assignments (
  tenant_id TEXT NOT NULL,
  id TEXT NOT NULL,
  role TEXT NOT NULL,
  name TEXT NOT NULL,
  workloads SMALLINT NOT NULL,
  PRIMARY KEY (tenant_id, id)
);
--bun:split
CREATE INDEX role_assignments_role ON role_assignments (tenant_id, role);
--bun:split
CREATE TABLE role_assignees (
  tenant_id TEXT NOT NULL,
  assignment_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  assignee TEXT NOT NULL,
  PRIMARY KEY (tenant_id, assignment_id, kind, assignee)
);
--bun:split
CREATE INDEX role_assignees_assignee ON role_assignees (assignee, kind);
--bun:split
CREATE TABLE device_groups (
  tenant_id TEXT NOT NULL,
  id TEXT NOT NULL,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  level TEXT NOT NULL,
  rank BIGINT NOT NULL,
  rule TEXT NOT NULL,
  changed BIGINT NOT NULL,
  changed_by TEXT NOT NULL,
  PRIMARY KEY (tenant_id, id)
);
--bun:split
CREATE UNIQUE INDEX device_groups_name ON device_groups (tenant_id, name);
--bun:split
CREATE TABLE device_group_access (
  tenant_id TEXT NOT NULL,
  group_id TEXT NOT NULL,
  user_group_id TEXT NOT NULL,
  PRIMARY KEY (tenant_id, group_id, user_group_id)
);
