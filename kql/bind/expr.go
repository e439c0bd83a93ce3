package bind

import (
	"math"
	"strings"

	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/syntax"
)

// scalar binds an expression to one value. After an error it returns a null of unknown type, so that one mistake is reported once.
func (b *binder) scalar(x syntax.Expr, sc *scope) plan.Expr {
	if x == nil {
		return null(plan.Unknown)
	}
	b.exprs++
	if !b.within(x.Pos(), b.exprs, maxExprs) {
		return null(plan.Unknown)
	}
	switch x := x.(type) {
	case *syntax.Paren:
		return b.scalar(x.X, sc)
	case *syntax.Literal:
		return b.literal(x)
	case *syntax.Name:
		return b.nameExpr(x, sc)
	case *syntax.Unary:
		return b.unary(x, sc)
	case *syntax.Binary:
		return b.binary(x, sc)
	case *syntax.Between:
		return b.between(x, sc)
	case *syntax.In:
		return b.in(x, sc)
	case *syntax.Call:
		return b.call(x, sc)
	case *syntax.Path:
		return b.path(x, sc)
	case *syntax.Index:
		return b.index(x, sc)
	case *syntax.Ordered:
		return b.scalar(x.X, sc)
	case *syntax.Named:
		if len(x.Names) == 1 && !x.Tuple {
			b.errorf(x.Pos(), CodeSyntax, "comparison is written `==`, or `=~` to ignore letter case", "`%s = …` is not a condition", x.Names[0].Text)
		} else {
			b.errorf(x.Pos(), CodeSyntax, "", "a name cannot be given here")
		}
		return null(plan.Unknown)
	case *syntax.Wildcard:
		b.errorf(x.Pos(), CodeSyntax, "", "`%s` cannot stand here", x.Pattern)
		return null(plan.Unknown)
	case *syntax.TypeOf:
		b.errorf(x.Pos(), CodeSyntax, "", "typeof() cannot stand here")
		return null(plan.Unknown)
	case *syntax.Pipeline, *syntax.DataTable, *syntax.External:
		b.errorf(x.Pos(), CodeType, "use toscalar() to take one value out of a table", "a table stands where a single value is expected")
		return null(plan.Unknown)
	}
	b.errorf(x.Pos(), CodeSyntax, "", "this expression cannot stand here")
	return null(plan.Unknown)
}

func (b *binder) literal(l *syntax.Literal) plan.Expr {
	t := [...]plan.Type{plan.Bool, plan.Int, plan.Long, plan.Real, plan.Decimal, plan.String, plan.DateTime, plan.TimeSpan, plan.GUID, plan.Dynamic}[l.Kind]
	if l.Bad != "" {
		// a time alone is a time of the present day
		if l.Kind == syntax.LitDateTime {
			day := syntax.FormatDateTime(b.now)[:10]
			for _, text := range []string{day + " " + l.Bad, monthDay(day) + " " + l.Bad} {
				if v, ok := syntax.ParseDateTime(text); ok {
					return &plan.Const{T: t, Value: v}
				}
			}
		}
		b.warnf(l.Pos(), CodeType, "", "%q is not a %s; the literal is null", l.Bad, t)
		return null(t)
	}
	if l.Raw == "null" {
		return null(plan.Unknown)
	}
	return &plan.Const{T: t, Value: l.Value}
}

// monthDay turns 2021-02-03 into 02/03/2021, the form that goes with AM and PM.
func monthDay(day string) string { return day[5:7] + "/" + day[8:10] + "/" + day[:4] }

func (b *binder) nameExpr(n *syntax.Name, sc *scope) plan.Expr {
	if sc.rel != nil {
		if f := sc.rel.find(n.Text); f != nil {
			return ref(f.Column)
		}
		if sc.right != nil {
			if f := sc.right.find(n.Text); f != nil {
				return ref(f.Column)
			}
		}
	}
	if rec, ok := sc.named[n.Text]; ok { // a graph element as a value: a bag of its properties
		return recordBag(rec)
	}
	if v := sc.env.lookup(n.Text); v != nil {
		switch {
		case v.expr != nil:
			if v.row && b.depth > v.depth {
				b.errorf(n.Pos(), CodeType, "join the tables instead", "`%s` depends on the row, a subquery cannot look at it", n.Text)
				return null(v.expr.Type())
			}
			if b.exprs += v.nodes; !b.within(n.Pos(), b.exprs, maxExprs) {
				return null(v.expr.Type())
			}
			return v.expr
		case v.lambda != nil && len(v.lambda.Params) == 0 && !v.view:
			return b.callLambda(v, &syntax.Call{Span: n.Span, Name: n}, sc)
		case v.table != nil, v.lambda != nil:
			b.errorf(n.Pos(), CodeType, "use toscalar("+n.Text+") to take one value out of it", "`%s` is a table, a single value is expected", n.Text)
			return null(plan.Unknown)
		}
	}
	if sc.rel != nil && sc.rel.open {
		return b.openColumn(sc.rel, n.Text)
	}
	b.unknownName(n, sc)
	return null(plan.Unknown)
}

func recordBag(rec *relation) plan.Expr {
	c := &plan.Call{Func: "bag_pack", T: plan.Dynamic}
	for _, f := range rec.fields {
		if !f.hidden {
			c.Args = append(c.Args, &plan.Const{T: plan.String, Value: f.Name}, ref(f.Column))
		}
	}
	return c
}

// openColumn adds a column that the data may have had to an open relation: a null of unknown type.
func (b *binder) openColumn(r *relation, name string) plan.Expr {
	c := b.column(name, plan.Unknown)
	items := append(pass(r), plan.Named{Column: c, Expr: null(plan.Unknown)})
	r.node = &plan.Project{Input: r.node, Items: items}
	r.fields = append(r.fields, field{Column: c})
	return ref(c)
}

func (b *binder) unary(x *syntax.Unary, sc *scope) plan.Expr {
	e := b.scalar(x.X, sc)
	t := e.Type()
	if !numeric(t) && t != plan.TimeSpan && !loose(t) {
		b.errorf(x.Pos(), CodeType, "", "`%s` needs a number or a timespan, not a %s", x.Op, t)
		return null(plan.Unknown)
	}
	if t == plan.Dynamic {
		e = b.convert(e, plan.Real)
	}
	if x.Op == "+" {
		return e
	}
	if c, ok := e.(*plan.Const); ok {
		switch v := c.Value.(type) {
		case int64:
			return &plan.Const{T: c.T, Value: -v}
		case float64:
			return &plan.Const{T: c.T, Value: -v}
		case nil:
			return c
		case string:
			if c.T == plan.Decimal {
				if rest, ok := strings.CutPrefix(v, "-"); ok {
					return &plan.Const{T: c.T, Value: rest}
				}
				return &plan.Const{T: c.T, Value: "-" + v}
			}
		}
	}
	return &plan.Call{Func: "neg", Args: []plan.Expr{e}, T: e.Type()}
}

func (b *binder) path(x *syntax.Path, sc *scope) plan.Expr {
	if n, ok := x.X.(*syntax.Name); ok {
		if side := b.side(n, sc); side != nil {
			name, ok := x.Name.(*syntax.Name)
			if !ok {
				b.errorf(x.Pos(), CodeSyntax, "", "expected the name of a column after `%s.`", n.Text)
				return null(plan.Unknown)
			}
			if f := side.find(name.Text); f != nil {
				return ref(f.Column)
			}
			if side.open {
				return b.openColumn(side, name.Text)
			}
			b.unknownColumn(name, side)
			return null(plan.Unknown)
		}
	}
	name, ok := x.Name.(*syntax.Name)
	if ok && strings.HasPrefix(name.Text, "$") && scoped(x.X, sc.env) {
		switch name.Text {
		case "$current_database":
			return &plan.Const{T: plan.String, Value: b.opt.Database}
		case "$current_cluster_endpoint":
			return &plan.Const{T: plan.String, Value: ""}
		}
	}
	if !ok {
		if b.isTabular(x, sc.env, sc.rel) {
			b.errorf(x.Pos(), CodeType, "use toscalar() to take one value out of it", "a table stands where a single value is expected")
		} else {
			b.errorf(x.Pos(), CodeSyntax, "", "only a name may follow the point")
		}
		return null(plan.Unknown)
	}
	base := b.scalar(x.X, sc)
	return b.member(x, base, &plan.Const{T: plan.String, Value: name.Text})
}

// side returns the record that $left, $right, a step of scan or an element of a graph pattern stands for.
func (b *binder) side(n *syntax.Name, sc *scope) *relation {
	switch {
	case n.Text == "$left" && sc.right != nil:
		return sc.rel
	case n.Text == "$right" && sc.right != nil:
		return sc.right
	}
	if rec, ok := sc.named[n.Text]; ok && (sc.rel == nil || sc.rel.find(n.Text) == nil) {
		return rec
	}
	return nil
}

func (b *binder) member(at syntax.Node, base, key plan.Expr) plan.Expr {
	if t := base.Type(); !loose(t) {
		hint := ""
		if t == plan.String {
			hint = "turn the text into an object first: parse_json(…)"
		}
		b.errorf(at.Pos(), CodeType, hint, "a %s has no members; only dynamic values do", t)
		return null(plan.Unknown)
	}
	return &plan.Call{Func: "index", Args: []plan.Expr{base, key}, T: plan.Dynamic}
}

func (b *binder) index(x *syntax.Index, sc *scope) plan.Expr {
	if n, ok := x.X.(*syntax.Name); ok { // $left["name"]
		if l, ok := x.Index.(*syntax.Literal); ok && l.Kind == syntax.LitString && b.side(n, sc) != nil {
			return b.path(&syntax.Path{Span: x.Span, X: x.X, Name: &syntax.Name{Span: l.Span, Text: l.Value.(string)}}, sc)
		}
	}
	if c, ok := x.X.(*syntax.Call); ok && sc.env.lookup(c.Name.Text) == nil { // one of several results
		if l, ok := x.Index.(*syntax.Literal); ok && l.Kind == syntax.LitLong && b.outputs(c.Name.Text, c, sc) != nil {
			outs, _ := b.several(c, sc)
			if i := l.Value.(int64); i >= 0 && i < int64(len(outs)) {
				return outs[i].expr
			}
			b.errorf(x.Index.Pos(), CodeType, "", "%s() has %d results", c.Name.Text, len(outs))
			return null(plan.Unknown)
		}
	}
	base := b.scalar(x.X, sc)
	key := b.scalar(x.Index, sc)
	switch t := key.Type(); {
	case t == plan.Int || t == plan.Long || t == plan.String || loose(t):
	case t == plan.Real:
		key = b.convert(key, plan.Long)
	default:
		b.errorf(x.Index.Pos(), CodeType, "", "an index is a number or a string, not a %s", t)
	}
	return b.member(x, base, key)
}

func (b *binder) between(x *syntax.Between, sc *scope) plan.Expr {
	v, lo, hi := b.scalar(x.X, sc), b.scalar(x.Lo, sc), b.scalar(x.Hi, sc)
	if lo.Type() == plan.DateTime && hi.Type() == plan.TimeSpan { // (start .. length)
		hi = b.arithmetic(x.Hi, "+", lo, hi)
	}
	t := v.Type()
	for _, e := range []plan.Expr{lo, hi} {
		switch u := e.Type(); {
		case loose(t) && !loose(u):
			t = u
		case numeric(t) && numeric(u):
			t = widest(t, u)
		}
	}
	for _, e := range []struct {
		e *plan.Expr
		x syntax.Expr
	}{{&v, x.X}, {&lo, x.Lo}, {&hi, x.Hi}} {
		u := (*e.e).Type()
		if u != t && !loose(u) && !(numeric(t) && numeric(u)) {
			b.errorf(e.x.Pos(), CodeType, "", "cannot compare a %s with a %s", t, u)
			return null(plan.Bool)
		}
		*e.e = b.convert(*e.e, t)
	}
	f := "between"
	if x.Not {
		f = "!between"
	}
	return &plan.Call{Func: f, Args: []plan.Expr{v, lo, hi}, T: plan.Bool}
}

// logical binds an expression as a condition.
func (b *binder) logical(x syntax.Expr, sc *scope) plan.Expr {
	return b.asBool(x, b.scalar(x, sc))
}

func (b *binder) asBool(at syntax.Node, e plan.Expr) plan.Expr {
	switch t := e.Type(); {
	case t == plan.Bool:
		return e
	case loose(t), numeric(t):
		return b.convert(e, plan.Bool)
	default:
		b.errorf(at.Pos(), CodeType, "", "a condition is expected, not a %s", t)
		return null(plan.Bool)
	}
}

// constant evaluates an expression that must not depend on rows; nil when it is none that can be folded.
func constant(e plan.Expr) *plan.Const {
	c, _ := e.(*plan.Const)
	return c
}

// text returns the value of a constant string.
func text(e plan.Expr) (string, bool) {
	if c := constant(e); c != nil && c.T == plan.String {
		s, ok := c.Value.(string)
		return s, ok
	}
	return "", false
}

// foldArithmetic computes with constants; nil where it cannot or should not.
func foldArithmetic(op string, t plan.Type, l, r *plan.Const) *plan.Const {
	if l.Value == nil || r.Value == nil {
		return nil
	}
	if a, ok := l.Value.(float64); ok {
		if c, ok := r.Value.(float64); ok && t == plan.Real && op != "%" && !(op == "/" && c == 0) {
			return &plan.Const{T: t, Value: map[string]float64{"+": a + c, "-": a - c, "*": a * c, "/": a / c}[op]}
		}
		if c, ok := r.Value.(int64); ok && t == plan.TimeSpan && op == "*" {
			return foldSpan(a * float64(c))
		}
		return nil
	}
	a, ok := l.Value.(int64)
	if !ok {
		return nil
	}
	c, ok := r.Value.(int64)
	if !ok {
		if f, isReal := r.Value.(float64); isReal && t == plan.TimeSpan && l.T == plan.TimeSpan {
			switch {
			case op == "*":
				return foldSpan(float64(a) * f)
			case op == "/" && f != 0:
				return foldSpan(float64(a) / f)
			}
		}
		return nil
	}
	var v int64
	switch op {
	case "+":
		v = a + c
		if (c > 0) != (v > a) && c != 0 {
			return nil
		}
	case "-":
		v = a - c
		if (c > 0) != (v < a) && c != 0 {
			return nil
		}
	case "*":
		v = a * c
		if a != 0 && (v/a != c || a == -1 && c == math.MinInt64) {
			return nil
		}
	case "/":
		if c == 0 || t == plan.Real {
			if c != 0 && l.T == plan.TimeSpan {
				return &plan.Const{T: plan.Real, Value: float64(a) / float64(c)}
			}
			return nil
		}
		v = a / c
	default:
		return nil
	}
	if t == plan.Int && v != int64(int32(v)) || t == plan.DateTime && (v < 0 || v > syntax.MaxTicks) {
		return nil
	}
	return &plan.Const{T: t, Value: v}
}

func foldSpan(v float64) *plan.Const {
	if math.IsNaN(v) || math.Abs(v) >= math.MaxInt64 {
		return nil
	}
	return &plan.Const{T: plan.TimeSpan, Value: int64(v)}
}
