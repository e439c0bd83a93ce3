package sqlgen

import (
	"strings"

	"github.com/bartizan-sec/bartizan/kql/plan"
)

// expand makes rows of the elements of arrays and bags. With Apply, every input row gets a number that its elements carry through the subquery as a
// hidden grouping column, so that the subquery runs once over all groups.
func (g *Emitter) expand(x *plan.Expand, want need) *rel {
	below := need{}
	inCols := x.Input.Columns()
	for _, c := range inCols {
		if want[c.ID] {
			below[c.ID] = true
		}
	}
	applied := need{}
	if x.Apply != nil {
		for _, c := range x.Outer.Cols {
			below[c.ID], applied[c.ID] = true, true
		}
		for _, c := range x.Keep {
			below[c.ID] = true
		}
	}
	through := below.with() // what the rows keep; the rest is needed for the arrays only
	exprs := make([]plan.Expr, len(x.Items))
	windows := false
	for i, it := range x.Items {
		exprs[i] = g.fold(it.Expr)
		columnsIn(exprs[i], below)
		windows = windows || hasWindow(exprs[i])
	}
	r := g.node(x.Input, below)
	if windows {
		r = g.flush(r, inCols, below)
		r, exprs = g.liftAll(r, inCols, below, exprs)
	}
	inHave := allOf(inCols)
	r = g.computeFirst(r, inCols, through, exprs)
	below = through

	// The lists, beside everything that passes through.
	items, names := kept(inCols, below)
	lists := make([]string, len(x.Items))
	g.scoped(r, func() string {
		for i := range x.Items {
			lists[i] = g.newHidden()
			var list string
			if e, ok := exprs[i].(*elements); ok {
				list = e.list(e.columns[0], e.columns[1], x.Bag == "array")
			} else {
				list = g.d.Elements(g, g.dynamicOf(exprs[i]), x.Bag == "array")
			}
			if x.Limit != nil {
				list = g.d.Cut(list, g.As(g.fold(x.Limit), plan.Long))
			}
			items = append(items, list+" AS "+lists[i])
		}
		return ""
	})
	rid := ""
	if x.Apply != nil {
		rid = g.newHidden()
		over := ""
		if len(r.order) > 0 {
			over = "ORDER BY " + r.orderBy(nil)
		}
		items = append(items, "row_number() OVER ("+over+") AS "+rid)
	}
	inner := g.derive(r, "SELECT "+selectList(r, items, names)+"\nFROM "+r.from())

	// The rows.
	pos := g.newHidden()
	items, names = nil, map[string]bool{}
	for _, c := range inCols {
		if below[c.ID] && !replaced(x, c.ID) {
			items = append(items, col(c.ID))
			names[col(c.ID)] = true
		}
	}
	if len(x.Items) > 0 {
		names[pos] = true
	}
	raw := make([]string, len(x.Items))
	for i := range x.Items {
		raw[i] = g.newHidden()
	}
	_, unnumbered := g.d.(lister)
	numbered := !unnumbered || x.Index.ID != 0 || x.Apply != nil || len(inner.order) > 0
	if len(x.Items) > 0 {
		unnested := g.d.Unnest(pos, lists, raw)
		if !numbered {
			unnested = unnested[1:] // the positions
			if each, ok := g.d.(interface {
				each(list, name string) string
			}); ok && len(lists) == 1 {
				unnested = []string{each.each(lists[0], raw[0])}
			}
		}
		items = append(items, unnested...)
	}
	if rid != "" {
		items = append(items, rid)
		names[rid] = true
	}
	rows := g.derive(inner, "SELECT "+selectList(inner, items, names)+"\nFROM "+inner.source())

	// The elements as values of their types.
	items, names = nil, map[string]bool{}
	add := func(sql, name string) {
		if names[name] {
			return
		}
		names[name] = true
		if sql == name {
			items = append(items, name)
		} else {
			items = append(items, sql+" AS "+name)
		}
	}
	for _, c := range inCols {
		if below[c.ID] && !replaced(x, c.ID) {
			add(col(c.ID), col(c.ID))
		}
	}
	for i, it := range x.Items {
		s := "nullif(" + raw[i] + ", 'null')"
		add(g.d.Convert(g, s, plan.Dynamic, it.Column.Type), col(it.Column.ID))
	}
	if x.Index.ID != 0 {
		add("CAST("+pos+" AS BIGINT)", col(x.Index.ID))
		g.notNull[x.Index.ID] = true
	}
	if numbered {
		add(pos, pos)
	}
	if rid != "" {
		add(rid, rid)
	}
	out := g.derive(rows, "SELECT "+selectList(rows, items, names)+"\nFROM "+rows.source())
	// Elements follow each other in the order of their positions.
	if len(out.order) > 0 {
		out.order = append(out.order[:len(out.order):len(out.order)], orderTerm{col: pos})
		out.hide(pos)
	}
	if x.Apply == nil {
		return out
	}
	return g.apply(x, want, out, rid, pos, inHave)
}

// simple says that naming an expression again costs nothing.
func simple(e plan.Expr) bool {
	switch e.(type) {
	case *plan.ColRef, *plan.Const, *hiddenRef:
		return true
	}
	return false
}

// computeFirst computes the expressions that are more than a column in a SELECT of their own, because each is named several times by what is above.
func (g *Emitter) computeFirst(r *rel, cols []plan.Column, want need, exprs []plan.Expr) *rel {
	more := false
	keep := want.with()
	for _, e := range exprs {
		if simple(e) {
			columnsIn(e, keep)
		} else {
			more = true
		}
	}
	if !more {
		return r
	}
	items, names := kept(cols, keep)
	for i, e := range exprs {
		if simple(e) {
			continue
		}
		h := g.newHidden()
		if d, ok := g.d.(lister); ok {
			var at *elements
			g.scoped(r, func() string { at = d.elementsAt(g, e); return "" })
			if at != nil {
				at.columns = [2]string{h, g.newHidden()}
				items = append(items, at.all+" AS "+at.columns[0], at.document+" AS "+at.columns[1])
				exprs[i] = at
				continue
			}
		}
		items = append(items, g.scoped(r, func() string { return g.dynamicOf(e) })+" AS "+h)
		exprs[i] = &hiddenRef{name: h, t: plan.Dynamic}
	}
	return g.derive(r, "SELECT "+selectList(r, items, names)+"\nFROM "+r.from())
}

func replaced(x *plan.Expand, id plan.ColumnID) bool {
	for _, it := range x.Items {
		if it.Column.ID == id {
			return true
		}
	}
	return x.Index.ID == id
}

// dynamicOf is an expression as a dynamic value; text is read as JSON.
func (g *Emitter) dynamicOf(e plan.Expr) string {
	if e.Type() == plan.Dynamic {
		return g.Expr(e)
	}
	return g.d.Convert(g, g.Expr(e), e.Type(), plan.Dynamic)
}

// apply runs the subquery of mv-apply over all groups at once and joins what passes through to its rows.
func (g *Emitter) apply(x *plan.Expand, want need, rows *rel, rid, pos string, inHave need) *rel {
	cte := "s" + g.newAlias()
	if g.d.Traits().Inlines {
		g.Unsupported("mv-apply")
	}
	g.ctes = append(g.ctes, cte+" AS MATERIALIZED (\n"+rows.sql+")")
	base := &rel{sql: cte, table: true, alias: g.newAlias(), order: []orderTerm{{col: pos}}, part: []string{rid}}
	base.hide(rid, pos)
	g.outers[x.Outer] = base

	subWant := need{}
	subHave := allOf(x.Apply.Columns())
	for _, c := range x.Out {
		if want[c.ID] && subHave[c.ID] {
			subWant[c.ID] = true
		}
	}
	sub := g.flush(g.node(x.Apply, subWant), x.Apply.Columns(), subWant)

	// One row per group with what the subquery does not give.
	once := g.newAlias()
	var items []string
	pass := map[string]bool{}
	for _, c := range x.Out {
		if want[c.ID] && !subHave[c.ID] && (inHave[c.ID] || replaced(x, c.ID)) && !pass[col(c.ID)] {
			pass[col(c.ID)] = true
		}
	}
	hidden := map[string]bool{}
	for _, h := range rows.hidden {
		if h != pos {
			hidden[h] = true
		}
	}
	firsts := []string{rid}
	for name := range pass {
		firsts = append(firsts, name)
	}
	var outer []string
	for _, h := range rows.hidden {
		if hidden[h] && !pass[h] && h != rid {
			firsts = append(firsts, h)
			outer = append(outer, h)
		}
	}
	first := g.d.FirstPer([]string{rid}, firsts, cte, rid+", "+pos)
	for _, c := range x.Out {
		if !want[c.ID] {
			continue
		}
		if subHave[c.ID] {
			items = append(items, sub.alias+"."+col(c.ID)+" AS "+col(c.ID))
		} else {
			items = append(items, once+"."+col(c.ID)+" AS "+col(c.ID))
		}
	}
	for _, h := range outer {
		items = append(items, once+"."+h+" AS "+h)
	}
	// The order of the input, then of the subquery, is kept.
	out := &rel{alias: g.newAlias(), part: rows.part, serial: rows.serial}
	h := g.newHidden()
	items = append(items, once+"."+rid+" AS "+h)
	out.order = []orderTerm{{col: h}}
	out.hide(outer...)
	out.hide(h)
	for _, o := range sub.order {
		n := g.newHidden()
		items = append(items, sub.alias+"."+o.col+" AS "+n)
		o.col = n
		out.order = append(out.order, o)
		out.hide(n)
	}
	if len(rows.order) == 0 && len(sub.order) == 0 {
		out.order = nil
	}
	if len(items) == 0 {
		items = []string{"1 AS h0"}
	}
	out.sql = "SELECT " + strings.Join(items, ", ") + "\nFROM " + sub.source() + " JOIN (" + first + ") AS " + once + " ON " + sub.alias + "." + rid + " = " + once + "." + rid
	delete(g.outers, x.Outer)
	return out
}

// outer is the leaf of a subquery: the rows of all groups.
func (g *Emitter) outer(x *plan.Outer) *rel {
	base := g.outers[x]
	if base == nil {
		g.Unsupported("a reference to outer rows here")
		return g.plain("SELECT NULL AS h0")
	}
	var items []string
	names := map[string]bool{}
	for _, c := range x.Cols {
		if !names[col(c.ID)] {
			items = append(items, col(c.ID))
			names[col(c.ID)] = true
		}
	}
	r := &rel{alias: g.newAlias(), order: base.order, hidden: base.hidden, part: base.part}
	r.sql = "SELECT " + selectList(base, items, names) + " FROM " + base.sql
	return r
}

// groupsOf is a FROM item with each group once, "" when the partition is not of an apply.
func (g *Emitter) groupsOf(part []string) string {
	for _, base := range g.outers {
		if len(part) > 0 && len(base.part) > 0 && base.part[0] == part[0] {
			return "(SELECT DISTINCT " + strings.Join(base.part, ", ") + " FROM " + base.sql + ")"
		}
	}
	return ""
}
