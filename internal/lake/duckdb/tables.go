package duckdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// prepare opens the writer's connection and creates what is missing (tables, and columns of tables that an older version made).
func (s *Store) prepare(ctx context.Context, db *sql.DB, path string) error {
	catalog := schema.Load()
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	if err := confine(ctx, conn, path); err != nil {
		return errors.Join(err, conn.Close())
	}
	s.db, s.conn = db, conn
	if s.engine.opt.Register != nil {
		if err := s.engine.opt.Register(conn); err != nil {
			return fmt.Errorf("functions: %w", err)
		}
	}
	have, err := s.columns(ctx)
	if err != nil {
		return err
	}
	var ddl strings.Builder
	for _, t := range append(catalog.Tables(), schema.House()...) {
		columns, known := have[t.Name]
		if !known {
			ddl.WriteString(createTable(t))
			continue
		}
		for _, c := range t.Stored() {
			kind := columns.kind(c.Physical)
			switch {
			case kind == "":
				fmt.Fprintf(&ddl, "ALTER TABLE %s ADD COLUMN %s;\n", quote(t.Name), columnDef(c))
			case kind != sqlType(c.Type):
				return fault.Newf(fault.Unavailable, "table %s: column %s is stored as %s, this version wants %s: restore a backup of the matching version", t.Name, c.Name, kind, sqlType(c.Type))
			}
		}
	}
	if _, known := have["positions"]; !known {
		ddl.WriteString(createPositions)
	}
	if ddl.Len() > 0 {
		if _, err := conn.ExecContext(ctx, "BEGIN TRANSACTION;\n"+ddl.String()+"COMMIT;"); err != nil {
			return fmt.Errorf("tables: %w", err)
		}
		if have, err = s.columns(ctx); err != nil {
			return err
		}
	}
	s.plans = map[*schema.Table]*writePlan{}
	for _, t := range append(catalog.Tables(), schema.House()...) {
		order, err := order(t, have[t.Name])
		if err != nil {
			return err
		}
		s.plans[t] = order
	}
	return s.loadCustoms(ctx)
}

// storedColumns are the columns of a table in their stored order.
type storedColumns []struct{ name, kind string }

// kind is the SQL type of a column, "" when there is none of that name.
func (s storedColumns) kind(name string) string {
	for _, c := range s {
		if c.name == name {
			return c.kind
		}
	}
	return ""
}

// columns lists the stored tables.
func (s *Store) columns(ctx context.Context) (map[string]storedColumns, error) {
	rows, err := s.conn.QueryContext(ctx, "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE NOT internal AND database_name = current_database() ORDER BY table_name, column_index")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]storedColumns{}
	for rows.Next() {
		var table string
		var c struct{ name, kind string }
		if err := rows.Scan(&table, &c.name, &c.kind); err != nil {
			return nil, err
		}
		out[table] = append(out[table], c)
	}
	return out, rows.Err()
}

// order builds the write plan in the stored order of the columns, which differs from the schema's after an upgrade added some.
func order(t *schema.Table, stored storedColumns) (*writePlan, error) {
	at := map[string]int{}
	for i, c := range t.Columns {
		if c.AliasOf == "" {
			at[c.Physical] = i
		}
	}
	p := &writePlan{}
	for _, c := range stored {
		i, ok := at[c.name]
		if !ok {
			return nil, fault.Newf(fault.Unavailable, "table %s has a column %s that this version does not know: it was written by a newer version", t.Name, c.name)
		}
		p.cells = append(p.cells, i)
		p.types = append(p.types, t.Columns[i].Type)
	}
	return p, nil
}

const createPositions = "CREATE TABLE positions (source VARCHAR PRIMARY KEY, position BIGINT NOT NULL);\n"

func createTable(t *schema.Table) string {
	defs := make([]string, 0, len(t.Columns))
	for _, c := range t.Stored() {
		defs = append(defs, columnDef(c))
	}
	return fmt.Sprintf("CREATE TABLE %s (%s);\n", quote(t.Name), strings.Join(defs, ", "))
}

func columnDef(c schema.Column) string {
	def := quote(c.Physical) + " " + sqlType(c.Type)
	if c.Type == schema.String {
		def += " DEFAULT ''" // KQL strings are never null
	}
	return def + compression(c)
}

// compression chooses the codec of JSON texts, which are alike and seldom the same: dictionaries, DuckDB's own choice, are no use for them. See ADR 0013.
func compression(c schema.Column) string {
	if c.Type == schema.Dynamic || c.Name == "AdditionalFields" {
		return " USING COMPRESSION zstd"
	}
	return ""
}

// sqlType is how a KQL type is stored: datetime as 100 ns ticks since year 1, dynamic as JSON text, guid as lower-case text.
func sqlType(t schema.Type) string {
	switch t {
	case schema.Bool:
		return "BOOLEAN"
	case schema.Int:
		return "INTEGER"
	case schema.Long, schema.DateTime:
		return "BIGINT"
	case schema.Real:
		return "DOUBLE"
	}
	return "VARCHAR"
}

// quote makes an identifier; names come from the schema, never from users, and are quoted all the same.
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
