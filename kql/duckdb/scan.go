package duckdb

import (
	"context"

	"github.com/bartizan-sec/bartizan/kql/fn"
	"github.com/bartizan-sec/bartizan/kql/plan"
)

// scanState is a sequence under way: for each step it passed, the last record that matched, extended by the declared variables.
type scanState struct {
	id      int64
	records [][]any
	last    []any // the output row to give when the step is left (output=last)
}

// scanSteps walks the rows and matches them against the steps, last step first, so that one record moves a sequence by at most one step.
func scanSteps(ctx context.Context, lib *fn.Library, p *plan.ScanSteps, in table, cols []plan.Column) ([][]any, error) {
	n, width := len(p.Steps), len(in.cols)+len(p.Declared)
	states := make([]*scanState, n)
	defaults := make([]any, len(p.Declared))
	for i, d := range p.Declared {
		v, err := lib.Eval(d.Expr, nil)
		if err != nil {
			return nil, err
		}
		defaults[i] = fn.Convert(v, d.Column.Type).V
	}
	empty := make([]any, width)
	for i, c := range in.cols {
		if c.Type == plan.String {
			empty[i] = ""
		}
	}
	copy(empty[len(in.cols):], defaults)

	// Cells of an evaluation: the record, the declared variables, then the state of each step.
	index := map[plan.ColumnID]int{}
	for i, c := range in.cols {
		index[c.ID] = i
	}
	for i, d := range p.Declared {
		index[d.Column.ID] = len(in.cols) + i
	}
	for k, s := range p.Steps {
		for i, c := range s.State {
			index[c.ID] = (k+1)*width + i
		}
	}
	cells := make([]any, (n+1)*width)
	load := func(row []any, st *scanState) fn.Env {
		copy(cells, row)
		copy(cells[len(in.cols):], defaults)
		for k := range n {
			from := empty
			if st != nil && k < len(st.records) && st.records[k] != nil {
				from = st.records[k]
			}
			copy(cells[(k+1)*width:], from)
		}
		return fn.Row{Index: index, Cells: cells}
	}
	var out [][]any
	var next int64
	emit := func(row []any, id int64) []any {
		o := append(make([]any, 0, len(cols)), row...)
		if p.MatchID != 0 {
			o = append(o, id)
		}
		return o
	}
	leave := func(k int) {
		if st := states[k]; st != nil && st.last != nil {
			out = append(out, st.last)
			st.last = nil
		}
	}
	// try extends st by the row as a record of step k.
	try := func(k int, row []any, st *scanState) (bool, error) {
		env := load(row, st)
		v, err := lib.Eval(p.Steps[k].Cond, env)
		if err != nil {
			return false, err
		}
		if b, _ := v.V.(bool); !b {
			return false, nil
		}
		for _, set := range p.Steps[k].Set {
			v, err := lib.Eval(set.Expr, env)
			if err != nil {
				return false, err
			}
			cells[index[set.Column.ID]] = fn.Convert(v, set.Column.Type).V
		}
		return true, nil
	}
	keep := func(k int, st *scanState) {
		rec := append([]any(nil), cells[:width]...)
		records := make([][]any, k+1)
		copy(records, st.records)
		records[k] = rec
		st.records = records
		switch p.Steps[k].Output {
		case "none":
		case "last":
			st.last = emit(rec, st.id)
		default:
			out = append(out, emit(rec, st.id))
		}
		states[k] = st
	}
	step := func(row []any) error {
		for k := n - 1; k >= 0; k-- {
			// A sequence that waits before this step moves on; optional steps may be skipped.
			moved := false
			for from := k - 1; from >= 0; from-- {
				if st := states[from]; st != nil {
					ok, err := try(k, row, st)
					if err != nil {
						return err
					}
					if ok {
						leave(k)
						leave(from)
						states[from] = nil
						keep(k, &scanState{id: st.id, records: st.records})
						moved = true
						break
					}
				}
				if !p.Steps[from].Optional {
					break
				}
			}
			if moved {
				continue
			}
			if st := states[k]; st != nil {
				ok, err := try(k, row, st)
				if err != nil {
					return err
				}
				if ok {
					keep(k, st)
				}
				if ok || k > 0 {
					continue
				}
			}
			first := true
			for j := range k {
				first = first && p.Steps[j].Optional
			}
			if !first || states[k] != nil {
				continue
			}
			ok, err := try(k, row, nil)
			if err != nil {
				return err
			}
			if ok {
				keep(k, &scanState{id: next})
				next++
			}
		}
		return nil
	}
	groups, err := in.groups(lib, p.By)
	if err != nil {
		return nil, err
	}
	for _, rows := range groups {
		clear(states)
		for i, row := range rows {
			if i%4096 == 0 && ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if err := step(row); err != nil {
				return nil, err
			}
		}
		for k := range n {
			leave(k)
		}
	}
	return out, nil
}
