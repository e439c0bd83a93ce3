package sqlgen

import (
	"strconv"
	"strings"

	"github.com/bartizan-sec/bartizan/kql/plan"
)

func (d *clickhouse) operators() {
	for _, op := range []string{"+", "-", "*", "/", "%"} {
		d.call[op] = d.arithmetic
	}
	for _, op := range []string{"==", "!=", "<", "<=", ">", ">="} {
		d.call[op] = func(g *Emitter, c *plan.Call) string { return d.compare(g, c, false) }
		d.pred[op] = func(g *Emitter, c *plan.Call) string { return d.compare(g, c, true) }
	}
	d.call["neg"] = func(g *Emitter, c *plan.Call) string {
		switch c.T {
		case plan.Real:
			return "(-" + g.As(c.Args[0], c.T) + ")"
		case plan.Int, plan.Long, plan.TimeSpan:
			return d.fits("(-toInt128("+g.As(c.Args[0], c.T)+"))", c.T)
		}
		return ""
	}
	d.call["and"] = logic(" AND ")
	d.call["or"] = logic(" OR ")
	d.call["not"] = func(g *Emitter, c *plan.Call) string { return "(NOT " + g.As(c.Args[0], plan.Bool) + ")" }
	d.call["between"] = func(g *Emitter, c *plan.Call) string { return d.between(g, c, "") }
	d.call["!between"] = func(g *Emitter, c *plan.Call) string { return d.between(g, c, "NOT ") }
	d.call["in"] = func(g *Emitter, c *plan.Call) string { return d.in(g, c, false, false) }
	d.call["!in"] = func(g *Emitter, c *plan.Call) string { return d.in(g, c, false, true) }
	d.call["in~"] = func(g *Emitter, c *plan.Call) string { return d.in(g, c, true, false) }
	d.call["!in~"] = func(g *Emitter, c *plan.Call) string { return d.in(g, c, true, true) }
	for name, f := range map[string]string{"isnull": " IS NULL", "isnotnull": " IS NOT NULL"} {
		d.call[name] = func(g *Emitter, c *plan.Call) string {
			if c.Args[0].Type() == plan.String {
				return strconv.FormatBool(name == "isnotnull")
			}
			if k, ok := g.defined(c.Args[0]).(*plan.Call); ok && k.Func == "__parse" {
				if list := d.groups(g, k); list != "" {
					return map[string]string{"isnull": "empty(", "isnotnull": "notEmpty("}[name] + list + ")"
				}
			}
			return "(" + g.Expr(c.Args[0]) + f + ")"
		}
	}
	d.call["isempty"] = func(g *Emitter, c *plan.Call) string { return d.empty(g, c.Args[0], true) }
	d.call["isnotempty"] = func(g *Emitter, c *plan.Call) string { return d.empty(g, c.Args[0], false) }
	d.call["coalesce"] = func(g *Emitter, c *plan.Call) string {
		parts := make([]string, 0, len(c.Args))
		for i, a := range c.Args {
			s := g.As(a, c.T)
			if c.T == plan.String && i < len(c.Args)-1 {
				s = "nullIf(" + s + ", '')"
			}
			parts = append(parts, s)
		}
		return "coalesce(" + strings.Join(parts, ", ") + ")"
	}
	d.call["iff"] = func(g *Emitter, c *plan.Call) string {
		return g.caseSQL(&plan.Case{Whens: c.Args[:1], Thens: c.Args[1:2], Else: c.Args[2], T: c.T})
	}
	d.call["max_of"] = d.extreme("arrayMax")
	d.call["min_of"] = d.extreme("arrayMin")
	for _, name := range []string{"tostring", "tobool", "toint", "tolong", "toreal", "todecimal", "todatetime", "totimespan", "toguid"} {
		d.call[name] = func(g *Emitter, c *plan.Call) string {
			if len(c.Args) != 1 {
				return ""
			}
			if c.T == plan.String && c.Args[0].Type() == plan.Dynamic {
				return d.textOfDynamic(g, c.Args[0])
			}
			if c.Args[0].Type() == plan.Dynamic {
				if s := d.numberAt(g, c.Args[0], c.T); s != "" {
					return s
				}
			}
			return g.As(c.Args[0], c.T)
		}
	}
	d.call["__dynamic"] = func(g *Emitter, c *plan.Call) string { return g.As(c.Args[0], plan.Dynamic) }
	d.call["rand"] = func(g *Emitter, c *plan.Call) string {
		if len(c.Args) == 0 {
			return "randCanonical()"
		}
		return ""
	}
}

// fits is a wide whole number as one of type t, null where it does not fit.
func (d *clickhouse) fits(s string, t plan.Type) string {
	name := "Int64"
	if t == plan.Int {
		name = "Int32"
	}
	return "accurateCastOrNull(" + s + ", '" + name + "')"
}

// arithmetic gives null where a whole number overflows or is divided by zero.
func (d *clickhouse) arithmetic(g *Emitter, c *plan.Call) string {
	a, b := c.Args[0], c.Args[1]
	ta, tb := a.Type(), b.Type()
	if c.T == plan.Decimal || ta == plan.Decimal || tb == plan.Decimal || c.T == plan.Dynamic || c.T == plan.Unknown {
		return ""
	}
	times := func(t plan.Type) bool { return t == plan.TimeSpan || t == plan.DateTime }
	if ta == plan.Dynamic || tb == plan.Dynamic {
		want := func(t, other plan.Type) plan.Type {
			switch {
			case t != plan.Dynamic:
				return t
			case times(other), times(c.T):
				return plan.TimeSpan
			}
			return c.T
		}
		na, nb := want(ta, tb), want(tb, ta)
		a, b = &sqlExpr{sql: g.As(a, na), t: na}, &sqlExpr{sql: g.As(b, nb), t: nb}
		ta, tb = na, nb
	}
	real := func(e plan.Expr) string {
		switch t := e.Type(); {
		case t == plan.Real, t == plan.String, t == plan.Unknown, t == plan.Bool:
			return g.As(e, plan.Real)
		}
		return "toFloat64(" + g.Expr(e) + ")"
	}
	if c.T == plan.Real {
		x, y := real(a), real(b)
		if c.Func == "%" {
			return "if(" + y + " = 0, toFloat64(nan), modulo(modulo(" + x + ", " + y + ") + abs(" + y + "), " + y + "))"
		}
		return "(" + x + " " + c.Func + " " + y + ")"
	}
	if ta == plan.Real || tb == plan.Real { // a time scaled by a real
		return d.fits("trunc("+real(a)+" "+c.Func+" "+real(b)+")", c.T)
	}
	x, y := g.Expr(a), g.Expr(b)
	switch c.Func {
	case "/", "%":
		n, whole := constWhole(b)
		if whole && n > 0 {
			if c.Func == "/" {
				return d.whole("intDiv("+x+", "+y+")", c.T)
			}
			if ta == plan.DateTime {
				return d.whole("("+x+" % "+y+")", c.T)
			}
			return d.whole("positiveModulo("+x+", "+y+")", c.T)
		}
		x, y = "toInt128("+x+")", "toInt128("+y+")"
		if c.Func == "/" {
			return d.fits("intDivOrNull("+x+", "+y+")", c.T)
		}
		return d.fits("if("+y+" = 0, NULL, positiveModulo("+x+", if("+y+" = 0, 1, abs("+y+"))))", c.T)
	}
	if bounded(a) && bounded(b) && c.Func != "*" {
		return "(" + x + " " + c.Func + " " + y + ")"
	}
	if c.T == plan.Int || ta == plan.Int && tb == plan.Int {
		return d.fits("(toInt64("+x+") "+c.Func+" toInt64("+y+"))", c.T)
	}
	return d.fits("(toInt128("+x+") "+c.Func+" toInt128("+y+"))", c.T)
}

func (d *clickhouse) whole(s string, t plan.Type) string {
	if t == plan.Int {
		return "toInt32(" + s + ")"
	}
	return s
}

func constWhole(e plan.Expr) (int64, bool) {
	k, ok := e.(*plan.Const)
	if !ok {
		return 0, false
	}
	n, ok := constant(k).(int64)
	return n, ok
}

// compare is a comparison. KQL's equality of nulls: null == value is false, null != value is true, and both null is unknown.
func (d *clickhouse) compare(g *Emitter, c *plan.Call, pred bool) string {
	a, b := c.Args[0], c.Args[1]
	ta, tb := a.Type(), b.Type()
	if ta == plan.Decimal || tb == plan.Decimal {
		return g.Unsupported("a comparison of decimals")
	}
	var x, y string
	t := ta
	switch {
	case ta == tb && ta == plan.Dynamic:
		return g.Unsupported("a comparison of dynamic values")
	case ta == plan.Dynamic:
		t = tb
		x, y = g.As(a, tb), g.Expr(b)
	case tb == plan.Dynamic:
		x, y = g.Expr(a), g.As(b, ta)
	case ta != tb && (ta == plan.String || tb == plan.String):
		if ta == plan.String {
			t = tb
		}
		x, y = g.As(a, t), g.As(b, t)
	case ta != tb && (ta == plan.Real || tb == plan.Real):
		t = plan.Real
		x, y = g.As(a, t), g.As(b, t)
	default:
		x, y = g.Expr(a), g.Expr(b)
	}
	op := map[string]string{"==": "=", "!=": "<>"}[c.Func]
	if op == "" {
		return "(" + x + " " + c.Func + " " + y + ")"
	}
	na, nb := t == plan.String || g.NotNull(a) && ta == t, t == plan.String || g.NotNull(b) && tb == t
	switch {
	case na && nb:
		return "(" + x + " " + op + " " + y + ")"
	case op == "=" && pred:
		return "(" + x + " = " + y + ")"
	case op == "<>" && (pred || na || nb):
		return "ifNull(" + x + " <> " + y + ", " + d.eitherNull(x, y, na, nb, pred) + ")"
	case na || nb:
		return "ifNull(" + x + " = " + y + ", false)"
	case op == "=":
		return "if(" + x + " IS NULL AND " + y + " IS NULL, NULL, ifNull(" + x + " = " + y + ", false))"
	}
	return "if(" + x + " IS NULL AND " + y + " IS NULL, NULL, ifNull(" + x + " <> " + y + ", true))"
}

// eitherNull is what x != y is when one side has no value.
func (d *clickhouse) eitherNull(x, y string, na, nb, pred bool) string {
	if na || nb || !pred {
		return "true"
	}
	return "isNull(" + x + ") <> isNull(" + y + ")"
}

func (d *clickhouse) between(g *Emitter, c *plan.Call, not string) string {
	t := c.Args[0].Type()
	if t == plan.Dynamic {
		t = c.Args[1].Type()
	}
	if t == plan.Decimal || t == plan.Dynamic {
		return ""
	}
	as := func(e plan.Expr) string {
		if from := e.Type(); from == plan.Dynamic || from == plan.String && t != plan.String || from == plan.Real && t != plan.Real {
			if from == plan.Real {
				return g.Expr(e)
			}
			return g.As(e, t)
		}
		return g.Expr(e)
	}
	return "(" + as(c.Args[0]) + " " + not + "BETWEEN " + as(c.Args[1]) + " AND " + as(c.Args[2]) + ")"
}

// in is membership in a list.
func (d *clickhouse) in(g *Emitter, c *plan.Call, fold, negated bool) string {
	x := c.Args[0]
	t := x.Type()
	if t == plan.Dynamic {
		// The items say what the value is to be.
		for _, a := range c.Args[1:] {
			if a.Type() != plan.Dynamic {
				t = a.Type()
			}
		}
	}
	items, plainItems := make([]string, 0, len(c.Args)-1), true
	var others []string // items that are no constants
	for _, a := range c.Args[1:] {
		if a.Type() == plan.Dynamic || t == plan.Decimal || t == plan.Dynamic {
			return g.Unsupported("membership of a dynamic value")
		}
		k, isConst := a.(*plan.Const)
		switch {
		case isConst && k.Value == nil && t != plan.String:
		case fold && isConst:
			s, _ := foldText(k).Value.(string)
			items = append(items, chQuote(s))
			plainItems = plainItems && ascii(s)
		case fold:
			others = append(others, d.Lower(g.Text(a)))
		case isConst && k.T == plan.Real && t != plan.Real:
			return ""
		case isConst:
			items = append(items, g.As(a, t))
		default:
			others = append(others, g.As(a, t))
		}
	}
	left := g.As(x, t)
	if fold {
		left = d.Lower(g.Text(x))
		if plainItems && len(others) == 0 {
			left = "lower(" + g.Text(x) + ")"
		}
		t = plan.String
	}
	var tests []string
	if len(items) > 0 {
		tests = append(tests, left+" IN ("+strings.Join(items, ", ")+")")
	}
	for _, o := range others {
		tests = append(tests, left+" = "+o)
	}
	if len(tests) == 0 {
		return strconv.FormatBool(negated)
	}
	s := "(" + strings.Join(tests, " OR ") + ")"
	if t != plan.String && (!g.NotNull(x) || x.Type() != t || len(others) > 0) {
		s = "ifNull(" + s + ", false)"
	}
	if negated {
		return "(NOT " + s + ")"
	}
	return s
}

func (d *clickhouse) empty(g *Emitter, e plan.Expr, want bool) string {
	op := " <> '')"
	if want {
		op = " = '')"
	}
	switch e.Type() {
	case plan.String:
		return "(" + g.Expr(e) + op
	case plan.Dynamic:
		return "(" + d.textOfDynamic(g, e) + op
	}
	if want {
		return "(" + g.Expr(e) + " IS NULL)"
	}
	return "(" + g.Expr(e) + " IS NOT NULL)"
}

// extreme is the greatest or least argument; nulls do not count.
func (d *clickhouse) extreme(f string) func(*Emitter, *plan.Call) string {
	return func(g *Emitter, c *plan.Call) string {
		switch c.T {
		case plan.Int, plan.Long, plan.Real, plan.DateTime, plan.TimeSpan:
		default:
			return ""
		}
		pick := "greatest"
		if f == "arrayMin" {
			pick = "least"
		}
		parts := make([]string, len(c.Args))
		for i, a := range c.Args {
			parts[i] = g.As(a, c.T)
		}
		out := parts[0]
		for _, p := range parts[1:] {
			out = d.let(g, out, func(x string) string {
				return "multiIf(" + x + " IS NULL, " + p + ", " + p + " IS NULL, " + x + ", " + pick + "(" + x + ", " + p + "))"
			})
		}
		return out
	}
}
