CREATE TABLE lab_runs (
  tenant_id TEXT NOT NULL,
  id TEXT NOT NULL,
  scenario TEXT NOT NULL,
  name TEXT NOT NULL,
  status TEXT NOT NULL,
  records BIGINT NOT NULL,
  message TEXT NOT NULL,
  started BIGINT NOT NULL,
  ended BIGINT,
  started_by TEXT NOT NULL,
  PRIMARY KEY (tenant_id, id)
);
