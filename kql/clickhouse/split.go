package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/ext"
	"github.com/ClickHouse/clickhouse-go/v2/lib/column"

	"github.com/bartizan-sec/bartizan/kql/engine"
	"github.com/bartizan-sec/bartizan/kql/fn"
	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/sqlgen"
)

// maxUpload is how many rows are sent to the server with a statement; more stay in the scratch database, and what they meet is fetched.
const maxUpload = 200_000

// where says which of the two databases can compute a node as things stand.
type where struct {
	server bool // the server, given what is uploaded
	host   bool // the scratch database, given what is fetched
}

// run evaluates a plan: in the server as a whole if it can say it, otherwise in parts.
func (r *runner) run(ctx context.Context, root plan.Node, f func(row []any) error) error {
	limit := r.opt.Limit
	if limit > 0 {
		limit++ // one more tells that there was more
	}
	if err := r.findEmpty(ctx, root); err != nil {
		return err
	}
	q, err := r.generate(root, limit)
	if err == nil {
		return r.serve(ctx, root, q, f)
	}
	if !unsupported(err) {
		return err
	}
	root, r.lastID = clone(root)
	if limit > 0 {
		r.lastID++
		bounded := &plan.Limit{Input: root, N: &plan.Const{T: plan.Long, Value: limit}}
		if lim, ok := root.(*plan.Limit); !ok || !smaller(lim.N, limit) {
			root = bounded
		}
	}
	w, err := r.place(ctx, root)
	if err != nil {
		return err
	}
	if w.server {
		q, err := r.generate(root, limit)
		if err == nil {
			return r.serve(ctx, root, q, f)
		}
		if !unsupported(err) {
			return err
		}
		if err := r.fetch(ctx, root); err != nil {
			return err
		}
	}
	return r.compute(ctx, root, limit, f)
}

func smaller(e plan.Expr, limit int64) bool {
	k, ok := e.(*plan.Const)
	if !ok {
		return false
	}
	n, ok := k.Value.(int64)
	return ok && n <= limit
}

func (r *runner) serve(ctx context.Context, n plan.Node, q sqlgen.Query, f func(row []any) error) error {
	if r.explain != nil {
		r.explain.Steps = append(r.explain.Steps, engine.Step{Where: "clickhouse", What: plan.Outline(n), SQL: q.SQL})
		return nil
	}
	return r.query(ctx, q, f)
}

func unsupported(err error) bool {
	var u *sqlgen.UnsupportedError
	return errors.As(err, &u)
}

// parts are the relations that a node needs before it can run. The subquery of mv-apply and of partition runs within the node.
func parts(n plan.Node) []plan.Node {
	var out []plan.Node
	switch x := n.(type) {
	case *plan.Expand:
		out = append(out, x.Input)
	case *plan.Local:
		out = append(out, x.Inputs...)
	default:
		out = append(out, plan.Inputs(n)...)
	}
	for _, e := range plan.Exprs(n) {
		plan.WalkExpr(e, func(e plan.Expr) {
			switch x := e.(type) {
			case *plan.Scalar:
				out = append(out, x.Input)
			case *plan.InQuery:
				out = append(out, x.Input)
			}
		})
	}
	return out
}

// inner is the subquery that runs within a node, nil when it has none.
func inner(n plan.Node) plan.Node {
	switch x := n.(type) {
	case *plan.Expand:
		if x.Apply != nil {
			return x.Apply
		}
	case *plan.Local:
		if p, ok := x.Params.(*plan.Partition); ok {
			return p.Sub
		}
	}
	return nil
}

// canSay says whether the server can say the node itself, its inputs given.
func (r *runner) canSay(n plan.Node) bool {
	if can, ok := r.said[n]; ok {
		return can
	}
	can := r.trySay(n)
	r.said[n] = can
	return can
}

func (r *runner) trySay(n plan.Node) bool {
	opt := sqlgen.Options{Now: r.opt.Now, Local: map[plan.Node]string{}}
	for _, p := range parts(n) {
		opt.Local[p] = "t"
	}
	_, err := sqlgen.Generate(n, r.dialect, opt)
	return err == nil || !unsupported(err)
}

// sayExpr says whether the server can say an expression over the columns of a node.
func (r *runner) sayExpr(over plan.Node, e plan.Expr) bool {
	return r.trySay(&plan.Project{Input: over, Items: []plan.Named{{Column: plan.Column{ID: r.lastID + 1, Type: e.Type()}, Expr: e}}})
}

// place makes a node computable in one of the two places, fetching or uploading rows where the two must meet.
func (r *runner) place(ctx context.Context, n plan.Node) (where, error) {
	if _, ok := r.held[n]; ok {
		_, sent := r.sent[n]
		return where{server: sent, host: true}, nil
	}
	if err := ctx.Err(); err != nil {
		return where{}, err
	}
	switch x := n.(type) {
	case *plan.Scan:
		return where{server: true}, nil
	case *plan.Outer:
		return where{server: true, host: true}, nil
	case *plan.External:
		return where{host: true}, r.hold(ctx, x)
	case *plan.Shared:
		return r.placeShared(ctx, x)
	case *plan.Filter:
		r.splitFilter(x)
	case *plan.Project:
		r.splitProject(x)
	case *plan.Aggregate:
		r.splitAggregate(x)
	case *plan.Limit:
		r.sinkLimit(x)
	}
	if err := r.resolve(ctx, n); err != nil {
		return where{}, err
	}
	list := parts(n)
	places := make([]where, len(list))
	server, onHost := true, true
	for i, p := range list {
		w, err := r.place(ctx, p)
		if err != nil {
			return where{}, err
		}
		places[i] = w
		server, onHost = server && w.server, onHost && w.host
	}
	_, local := n.(*plan.Local)
	can := !local && r.canSay(n)
	if in := inner(n); can && in != nil {
		can = r.innerSaid(in)
	}
	if can && !server && !onHost {
		// Some parts are here and some there. Few rows go to the server; many are met here.
		all := true
		for i, p := range list {
			if places[i].server {
				continue
			}
			ok, err := r.send(ctx, p)
			if err != nil {
				return where{}, err
			}
			all = all && ok
		}
		server = all
	}
	if can && server {
		if in := inner(n); in != nil {
			onHost = false // what it reads inside is not fetched
		}
		return where{server: true, host: onHost}, nil
	}
	for i, p := range list {
		if _, ok := r.held[p]; ok || places[i].host {
			continue
		}
		if err := r.fetch(ctx, p); err != nil {
			return where{}, err
		}
	}
	if in := inner(n); in != nil {
		if err := r.fetchInside(ctx, in); err != nil {
			return where{}, err
		}
	}
	return where{host: true}, nil
}

// innerSaid says whether the server can say all of a subquery that runs within a node; the node's own statement has it in full.
func (r *runner) innerSaid(in plan.Node) bool {
	can := true
	plan.Walk(in, func(n plan.Node) {
		switch n.(type) {
		case *plan.Local, *plan.External:
			can = false
		}
	})
	return can
}

// fetchInside brings the stored rows that a subquery within a node reads.
func (r *runner) fetchInside(ctx context.Context, n plan.Node) error {
	outer, stored := false, false
	plan.Walk(n, func(n plan.Node) {
		switch n.(type) {
		case *plan.Outer:
			outer = true
		case *plan.Scan, *plan.External:
			stored = true
		}
	})
	if !stored {
		return nil
	}
	if !outer {
		w, err := r.place(ctx, n)
		if err != nil || w.host {
			return err
		}
		return r.fetch(ctx, n)
	}
	list := parts(n)
	if in := inner(n); in != nil {
		list = append(list, in)
	}
	for _, p := range list {
		if err := r.fetchInside(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// placeShared places a subplan that is used more than once. One that must be computed once, is.
func (r *runner) placeShared(ctx context.Context, x *plan.Shared) (where, error) {
	if first, ok := r.named[x.Name]; ok {
		x.Inner = first
	} else {
		r.named[x.Name] = x.Inner
		if x.Materialize || sqlgen.Unstable(x.Inner) {
			if err := r.hold(ctx, x.Inner); err != nil {
				return where{}, err
			}
			_, err := r.send(ctx, x.Inner)
			if err != nil {
				return where{}, err
			}
		}
	}
	return r.place(ctx, x.Inner)
}

// hold computes a node and keeps its rows in the scratch database.
func (r *runner) hold(ctx context.Context, n plan.Node) error {
	if _, ok := r.held[n]; ok {
		return nil
	}
	if x, ok := n.(*plan.External); ok {
		return r.holdExternal(ctx, x)
	}
	w, err := r.place(ctx, n)
	if err != nil {
		return err
	}
	if _, ok := r.held[n]; ok {
		return nil
	}
	if w.server {
		return r.fetch(ctx, n)
	}
	cols := n.Columns()
	table, err := r.table(ctx, cols)
	if err != nil {
		return err
	}
	var rows [][]any
	if err := r.collect(ctx, n, r.opt.Intermediate, &rows); err != nil {
		return err
	}
	return r.keep(ctx, n, table, cols, rows)
}

func (r *runner) holdExternal(ctx context.Context, x *plan.External) error {
	if r.opt.External == nil {
		return &engine.OutboundError{URIs: x.URIs}
	}
	table, err := r.table(ctx, x.Cols)
	if err != nil {
		return err
	}
	var rows [][]any
	if r.explain != nil {
		r.explain.Steps = append(r.explain.Steps, engine.Step{Where: "host", What: plan.Outline(x)})
	} else if rows, err = r.opt.External(ctx, x); err != nil {
		return err
	}
	return r.keep(ctx, x, table, x.Cols, rows)
}

func (r *runner) keep(ctx context.Context, n plan.Node, table string, cols []plan.Column, rows [][]any) error {
	_, err := r.fill(ctx, table, plan.Outline(n), cols, func(f func(row []any) error) error {
		for _, row := range rows {
			if err := f(row); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		r.held[n] = held{table: table, ordered: true}
	}
	return err
}

// collect computes a node in the scratch database and gathers its rows.
func (r *runner) collect(ctx context.Context, n plan.Node, most int64, rows *[][]any) error {
	return r.compute(ctx, n, 0, func(row []any) error {
		if int64(len(*rows)) >= most {
			return &fn.LimitError{What: fmt.Sprintf("number of rows that %s holds (%d)", plan.Outline(n), most)}
		}
		*rows = append(*rows, append([]any(nil), row...))
		return nil
	})
}

// fetch brings the rows of a node that the server computes.
func (r *runner) fetch(ctx context.Context, n plan.Node) error {
	if _, ok := r.held[n]; ok {
		return nil
	}
	if x, ok := n.(*plan.Shared); ok { // its other uses find the rows too
		return r.fetch(ctx, x.Inner)
	}
	q, err := r.generate(n, 0)
	if err != nil {
		if !unsupported(err) {
			return err
		}
		return r.fetchParts(ctx, n)
	}
	cols := n.Columns()
	table, err := r.table(ctx, cols)
	if err != nil {
		return err
	}
	_, err = r.fill(ctx, table, plan.Outline(n), cols, func(f func(row []any) error) error { return r.serve(ctx, n, q, f) })
	if err == nil {
		r.held[n] = held{table: table, ordered: q.Ordered}
	}
	return err
}

// fetchParts is for a node that turned out not to be sayable in its place.
func (r *runner) fetchParts(ctx context.Context, n plan.Node) error {
	r.said[n] = false
	list := parts(n)
	if in := inner(n); in != nil {
		if err := r.fetchInside(ctx, in); err != nil {
			return err
		}
	}
	for _, p := range list {
		w, err := r.place(ctx, p)
		if err != nil {
			return err
		}
		if w.host {
			continue
		}
		if err := r.fetch(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// send makes the rows of a node travel with the statements, if they are few, and says so.
func (r *runner) send(ctx context.Context, n plan.Node) (bool, error) {
	if x, ok := n.(*plan.Shared); ok {
		return r.send(ctx, x.Inner)
	}
	if _, ok := r.sent[n]; ok {
		return true, nil
	}
	if err := r.hold(ctx, n); err != nil {
		return false, err
	}
	if _, ok := r.held[n]; !ok {
		return false, nil
	}
	name := r.newName("sent")
	if r.explain != nil {
		r.sent[n] = &upload{name: name}
		return true, nil
	}
	cols := distinct(n.Columns())
	columns := []func(*ext.Table) error{ext.Column("h0", "Int64")}
	for _, c := range cols {
		columns = append(columns, ext.Column("c"+strconv.Itoa(int(c.ID)), column.Type(r.dialect.Type(c.Type))))
	}
	table, err := ext.NewTable(name, columns...)
	if err != nil {
		return false, &engine.Error{Err: err}
	}
	few, k := true, int64(0)
	values := make([]any, len(cols)+1)
	at := positions(n.Columns(), cols)
	errMany := errors.New("many rows")
	err = r.compute(ctx, n, 0, func(row []any) error {
		if k >= maxUpload {
			few = false
			return errMany
		}
		values[0] = k
		for i, c := range cols {
			values[i+1] = sentValue(row[at[i]], c.Type)
		}
		k++
		return table.Append(values...)
	})
	if !few {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	r.sent[n] = &upload{name: name, table: table}
	return true, nil
}

func distinct(cols []plan.Column) []plan.Column {
	seen := map[plan.ColumnID]bool{}
	var out []plan.Column
	for _, c := range cols {
		if !seen[c.ID] {
			out = append(out, c)
		}
		seen[c.ID] = true
	}
	return out
}

func positions(all, some []plan.Column) []int {
	out := make([]int, len(some))
	for i, c := range some {
		for j, d := range all {
			if d.ID == c.ID {
				out[i] = j
			}
		}
	}
	return out
}

func sentValue(v any, t plan.Type) any {
	switch x := v.(type) {
	case nil:
		if t == plan.String {
			return ""
		}
	case int64:
		if t == plan.Int {
			return int32(x)
		}
	case string:
		return strings.ToValidUTF8(x, "\ufffd")
	}
	return v
}
