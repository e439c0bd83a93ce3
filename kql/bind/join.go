package bind

import (
	"strings"

	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/syntax"
)

// joinKind maps the kinds of join; inner is what lookup knows beside leftouter.
func joinKind(name string) (plan.JoinKind, bool) {
	switch strings.ToLower(name) {
	case "innerunique":
		return plan.InnerUnique, true
	case "inner":
		return plan.Inner, true
	case "leftouter":
		return plan.LeftOuter, true
	case "rightouter":
		return plan.RightOuter, true
	case "fullouter":
		return plan.FullOuter, true
	case "leftsemi":
		return plan.LeftSemi, true
	case "rightsemi":
		return plan.RightSemi, true
	case "leftanti", "anti", "leftantisemi":
		return plan.LeftAnti, true
	case "rightanti", "rightantisemi":
		return plan.RightAnti, true
	}
	return plan.Inner, false
}

func (b *binder) join(r *relation, op *syntax.Join, env *environment) *relation {
	j := &plan.Join{Kind: plan.InnerUnique}
	if op.Lookup {
		j.Kind = plan.LeftOuter
	}
	if p := prop(op.Props, "kind"); p != nil {
		name := b.propText(*p, env)
		k, ok := joinKind(name)
		switch {
		case !ok:
			b.errorf(p.Pos(), CodeName, didYouMean(name, []string{"innerunique", "inner", "leftouter", "rightouter", "fullouter", "leftsemi", "rightsemi", "leftanti", "rightanti"}), "there is no kind of join `%s`", name)
		case op.Lookup && k != plan.Inner && k != plan.LeftOuter:
			b.errorf(p.Pos(), CodeType, "", "lookup knows the kinds leftouter and inner")
		default:
			j.Kind = k
		}
	}
	right := b.table(op.Right, env)
	if op.Where != nil {
		b.errorf(op.Where.Pos(), CodeUnsupported, "use `on`, and `where` after the join", "join … where is not supported")
	}
	rightKeyIDs := map[plan.ColumnID]bool{}
	for _, on := range op.On {
		b.joinOn(j, on, r, right, env, rightKeyIDs)
	}
	j.Left, j.Right = r.node, right.node
	p := &projection{}
	if j.Kind != plan.RightSemi && j.Kind != plan.RightAnti {
		for _, f := range r.fields {
			if rf := right.find(f.Name); f.hidden && rf != nil && !rf.hidden && j.Kind != plan.LeftSemi && j.Kind != plan.LeftAnti {
				continue // what the right side shows comes before what the left side hides
			}
			p.add(f, ref(f.Column))
		}
	}
	if j.Kind != plan.LeftSemi && j.Kind != plan.LeftAnti {
		var shown []field
		for _, f := range right.fields {
			if op.Lookup && rightKeyIDs[f.ID] || f.hidden && p.used[f.Name] {
				continue
			}
			shown = append(shown, f)
		}
		p.distinct(shown)
	}
	j.Out = p.items
	return &relation{node: j, fields: p.fields, open: r.open || right.open}
}

// joinOn adds the keys of one condition: a name, an equality of the two sides, or several of these with `and`.
func (b *binder) joinOn(j *plan.Join, x syntax.Expr, left, right *relation, env *environment, rightKeys map[plan.ColumnID]bool) {
	add := func(l, r plan.Expr) {
		cl, cr, ok := b.alike(l, r)
		if !ok {
			b.errorf(x.Pos(), CodeType, compareHint(l.Type(), r.Type()), "the keys have different types: %s and %s", l.Type(), r.Type())
			return
		}
		if c, ok := r.(*plan.ColRef); ok {
			rightKeys[c.ID] = true
		}
		j.LeftKeys, j.RightKeys = append(j.LeftKeys, cl), append(j.RightKeys, cr)
	}
	switch x := x.(type) {
	case *syntax.Paren:
		b.joinOn(j, x.X, left, right, env, rightKeys)
		return
	case *syntax.Name:
		l, r := b.sideColumn(left, x, "left"), b.sideColumn(right, x, "right")
		if l != nil && r != nil {
			add(l, r)
		}
		return
	case *syntax.Binary:
		switch x.Op {
		case "and":
			b.joinOn(j, x.L, left, right, env, rightKeys)
			b.joinOn(j, x.R, left, right, env, rightKeys)
			return
		case "==":
			sc := &scope{env: env, rel: left, right: right}
			ls, rs := mentions(x.L), mentions(x.R)
			if ls == "$right" || rs == "$left" {
				add(b.scalar(x.R, sc), b.scalar(x.L, sc))
				return
			}
			if ls == "" && rs == "" { // names without a side: left, then right
				add(b.scalar(x.L, &scope{env: env, rel: left}), b.scalar(x.R, &scope{env: env, rel: right}))
				return
			}
			add(b.scalar(x.L, sc), b.scalar(x.R, sc))
			return
		}
	}
	b.errorf(x.Pos(), CodeSyntax, "write `on Column` or `on $left.A == $right.B`", "only equality can join")
}

func (b *binder) sideColumn(r *relation, n *syntax.Name, side string) plan.Expr {
	if f := r.find(n.Text); f != nil {
		return ref(f.Column)
	}
	if r.open {
		return b.openColumn(r, n.Text)
	}
	b.errorf(n.Pos(), CodeName, didYouMean(n.Text, fieldNames(r)), "the %s side of the join has no column `%s`", side, n.Text)
	return nil
}

// mentions finds which side an expression names first.
func mentions(x syntax.Expr) string {
	switch x := x.(type) {
	case *syntax.Name:
		if x.Text == "$left" || x.Text == "$right" {
			return x.Text
		}
	case *syntax.Paren:
		return mentions(x.X)
	case *syntax.Path:
		return mentions(x.X)
	case *syntax.Index:
		return mentions(x.X)
	case *syntax.Call:
		for _, a := range x.Args {
			if m := mentions(a); m != "" {
				return m
			}
		}
	}
	return ""
}
