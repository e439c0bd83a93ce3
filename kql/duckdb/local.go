package duckdb

import (
	"context"

	"github.com/bartizan-sec/bartizan/kql/fn"
	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/sqlgen"
)

// compute runs an operator in Go.
func (r *runner) compute(ctx context.Context, x *plan.Local) ([][]any, error) {
	lib := fn.New(fn.Options{Now: r.opt.Now})
	if p, ok := x.Params.(*plan.Partition); ok {
		return r.partition(ctx, x, p)
	}
	switch x.Params.(type) {
	case *plan.GraphMatch, *plan.GraphToTable:
		return r.graph(ctx, lib, x)
	}
	in := make([]table, len(x.Inputs))
	for i, n := range x.Inputs {
		rows, err := r.rows(ctx, n)
		if err != nil {
			return nil, err
		}
		in[i] = newTable(n.Columns(), rows)
	}
	switch p := x.Params.(type) {
	case *plan.MakeSeries:
		return makeSeries(ctx, lib, p, in[0], x.Cols)
	case *plan.ScanSteps:
		return scanSteps(ctx, lib, p, in[0], x.Cols)
	case *plan.Reduce:
		return reduce(ctx, lib, p, in[0])
	case *plan.Plugin:
		return plugin(ctx, lib, p, in, x.Cols)
	}
	return nil, &sqlgen.UnsupportedError{What: x.Op}
}

// table is the rows of an input in memory.
type table struct {
	cols  []plan.Column
	index map[plan.ColumnID]int
	rows  [][]any
}

func newTable(cols []plan.Column, rows [][]any) table {
	t := table{cols: cols, index: make(map[plan.ColumnID]int, len(cols)), rows: rows}
	for i, c := range cols {
		t.index[c.ID] = i
	}
	return t
}

func (t *table) env(row []any) fn.Env { return fn.Row{Index: t.index, Cells: row} }

func (t *table) value(row []any, id plan.ColumnID) fn.Value {
	i, ok := t.index[id]
	if !ok {
		return fn.Value{}
	}
	return fn.Value{T: t.cols[i].Type, V: row[i]}
}

// partition runs the subquery once per key. The rows of a key are the subquery's leaf.
func (r *runner) partition(ctx context.Context, x *plan.Local, p *plan.Partition) ([][]any, error) {
	rows, err := r.rows(ctx, x.Inputs[0])
	if err != nil {
		return nil, err
	}
	in := newTable(x.Inputs[0].Columns(), rows)
	at, ok := in.index[p.Key]
	if !ok {
		return nil, &sqlgen.UnsupportedError{What: "partition by a column that is not there"}
	}
	var order []any
	groups := map[any][][]any{}
	for _, row := range rows {
		k := row[at]
		if _, seen := groups[k]; !seen {
			order = append(order, k)
		}
		groups[k] = append(groups[k], row)
	}
	var out [][]any
	for _, k := range order {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		sub := &runner{conn: r.conn, opt: r.opt, dialect: r.dialect, local: map[plan.Node]string{}, ordered: map[plan.Node]bool{}, serial: r.serial + 100*(r.depth+1), depth: r.depth + 1, meter: r.meter}
		for n, name := range r.local {
			sub.local[n], sub.ordered[n] = name, r.ordered[n]
		}
		part, err := func() ([][]any, error) {
			defer sub.drop(ctx)
			if err := sub.store(ctx, p.Outer, groups[k]); err != nil {
				return nil, err
			}
			if err := sub.prepare(ctx, p.Sub); err != nil {
				return nil, err
			}
			return sub.rows(ctx, p.Sub)
		}()
		if err != nil {
			return nil, err
		}
		out = append(out, part...)
	}
	return out, nil
}
