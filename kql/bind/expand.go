package bind

import (
	"strings"

	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/syntax"
)

// expandItems binds the items of mv-expand and mv-apply into n.
func (b *binder) expandItems(n *plan.Expand, r *relation, list []syntax.Expr, props []syntax.Property, limit syntax.Expr, env *environment) {
	sc := &scope{env: env, rel: r}
	n.Bag = "bag"
	for _, p := range props {
		switch p.Name {
		case "bagexpansion", "kind":
			n.Bag = strings.ToLower(b.propText(p, env))
			if n.Bag != "bag" && n.Bag != "array" {
				b.errorf(p.Pos(), CodeName, "", "bagexpansion is `bag` or `array`")
			}
		case "with_itemindex":
			n.Index = b.column(b.propText(p, env), plan.Long)
		}
	}
	if limit != nil {
		n.Limit = b.rowCount(limit, env)
	}
	for _, x := range list {
		t := plan.Dynamic
		if ty, ok := x.(*syntax.Typed); ok {
			t, _ = typeOf(ty.Type)
			x = ty.X
		}
		name := ""
		inner := x
		if nm, ok := x.(*syntax.Named); ok {
			inner = nm.X
			if len(nm.Names) > 0 {
				name = nm.Names[0].Text
			}
		}
		e := b.scalar(inner, sc)
		if name == "" {
			name = b.impliedName(inner, sc)
		}
		if name == "" {
			p := projection{used: map[string]bool{}}
			for _, f := range r.fields {
				p.used[f.Name] = true
			}
			name = p.unique("Column1")
		}
		if !loose(e.Type()) {
			if e.Type() == plan.String {
				b.errorf(inner.Pos(), CodeType, "turn the text into an array first: parse_json(…) or split(…)", "only dynamic values can be expanded, not a %s", e.Type())
			}
		}
		n.Items = append(n.Items, plan.ExpandItem{Column: b.column(name, t), Expr: b.convert(e, plan.Dynamic)})
	}
	n.Input = r.node
}

// replaced tells which item, if any, takes the place of an input column.
func replaced(n *plan.Expand, name string) int {
	for i, it := range n.Items {
		if it.Column.Name == name {
			return i
		}
	}
	return -1
}

func (b *binder) mvExpand(r *relation, op *syntax.MvExpand, env *environment) *relation {
	n := &plan.Expand{}
	b.expandItems(n, r, op.Items, op.Props, op.Limit, env)
	var fields []field
	placed := make([]bool, len(n.Items))
	for _, f := range r.fields {
		if i := replaced(n, f.Name); i >= 0 {
			if !f.hidden {
				placed[i] = true
				fields = append(fields, field{Column: n.Items[i].Column})
			}
			continue
		}
		n.Keep = append(n.Keep, f.Column)
		fields = append(fields, f)
	}
	for i, it := range n.Items {
		if !placed[i] {
			fields = append(fields, field{Column: it.Column})
		}
	}
	if n.Index.ID != 0 {
		fields = append(fields, field{Column: n.Index})
	}
	for _, f := range fields {
		n.Out = append(n.Out, f.Column)
	}
	return r.with(n, fields)
}

// mvApply runs a subquery over the elements of each row. The result is the row and what the subquery adds to it.
// isNamed says whether an item of mv-apply has a name of its own.
func isNamed(x syntax.Expr) bool {
	if t, ok := x.(*syntax.Typed); ok {
		x = t.X
	}
	_, ok := x.(*syntax.Named)
	return ok
}

func (b *binder) mvApply(r *relation, op *syntax.MvApply, env *environment) *relation {
	n := &plan.Expand{}
	b.expandItems(n, r, op.Items, op.Props, op.Limit, env)
	outer := &plan.Outer{}
	var fields []field
	placed := make([]bool, len(n.Items))
	for _, f := range r.fields {
		n.Keep = append(n.Keep, f.Column)
		if i := replaced(n, f.Name); i >= 0 {
			placed[i] = true
			fields = append(fields, field{Column: n.Items[i].Column})
			outer.Cols = append(outer.Cols, n.Items[i].Column)
			continue
		}
		c := f.Column
		fields = append(fields, field{Column: c, hidden: f.hidden})
		outer.Cols = append(outer.Cols, c)
	}
	for i, it := range n.Items {
		if !placed[i] {
			fields = append(fields, field{Column: it.Column})
			outer.Cols = append(outer.Cols, it.Column)
		}
	}
	if n.Index.ID != 0 {
		fields = append(fields, field{Column: n.Index})
		outer.Cols = append(outer.Cols, n.Index)
	}
	rows := &relation{node: outer, fields: fields, open: r.open, serial: true}
	sub := b.pipeline(op.On, env, rows)
	n.Apply, n.Outer = sub.node, outer
	// the row's columns, then what the subquery gives beyond them; a column that both have comes from the subquery
	var out []field
	used := map[string]bool{}
	for _, f := range r.fields {
		if i := replaced(n, f.Name); i >= 0 && i < len(op.Items) && !isNamed(op.Items[i]) {
			continue // an expanded column stands with what the subquery gives, if it does
		}
		if s := sub.find(f.Name); s != nil && s.ID != f.ID {
			out = append(out, *s)
			used[f.Name] = true
			continue
		}
		used[f.Name] = true
		if replaced(n, f.Name) < 0 { // an expanded column is gone unless the subquery gives it
			out = append(out, f)
		}
	}
	for _, f := range sub.fields {
		if !used[f.Name] && !f.hidden {
			out = append(out, f)
		}
	}
	for _, f := range out {
		n.Out = append(n.Out, f.Column)
	}
	return r.with(n, out)
}
