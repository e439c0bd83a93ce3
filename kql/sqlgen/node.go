package sqlgen

import (
	"strconv"
	"strings"

	"github.com/bartizan-sec/bartizan/kql/plan"
)

// maxNesting bounds how deep a plan may be.
const maxNesting = 2000

func (g *Emitter) node(n plan.Node, want need) *rel {
	g.depth++
	defer func() { g.depth-- }()
	if g.err != nil || g.depth > maxNesting {
		if g.err == nil {
			g.Unsupported("a query of this depth")
		}
		return g.plain("SELECT NULL AS h0")
	}
	if name, ok := g.opt.Local[n]; ok {
		return g.stored(n, name, want)
	}
	switch x := n.(type) {
	case *plan.Scan:
		return g.scan(x, want)
	case *plan.Values:
		return g.values(x)
	case *plan.Range:
		return g.rangeRows(x)
	case *plan.Project:
		return g.project(x, want)
	case *plan.Filter:
		return g.filter(x, want)
	case *plan.Aggregate:
		return g.aggregate(x, want)
	case *plan.Sort:
		return g.sort(x, want)
	case *plan.Limit:
		return g.limit(x, want)
	case *plan.Sample:
		return g.sample(x, want)
	case *plan.Join:
		return g.join(x, want)
	case *plan.Union:
		return g.union(x, want)
	case *plan.Expand:
		return g.expand(x, want)
	case *plan.Outer:
		return g.outer(x)
	case *plan.Serialize:
		return g.serialize(x, want)
	case *plan.Shared:
		return g.sharedNode(x)
	case *plan.Local:
		g.Unsupported("%s", x.Op)
	case *plan.External:
		g.Unsupported("externaldata")
	default:
		g.Unsupported("%T", n)
	}
	return g.plain("SELECT NULL AS h0")
}

// selectList joins items with the hidden columns of r that must be passed on.
func selectList(r *rel, items []string, names map[string]bool) string {
	all := append(items[:len(items):len(items)], r.pass(names)...)
	if len(all) == 0 {
		return "1 AS h0"
	}
	return strings.Join(all, ", ")
}

// kept lists the wanted columns of cols by name.
func kept(cols []plan.Column, want need) ([]string, map[string]bool) {
	var items []string
	names := map[string]bool{}
	for _, c := range cols {
		if want[c.ID] && !names[col(c.ID)] {
			items = append(items, col(c.ID))
			names[col(c.ID)] = true
		}
	}
	return items, names
}

func (g *Emitter) scan(x *plan.Scan, want need) *rel {
	if r := g.openScan(x, want); r != nil {
		return r
	}
	var items []string
	for i, c := range x.Cols {
		if want[c.ID] {
			items = append(items, g.d.Stored(x.Physical[i], c.Type)+" AS "+col(c.ID))
		}
	}
	if len(items) == 0 {
		items = []string{"1 AS h0"}
	}
	sql := "SELECT " + strings.Join(items, ", ") + " FROM " + g.d.Ident(x.Table)
	return g.plain(sql)
}

// stored reads the rows that the host put into a table for a node.
func (g *Emitter) stored(n plan.Node, name string, want need) *rel {
	items, _ := kept(n.Columns(), want)
	r := &rel{alias: g.newAlias()}
	if g.opt.Ordered[n] {
		h := g.newHidden()
		items = append(items, "h0 AS "+h)
		r.hidden = []string{h}
		r.order = []orderTerm{{col: h}}
	}
	if len(items) == 0 {
		items = []string{"1 AS h0"}
	}
	r.sql = "SELECT " + strings.Join(items, ", ") + " FROM " + g.d.Ident(name)
	return r
}

func (g *Emitter) values(x *plan.Values) *rel {
	if len(x.Cols) == 0 {
		if len(x.Rows) == 0 {
			return g.plain("SELECT 1 AS h0 WHERE false")
		}
		return g.plain("SELECT h0 FROM " + g.d.Counter(strconv.Itoa(len(x.Rows)), true) + " AS v")
	}
	names := make([]string, len(x.Cols))
	for i, c := range x.Cols {
		names[i] = col(c.ID)
	}
	if len(x.Rows) == 0 {
		for i, c := range x.Cols {
			names[i] = g.d.Literal(c.Type, nullFor(c.Type)) + " AS " + names[i]
		}
		return g.plain("SELECT " + strings.Join(names, ", ") + " WHERE false")
	}
	rows := make([][]string, len(x.Rows))
	for i, row := range x.Rows {
		cells := make([]string, len(x.Cols))
		for j, c := range x.Cols {
			var e plan.Expr = &plan.Const{T: c.Type}
			if j < len(row) {
				e = row[j]
			}
			cells[j] = g.As(g.fold(e), c.Type)
		}
		rows[i] = cells
	}
	if len(rows) == 1 {
		cells := make([]string, len(x.Cols))
		for j, c := range x.Cols {
			cells[j] = g.As(g.fold(x.Rows[0][j]), c.Type) + " AS " + names[j]
		}
		return g.plain("SELECT " + strings.Join(cells, ", "))
	}
	return g.plain("SELECT * FROM " + g.d.Values(x.Cols, rows))
}

func nullFor(t plan.Type) any {
	if t == plan.String {
		return ""
	}
	return nil
}

func (g *Emitter) rangeRows(x *plan.Range) *rel {
	t := x.Col.Type
	stepType := t
	if t == plan.DateTime {
		stepType = plan.TimeSpan
	}
	from, to, step := g.fold(x.From), g.fold(x.To), g.fold(x.Step)
	f, l, s := g.As(from, t), g.As(to, t), g.As(step, stepType)
	name := col(x.Col.ID)
	_, c1 := from.(*plan.Const)
	_, c2 := to.(*plan.Const)
	_, c3 := step.(*plan.Const)
	var n string
	if t == plan.Real || t == plan.Decimal {
		n = "CAST(floor((" + l + " - " + f + ") / nullif(" + s + ", 0)) AS BIGINT) + 1"
	} else {
		n = g.d.Quotient("("+l+" - "+f+")", "nullif("+s+", 0)") + " + 1"
		// A step that leads away from the end gives no row.
		n = "CASE WHEN (" + l + " - " + f + ") * sign(" + s + ") < 0 THEN 0 ELSE " + n + " END"
	}
	r := g.plain("SELECT CAST(" + f + " + h0 * " + s + " AS " + g.d.Type(t) + ") AS " + name + " FROM " + g.d.Counter(n, c1 && c2 && c3))
	return r
}

func (g *Emitter) filter(x *plan.Filter, want need) *rel {
	pred := g.fold(x.Pred)
	if hasWindow(pred) {
		r := g.node(x.Input, want.with(pred))
		var out plan.Expr
		r, out = g.liftWindows(r, x.Input.Columns(), want.with(pred), pred)
		items, names := kept(x.Input.Columns(), want)
		p := g.scoped(r, func() string { return g.Pred(out) })
		return g.derive(r, "SELECT "+selectList(r, items, names)+"\nFROM "+r.source()+"\nWHERE "+p)
	}
	r := g.node(x.Input, want.with(pred))
	c := *r
	c.where = append(r.where[:len(r.where):len(r.where)], g.scoped(r, func() string { return g.Pred(pred) }))
	return &c
}

// flush turns waiting conditions into a SELECT of their own.
func (g *Emitter) flush(r *rel, cols []plan.Column, want need) *rel {
	if len(r.where) == 0 {
		return r
	}
	items, names := kept(cols, want)
	return g.derive(r, r.selectFrom(selectList(r, items, names)))
}

func (g *Emitter) project(x *plan.Project, want need) *rel {
	var used []plan.Named
	below := need{}
	for _, it := range x.Items {
		if want[it.Column.ID] {
			it.Expr = g.fold(it.Expr)
			used = append(used, it)
			columnsIn(it.Expr, below)
		}
	}
	r := g.node(x.Input, below)
	windows := false
	for _, it := range used {
		windows = windows || hasWindow(it.Expr)
	}
	if windows {
		r = g.flush(r, x.Input.Columns(), below)
		exprs := make([]plan.Expr, len(used))
		for i, it := range used {
			exprs[i] = it.Expr
		}
		r, exprs = g.liftAll(r, x.Input.Columns(), below, exprs)
		for i := range used {
			used[i].Expr = exprs[i]
		}
	}
	items := make([]string, len(used))
	names := map[string]bool{}
	var lets []let
	var exprs []plan.Expr
	var out []string
	g.scoped(r, func() string {
		for i, it := range used {
			name := col(it.Column.ID)
			if !names[name] {
				out = append(out, name)
			}
			names[name] = true
			if ref, ok := it.Expr.(*plan.ColRef); ok && ref.ID == it.Column.ID {
				items[i] = name
				continue
			}
			s := g.holdColumn(it)
			if s == "" {
				s = g.As(it.Expr, it.Column.Type)
			}
			if costlySQL(s) {
				g.costlyColumns[it.Column.ID] = true
			}
			items[i] = s + " AS " + name
			lets, exprs = append(lets, let{name: name, sql: s}), append(exprs, it.Expr)
			if g.NotNull(it.Expr) {
				g.notNull[it.Column.ID] = true
			}
		}
		return ""
	})
	if next := g.extend(r, lets, exprs, append(out, r.pass(names)...)); next != nil {
		for _, it := range used {
			if _, ok := it.Expr.(*plan.Call); ok && it.Expr.Type() == it.Column.Type {
				g.defs[it.Column.ID] = it.Expr
			}
		}
		return next
	}
	return g.derive(r, r.selectFrom(selectList(r, items, names)))
}

func (g *Emitter) sort(x *plan.Sort, want need) *rel {
	below := want
	keys := make([]plan.SortKey, len(x.Keys))
	for i, k := range x.Keys {
		k.Expr = g.fold(k.Expr)
		keys[i] = k
		below = below.with(k.Expr)
	}
	r := g.node(x.Input, below)
	if r.open == nil {
		r = g.flush(r, x.Input.Columns(), below)
	}
	items, names := kept(x.Input.Columns(), want)
	shown := append([]string(nil), items...)
	var order []orderTerm
	var extra []string
	var lets []let
	var exprs []plan.Expr
	g.scoped(r, func() string {
		for _, k := range keys {
			if _, ok := k.Expr.(*plan.Const); ok {
				continue
			}
			if ref, ok := k.Expr.(*plan.ColRef); ok && ref.T != plan.Dynamic && ref.T != plan.Decimal {
				order = append(order, orderTerm{col: col(ref.ID), desc: k.Desc, nullsFirst: k.NullsFirst})
				if !names[col(ref.ID)] {
					names[col(ref.ID)] = true
					items = append(items, col(ref.ID))
					shown = append(shown, col(ref.ID))
				}
				extra = append(extra, col(ref.ID))
				continue
			}
			for _, s := range g.sortable(k.Expr) {
				h := g.newHidden()
				items = append(items, s+" AS "+h)
				lets, exprs, shown = append(lets, let{name: h, sql: s}), append(exprs, k.Expr), append(shown, h)
				names[h] = true
				extra = append(extra, h)
				order = append(order, orderTerm{col: h, desc: k.Desc, nullsFirst: k.NullsFirst})
			}
		}
		return ""
	})
	if r.open != nil {
		bare := *r
		bare.order, bare.hidden = nil, nil
		if out := g.extend(&bare, lets, exprs, shown); out != nil {
			out.order = order
			out.hide(extra...)
			return out
		}
		r = g.flush(r, x.Input.Columns(), below)
	}
	// The part columns stay; an earlier order goes.
	base := &rel{sql: r.sql, table: r.table, alias: r.alias, part: r.part}
	base.hide(r.part...)
	out := g.derive(base, "SELECT "+selectList(base, items, names)+"\nFROM "+r.source())
	out.order = order
	out.hidden = append([]string(nil), base.hidden...)
	out.hide(extra...)
	return out
}

// sortable gives SQL that orders as the expression's values do.
func (g *Emitter) sortable(e plan.Expr) []string {
	s := g.Expr(e)
	switch e.Type() {
	case plan.Dynamic:
		return []string{g.d.Convert(g, s, plan.Dynamic, plan.Real), g.d.Convert(g, s, plan.Dynamic, plan.String)}
	case plan.Decimal:
		return []string{g.d.Convert(g, s, plan.Decimal, plan.Real)}
	}
	return []string{s}
}

func (g *Emitter) limit(x *plan.Limit, want need) *rel {
	r := g.node(x.Input, want)
	items, names := kept(x.Input.Columns(), want)
	n := g.As(g.fold(x.N), plan.Long)
	list := selectList(r, items, names)
	if len(r.part) > 0 {
		h := g.newHidden()
		over := "PARTITION BY " + strings.Join(r.part, ", ")
		if len(r.order) > 0 {
			over += " ORDER BY " + r.orderBy(nil)
		}
		inner := "SELECT " + list + ", row_number() OVER (" + over + ") AS " + h + "\nFROM " + r.from()
		return g.derive(r, "SELECT "+list+"\nFROM ("+inner+") AS "+g.newAlias()+"\nWHERE "+h+" <= "+n)
	}
	sql := r.selectFrom(list)
	if len(r.order) > 0 {
		sql += "\nORDER BY " + r.orderBy(nil)
	}
	return g.derive(r, sql+"\nLIMIT "+n)
}

func (g *Emitter) sample(x *plan.Sample, want need) *rel {
	r := g.flush(g.node(x.Input, want), x.Input.Columns(), want)
	items, names := kept(x.Input.Columns(), want)
	return g.derive(r, "SELECT "+selectList(r, items, names)+"\nFROM "+r.source()+"\n"+g.d.Sample(g.As(g.fold(x.N), plan.Long)))
}

func (g *Emitter) union(x *plan.Union, want need) *rel {
	parts := make([]string, 0, len(x.Inputs))
	var part []string
	var cols []int
	for j, c := range x.Cols {
		if want[c.ID] {
			cols = append(cols, j)
		}
	}
	for i, in := range x.Inputs {
		if g.empty(in) {
			continue
		}
		below := need{}
		for _, j := range cols {
			columnsIn(x.Map[i][j], below)
		}
		r := g.node(in, below)
		var items []string
		g.scoped(r, func() string {
			for _, j := range cols {
				items = append(items, g.As(g.fold(x.Map[i][j]), x.Cols[j].Type)+" AS "+col(x.Cols[j].ID))
			}
			return ""
		})
		if len(r.part) > 0 {
			part = r.part
			items = append(items, r.part...)
		}
		if len(items) == 0 {
			items = []string{"1 AS h0"}
		}
		parts = append(parts, "SELECT "+strings.Join(items, ", ")+"\nFROM "+r.from())
	}
	if len(parts) == 0 {
		return g.values(&plan.Values{Cols: x.Cols})
	}
	r := g.plain(strings.Join(parts, "\nUNION ALL\n"))
	r.part = part
	r.hide(part...)
	return r
}

// empty says that the relation surely has no rows: what it reads is a stored table without any.
func (g *Emitter) empty(n plan.Node) bool {
	if len(g.opt.Empty) == 0 {
		return false
	}
	switch x := n.(type) {
	case *plan.Scan:
		return g.opt.Empty[x.Table]
	case *plan.Project:
		return g.empty(x.Input)
	case *plan.Filter:
		return g.empty(x.Input)
	case *plan.Sort:
		return g.empty(x.Input)
	case *plan.Limit:
		return g.empty(x.Input)
	}
	return false
}

func (g *Emitter) sharedNode(x *plan.Shared) *rel {
	s := g.shared[x.Name]
	if s == nil {
		inner := x.Inner.Columns()
		r := g.flush(g.node(x.Inner, allOf(inner)), inner, allOf(inner))
		s = &sharedCTE{name: "s" + g.newAlias(), rel: r, cols: inner}
		g.shared[x.Name] = s
		kind := " AS "
		if x.Materialize || unstable(x.Inner) {
			kind = " AS MATERIALIZED "
			if g.d.Traits().Inlines {
				g.Unsupported("a table that must be computed once")
			}
		}
		g.ctes = append(g.ctes, s.name+kind+"(\n"+r.sql+")")
	}
	items := make([]string, 0, len(x.Cols))
	for i, c := range x.Cols {
		if i < len(s.cols) {
			items = append(items, col(s.cols[i].ID)+" AS "+col(c.ID))
			if g.notNull[s.cols[i].ID] {
				g.notNull[c.ID] = true
			}
		}
	}
	out := &rel{alias: g.newAlias(), order: nil, part: s.rel.part}
	// Hidden columns get new names: the same subplan may be joined with itself.
	rename := map[string]string{}
	for _, h := range s.rel.hidden {
		n := g.newHidden()
		rename[h] = n
		items = append(items, h+" AS "+n)
		out.hidden = append(out.hidden, n)
	}
	for _, o := range s.rel.order {
		o.col = rename[o.col]
		out.order = append(out.order, o)
	}
	out.serial = rename[s.rel.serial]
	if len(s.rel.part) > 0 {
		out.part = nil
		for _, p := range s.rel.part {
			out.part = append(out.part, rename[p])
		}
	}
	if len(items) == 0 {
		items = []string{"1 AS h0"}
	}
	out.sql = "SELECT " + strings.Join(items, ", ") + " FROM " + s.name
	return out
}

// Unstable says that running the plan again could give other rows.
func Unstable(n plan.Node) bool { return unstable(n) }

func unstable(n plan.Node) bool {
	found := false
	plan.Walk(n, func(n plan.Node) {
		switch x := n.(type) {
		case *plan.Limit, *plan.Sample, *plan.Local, *plan.Serialize:
			found = true
		case *plan.Join:
			found = found || x.Kind == plan.InnerUnique
		case *plan.Aggregate:
			for _, a := range x.Aggs {
				found = found || strings.HasPrefix(a.Func, "take_any") || strings.HasPrefix(a.Func, "arg_")
			}
		case *plan.Project:
			for _, it := range x.Items {
				found = found || volatile(it.Expr)
			}
		case *plan.Filter:
			found = found || volatile(x.Pred)
		}
	})
	return found
}

// scoped runs f with the window order and partition of r.
func (g *Emitter) scoped(r *rel, f func() string) string {
	serial, part, scope := g.serial, g.part, g.scope
	g.serial, g.part, g.scope = r.serial, r.part, r.open
	s := f()
	g.serial, g.part, g.scope = serial, part, scope
	return s
}
