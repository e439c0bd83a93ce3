package clickhouse

import "context"

// TablesOf counts the tables of an engine's scratch database over a connection of the pool.
func TablesOf(e *Engine) (int, error) {
	var n int
	err := e.scratch.db.QueryRowContext(context.Background(), "SELECT count(*) FROM duckdb_tables()").Scan(&n)
	return n, err
}
