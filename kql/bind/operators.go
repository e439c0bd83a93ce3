package bind

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/syntax"
)

func (b *binder) binary(x *syntax.Binary, sc *scope) plan.Expr {
	switch x.Op {
	case "and", "or":
		return b.junction(x, sc)
	case "+", "-", "*", "/", "%":
		// left-deep chains are walked without recursion
		var spine []*syntax.Binary
		var left syntax.Expr = x
		for {
			y, ok := left.(*syntax.Binary)
			if !ok || !isArithmetic(y.Op) {
				break
			}
			spine = append(spine, y)
			left = y.L
		}
		e := b.scalar(left, sc)
		for i := len(spine) - 1; i >= 0; i-- {
			e = b.arithmetic(spine[i], spine[i].Op, e, b.scalar(spine[i].R, sc))
		}
		return e
	}
	if w, ok := x.L.(*syntax.Wildcard); ok && w.Pattern == "*" {
		return b.anyColumn(x, sc)
	}
	l, r := b.scalar(x.L, sc), b.scalar(x.R, sc)
	switch x.Op {
	case "==", "!=", "<", "<=", ">", ">=":
		return b.compare(x, x.Op, l, r)
	}
	return b.stringOperator(x, x.Op, l, r)
}

func isArithmetic(op string) bool { return len(op) == 1 && strings.Contains("+-*/%", op) }

// junction binds a chain of and or of or to one call with all its terms.
func (b *binder) junction(x *syntax.Binary, sc *scope) plan.Expr {
	var terms []syntax.Expr
	var left syntax.Expr = x
	for {
		y, ok := left.(*syntax.Binary)
		if !ok || y.Op != x.Op {
			break
		}
		terms = append(terms, y.R)
		left = y.L
	}
	if len(terms) >= maxTerms {
		b.errorf(x.Pos(), CodeLimit, "compare with a list: in (…) or !in (…)", "more than %d terms of `%s`", maxTerms, x.Op)
		return null(plan.Bool)
	}
	c := &plan.Call{Func: x.Op, T: plan.Bool, Args: []plan.Expr{b.logical(left, sc)}}
	for i := len(terms) - 1; i >= 0; i-- {
		c.Args = append(c.Args, b.logical(terms[i], sc))
	}
	return c
}

// maxTerms bounds a chain of and or of or: engines take quadratic time to plan it.
const maxTerms = 5000

// arithmetic types a sum, product and so on. Numbers are computed in the wider of the two types; time has its own algebra.
func (b *binder) arithmetic(at syntax.Node, op string, l, r plan.Expr) plan.Expr {
	lt, rt := l.Type(), r.Type()
	if lt == plan.Unknown && rt == plan.Unknown {
		return null(plan.Unknown)
	}
	t := plan.Unknown
	switch {
	case numeric(lt) && numeric(rt):
		t = widest(lt, rt)
		l, r = b.convert(l, t), b.convert(r, t)
	case lt == plan.DateTime && rt == plan.DateTime && op == "-":
		t = plan.TimeSpan
	case lt == plan.DateTime && rt == plan.TimeSpan && (op == "+" || op == "-"), lt == plan.TimeSpan && rt == plan.DateTime && op == "+":
		t = plan.DateTime
	case lt == plan.TimeSpan && rt == plan.TimeSpan:
		switch op {
		case "+", "-", "%":
			t = plan.TimeSpan
		case "/":
			t = plan.Real
		}
	case lt == plan.TimeSpan && numeric(rt) && (op == "*" || op == "/" || op == "%"), numeric(lt) && rt == plan.TimeSpan && op == "*":
		t = plan.TimeSpan
	case lt == plan.DateTime && (rt == plan.TimeSpan || numeric(rt)) && op == "%":
		t = plan.TimeSpan
	case loose(lt) || loose(rt):
		return b.looseArithmetic(at, op, l, r)
	}
	if t == plan.Unknown {
		b.errorf(at.Pos(), CodeType, arithmeticHint(op, lt, rt), "`%s` cannot be applied to a %s and a %s", op, lt, rt)
		return null(plan.Unknown)
	}
	if lc, rc := constant(l), constant(r); lc != nil && rc != nil {
		if c := foldArithmetic(op, t, lc, rc); c != nil {
			return c
		}
	}
	return &plan.Call{Func: op, Args: []plan.Expr{l, r}, T: t}
}

func arithmeticHint(op string, l, r plan.Type) string {
	if op == "+" && (l == plan.String || r == plan.String) {
		return "texts are joined with strcat()"
	}
	return ""
}

// looseArithmetic gives a dynamic operand the type that goes with the other one.
func (b *binder) looseArithmetic(at syntax.Node, op string, l, r plan.Expr) plan.Expr {
	lt, rt := l.Type(), r.Type()
	other := lt
	if loose(lt) {
		other = rt
	}
	want := plan.Real
	switch {
	case loose(other) || numeric(other):
		if !loose(other) { // the number that is known says which kind
			want = other
		}
	case other == plan.DateTime && op == "-" && loose(rt):
		want = plan.DateTime
	case other == plan.DateTime, other == plan.TimeSpan && (op == "+" || op == "-" || op == "%"):
		want = plan.TimeSpan
		if other == plan.TimeSpan && loose(lt) && op != "%" {
			want = plan.DateTime
		}
	case other == plan.TimeSpan:
		want = plan.Real
	default:
		b.errorf(at.Pos(), CodeType, arithmeticHint(op, lt, rt), "`%s` cannot be applied to a %s and a %s", op, lt, rt)
		return null(plan.Unknown)
	}
	if loose(lt) {
		l = b.convert(l, want)
	}
	if loose(rt) {
		r = b.convert(r, want)
	}
	return b.arithmetic(at, op, l, r)
}

// compare brings two values to one type and compares them.
func (b *binder) compare(at syntax.Node, op string, l, r plan.Expr) plan.Expr {
	if lt, rt := l.Type(), r.Type(); mixed(lt, rt) {
		b.warnf(at.Pos(), CodeType, compareHint(lt, rt), "a %s is compared with a %s", lt, rt)
	}
	l, r, ok := b.alike(l, r)
	if !ok {
		lt, rt := l.Type(), r.Type()
		b.errorf(at.Pos(), CodeType, compareHint(lt, rt), "cannot compare a %s with a %s", lt, rt)
		return null(plan.Bool)
	}
	return &plan.Call{Func: op, Args: []plan.Expr{l, r}, T: plan.Bool}
}

// mixed says that one of two types is a string and the other one is not, nor anything that goes with strings.
func mixed(l, r plan.Type) bool {
	return (l == plan.String) != (r == plan.String) && !loose(l) && !loose(r) && l != plan.GUID && r != plan.GUID
}

func compareHint(l, r plan.Type) string {
	switch {
	case l == plan.String && r != plan.String:
		return "convert one side: to" + r.String() + "(…) or tostring(…)"
	case r == plan.String:
		return "convert one side: to" + l.String() + "(…) or tostring(…)"
	}
	return ""
}

// alike converts two values so that they can be compared.
func (b *binder) alike(l, r plan.Expr) (plan.Expr, plan.Expr, bool) {
	lt, rt := l.Type(), r.Type()
	switch {
	case lt == rt:
		return l, r, true
	case lt == plan.Unknown:
		return b.convert(l, rt), r, true
	case rt == plan.Unknown:
		return l, b.convert(r, lt), true
	case numeric(lt) && numeric(rt):
		t := widest(lt, rt)
		// a whole constant is compared in the other side's type, which spares converting a column
		if c := constant(r); c != nil && lt == plan.Int {
			if f := foldConversion(c, lt); f != nil {
				return l, f, true
			}
		}
		if c := constant(l); c != nil && rt == plan.Int {
			if f := foldConversion(c, rt); f != nil {
				return f, r, true
			}
		}
		return b.convert(l, t), b.convert(r, t), true
	case lt == plan.Dynamic && numeric(rt):
		t := widest(plan.Real, rt)
		return b.convert(l, t), b.convert(r, t), true
	case rt == plan.Dynamic && numeric(lt):
		t := widest(plan.Real, lt)
		return b.convert(l, t), b.convert(r, t), true
	case lt == plan.Dynamic:
		return b.convert(l, rt), r, true
	case rt == plan.Dynamic:
		return l, b.convert(r, lt), true
	case lt == plan.GUID && rt == plan.String:
		return b.convert(l, rt), r, true
	case lt == plan.String && rt == plan.GUID:
		return l, b.convert(r, lt), true
	case lt == plan.Bool && numeric(rt):
		return b.convert(l, rt), r, true
	case numeric(lt) && rt == plan.Bool:
		return l, b.convert(r, lt), true
	}
	// A constant text that reads as the other type stands for it; any other text is compared with the other value's text.
	switch {
	case rt == plan.String:
		if c := readAs(r, lt); c != nil {
			return l, c, true
		}
		return b.asText(l), r, true
	case lt == plan.String:
		if c := readAs(l, rt); c != nil {
			return c, r, true
		}
		return l, b.asText(r), true
	}
	return l, r, false
}

// readAs reads a constant text as a literal of another type.
func readAs(e plan.Expr, t plan.Type) *plan.Const {
	s, ok := text(e)
	if !ok || s == "" {
		return nil
	}
	if _, v, ok := syntax.TypedLiteral(t.String(), s); ok && v != nil {
		return &plan.Const{T: t, Value: v}
	}
	return nil
}

// canonicalString folds the obsolete spellings of string operators.
func canonicalString(op string) string {
	switch op {
	case ":":
		return "has"
	case "notcontains":
		return "!contains"
	case "notcontains_cs":
		return "!contains_cs"
	case "containscs":
		return "contains_cs"
	case "startswithcs":
		return "startswith_cs"
	case "endswithcs":
		return "endswith_cs"
	case "notlike":
		return "!like"
	case "notlike_cs":
		return "!like_cs"
	}
	return op
}

func (b *binder) stringOperator(x *syntax.Binary, op string, l, r plan.Expr) plan.Expr {
	if op == ":" && !(l.Type() == plan.String || loose(l.Type())) {
		return b.compare(x, "==", l, r)
	}
	op = canonicalString(op)
	if strings.HasSuffix(op, "like") || strings.HasSuffix(op, "like_cs") {
		b.errorf(x.OpAt, CodeUnsupported, "use contains, startswith or matches regex", "operator `%s` is not supported", x.Op)
		return null(plan.Bool)
	}
	if (op == "=~" || op == "!~") && l.Type() != plan.String && r.Type() != plan.String && !loose(l.Type()) && !loose(r.Type()) {
		b.errorf(x.Pos(), CodeType, "use `==`", "`%s` compares texts, not a %s and a %s", op, l.Type(), r.Type())
		return null(plan.Bool)
	}
	return &plan.Call{Func: op, Args: []plan.Expr{b.asText(l), b.asText(r)}, T: plan.Bool}
}

// asText converts anything to a string.
func (b *binder) asText(e plan.Expr) plan.Expr { return b.convert(e, plan.String) }

// anyColumn binds `* op value`: some column of the row satisfies it.
func (b *binder) anyColumn(x *syntax.Binary, sc *scope) plan.Expr {
	if sc.rel == nil {
		b.errorf(x.Pos(), CodeSyntax, "", "`*` cannot stand here")
		return null(plan.Bool)
	}
	r := b.scalar(x.R, sc)
	out := &plan.Call{Func: "or", T: plan.Bool}
	for _, f := range sc.rel.fields {
		if f.hidden {
			continue
		}
		l := ref(f.Column)
		switch x.Op {
		case "==", "!=", "<", "<=", ">", ">=":
			if cl, cr, ok := b.alike(l, r); ok {
				out.Args = append(out.Args, &plan.Call{Func: x.Op, Args: []plan.Expr{cl, cr}, T: plan.Bool})
			}
		default:
			if f.Type == plan.String || f.Type == plan.Dynamic {
				out.Args = append(out.Args, b.stringOperator(x, x.Op, l, r))
			}
		}
	}
	if len(out.Args) == 0 {
		return &plan.Const{T: plan.Bool, Value: false}
	}
	return out
}

func (b *binder) in(x *syntax.In, sc *scope) plan.Expr {
	if w, ok := x.X.(*syntax.Wildcard); ok && w.Pattern == "*" && sc.rel != nil {
		out := &plan.Call{Func: "or", T: plan.Bool}
		for _, f := range sc.rel.columns() {
			if f.Type == plan.String {
				out.Args = append(out.Args, b.inList(x, ref(f), sc))
			}
		}
		return out
	}
	return b.inList(x, b.scalar(x.X, sc), sc)
}

func (b *binder) inList(x *syntax.In, v plan.Expr, sc *scope) plan.Expr {
	textual := strings.HasPrefix(x.Op, "has_") || strings.HasSuffix(x.Op, "~")
	if textual {
		v = b.asText(v)
	}
	if len(x.List) == 1 && b.isTabular(x.List[0], sc.env, sc.rel) {
		r := b.subquery(x.List[0], sc.env)
		if len(r.fields) == 0 {
			if !r.open {
				b.errorf(x.List[0].Pos(), CodeType, "", "the table after `%s` has no column", x.Op)
			}
			return null(plan.Bool)
		}
		first := r.fields[0].Column
		want := v.Type()
		if textual {
			want = plan.String
		}
		item := ref(first)
		if first.Type != want {
			if l, c, ok := b.alike(v, item); ok {
				v, item = l, c
			} else {
				b.errorf(x.Pos(), CodeType, compareHint(want, first.Type), "cannot compare a %s with column `%s` of type %s", want, first.Name, first.Type)
				return null(plan.Bool)
			}
		}
		col := b.column(first.Name, item.Type())
		return &plan.InQuery{Func: x.Op, X: v, Input: &plan.Project{Input: r.node, Items: []plan.Named{{Column: col, Expr: item}}}}
	}
	c := &plan.Call{Func: x.Op, Args: []plan.Expr{v}, T: plan.Bool}
	for _, item := range x.List {
		for _, e := range b.listItem(b.scalar(item, sc)) {
			switch {
			case e.Type() == plan.Dynamic:
			case textual:
				e = b.asText(e)
			case v.Type() == plan.Dynamic:
				// compared as the item's type
			default:
				if e.Type() != v.Type() {
					l, r, ok := b.alike(v, e)
					if !ok {
						b.errorf(item.Pos(), CodeType, compareHint(v.Type(), e.Type()), "cannot compare a %s with a %s", v.Type(), e.Type())
						return null(plan.Bool)
					}
					if l.Type() != v.Type() && numeric(l.Type()) {
						v = l
						c.Args[0] = l
					}
					e = r
				}
			}
			c.Args = append(c.Args, e)
		}
	}
	// a dynamic value is compared as the type of the items
	if v.Type() == plan.Dynamic {
		var types []plan.Type
		for _, e := range c.Args[1:] {
			types = append(types, e.Type())
		}
		if t, ok := commonNotDynamic(types); ok && t != plan.Dynamic && t != plan.Unknown {
			if numeric(t) {
				t = widest(plan.Real, t)
			}
			c.Args[0] = b.convert(v, t)
			for i, e := range c.Args[1:] {
				if e.Type() != plan.Dynamic {
					c.Args[i+1] = b.convert(e, t)
				}
			}
		}
	}
	return c
}

// listItem writes the elements of a constant array out; anything else is one item.
func (b *binder) listItem(e plan.Expr) []plan.Expr {
	c := constant(e)
	if c == nil || c.T != plan.Dynamic {
		return []plan.Expr{e}
	}
	s, ok := c.Value.(string)
	if !ok {
		return nil
	}
	var items []json.RawMessage
	if json.Unmarshal([]byte(s), &items) != nil {
		items = []json.RawMessage{json.RawMessage(s)}
	}
	out := make([]plan.Expr, 0, len(items))
	for _, raw := range items {
		if e := jsonConst(raw); e != nil {
			out = append(out, e)
		}
	}
	return out
}

// jsonConst types a JSON scalar; objects and arrays stay dynamic, null gives nil.
func jsonConst(raw json.RawMessage) plan.Expr {
	t := strings.TrimSpace(string(raw))
	if t == "" || t == "null" {
		return nil
	}
	switch t[0] {
	case '"':
		var s string
		if json.Unmarshal(raw, &s) == nil {
			return &plan.Const{T: plan.String, Value: s}
		}
	case 't', 'f':
		return &plan.Const{T: plan.Bool, Value: t == "true"}
	case '{', '[':
	default:
		if v, err := strconv.ParseInt(t, 10, 64); err == nil {
			return &plan.Const{T: plan.Long, Value: v}
		}
		if v, err := strconv.ParseFloat(t, 64); err == nil {
			return &plan.Const{T: plan.Real, Value: v}
		}
	}
	return &plan.Const{T: plan.Dynamic, Value: t}
}
