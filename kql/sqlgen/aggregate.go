package sqlgen

import (
	"slices"
	"strings"

	"github.com/bartizan-sec/bartizan/kql/plan"
)

func (g *Emitter) aggregate(x *plan.Aggregate, want need) *rel {
	// A key that nobody uses still parts the groups.
	below := need{}
	keys := make([]plan.Named, len(x.Keys))
	for i, k := range x.Keys {
		k.Expr = g.fold(k.Expr)
		keys[i] = k
		columnsIn(k.Expr, below)
	}
	var aggs []plan.Agg
	for _, a := range x.Aggs {
		if !want[a.Column.ID] {
			continue
		}
		a.Args = append([]plan.Expr(nil), a.Args...)
		for i := range a.Args {
			a.Args[i] = g.fold(a.Args[i])
			columnsIn(a.Args[i], below)
		}
		aggs = append(aggs, a)
	}
	r := g.node(x.Input, below)
	exprs := make([]plan.Expr, 0, len(keys))
	windows := false
	for _, k := range keys {
		exprs = append(exprs, k.Expr)
		windows = windows || hasWindow(k.Expr)
	}
	for _, a := range aggs {
		for _, e := range a.Args {
			exprs = append(exprs, e)
			windows = windows || hasWindow(e)
		}
	}
	if windows {
		r = g.flush(r, x.Input.Columns(), below)
		r, exprs = g.liftAll(r, x.Input.Columns(), below, exprs)
		for i := range keys {
			keys[i].Expr, exprs = exprs[0], exprs[1:]
		}
		for _, a := range aggs {
			for i := range a.Args {
				a.Args[i], exprs = exprs[0], exprs[1:]
			}
		}
	}

	if len(r.order) > 0 && g.d.Traits().Numbered && ordered(aggs) {
		r = g.number(g.flush(r, x.Input.Columns(), below), x.Input.Columns(), below)
	}
	var items, group []string
	g.scoped(r, func() string {
		for _, k := range keys {
			s := g.As(k.Expr, k.Column.Type)
			if s == col(k.Column.ID) {
				items = append(items, s)
			} else {
				items = append(items, s+" AS "+col(k.Column.ID))
			}
			if _, constant := k.Expr.(*plan.Const); !constant {
				group = append(group, s)
			}
			if g.NotNull(k.Expr) {
				g.notNull[k.Column.ID] = true
			}
		}
		return ""
	})
	group = append(group, r.part...)
	items = append(items, r.part...)
	constantKeys := len(keys) > 0 && len(group) == len(r.part)
	order := ""
	if len(r.order) > 0 {
		order = r.orderBy(nil)
		if g.d.Traits().Numbered {
			order = r.serial
		}
	}
	packs, unpacked := g.packs(aggs)
	if s, ok := g.d.(separater); ok {
		packs = s.separates(packs, unpacked)
	}
	if len(packs) == 1 && len(packs[0].aggs) == len(aggs) && len(group) > len(r.part) && packs[0].by != nil && g.d.Traits().Ranked {
		return g.bestRow(r, keys, group, packs[0])
	}
	for _, a := range aggs {
		if _, ok := unpacked[a.Column.ID]; ok {
			continue
		}
		s := g.scoped(r, func() string { return g.d.Aggregate(g, &a, order) })
		items = append(items, s+" AS "+col(a.Column.ID))
	}
	for _, p := range packs {
		s := g.scoped(r, func() string { return g.d.Together(g, p.fun, p.by, p.fields(g)) })
		items = append(items, s+" AS "+p.name)
	}
	if len(items) == 0 {
		items = []string{"1 AS h0"}
	}
	sql := r.selectFrom(strings.Join(items, ", "))
	switch {
	case len(group) > 0:
		sql += "\nGROUP BY " + strings.Join(group, ", ")
	case constantKeys:
		// Grouping by a constant: no row without input.
		sql += "\nHAVING count(*) > 0"
	case len(aggs) == 0:
		sql += "\nHAVING true"
		if len(x.Keys) == 0 && len(x.Aggs) > 0 {
			sql = "SELECT 1 AS h0"
		}
	}
	out := g.plain(sql)
	out.part = r.part
	out.hide(r.part...)
	if len(packs) > 0 {
		out = g.unpack(out, keys, aggs, packs, unpacked)
	}
	if len(keys) == 0 && len(r.part) > 0 {
		out = g.fillGroups(out, r, aggs)
	}
	return out
}

// ordered says that an aggregate's value depends on the order of rows.
func ordered(aggs []plan.Agg) bool {
	for _, a := range aggs {
		if strings.HasPrefix(a.Func, "make_list") || strings.HasPrefix(a.Func, "make_bag") {
			return true
		}
	}
	return false
}

// bestRow is arg_max or arg_min alone: the first row of each group in the order of the maximised value. Engines find it without carrying all columns of
// all rows through an aggregation.
func (g *Emitter) bestRow(r *rel, keys []plan.Named, group []string, p *pack) *rel {
	var items, outer []string
	names := map[string]bool{}
	g.scoped(r, func() string {
		for _, k := range keys {
			name := col(k.Column.ID)
			items = append(items, g.As(k.Expr, k.Column.Type)+" AS "+name)
			outer = append(outer, name)
			names[name] = true
		}
		for _, f := range p.fields(g) {
			items = append(items, f.SQL+" AS "+f.Name)
			outer = append(outer, f.Name)
			names[f.Name] = true
		}
		var order []string
		for _, s := range g.sortable(p.by) {
			if p.fun == "arg_max" {
				s += " DESC"
			}
			order = append(order, s+" NULLS LAST")
		}
		items = append(items, "row_number() OVER (PARTITION BY "+strings.Join(group, ", ")+" ORDER BY "+strings.Join(order, ", ")+") AS "+p.name)
		return ""
	})
	base := &rel{part: r.part}
	base.hide(r.part...)
	inner := "SELECT " + selectList(base, items, names) + "\nFROM " + r.from()
	return g.derive(base, "SELECT "+selectList(base, outer, names)+"\nFROM ("+inner+") AS "+g.newAlias()+"\nWHERE "+p.name+" = 1")
}

// separater is a dialect that can give each column of the row with the greatest (or least) value by an aggregate of its own. separates returns the
// packs that stay and takes the columns of the others out of the map.
type separater interface {
	separates(packs []*pack, unpacked map[plan.ColumnID]*pack) []*pack
}

// pack is a set of columns that come from one row: those of one arg_max, or of one take_any.
type pack struct {
	fun  string
	key  string
	by   plan.Expr
	name string
	aggs []plan.Agg
}

func (p *pack) value(a plan.Agg) plan.Expr { return a.Args[len(a.Args)-1] }

func (p *pack) fields(g *Emitter) []Field {
	out := make([]Field, len(p.aggs))
	for i, a := range p.aggs {
		out[i] = Field{Name: col(a.Column.ID), SQL: g.As(p.value(a), a.Column.Type), Type: a.Column.Type}
	}
	return out
}

func (g *Emitter) packs(aggs []plan.Agg) ([]*pack, map[plan.ColumnID]*pack) {
	var packs []*pack
	unpacked := map[plan.ColumnID]*pack{}
	add := func(fun, key string, by plan.Expr, a plan.Agg) {
		for _, p := range packs {
			if p.fun == fun && p.key == key {
				p.aggs = append(p.aggs, a)
				unpacked[a.Column.ID] = p
				return
			}
		}
		p := &pack{fun: fun, key: key, by: by, name: g.newHidden(), aggs: []plan.Agg{a}}
		packs = append(packs, p)
		unpacked[a.Column.ID] = p
	}
	anys := 0
	for _, a := range aggs {
		if a.Func == "take_any" {
			anys++
		}
	}
	for _, a := range aggs {
		switch {
		case (a.Func == "arg_max" || a.Func == "arg_min") && len(a.Args) >= 2:
			add(a.Func, g.Expr(a.Args[0]), a.Args[0], a)
		case a.Func == "take_any" && anys > 1:
			add("take_any", "", nil, a)
		}
	}
	return packs, unpacked
}

func (g *Emitter) unpack(r *rel, keys []plan.Named, aggs []plan.Agg, packs []*pack, unpacked map[plan.ColumnID]*pack) *rel {
	var items []string
	names := map[string]bool{}
	for _, k := range keys {
		items = append(items, col(k.Column.ID))
		names[col(k.Column.ID)] = true
	}
	for _, a := range aggs {
		name := col(a.Column.ID)
		names[name] = true
		p := unpacked[a.Column.ID]
		if p == nil {
			items = append(items, name)
			continue
		}
		s := g.d.Unpack(p.name, name, slices.IndexFunc(p.aggs, func(x plan.Agg) bool { return x.Column.ID == a.Column.ID }))
		if a.Column.Type == plan.String {
			s = "coalesce(" + s + ", '')"
		}
		items = append(items, s+" AS "+name)
	}
	return g.derive(r, "SELECT "+selectList(r, items, names)+"\nFROM "+r.source())
}

// fillGroups gives groups that lost all their rows their one row of an aggregation without keys.
func (g *Emitter) fillGroups(agg, in *rel, aggs []plan.Agg) *rel {
	base := g.groupsOf(in.part)
	if base == "" {
		return agg
	}
	b, a := g.newAlias(), g.newAlias()
	var items, on []string
	for _, p := range in.part {
		items = append(items, b+"."+p+" AS "+p)
		on = append(on, b+"."+p+" IS NOT DISTINCT FROM "+a+"."+p)
	}
	for _, x := range aggs {
		items = append(items, emptyAggregate(g, &x, a+"."+col(x.Column.ID))+" AS "+col(x.Column.ID))
	}
	out := g.plain("SELECT " + strings.Join(items, ", ") + "\nFROM " + base + " AS " + b + " LEFT JOIN (" + agg.sql + ") AS " + a + " ON " + strings.Join(on, " AND "))
	out.part = in.part
	out.hide(in.part...)
	return out
}

// emptyAggregate gives the value over no rows where sql is null.
func emptyAggregate(g *Emitter, a *plan.Agg, sql string) string {
	switch f := strings.TrimSuffix(a.Func, "if"); {
	case f == "count" || f == "dcount" || f == "count_distinct":
		return "coalesce(" + sql + ", 0)"
	case f == "sum" && a.Column.Type != plan.Decimal, strings.HasPrefix(f, "stdev"), strings.HasPrefix(f, "variance"):
		return "coalesce(" + sql + ", 0)"
	case strings.HasPrefix(f, "make_list"), strings.HasPrefix(f, "make_set"):
		return "coalesce(" + sql + ", '[]')"
	case strings.HasPrefix(f, "make_bag"):
		return "coalesce(" + sql + ", '{}')"
	case a.Column.Type == plan.String:
		return "coalesce(" + sql + ", '')"
	}
	return sql
}
