CREATE TABLE hunt_budgets (
  tenant_id TEXT NOT NULL,
  principal TEXT NOT NULL,
  window_start BIGINT NOT NULL,
  window_us BIGINT NOT NULL,
  day_start BIGINT NOT NULL,
  day_us BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, principal)
);
