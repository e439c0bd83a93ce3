package duckdb

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"

	"github.com/bartizan-sec/bartizan/kql/engine"
	"github.com/bartizan-sec/bartizan/kql/fn"
	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/sqlgen"
)

// Run evaluates the plan on the connection and gives each row to f in the Go types of KQL values (see package fn). The row slice is reused.
// The connection must be of a database that Register was called for, and nobody else may use it meanwhile.
func Run(ctx context.Context, conn *sql.Conn, root plan.Node, opt engine.Options, f func(row []any) error) (engine.Stats, error) {
	return RunOver(ctx, conn, root, nil, opt, f)
}

// RunOver is Run where the rows of some nodes are in tables already.
func RunOver(ctx context.Context, conn *sql.Conn, root plan.Node, stored map[plan.Node]Stored, opt engine.Options, f func(row []any) error) (engine.Stats, error) {
	if opt.Intermediate == 0 {
		opt.Intermediate = engine.DefaultIntermediate
	}
	r := &runner{conn: conn, opt: opt, dialect: sqlgen.DuckDB(), local: map[plan.Node]string{}, ordered: map[plan.Node]bool{}, shared: map[string]string{}, meter: &meter{}}
	r.use(stored)
	defer r.drop(ctx)
	r.meter.start(ctx, conn)
	defer r.meter.stop()
	if err := r.prepare(ctx, root); err != nil {
		return engine.Stats{CPU: r.meter.total(), Scanned: r.meter.scanned}, err
	}
	var st engine.Stats
	read := r.query
	if opt.Large {
		read = r.queryLarge
	}
	err := read(ctx, root, opt.Limit, func(row []any) error {
		if opt.Limit > 0 && st.Rows >= opt.Limit {
			st.Truncated = true
			return errStop
		}
		st.Rows++
		return f(row)
	})
	if errors.Is(err, errStop) {
		err = nil
	}
	st.CPU, st.Scanned = r.meter.total(), r.meter.scanned
	return st, err
}

var errStop = errors.New("enough rows")

// runner executes one plan: Local and External nodes first, inner ones before outer ones, each into a temporary table, then the SQL around them.
type runner struct {
	conn    *sql.Conn
	opt     engine.Options
	dialect sqlgen.Dialect
	local   map[plan.Node]string
	ordered map[plan.Node]bool
	shared  map[string]string
	tables  []string
	serial  int
	depth   int
	meter   *meter
}

// hostNodes lists the nodes that SQL cannot say, inner ones before outer ones.
func hostNodes(root plan.Node, stored map[plan.Node]string) []plan.Node {
	var todo []plan.Node
	seen := map[any]bool{}
	for n := range stored {
		seen[n] = true
	}
	var visit func(n plan.Node)
	visit = func(n plan.Node) {
		if n == nil || seen[n] {
			return
		}
		seen[n] = true
		inputs := plan.Inputs(n)
		if l, ok := n.(*plan.Local); ok {
			inputs = l.Inputs // the subquery of a partition runs when its rows are known
		}
		for _, in := range inputs {
			visit(in)
		}
		for _, e := range plan.Exprs(n) {
			plan.WalkExpr(e, func(e plan.Expr) {
				switch x := e.(type) {
				case *plan.Scalar:
					visit(x.Input)
				case *plan.InQuery:
					visit(x.Input)
				}
			})
		}
		switch n.(type) {
		case *plan.Local, *plan.External:
			todo = append(todo, n)
		}
	}
	visit(root)
	return todo
}

// prepare computes what SQL cannot.
func (r *runner) prepare(ctx context.Context, root plan.Node) error {
	for _, n := range hostNodes(root, r.local) {
		if _, done := r.local[n]; done {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		var rows [][]any
		var err error
		switch x := n.(type) {
		case *plan.External:
			if r.opt.External == nil {
				return &engine.OutboundError{URIs: x.URIs}
			}
			rows, err = r.opt.External(ctx, x)
		case *plan.Local:
			if isGraph(x.Op) {
				continue
			}
			rows, err = r.compute(ctx, x)
		}
		if err != nil {
			return err
		}
		if err := r.store(ctx, n, rows); err != nil {
			return err
		}
	}
	return nil
}

// rows evaluates a plan and keeps its rows.
func (r *runner) rows(ctx context.Context, n plan.Node) ([][]any, error) {
	var out [][]any
	err := r.query(ctx, n, 0, func(row []any) error {
		if int64(len(out)) >= r.opt.Intermediate {
			return &fn.LimitError{What: "number of rows that an operator holds (" + strconv.FormatInt(r.opt.Intermediate, 10) + ")"}
		}
		out = append(out, append([]any(nil), row...))
		return nil
	})
	return out, err
}

func (r *runner) query(ctx context.Context, n plan.Node, limit int64, f func([]any) error) error {
	empty, err := r.emptyTables(ctx, n)
	if err != nil {
		return err
	}
	opt := sqlgen.Options{Now: r.opt.Now, Local: r.local, Ordered: r.ordered, Empty: empty}
	if limit > 0 {
		opt.Limit = limit + 1 // one more tells that there was more
	}
	q, err := sqlgen.Generate(n, r.dialect, opt)
	if err != nil {
		return err
	}
	return r.each(ctx, q, f)
}

// each gives the rows of a statement to f.
func (r *runner) each(ctx context.Context, q sqlgen.Query, f func([]any) error) error {
	done := r.meter.enter()
	rows, err := r.conn.QueryContext(ctx, q.SQL)
	done(err)
	if err != nil {
		return engineError(err, q.SQL)
	}
	defer rows.Close()
	width := max(len(q.Columns), 1)
	cells := make([]any, width)
	ptrs := make([]any, width)
	for i := range cells {
		ptrs[i] = &cells[i]
	}
	for rows.Next() {
		if err := rows.Scan(ptrs...); err != nil {
			return engineError(err, q.SQL)
		}
		for i, c := range q.Columns {
			cells[i] = cellOf(cells[i], c.Type)
		}
		if err := f(cells[:len(q.Columns)]); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return engineError(err, q.SQL)
	}
	return nil
}

// wideUnion is how many inputs a union has when it pays to know which tables are empty: a search of all tables reads few that are not.
const wideUnion = 8

// emptyTables names the tables without rows where the plan has a wide union.
func (r *runner) emptyTables(ctx context.Context, n plan.Node) (map[string]bool, error) {
	wide := false
	plan.Walk(n, func(n plan.Node) {
		if u, ok := n.(*plan.Union); ok && len(u.Inputs) >= wideUnion {
			wide = true
		}
	})
	if !wide {
		return nil, nil
	}
	const q = "SELECT table_name FROM duckdb_tables() WHERE estimated_size = 0 AND NOT internal AND NOT temporary"
	rows, err := r.conn.QueryContext(ctx, q)
	if err != nil {
		return nil, engineError(err, q)
	}
	defer rows.Close()
	out := map[string]bool{}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, engineError(err, q)
		}
		out[name] = true
	}
	return out, rows.Err()
}

func engineError(err error, sql string) error {
	if what := limitIn(err.Error()); what != "" {
		return &fn.LimitError{What: what}
	}
	return &engine.Error{SQL: sql, Err: err, Memory: strings.HasPrefix(err.Error(), "Out of Memory")}
}

// limitIn finds what exceeded its bound in the message of a function that the engine called: of its error only the text comes back.
func limitIn(message string) string {
	const before, after = ": the ", " would be larger than the limit"
	end := strings.Index(message, after)
	if end < 0 {
		return ""
	}
	at := strings.LastIndex(message[:end], before)
	if at < 0 {
		return ""
	}
	return message[at+len(before) : end]
}

// cellOf brings a driver's value to the Go type of a KQL value of type t.
func cellOf(v any, t plan.Type) any {
	v = fromEngine(v)
	switch t {
	case plan.String:
		if v == nil {
			return ""
		}
	case plan.Dynamic:
		if v == "null" {
			return nil
		}
	case plan.Real:
		if n, ok := v.(int64); ok {
			return float64(n)
		}
	}
	return v
}

// store puts rows into a temporary table that stands for the node.
func (r *runner) store(ctx context.Context, n plan.Node, rows [][]any) error {
	r.serial++
	name := "kql_local_" + strconv.Itoa(r.serial)
	cols := n.Columns()
	defs := []string{"h0 BIGINT"}
	for _, c := range cols {
		defs = append(defs, "c"+strconv.Itoa(int(c.ID))+" "+r.dialect.Type(c.Type))
	}
	if _, err := r.conn.ExecContext(ctx, "CREATE TEMP TABLE "+name+" ("+strings.Join(defs, ", ")+")"); err != nil {
		return engineError(err, "CREATE TEMP TABLE "+name)
	}
	r.tables = append(r.tables, name)
	r.local[n], r.ordered[n] = name, true
	const batch = 500
	for from := 0; from < len(rows); from += batch {
		var b strings.Builder
		b.WriteString("INSERT INTO " + name + " VALUES ")
		for i, row := range rows[from:min(from+batch, len(rows))] {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString("(" + strconv.Itoa(from+i))
			for j, c := range cols {
				var v any
				if j < len(row) {
					v = row[j]
				}
				b.WriteString(", " + r.dialect.Literal(c.Type, v))
			}
			b.WriteString(")")
		}
		done := r.meter.enter()
		_, err := r.conn.ExecContext(ctx, b.String())
		done(err)
		if err != nil {
			return engineError(err, "INSERT INTO "+name)
		}
	}
	return nil
}

func (r *runner) drop(ctx context.Context) {
	// The tables go even when the query was cancelled.
	ctx = context.WithoutCancel(ctx)
	for _, name := range r.tables {
		_, _ = r.conn.ExecContext(ctx, "DROP TABLE IF EXISTS "+name)
	}
}
