package bind

import (
	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/syntax"
)

// partition runs a subquery over the rows of each value of a column. A subquery in braces brings its own rows and sees the column as a single value.
func (b *binder) partition(r *relation, op *syntax.Partition, env *environment) *relation {
	key := b.scalar(op.By, &scope{env: env, rel: r})
	c, ok := key.(*plan.ColRef)
	if !ok {
		if key.Type() != plan.Unknown {
			b.errorf(op.By.Pos(), CodeType, "", "partition needs a column")
		}
		return b.broken()
	}
	sub, ok := op.Sub.(*syntax.Pipeline)
	if !ok || sub.Source != nil {
		name := b.impliedName(op.By, &scope{env: env, rel: r})
		return b.perKey(r, c.ID, func(_ *relation, value plan.Expr) *relation {
			inner := &environment{parent: env}
			inner.define(name, &variable{expr: value, name: name})
			return b.table(op.Sub, inner)
		})
	}
	return b.perKey(r, c.ID, func(rows *relation, _ plan.Expr) *relation { return b.pipeline(sub, env, rows) })
}

// perKey evaluates what sub binds once for each value of a column of r; rows are those with the value.
func (b *binder) perKey(r *relation, key plan.ColumnID, sub func(rows *relation, value plan.Expr) *relation) *relation {
	p := &plan.Partition{Key: key, Outer: &plan.Outer{}}
	rows := &relation{node: p.Outer, serial: r.serial, open: r.open}
	var value plan.Expr
	for _, f := range r.fields {
		col := b.column(f.Name, f.Type)
		b.origins[col.ID] = []plan.ColumnID{f.ID}
		p.Outer.Cols = append(p.Outer.Cols, col)
		rows.fields = append(rows.fields, field{Column: col, hidden: f.hidden})
		if f.ID == key {
			first := &plan.Limit{Input: &plan.Project{Input: p.Outer, Items: []plan.Named{{Column: b.column(f.Name, f.Type), Expr: ref(col)}}}, N: &plan.Const{T: plan.Long, Value: int64(1)}}
			value = &plan.Scalar{Input: first, T: f.Type}
		}
	}
	l := &plan.Local{Op: "partition", Inputs: []plan.Node{projectFields(r)}, Params: p}
	out := b.visible(sub(rows, value))
	p.Sub = projectFields(out)
	fields := make([]field, len(out.fields))
	for i, f := range out.fields {
		fields[i] = field{Column: b.column(f.Name, f.Type)}
		l.Cols = append(l.Cols, fields[i].Column)
	}
	return &relation{node: l, fields: fields, open: out.open}
}
