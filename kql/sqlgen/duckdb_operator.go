package sqlgen

import (
	"strings"

	"github.com/bartizan-sec/bartizan/kql/plan"
)

func (d *duck) operators() {
	for _, op := range []string{"+", "-", "*", "/", "%"} {
		d.call[op] = d.arithmetic
	}
	for _, op := range []string{"==", "!=", "<", "<=", ">", ">="} {
		d.call[op] = func(g *Emitter, c *plan.Call) string { return d.compare(g, c, false) }
		d.pred[op] = func(g *Emitter, c *plan.Call) string { return d.compare(g, c, true) }
	}
	d.call["neg"] = func(g *Emitter, c *plan.Call) string {
		if c.T == plan.Decimal || c.Args[0].Type() == plan.Dynamic {
			return ""
		}
		return tried("(-"+g.As(c.Args[0], c.T)+")", c.Args[0])
	}
	d.call["and"] = logic(" AND ")
	d.call["or"] = logic(" OR ")
	d.call["not"] = func(g *Emitter, c *plan.Call) string { return "(NOT " + g.As(c.Args[0], plan.Bool) + ")" }
	d.call["between"] = func(g *Emitter, c *plan.Call) string { return d.between(g, c, "") }
	d.call["!between"] = func(g *Emitter, c *plan.Call) string { return d.between(g, c, "NOT ") }
	d.call["in"] = func(g *Emitter, c *plan.Call) string { return d.in(g, c, false, false, false) }
	d.call["!in"] = func(g *Emitter, c *plan.Call) string { return d.in(g, c, false, true, false) }
	d.call["in~"] = func(g *Emitter, c *plan.Call) string { return d.in(g, c, true, false, false) }
	d.call["!in~"] = func(g *Emitter, c *plan.Call) string { return d.in(g, c, true, true, false) }
	d.pred["in"] = func(g *Emitter, c *plan.Call) string { return d.in(g, c, false, false, true) }
	for name, f := range map[string]string{"isnull": " IS NULL", "isnotnull": " IS NOT NULL"} {
		d.call[name] = func(g *Emitter, c *plan.Call) string {
			if c.Args[0].Type() == plan.String {
				if name == "isnull" {
					return "false"
				}
				return "true"
			}
			if column, h := g.heldGroups(c.Args[0]); h != nil {
				if name == "isnull" {
					return "(NOT " + matched(column, h) + ")"
				}
				return matched(column, h)
			}
			return "(" + g.Expr(c.Args[0]) + f + ")"
		}
	}
	d.call["isempty"] = func(g *Emitter, c *plan.Call) string { return d.empty(g, c.Args[0], true) }
	d.call["isnotempty"] = func(g *Emitter, c *plan.Call) string { return d.empty(g, c.Args[0], false) }
	d.call["coalesce"] = d.coalesce
	d.call["iff"] = func(g *Emitter, c *plan.Call) string {
		return g.caseSQL(&plan.Case{Whens: c.Args[:1], Thens: c.Args[1:2], Else: c.Args[2], T: c.T})
	}
	d.call["rand"] = func(g *Emitter, c *plan.Call) string {
		if len(c.Args) == 0 {
			return "random()"
		}
		if n, ok := constLong(c.Args[0]); ok && n > 1 {
			return "floor(random() * " + itoa(int(n)) + ")"
		}
		return ""
	}
	d.call["max_of"] = d.extreme("greatest")
	d.call["min_of"] = d.extreme("least")
	d.call["abs"] = func(g *Emitter, c *plan.Call) string {
		switch c.Args[0].Type() {
		case plan.Int, plan.Long, plan.Real, plan.TimeSpan:
			return tried("(abs("+g.Expr(c.Args[0])+"))", c.Args[0])
		}
		return ""
	}
	for _, name := range []string{"tostring", "tobool", "toint", "tolong", "toreal", "todecimal", "todatetime", "totimespan", "toguid"} {
		d.call[name] = func(g *Emitter, c *plan.Call) string { return d.convertCall(g, c) }
	}
	d.call["__dynamic"] = func(g *Emitter, c *plan.Call) string { return g.As(c.Args[0], plan.Dynamic) }
}

func logic(op string) func(g *Emitter, c *plan.Call) string {
	return func(g *Emitter, c *plan.Call) string {
		parts := make([]string, len(c.Args))
		for i, a := range c.Args {
			parts[i] = g.As(a, plan.Bool)
		}
		return "(" + strings.Join(parts, op) + ")"
	}
}

func (d *duck) convertCall(g *Emitter, c *plan.Call) string {
	a := c.Args[0]
	if c.T == plan.String && a.Type() == plan.Dynamic {
		if s := d.textOfDynamic(g, a); s != "" {
			return s
		}
	}
	if a.Type() == c.T || len(c.Args) > 1 {
		if len(c.Args) > 1 {
			return ""
		}
		return g.Expr(a)
	}
	if c.T == plan.Long || c.T == plan.Int {
		// Plain digits are read by the engine, everything else by the rules of tolong().
		s := ""
		switch a.Type() {
		case plan.String:
			s = g.Expr(a)
		case plan.Dynamic:
			s = d.textOfDynamic(g, a)
		}
		if s == "" || len(s) > 250 || strings.Contains(s, "kql_") || hasSubquery(a) {
			return g.As(a, c.T)
		}
		digits := "-?[0-9]{1,9}"
		if c.T == plan.Long {
			digits = "-?[0-9]{1,18}"
		}
		rest := d.udf(g, c.Func, c.T, c.Args)
		if computed(s) {
			return "coalesce(TRY_CAST(regexp_extract(" + s + ", '^" + digits + "$') AS " + d.Type(c.T) + "), CASE WHEN " + s + " <> '' THEN " + rest + " END)"
		}
		return "CASE WHEN regexp_full_match(" + s + ", '" + digits + "') THEN CAST(" + s + " AS " + d.Type(c.T) + ") WHEN " + s + " <> '' THEN " + rest + " END"
	}
	return g.As(a, c.T)
}

func isColumn(e plan.Expr) bool { _, ok := e.(*plan.ColRef); return ok }

// number is an operand as a number for a result of type t.
func (d *duck) arithmetic(g *Emitter, c *plan.Call) string {
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
			case c.T == plan.Real && times(other), times(c.T) && !times(other):
				return plan.TimeSpan
			case times(other):
				return plan.TimeSpan
			}
			return c.T
		}
		na, nb := want(ta, tb), want(tb, ta)
		a, b = &sqlExpr{sql: g.As(a, na), t: na}, &sqlExpr{sql: g.As(b, nb), t: nb}
		ta, tb = na, nb
	}
	real := func(e plan.Expr) string {
		if e.Type() == plan.Real {
			return g.Expr(e)
		}
		if k, ok := e.(*plan.Const); ok {
			if n, ok := constant(k).(int64); ok {
				return realLiteral(float64(n))
			}
		}
		if t := e.Type(); t == plan.String || t == plan.Unknown || t == plan.Bool {
			return g.As(e, plan.Real)
		}
		return "CAST(" + g.Expr(e) + " AS DOUBLE)"
	}
	if c.T == plan.Real {
		if c.Func == "%" {
			x, y := real(a), real(b)
			return "fmod(fmod(" + x + ", " + y + ") + abs(" + y + "), " + y + ")"
		}
		return "(" + real(a) + " " + c.Func + " " + real(b) + ")"
	}
	if ta == plan.Real || tb == plan.Real { // a time scaled by a real
		return "TRY_CAST(trunc(" + real(a) + " " + c.Func + " " + real(b) + ") AS " + d.Type(c.T) + ")"
	}
	whole := func(e plan.Expr) string {
		if c.T == plan.Int || e.Type() != plan.Int {
			return g.Expr(e)
		}
		if k, ok := e.(*plan.Const); ok {
			return g.d.Literal(plan.Long, constant(k))
		}
		return "CAST(" + g.Expr(e) + " AS BIGINT)"
	}
	x, y := whole(a), whole(b)
	switch c.Func {
	case "/":
		return "(" + x + " // " + y + ")"
	case "%":
		if ta == plan.DateTime {
			return "(" + x + " % " + y + ")"
		}
		return "((" + x + " % " + y + " + abs(" + y + ")) % " + y + ")"
	}
	s := "(" + x + " " + c.Func + " " + y + ")"
	if bounded(a) && bounded(b) && c.Func != "*" {
		return s
	}
	return tried(s, a, b)
}

// tried makes an expression in parentheses give null where it overflows, rather than end the query. The engine has no such thing around subqueries and
// functions that change.
func tried(s string, operands ...plan.Expr) string {
	for _, e := range operands {
		if hasSubquery(e) || volatile(e) || e.Type() == plan.Real {
			return s
		}
	}
	return "TRY" + s
}

// bounded says that adding a few such values cannot overflow.
func bounded(e plan.Expr) bool {
	switch e.Type() {
	case plan.DateTime:
		return true
	}
	if k, ok := e.(*plan.Const); ok {
		n, ok := constant(k).(int64)
		return ok && n < 1<<60 && n > -(1<<60)
	}
	if c, ok := e.(*plan.Call); ok && c.Func == "-" && len(c.Args) == 2 {
		return bounded(c.Args[0]) && bounded(c.Args[1])
	}
	return false
}

// compare is a comparison. KQL's equality of nulls: null == value is false, null != value is true, and both null is unknown.
func (d *duck) compare(g *Emitter, c *plan.Call, pred bool) string {
	a, b := c.Args[0], c.Args[1]
	ta, tb := a.Type(), b.Type()
	if ta == plan.Decimal || tb == plan.Decimal {
		return d.udf(g, c.Func, plan.Bool, c.Args)
	}
	var x, y string
	t := ta
	switch {
	case ta == tb && ta == plan.Dynamic:
		if c.Func != "==" && c.Func != "!=" {
			return d.udf(g, c.Func, plan.Bool, c.Args)
		}
		x, y = g.Expr(a), g.Expr(b)
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
	default:
		x, y = g.Expr(a), g.Expr(b)
	}
	op := map[string]string{"==": "=", "!=": "<>"}[c.Func]
	if op == "" {
		s := "(" + x + " " + c.Func + " " + y + ")"
		// NaN is beyond all numbers to the engine and comparable to none in the language.
		most, e := x, a
		if c.Func[0] == '<' {
			most, e = y, b
		}
		if _, isConst := e.(*plan.Const); !isConst && e.Type() == plan.Real {
			s = "(" + s + " AND NOT isnan(" + most + "))"
		}
		return s
	}
	na, nb := t == plan.String || g.NotNull(a) && ta == t, t == plan.String || g.NotNull(b) && tb == t
	switch {
	case na && nb:
		return "(" + x + " " + op + " " + y + ")"
	case op == "=" && pred:
		return "(" + x + " = " + y + ")"
	case op == "<>" && (pred || na || nb):
		return "(" + x + " IS DISTINCT FROM " + y + ")"
	case na || nb:
		return "coalesce(" + x + " = " + y + ", false)"
	case op == "=":
		return "CASE WHEN " + x + " IS NULL AND " + y + " IS NULL THEN NULL ELSE " + x + " IS NOT DISTINCT FROM " + y + " END"
	}
	return "CASE WHEN " + x + " IS NULL AND " + y + " IS NULL THEN NULL ELSE " + x + " IS DISTINCT FROM " + y + " END"
}

func (d *duck) between(g *Emitter, c *plan.Call, not string) string {
	t := c.Args[0].Type()
	if t == plan.Dynamic {
		t = c.Args[1].Type()
	}
	if t == plan.Decimal || t == plan.Dynamic {
		return ""
	}
	as := func(e plan.Expr) string {
		if from := e.Type(); from == plan.Dynamic || from == plan.String && t != plan.String {
			return g.As(e, t)
		}
		return g.Expr(e)
	}
	return "(" + as(c.Args[0]) + " " + not + "BETWEEN " + as(c.Args[1]) + " AND " + as(c.Args[2]) + ")"
}

// fewItems is how many items the engine compares a value with one by one, computing the value each time where it is an expression.
const fewItems = 16

// in is membership in a list. Items of type dynamic stand for the elements of the array they hold.
func (d *duck) in(g *Emitter, c *plan.Call, fold, negated, pred bool) string {
	x := c.Args[0]
	t := x.Type()
	items := make([]string, 0, len(c.Args)-1)
	if t == plan.Dynamic {
		// The items say what the value is to be.
		for _, a := range c.Args[1:] {
			if a.Type() != plan.Dynamic {
				t = a.Type()
			}
		}
	}
	for _, a := range c.Args[1:] {
		if a.Type() == plan.Dynamic || t == plan.Decimal || t == plan.Dynamic {
			return d.udf(g, c.Func, plan.Bool, c.Args)
		}
		k, isConst := a.(*plan.Const)
		if isConst && k.Value == nil && t != plan.String {
			continue
		}
		if fold {
			if isConst {
				s, _ := foldText(k).Value.(string)
				items = append(items, quote(s))
			} else {
				items = append(items, "lower("+g.Text(a)+")")
			}
			continue
		}
		items = append(items, g.As(a, t))
	}
	if len(items) == 0 {
		if negated {
			return "true"
		}
		return "false"
	}
	left := g.As(x, t)
	if fold {
		left = "lower(" + g.Text(x) + ")"
		t = plan.String
	}
	s := left + " IN (" + strings.Join(items, ", ") + ")"
	if len(items) > 1 && len(items) <= fewItems && g.costly(x, left) {
		s = "list_contains([" + strings.Join(items, ", ") + "], " + left + ")"
		if t == plan.String && negated {
			return "(NOT " + s + ")"
		}
	}
	if t == plan.String || g.NotNull(x) && x.Type() == t {
		if negated {
			return "(" + left + " NOT IN (" + strings.Join(items, ", ") + "))"
		}
		return "(" + s + ")"
	}
	if negated {
		return "(NOT coalesce(" + s + ", false))"
	}
	if pred {
		return "(" + s + ")"
	}
	return "coalesce(" + s + ", false)"
}

func (d *duck) empty(g *Emitter, e plan.Expr, want bool) string {
	s := g.Expr(e)
	switch e.Type() {
	case plan.String:
		if want {
			return "(" + s + " = '')"
		}
		return "(" + s + " <> '')"
	case plan.Dynamic:
		if t := d.textOfDynamic(g, e); t != "" {
			s = t
		} else {
			s = g.d.Convert(g, s, plan.Dynamic, plan.String)
		}
		if want {
			return "(" + s + " = '')"
		}
		return "(" + s + " <> '')"
	}
	if want {
		return "(" + s + " IS NULL)"
	}
	return "(" + s + " IS NOT NULL)"
}

// coalesce takes the first value that is not null, for strings the first that is not empty.
func (d *duck) coalesce(g *Emitter, c *plan.Call) string {
	parts := make([]string, 0, len(c.Args)+1)
	for i, a := range c.Args {
		s := g.As(a, c.T)
		if c.T == plan.String && i < len(c.Args)-1 {
			s = "nullif(" + s + ", '')"
		}
		parts = append(parts, s)
	}
	return "coalesce(" + strings.Join(parts, ", ") + ")"
}

func (d *duck) extreme(f string) func(*Emitter, *plan.Call) string {
	return func(g *Emitter, c *plan.Call) string {
		if c.T == plan.Decimal || c.T == plan.Dynamic || c.T == plan.Unknown {
			return ""
		}
		parts := make([]string, len(c.Args))
		for i, a := range c.Args {
			parts[i] = g.As(a, c.T)
		}
		return f + "(" + strings.Join(parts, ", ") + ")"
	}
}
