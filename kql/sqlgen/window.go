package sqlgen

import (
	"strings"

	"github.com/bartizan-sec/bartizan/kql/plan"
)

func (g *Emitter) serialize(x *plan.Serialize, want need) *rel {
	r := g.node(x.Input, want)
	items, names := kept(x.Input.Columns(), want)
	h := g.newHidden()
	over := ""
	if len(r.part) > 0 {
		over = "PARTITION BY " + strings.Join(r.part, ", ")
	}
	if len(r.order) > 0 {
		over += " ORDER BY " + r.orderBy(nil)
	}
	items = append(items, "row_number() OVER ("+strings.TrimSpace(over)+") AS "+h)
	names[h] = true
	base := &rel{part: r.part}
	base.hide(r.part...)
	out := g.derive(base, "SELECT "+selectList(base, items, names)+"\nFROM "+r.from())
	out.serial = h
	out.raw = r
	out.order = []orderTerm{{col: h}}
	out.hide(h)
	return out
}

// neighbours computes prev and next together with the numbers of the rows, over one sort. It gives nil where the expressions have other windows.
func (g *Emitter) neighbours(r *rel, cols []plan.Column, want need, exprs []plan.Expr) (*rel, []plan.Expr) {
	if r.raw == nil || len(r.raw.order) == 0 || len(r.where) > 0 {
		return nil, nil
	}
	plainWindows := true
	for _, e := range exprs {
		rewrite(e, func(e plan.Expr) plan.Expr {
			if w, ok := e.(*plan.Window); ok {
				plainWindows = plainWindows && (w.Func == "prev" || w.Func == "next")
				for _, a := range w.Args {
					plainWindows = plainWindows && !hasWindow(a)
				}
			}
			return e
		})
	}
	if !plainWindows {
		return nil, nil
	}
	sorted := *r
	sorted.serial = r.raw.orderBy(nil)
	items, have := kept(cols, want)
	for _, h := range r.hidden {
		if h == r.serial {
			over := "ORDER BY " + sorted.serial
			if len(r.part) > 0 {
				over = "PARTITION BY " + strings.Join(r.part, ", ") + " " + over
			}
			h = "row_number() OVER (" + over + ") AS " + h
		}
		if !have[h] {
			items, have[h] = append(items, h), true
		}
	}
	out := make([]plan.Expr, len(exprs))
	names := map[string]string{}
	var made []string
	for i, e := range exprs {
		out[i] = rewrite(e, func(e plan.Expr) plan.Expr {
			w, ok := e.(*plan.Window)
			if !ok {
				return e
			}
			s, _ := g.window(&sorted, w)
			if names[s] == "" {
				names[s] = g.newHidden()
				made = append(made, names[s])
				items = append(items, s+" AS "+names[s])
			}
			return &hiddenRef{name: names[s], t: w.T}
		})
	}
	next := g.derive(r, "SELECT "+strings.Join(items, ", ")+"\nFROM "+r.raw.from())
	next.hide(made...)
	return next, out
}

func hasWindow(e plan.Expr) bool {
	switch x := e.(type) {
	case *plan.Window:
		return true
	case *plan.Call:
		for _, a := range x.Args {
			if hasWindow(a) {
				return true
			}
		}
	case *plan.Case:
		for _, a := range x.Whens {
			if hasWindow(a) {
				return true
			}
		}
		for _, a := range x.Thens {
			if hasWindow(a) {
				return true
			}
		}
		return x.Else != nil && hasWindow(x.Else)
	case *plan.InQuery:
		return hasWindow(x.X)
	}
	return false
}

// hiddenRef refers to a hidden column; it exists only inside generation.
type hiddenRef struct {
	name string
	t    plan.Type
}

// Type implements plan.Expr.
func (h *hiddenRef) Type() plan.Type { return h.t }

func (g *Emitter) liftWindows(r *rel, cols []plan.Column, want need, e plan.Expr) (*rel, plan.Expr) {
	r = g.flush(r, cols, want)
	r, out := g.liftAll(r, cols, want, []plan.Expr{e})
	return r, out[0]
}

// liftAll computes window functions in SELECTs below, innermost first, because SQL has no window of a window. It returns the relation with the hidden
// columns and the expressions with references to them.
func (g *Emitter) liftAll(r *rel, cols []plan.Column, want need, exprs []plan.Expr) (*rel, []plan.Expr) {
	if r.serial == "" {
		// Without an order the present one counts.
		r = g.number(r, cols, want)
	}
	if next, out := g.neighbours(r, cols, want, exprs); next != nil {
		return next, out
	}
	out := append([]plan.Expr(nil), exprs...)
	for range 64 {
		var lifted []string
		names := map[string]string{}
		changed := false
		for i := range out {
			out[i] = rewrite(out[i], func(e plan.Expr) plan.Expr {
				w, ok := e.(*plan.Window)
				if !ok {
					return e
				}
				changed = true
				for _, a := range w.Args {
					if hasWindow(a) || refersTo(a, names) { // what it needs is computed one level further down
						return e
					}
				}
				sql, next := g.window(r, w)
				if next != nil {
					return next
				}
				h := names[sql]
				if h == "" {
					h = g.newHidden()
					names[sql] = h
					lifted = append(lifted, sql+" AS "+h)
				}
				return &hiddenRef{name: h, t: w.T}
			})
		}
		if !changed {
			return r, out
		}
		if len(lifted) == 0 {
			continue
		}
		items, have := kept(cols, want)
		next := g.derive(r, "SELECT "+selectList(r, append(items, lifted...), have)+"\nFROM "+r.source())
		for _, h := range names {
			next.hide(h)
		}
		r = next
	}
	g.Unsupported("window functions nested this deep")
	return r, out
}

// refersTo says that an expression uses one of the hidden columns among the values of names.
func refersTo(e plan.Expr, names map[string]string) bool {
	found := false
	rewrite(e, func(e plan.Expr) plan.Expr {
		if h, ok := e.(*hiddenRef); ok {
			for _, n := range names {
				found = found || n == h.name
			}
		}
		return e
	})
	return found
}

func (g *Emitter) number(r *rel, cols []plan.Column, want need) *rel {
	h := g.newHidden()
	over := ""
	if len(r.part) > 0 {
		over = "PARTITION BY " + strings.Join(r.part, ", ")
	}
	if len(r.order) > 0 {
		over += " ORDER BY " + r.orderBy(nil)
	}
	items, names := kept(cols, want)
	items = append(items, "row_number() OVER ("+strings.TrimSpace(over)+") AS "+h)
	out := g.derive(r, "SELECT "+selectList(r, items, names)+"\nFROM "+r.from())
	out.serial = h
	out.hide(h)
	if len(out.order) == 0 {
		out.order = []orderTerm{{col: h}}
	}
	return out
}

// rewrite rebuilds an expression bottom-up.
func rewrite(e plan.Expr, f func(plan.Expr) plan.Expr) plan.Expr {
	list := func(in []plan.Expr) []plan.Expr {
		out := make([]plan.Expr, len(in))
		for i, a := range in {
			out[i] = rewrite(a, f)
		}
		return out
	}
	switch x := e.(type) {
	case *plan.Call:
		return f(&plan.Call{Func: x.Func, Args: list(x.Args), T: x.T})
	case *plan.Window:
		return f(&plan.Window{Func: x.Func, Args: list(x.Args), T: x.T})
	case *plan.Case:
		c := &plan.Case{Whens: list(x.Whens), Thens: list(x.Thens), T: x.T}
		if x.Else != nil {
			c.Else = rewrite(x.Else, f)
		}
		return f(c)
	case *plan.InQuery:
		return f(&plan.InQuery{Func: x.Func, X: rewrite(x.X, f), Input: x.Input})
	}
	return f(e)
}

// window is the SQL of one window function whose arguments have none, or an expression that stands for it.
func (g *Emitter) window(r *rel, w *plan.Window) (string, plan.Expr) {
	arg := func(i int) plan.Expr {
		if i < len(w.Args) {
			return g.fold(w.Args[i])
		}
		return nil
	}
	part := r.part
	over := func(extra ...string) string {
		by := append(part[:len(part):len(part)], extra...)
		s := ""
		if len(by) > 0 {
			s = "PARTITION BY " + strings.Join(by, ", ") + " "
		}
		return "(" + s + "ORDER BY " + r.serial + ")"
	}
	running := func(extra ...string) string {
		s := over(extra...)
		return strings.TrimSuffix(s, ")") + " ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
	}
	// A restart condition numbers segments; a segment is one more thing to part rows by.
	segment := func(i int) (plan.Expr, bool) {
		e := arg(i)
		if e == nil {
			return nil, false
		}
		if c, ok := e.(*plan.Const); ok {
			if b, _ := c.Value.(bool); !b {
				return nil, false
			}
		}
		if _, ok := e.(*hiddenRef); ok && e.Type() == plan.Long {
			return e, true
		}
		return &plan.Window{Func: "__segment", Args: []plan.Expr{e}, T: plan.Long}, true
	}
	rewriteWith := func(i int, seg plan.Expr) plan.Expr {
		args := append([]plan.Expr(nil), w.Args...)
		args[i] = seg
		return &plan.Window{Func: w.Func, Args: args, T: w.T}
	}
	restart := map[string]int{"row_number": 1, "row_cumsum": 1, "row_rank_dense": 1, "row_rank_min": 1, "row_window_session": 3}
	var extra []string
	if i, ok := restart[w.Func]; ok {
		if seg, need := segment(i); need {
			if seg.Type() != plan.Long || !isHidden(seg) {
				return "", rewriteWith(i, seg)
			}
			extra = []string{g.Expr(seg)}
		}
	}
	switch w.Func {
	case "__segment":
		return "sum(CASE WHEN " + g.Pred(w.Args[0]) + " THEN 1 ELSE 0 END) OVER " + running(), nil
	case "row_number":
		start := "1"
		if e := arg(0); e != nil {
			start = g.As(e, plan.Long)
		}
		return "row_number() OVER " + over(extra...) + " - 1 + " + start, nil
	case "row_cumsum":
		sum := "sum(" + g.Expr(arg(0)) + ") OVER " + running(extra...)
		return "CAST(" + sum + " AS " + g.d.Type(w.T) + ")", nil
	case "prev", "next":
		n := "1"
		if e := arg(1); e != nil {
			n = g.As(e, plan.Long)
		}
		f := "lag"
		if w.Func == "next" {
			f = "lead"
		}
		def := g.d.Literal(w.T, nullFor(w.T))
		if e := arg(2); e != nil {
			def = g.As(e, w.T)
		}
		return f + "(CAST(" + g.As(arg(0), w.T) + " AS " + g.d.Type(w.T) + "), CAST(" + n + " AS INTEGER), " + def + ") OVER " + over(), nil
	case "row_rank_dense", "row_rank_min":
		// The rank moves where the value differs from the row before in the segment.
		x := g.Expr(arg(0))
		h := g.newHidden()
		flag := "CASE WHEN row_number() OVER " + over(extra...) + " = 1 OR lag(" + x + ") OVER " + over(extra...) + " IS DISTINCT FROM " + x + " THEN "
		_ = h
		if w.Func == "row_rank_dense" {
			return "", &plan.Window{Func: "__sum", Args: g.withSegment(&sqlExpr{sql: flag + "1 ELSE 0 END", t: plan.Long}, extra), T: plan.Long}
		}
		return "", &plan.Window{Func: "__max", Args: g.withSegment(&sqlExpr{sql: flag + "row_number() OVER " + over(extra...) + " ELSE 0 END", t: plan.Long}, extra), T: plan.Long}
	case "__lift":
		return g.Expr(w.Args[0]), nil
	case "__sum", "__max":
		if s, ok := w.Args[0].(*sqlExpr); ok {
			return "", &plan.Window{Func: w.Func, Args: append([]plan.Expr{&plan.Window{Func: "__lift", Args: []plan.Expr{s}, T: plan.Long}}, w.Args[1:]...), T: w.T}
		}
		var by []string
		for _, a := range w.Args[1:] {
			by = append(by, g.Expr(a))
		}
		return "CAST(" + strings.TrimPrefix(w.Func, "__") + "(" + g.Expr(w.Args[0]) + ") OVER " + running(by...) + " AS BIGINT)", nil
	case "row_window_session":
		if !g.d.Traits().Calls {
			return g.Unsupported("row_window_session"), nil
		}
		x, first, between := g.As(arg(0), plan.DateTime), g.As(arg(1), plan.TimeSpan), g.As(arg(2), plan.TimeSpan)
		return g.sessions(r, x, first, between, extra, over, running), nil
	}
	g.Unsupported("the window function %s", w.Func)
	return "NULL", nil
}

func isHidden(e plan.Expr) bool { _, ok := e.(*hiddenRef); return ok }

// sqlExpr is SQL made during generation.
type sqlExpr struct {
	sql string
	t   plan.Type
}

// Type implements plan.Expr.
func (s *sqlExpr) Type() plan.Type { return s.t }

func (g *Emitter) withSegment(e plan.Expr, extra []string) []plan.Expr {
	out := []plan.Expr{e}
	for _, x := range extra {
		out = append(out, &sqlExpr{sql: x, t: plan.Long})
	}
	return out
}

// sessions walks the rows of a segment in Go: where a session starts depends on where the one before did. All rows of the segment are collected in
// order, and each takes the start at its place.
func (g *Emitter) sessions(r *rel, x, first, between string, extra []string, over func(...string) string, running func(...string) string) string {
	whole := strings.TrimSuffix(over(extra...), ")") + " ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)"
	list := "'[' || string_agg('[' || coalesce(CAST(" + x + " AS VARCHAR), 'null') || ',false]', ',') OVER " + whole + " || ']'"
	starts := "kql_text('row_window_sessions|dynamic|dynamic,timespan,timespan', " + list + ", " + first + ", " + between + ")"
	return "TRY_CAST(json_extract_string(" + starts + ", '$[' || CAST(row_number() OVER " + over(extra...) + " - 1 AS VARCHAR) || ']') AS BIGINT)"
}
