package bind

import (
	"strconv"
	"strings"

	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/syntax"
)

func itoa(n int) string { return strconv.Itoa(n) }

// enterLambda binds the arguments of a user-defined function and returns the environment of its body. piped is the table in front of `invoke`.
func (b *binder) enterLambda(v *variable, x *syntax.Call, env *environment, sc *scope, piped *relation) (*environment, bool) {
	if b.calls++; b.calls > maxCalls {
		b.calls--
		b.errorf(x.Pos(), CodeLimit, "", "functions call each other too deeply")
		return nil, false
	}
	l := v.lambda
	inner := &environment{parent: v.env}
	args := x.Args
	given := make([]syntax.Expr, len(l.Params))
	next := 0
	if piped != nil {
		next = 1
	}
	for _, a := range args {
		if n, ok := a.(*syntax.Named); ok && len(n.Names) == 1 {
			at := -1
			for i, p := range l.Params {
				if p.Name.Text == n.Names[0].Text {
					at = i
				}
			}
			if at >= 0 {
				given[at] = n.X
				continue
			}
		}
		if next >= len(given) {
			b.errorf(a.Pos(), CodeType, "", "%s() takes %d %s", x.Name.Text, len(l.Params), plural(len(l.Params), "argument"))
			return nil, false
		}
		given[next] = a
		next++
	}
	for i, p := range l.Params {
		if i == 0 && piped != nil {
			if !p.Tabular {
				b.errorf(x.Pos(), CodeType, "", "the first parameter of %s() is not a table", x.Name.Text)
				return nil, false
			}
			inner.define(p.Name.Text, b.tableParam(x, p, piped))
			continue
		}
		switch a := given[i]; {
		case p.Tabular && a != nil:
			inner.define(p.Name.Text, b.tableParam(a, p, b.table(a, env)))
		case a == nil && p.Default == nil:
			b.errorf(x.Pos(), CodeType, "", "%s() needs a value for `%s`", x.Name.Text, p.Name.Text)
			return nil, false
		default:
			from := sc
			if a == nil {
				a, from = p.Default, &scope{env: v.env}
			}
			e := b.scalar(a, from)
			if t, ok := typeOf(p.Type); ok && e.Type() != t {
				if !fits(e.Type(), p.Type) && !(numeric(t) && numeric(e.Type())) && t != plan.Dynamic {
					b.errorf(a.Pos(), CodeType, "", "`%s` of %s() is a %s, not a %s", p.Name.Text, x.Name.Text, t, e.Type())
				}
				e = b.convert(e, t)
			}
			inner.define(p.Name.Text, b.value(p.Name.Text, e))
		}
	}
	return inner, true
}

// tableParam checks a table against a declared parameter: the declared columns must be there.
func (b *binder) tableParam(at syntax.Node, p syntax.Param, r *relation) *variable {
	if !p.Any {
		out := &projection{}
		for _, f := range r.fields {
			out.add(f, ref(f.Column))
		}
		for _, d := range p.Table {
			t, _ := typeOf(d.Type)
			f := r.find(d.Name)
			switch {
			case f == nil && !r.open:
				b.errorf(at.Pos(), CodeName, didYouMean(d.Name, fieldNames(r)), "the table given as `%s` has no column `%s`", p.Name.Text, d.Name)
				b.put(out, d.Name, null(t), false)
			case f == nil:
				b.put(out, d.Name, null(t), false)
			case f.Type != t:
				b.put(out, d.Name, b.convert(ref(f.Column), t), true)
			}
		}
		r = b.projected(r, out, false)
	}
	return &variable{table: b.share(p.Name.Text, r, false)}
}

// lambdaBody binds the statements before the last and returns the last expression.
func (b *binder) lambdaBody(l *syntax.Lambda, env *environment) syntax.Expr {
	for i, s := range l.Body {
		if x, ok := s.(*syntax.ExprStatement); ok && i == len(l.Body)-1 {
			return x.X
		}
		b.statement(s, env)
	}
	b.errorf(l.Pos(), CodeSyntax, "", "the function returns nothing: its last statement must be an expression")
	return nil
}

// callLambda inlines a user-defined function that gives a value.
func (b *binder) callLambda(v *variable, x *syntax.Call, sc *scope) plan.Expr {
	env, ok := b.enterLambda(v, x, sc.env, sc, nil)
	if !ok {
		return null(plan.Unknown)
	}
	defer func() { b.calls-- }()
	defer b.enterStored(v, x)()
	body := b.lambdaBody(v.lambda, env)
	if body == nil {
		return null(plan.Unknown)
	}
	if b.isTabular(body, env, nil) {
		b.errorf(x.Pos(), CodeType, "use toscalar() to take one value out of it", "%s() gives a table, a single value is expected", x.Name.Text)
		return null(plan.Unknown)
	}
	return b.scalar(body, &scope{env: env, window: sc.window, named: sc.named})
}

// tableLambda inlines a user-defined function that gives a table.
func (b *binder) tableLambda(v *variable, x *syntax.Call, env *environment, piped *relation) *relation {
	inner, ok := b.enterLambda(v, x, env, &scope{env: env}, piped)
	if !ok {
		return b.broken()
	}
	defer func() { b.calls-- }()
	defer b.enterStored(v, x)()
	body := b.lambdaBody(v.lambda, inner)
	if body == nil {
		return b.broken()
	}
	return b.table(body, inner)
}

// isTabular tells whether an expression gives a table. rel is the row it stands in, whose columns come before tables.
func (b *binder) isTabular(x syntax.Expr, env *environment, rel *relation) bool {
	switch x := x.(type) {
	case *syntax.Paren:
		return b.isTabular(x.X, env, rel)
	case *syntax.Pipeline:
		return true
	case *syntax.DataTable, *syntax.External:
		return true
	case *syntax.Name:
		if rel != nil && rel.find(x.Text) != nil {
			return false
		}
		if v := env.lookup(x.Text); v != nil {
			return v.table != nil || v.lambda != nil && b.lambdaTabular(v)
		}
		if rel != nil && rel.open {
			return b.catalog.Table(x.Text) != nil
		}
		return rel == nil || b.catalog.Table(x.Text) != nil
	case *syntax.Call:
		if v := env.lookup(x.Name.Text); v != nil {
			return v.lambda != nil && b.lambdaTabular(v) || v.cases != nil
		}
		switch x.Name.Text {
		case "materialize", "table", "database", "cluster", "external_table", "materialized_view", "workspace", "app", "view", "graph", "stored_query_result", "_GetWatchlist", "_GetWatchlistAlias":
			return true
		}
		return b.tableFunction(x.Name.Text)
	case *syntax.Path:
		if _, v := patternCall(x.X, env); v != nil {
			return true
		}
		if n, ok := x.Name.(*syntax.Name); ok && strings.HasPrefix(n.Text, "$") {
			return false
		}
		return scoped(x.X, env)
	case *syntax.Wildcard:
		return rel == nil && x.Pattern != "*"
	}
	return false
}

// scoped says whether an expression names a database: a call as isScopeCall has it, or the name that macro-expand gives to one.
func scoped(x syntax.Expr, env *environment) bool {
	if n, ok := x.(*syntax.Name); ok {
		v := env.lookup(n.Text)
		return v != nil && v.scope
	}
	return isScopeCall(x)
}

// isScopeCall says whether an expression is cluster(…), database(…) or a chain of them.
func isScopeCall(x syntax.Expr) bool {
	switch x := x.(type) {
	case *syntax.Call:
		switch x.Name.Text {
		case "cluster", "database", "workspace", "app", "entity_group":
			return true
		}
	case *syntax.Path:
		return isScopeCall(x.X)
	}
	return false
}

// lambdaTabular tells whether a function's last expression gives a table, without binding it.
func (b *binder) lambdaTabular(v *variable) bool {
	if v.view {
		return true
	}
	if v.kind == kindUnknown {
		v.kind = kindScalar // while it is looked at: a function cannot contain itself
		if b.bodyTabular(v) {
			v.kind = kindTable
		}
	}
	return v.kind == kindTable
}

func (b *binder) bodyTabular(v *variable) bool {
	if b.calls++; b.calls > maxCalls {
		b.calls--
		return false
	}
	defer func() { b.calls-- }()
	env := &environment{parent: v.env}
	for _, p := range v.lambda.Params {
		if p.Tabular {
			env.define(p.Name.Text, &variable{table: func() *relation { return b.broken() }})
		} else {
			env.define(p.Name.Text, &variable{expr: null(plan.Unknown)})
		}
	}
	for i, s := range v.lambda.Body {
		switch s := s.(type) {
		case *syntax.Let:
			switch l := s.Value.(type) {
			case *syntax.Lambda:
				env.define(s.Name.Text, &variable{lambda: l, env: env, view: l.View})
			default:
				if b.isTabular(l, env, nil) {
					env.define(s.Name.Text, &variable{table: func() *relation { return b.broken() }})
				} else {
					env.define(s.Name.Text, &variable{expr: null(plan.Unknown)})
				}
			}
		case *syntax.ExprStatement:
			if i == len(v.lambda.Body)-1 {
				return b.isTabular(s.X, env, nil)
			}
		}
	}
	return false
}
