package duckdb

import (
	"context"
	"fmt"
	"strings"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// CustomTables implements lake.Store.
func (s *Store) CustomTables(context.Context) ([]*schema.Table, error) {
	return s.customs.Load().Tables(), nil
}

// table finds a built-in or custom table.
func (s *Store) table(name string) *schema.Table {
	if t := schema.Load().Table(name); t != nil {
		return t
	}
	return s.customs.Load().Table(name)
}

// allTables lists the built-in and the custom tables.
func (s *Store) allTables() []*schema.Table {
	built := schema.Load().Tables()
	return append(built[:len(built):len(built)], s.customs.Load().Tables()...)
}

// storedTables lists the tables whose rows make up the lake: those of the house too.
func (s *Store) storedTables() []*schema.Table { return append(s.allTables(), schema.House()...) }

// loadCustoms reads the definitions of the custom tables, which stand beside the tables as comments.
func (s *Store) loadCustoms(ctx context.Context) error {
	notes := map[string]string{}
	rows, err := s.conn.QueryContext(ctx, "SELECT table_name, comment FROM duckdb_tables() WHERE NOT internal AND comment IS NOT NULL")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var name, note string
		if err := rows.Scan(&name, &note); err != nil {
			return err
		}
		notes[name] = note
	}
	if err := rows.Err(); err != nil {
		return err
	}
	var tables []*schema.Table
	for name, note := range notes {
		if schema.Load().Table(name) != nil {
			continue
		}
		stored, err := s.storedColumns(ctx, name)
		if err != nil {
			return err
		}
		t, err := schema.ReadCustom(name, note, stored)
		if err != nil {
			return fault.Newf(fault.Unavailable, "%w", err)
		}
		if t != nil {
			tables = append(tables, t)
		}
	}
	s.customs.Store(schema.NewCustoms(tables...))
	return nil
}

func (s *Store) storedColumns(ctx context.Context, table string) ([]schema.StoredColumn, error) {
	rows, err := s.conn.QueryContext(ctx, "SELECT column_name, coalesce(comment, '') FROM duckdb_columns() WHERE NOT internal AND table_name = ? ORDER BY column_index", table)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []schema.StoredColumn
	for rows.Next() {
		var c schema.StoredColumn
		if err := rows.Scan(&c.Physical, &c.Note); err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, rows.Err()
}

// change makes tables and columns within the transaction that writes their first rows. The caller holds write.
func (s *Store) change(ctx context.Context, changes []schema.Change) error {
	var ddl strings.Builder
	note := func(t *schema.Table, c schema.Column) {
		if !c.Seen.IsZero() {
			fmt.Fprintf(&ddl, "COMMENT ON COLUMN %s.%s IS %s;\n", quote(t.Name), quote(c.Physical), literal(schema.ColumnNote(c)))
		}
	}
	for _, c := range changes {
		if c.Columns == nil {
			ddl.WriteString(createTable(c.Table))
			fmt.Fprintf(&ddl, "COMMENT ON TABLE %s IS %s;\n", quote(c.Table.Name), literal(c.Table.Note()))
			for _, col := range c.Table.Stored() {
				note(c.Table, col)
			}
			continue
		}
		for _, col := range c.Columns {
			fmt.Fprintf(&ddl, "ALTER TABLE %s ADD COLUMN %s;\n", quote(c.Table.Name), columnDef(col))
			note(c.Table, col)
		}
	}
	if ddl.Len() == 0 {
		return nil
	}
	if _, err := s.conn.ExecContext(ctx, ddl.String()); err != nil {
		return fmt.Errorf("lake: custom tables: %w", err)
	}
	return nil
}

// customPlan lays rows of a custom table out: columns are stored in the order of its definition.
func customPlan(t *schema.Table) *writePlan {
	p := &writePlan{}
	for i, c := range t.Columns {
		if c.AliasOf == "" {
			p.cells = append(p.cells, i)
			p.types = append(p.types, c.Type)
		}
	}
	return p
}

// DropCustom implements lake.Store.
func (s *Store) DropCustom(ctx context.Context, table string) error {
	s.write.Lock()
	defer s.write.Unlock()
	if err := s.ready(ctx); err != nil {
		return err
	}
	now := s.customs.Load()
	if now.Table(table) == nil {
		return fault.Newf(fault.NotFound, "there is no custom table %q", table)
	}
	if _, err := s.conn.ExecContext(ctx, "DROP TABLE "+quote(table)); err != nil {
		return s.failure(fmt.Errorf("lake: %w", err))
	}
	s.rewrite.giveUp(errDeleted)
	s.customs.Store(now.Without(table))
	return nil
}

// literal makes a text literal.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
