package clickhouse

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/duckdb/duckdb-go/v2"

	kqlduck "github.com/bartizan-sec/bartizan/kql/duckdb"
	"github.com/bartizan-sec/bartizan/kql/engine"
	"github.com/bartizan-sec/bartizan/kql/fn"
	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/sqlgen"
)

// Scratch is the embedded database that computes what the server cannot. It holds rows for the time of a query only.
type Scratch struct {
	db *sql.DB
}

// OpenScratch opens one; what does not fit into memory (bytes, 0 for the engine's own bound) is moved to dir, "" for a folder of the system.
func OpenScratch(dir string, memory int64) (*Scratch, error) {
	options := []string{}
	if memory > 0 {
		options = append(options, fmt.Sprintf("memory_limit=%dB", memory))
	}
	if dir != "" {
		options = append(options, "temp_directory="+filepath.Clean(dir))
	}
	dsn := ""
	if len(options) > 0 {
		dsn = "?" + strings.Join(options, "&")
	}
	connector, err := duckdb.NewConnector(dsn, nil)
	if err != nil {
		return nil, fmt.Errorf("kql: opening the scratch database: %w", err)
	}
	s := &Scratch{db: sql.OpenDB(connector)}
	conn, err := s.db.Conn(context.Background())
	if err == nil {
		err = errors.Join(kqlduck.Register(conn), conn.Close())
	}
	if err != nil {
		return nil, errors.Join(err, s.db.Close())
	}
	return s, nil
}

// Close ends it.
func (s *Scratch) Close() error { return s.db.Close() }

// host is a query's connection to the scratch database.
type host struct {
	conn   *sql.Conn
	tables []string
}

// held says where rows are in the scratch database.
type held struct {
	table   string
	ordered bool
}

// open gives the connection to the scratch database.
func (r *runner) open(ctx context.Context) (*host, error) {
	if r.host != nil {
		return r.host, nil
	}
	conn, err := r.scratch.db.Conn(ctx)
	if err != nil {
		return nil, &engine.Error{Err: err}
	}
	r.host = &host{conn: conn}
	return r.host, nil
}

func (r *runner) close(ctx context.Context) {
	if r.host == nil {
		return
	}
	// The tables go even when the query was cancelled.
	ctx = context.WithoutCancel(ctx)
	for _, name := range r.host.tables {
		_, _ = r.host.conn.ExecContext(ctx, "DROP TABLE IF EXISTS "+name)
	}
	_ = r.host.conn.Close()
	r.host = nil
}

// table is a new table of the scratch database with a column h0 that numbers the rows.
func (r *runner) table(ctx context.Context, cols []plan.Column) (string, error) {
	h, err := r.open(ctx)
	if err != nil {
		return "", err
	}
	name := r.newName("ch")
	d := sqlgen.DuckDB()
	defs := []string{"h0 BIGINT"}
	seen := map[plan.ColumnID]bool{}
	for _, c := range cols {
		if !seen[c.ID] {
			defs = append(defs, colName(c.ID)+" "+d.Type(c.Type))
		}
		seen[c.ID] = true
	}
	statement := "CREATE TEMP TABLE " + name + " (" + strings.Join(defs, ", ") + ")"
	if _, err := h.conn.ExecContext(ctx, statement); err != nil {
		return "", &engine.Error{SQL: statement, Err: err}
	}
	h.tables = append(h.tables, name)
	return name, nil
}

func colName(id plan.ColumnID) string { return fmt.Sprintf("c%d", id) }

// fill puts the rows that source gives into a table of the scratch database and says how many there were.
func (r *runner) fill(ctx context.Context, table, what string, cols []plan.Column, source func(f func(row []any) error) error) (int64, error) {
	h, err := r.open(ctx)
	if err != nil {
		return 0, err
	}
	seen := map[plan.ColumnID]bool{}
	var at []int
	for i, c := range cols {
		if !seen[c.ID] {
			at = append(at, i)
		}
		seen[c.ID] = true
	}
	n := int64(0)
	err = h.conn.Raw(func(raw any) error {
		a, err := duckdb.NewAppender(raw.(driver.Conn), "temp", "main", table)
		if err != nil {
			return err
		}
		values := make([]driver.Value, len(at)+1)
		err = source(func(row []any) error {
			if n >= r.opt.Intermediate {
				return &fn.LimitError{What: fmt.Sprintf("number of rows that %s brings from the server (%d)", what, r.opt.Intermediate)}
			}
			values[0] = n
			for k, i := range at {
				values[k+1] = duckValue(row[i], cols[i].Type)
			}
			n++
			return a.AppendRow(values...)
		})
		return errors.Join(err, a.Close())
	})
	return n, err
}

func duckValue(v any, t plan.Type) driver.Value {
	if n, ok := v.(int64); ok && t == plan.Int {
		return int32(n)
	}
	if s, ok := v.(string); ok {
		return strings.ToValidUTF8(s, "\ufffd")
	}
	return v
}

// compute evaluates a plan in the scratch database.
func (r *runner) compute(ctx context.Context, n plan.Node, limit int64, f func(row []any) error) error {
	h, err := r.open(ctx)
	if err != nil {
		return err
	}
	stored := make(map[plan.Node]kqlduck.Stored, len(r.held))
	for n, t := range r.held {
		stored[n] = kqlduck.Stored{Table: t.table, Ordered: t.ordered}
	}
	opt := r.opt
	opt.Limit = limit
	if r.explain != nil {
		steps, err := kqlduck.ExplainOver(ctx, h.conn, n, stored, opt)
		for _, s := range steps.Steps {
			if s.Where != "host" {
				s.Where = "host"
			}
			r.explain.Steps = append(r.explain.Steps, s)
		}
		return err
	}
	st, err := kqlduck.RunOver(ctx, h.conn, n, stored, opt, f)
	r.stats.CPU += st.CPU
	return err
}
