package bind

import (
	"github.com/bartizan-sec/bartizan/kql/syntax"
)

// restriction is what `restrict access to` leaves visible: names and patterns. known are the names that let statements had defined before it.
type restriction struct {
	patterns []string
	known    map[string]bool
}

// permits says whether a table may be read by its name. Names that a let statement defines after the restriction may.
func (e *environment) permits(name string) bool {
	for ; e != nil; e = e.parent {
		if e.allow == nil {
			if e.vars[name] != nil {
				return true
			}
			continue
		}
		if e.vars[name] != nil && !e.allow.known[name] {
			return true
		}
		for _, p := range e.allow.patterns {
			if matchPattern(p, name) {
				return true
			}
		}
		return false
	}
	return true
}

func (b *binder) restrict(s *syntax.Restrict, env *environment) {
	r := &restriction{known: map[string]bool{}}
	for name := range env.vars {
		r.known[name] = true
	}
	for _, x := range s.To {
		if p, ok := x.(*syntax.Path); ok && scoped(p.X, env) {
			x = p.Name
		}
		switch x := x.(type) {
		case *syntax.Name:
			r.patterns = append(r.patterns, x.Text)
		case *syntax.Wildcard:
			r.patterns = append(r.patterns, x.Pattern)
		default:
			b.errorf(x.Pos(), CodeType, "", "the name of a table or view is expected")
		}
	}
	if old := env.allow; old != nil { // a second restriction narrows the first
		var both []string
		for _, p := range r.patterns {
			for _, q := range old.patterns {
				switch {
				case matchPattern(q, p):
					both = append(both, p)
				case matchPattern(p, q):
					both = append(both, q)
				}
			}
		}
		r.patterns = both
	}
	env.allow = r
}

// macroExpand runs its body over each database of a group. Here every database is this one store, so the body runs once.
func (b *binder) macroExpand(op *syntax.MacroExpand, env *environment) *relation {
	switch g := op.Group.(type) {
	case *syntax.Name:
		if v := env.lookup(g.Text); v == nil || !v.group {
			b.errorf(g.Pos(), CodeName, "define it: let "+g.Text+" = entity_group [database(\"…\")];", "there is no group of databases `%s`", g.Text)
			return b.broken()
		}
	case *syntax.Call:
		if g.Name.Text != "entity_group" {
			b.errorf(g.Pos(), CodeType, "", "a group of databases is expected")
			return b.broken()
		}
		if len(g.Args) > 1 {
			b.warnf(g.Pos(), CodeUnsupported, "", "all databases of the group are this one store: the body runs once")
		}
	}
	inner := &environment{parent: env}
	inner.define(op.Name.Text, &variable{scope: true})
	for i, s := range op.Body {
		x, ok := s.(*syntax.ExprStatement)
		if !ok {
			b.statement(s, inner)
			continue
		}
		if i == len(op.Body)-1 {
			return b.table(x.X, inner)
		}
		b.errorf(s.Pos(), CodeSyntax, "", "the body of macro-expand has one tabular statement, its last")
	}
	if len(op.Body) == 0 {
		b.errorf(op.Pos(), CodeSyntax, "", "the body of macro-expand is empty")
	}
	return b.broken()
}
