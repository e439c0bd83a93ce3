package sqlgen

import (
	"strings"

	"github.com/bartizan-sec/bartizan/kql/fn"
	"github.com/bartizan-sec/bartizan/kql/plan"
)

// fold computes the constant parts of an expression.
func (g *Emitter) fold(e plan.Expr) plan.Expr {
	if e == nil {
		return nil
	}
	list := func(in []plan.Expr) []plan.Expr {
		out := make([]plan.Expr, len(in))
		for i, a := range in {
			out[i] = g.fold(a)
		}
		return out
	}
	switch x := e.(type) {
	case *plan.Call:
		c := &plan.Call{Func: x.Func, Args: list(x.Args), T: x.T}
		switch x.Func {
		case "and", "or":
			return g.foldLogic(c)
		}
		return g.foldConstant(c)
	case *plan.Case:
		return g.foldCase(x)
	case *plan.Window:
		return &plan.Window{Func: x.Func, Args: list(x.Args), T: x.T}
	case *plan.InQuery:
		return &plan.InQuery{Func: x.Func, X: g.fold(x.X), Input: x.Input}
	}
	return e
}

func (g *Emitter) foldConstant(e plan.Expr) plan.Expr {
	if !fn.Constant(e) {
		return e
	}
	v, err := g.lib.Eval(e, nil)
	if err != nil {
		g.Fail(&EvalError{Err: err})
		return e
	}
	return &plan.Const{T: e.Type(), Value: v.V}
}

// foldLogic drops operands that decide nothing: what is left of `true and x` is x.
func (g *Emitter) foldLogic(c *plan.Call) plan.Expr {
	neutral := c.Func == "and"
	var rest []plan.Expr
	for _, a := range c.Args {
		if k, ok := a.(*plan.Const); ok {
			if b, isBool := k.Value.(bool); isBool {
				if b != neutral {
					return k
				}
				continue
			}
		}
		rest = append(rest, a)
	}
	switch len(rest) {
	case 0:
		return &plan.Const{T: plan.Bool, Value: neutral}
	case 1:
		return rest[0]
	}
	return &plan.Call{Func: c.Func, Args: rest, T: c.T}
}

func (g *Emitter) foldCase(x *plan.Case) plan.Expr {
	out := &plan.Case{T: x.T}
	for i, w := range x.Whens {
		w = g.fold(w)
		if k, ok := w.(*plan.Const); ok {
			if b, _ := k.Value.(bool); !b {
				continue
			}
			out.Else = g.fold(x.Thens[i])
			break
		}
		out.Whens = append(out.Whens, w)
		out.Thens = append(out.Thens, g.fold(x.Thens[i]))
	}
	if out.Else == nil {
		if x.Else == nil {
			out.Else = &plan.Const{T: x.T, Value: nullFor(x.T)}
		} else {
			out.Else = g.fold(x.Else)
		}
	}
	if len(out.Whens) == 0 {
		if out.Else.Type() == x.T || x.T == plan.Unknown {
			return out.Else
		}
		if k, ok := out.Else.(*plan.Const); ok {
			return &plan.Const{T: x.T, Value: fn.Convert(fn.Value{T: k.T, V: k.Value}, x.T).V}
		}
	}
	return out
}

// volatile says that an expression may give something else each time.
func volatile(e plan.Expr) bool {
	found := false
	rewrite(e, func(e plan.Expr) plan.Expr {
		if c, ok := e.(*plan.Call); ok && (c.Func == "rand" || c.Func == "new_guid") {
			found = true
		}
		return e
	})
	return found
}

// Expr is the SQL of an expression that has been folded.
func (g *Emitter) Expr(e plan.Expr) string {
	g.depth++
	defer func() { g.depth-- }()
	if g.depth > maxNesting {
		return g.Unsupported("an expression of this depth")
	}
	switch x := e.(type) {
	case *plan.Const:
		return g.d.Literal(x.T, constant(x))
	case *plan.ColRef:
		if h := g.held[x.ID]; h != nil {
			return g.d.(holder).value(col(x.ID), h)
		}
		return col(x.ID)
	case *hiddenRef:
		return x.name
	case *sqlExpr:
		return x.sql
	case *plan.Call:
		return g.d.Call(g, x)
	case *plan.Case:
		return g.caseSQL(x)
	case *plan.Scalar:
		return g.scalar(x)
	case *plan.InQuery:
		return g.inQuery(x, false)
	case *plan.Window:
		return g.Unsupported("the window function %s here", x.Func)
	}
	return g.Unsupported("%T", e)
}

func constant(c *plan.Const) any {
	switch x := c.Value.(type) {
	case int:
		return int64(x)
	case int32:
		return int64(x)
	}
	return c.Value
}

// As is the SQL of an expression as a value of type t.
func (g *Emitter) As(e plan.Expr, t plan.Type) string {
	from := e.Type()
	if c, ok := e.(*plan.Const); ok {
		if c.Value == nil {
			return g.d.Literal(t, nullFor(t))
		}
		if from != t && t != plan.Unknown {
			v := fn.Value{T: from, V: constant(c)}
			if t == plan.Dynamic {
				return g.d.Convert(g, g.d.Literal(from, constant(c)), from, t)
			}
			return g.d.Literal(t, fn.Convert(v, t).V)
		}
	}
	s := g.Expr(e)
	if from == t || t == plan.Unknown {
		return s
	}
	return g.d.Convert(g, s, from, t)
}

// Text is an expression as a string.
func (g *Emitter) Text(e plan.Expr) string { return g.As(e, plan.String) }

// Pred is an expression as a condition: null counts as false.
func (g *Emitter) Pred(e plan.Expr) string {
	switch x := e.(type) {
	case *plan.Const:
		if b, _ := x.Value.(bool); b {
			return "true"
		}
		return "false"
	case *plan.Call:
		if x.Func == "and" || x.Func == "or" {
			parts := make([]string, len(x.Args))
			for i, a := range x.Args {
				parts[i] = g.Pred(a)
			}
			op := " AND "
			if x.Func == "or" {
				op = " OR "
			}
			return "(" + strings.Join(parts, op) + ")"
		}
		if s := g.d.Predicate(g, x); s != "" {
			return s
		}
	case *plan.InQuery:
		return g.inQuery(x, true)
	}
	return g.As(e, plan.Bool)
}

func (g *Emitter) caseSQL(x *plan.Case) string {
	var b strings.Builder
	b.WriteString("CASE")
	for i, w := range x.Whens {
		b.WriteString(" WHEN " + g.Pred(w) + " THEN " + g.As(x.Thens[i], x.T))
	}
	if x.Else != nil {
		b.WriteString(" ELSE " + g.As(x.Else, x.T))
	}
	return b.String() + " END"
}

// NotNull reports whether an expression surely has a value in every row.
func (g *Emitter) NotNull(e plan.Expr) bool {
	if e.Type() == plan.String {
		return true
	}
	switch x := e.(type) {
	case *plan.Const:
		return x.Value != nil
	case *plan.ColRef:
		return g.notNull[x.ID]
	case *plan.Call:
		switch x.Func {
		case "isnull", "isnotnull", "isempty", "isnotempty", "contains", "!contains", "contains_cs", "!contains_cs", "has", "!has", "has_cs", "!has_cs", "startswith",
			"!startswith", "startswith_cs", "!startswith_cs", "endswith", "!endswith", "endswith_cs", "!endswith_cs", "hasprefix", "!hasprefix", "hassuffix", "!hassuffix",
			"=~", "!~", "in", "!in", "in~", "!in~", "has_any", "has_all", "!has_any", "matches regex", "strlen", "string_size", "pack_array", "bag_pack":
			return true
		case "and", "or", "not", "==", "!=", "<", "<=", ">", ">=", "+", "-":
			if x.T == plan.Dynamic {
				return false
			}
			for _, a := range x.Args {
				if a.Type() == plan.Dynamic || !g.NotNull(a) {
					return false
				}
			}
			return x.T == plan.Bool || x.T == plan.DateTime || x.T == plan.TimeSpan
		}
	case *plan.Case:
		for _, t := range x.Thens {
			if !g.NotNull(t) || t.Type() != x.T {
				return false
			}
		}
		return x.Else != nil && g.NotNull(x.Else) && x.Else.Type() == x.T
	case *plan.InQuery:
		return true
	}
	return false
}

// scalar is the first cell of a relation.
func (g *Emitter) scalar(x *plan.Scalar) string {
	cols := x.Input.Columns()
	if len(cols) == 0 {
		return g.Unsupported("a toscalar of no columns")
	}
	first := need{cols[0].ID: true}
	serial, part := g.serial, g.part
	r := g.node(x.Input, first)
	g.serial, g.part = serial, part
	sql := "SELECT " + col(cols[0].ID) + " FROM " + r.from()
	if len(r.order) > 0 {
		sql += " ORDER BY " + r.orderBy(nil)
	}
	sql = "(" + sql + " LIMIT 1)"
	if x.T == plan.String {
		return "coalesce(" + sql + ", '')"
	}
	if cols[0].Type != x.T && x.T != plan.Unknown {
		return g.d.Convert(g, sql, cols[0].Type, x.T)
	}
	return sql
}

// inQuery is `x in (relation)`; as a condition null and false are the same.
func (g *Emitter) inQuery(x *plan.InQuery, pred bool) string {
	cols := x.Input.Columns()
	if len(cols) == 0 {
		return "false"
	}
	c := cols[0]
	serial, part := g.serial, g.part
	r := g.node(x.Input, need{c.ID: true})
	g.serial, g.part = serial, part
	value := col(c.ID)
	f := strings.TrimPrefix(x.Func, "!")
	negated := f != x.Func
	var s string
	switch f {
	case "has_any", "has_all":
		list := "(SELECT " + g.d.Aggregate(g, &plan.Agg{Func: "make_list", Column: plan.Column{Type: plan.Dynamic}, Args: []plan.Expr{&plan.ColRef{ID: c.ID, T: c.Type}}}, "") +
			" FROM " + r.from() + ")"
		s = g.d.Call(g, &plan.Call{Func: f, T: plan.Bool, Args: []plan.Expr{x.X, &sqlExpr{sql: list, t: plan.Dynamic}}})
	default:
		t := x.X.Type()
		if t == plan.Dynamic && c.Type != plan.Dynamic {
			t = c.Type
		}
		left := g.As(x.X, t)
		right := value
		if c.Type != t {
			right = g.d.Convert(g, value, c.Type, t)
		}
		if f == "in~" {
			left, right = g.d.Lower(g.toText(left, t)), g.d.Lower(g.toText(right, t))
		}
		sub := "(" + r.selectFrom(right) + ")"
		if f == "in~" || t == plan.String {
			if negated {
				return left + " NOT IN " + sub
			}
			return left + " IN " + sub
		}
		s = left + " IN " + sub
		if !pred || negated {
			s = "coalesce(" + s + ", false)"
		}
	}
	if negated {
		return "NOT (" + s + ")"
	}
	return s
}

func (g *Emitter) toText(sql string, t plan.Type) string {
	if t == plan.String {
		return sql
	}
	return g.d.Convert(g, sql, t, plan.String)
}
