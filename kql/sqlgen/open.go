package sqlgen

import (
	"strings"

	"github.com/bartizan-sec/bartizan/kql/plan"
)

// open is a relation over one stored table whose columns are still only names for expressions: a SELECT over it may read the table itself, with the names
// given by WITH, rather than a subquery. Engines that plan badly through subqueries, or cannot send what stands above one to their shards, are better off
// with it.
type open struct {
	base string // the table
	lets []let  // columns by name, each after those it uses
	out  []string
}

type let struct {
	name, sql string
	weight    int // how long the expression is with all names replaced
}

// maxWeight bounds what a name may stand for: the engine puts the expression into each place that uses it.
const maxWeight = 3000

func (o *open) weight(name string) int {
	for _, l := range o.lets {
		if l.name == name {
			return l.weight
		}
	}
	return 0
}

// has says that a name can be used.
func (o *open) has(name string) bool {
	for _, l := range o.lets {
		if l.name == name {
			return true
		}
	}
	return false
}

// defined is the expression behind a column where what it uses can be named here, otherwise the expression itself.
func (g *Emitter) defined(e plan.Expr) plan.Expr {
	ref, ok := e.(*plan.ColRef)
	if !ok || g.scope == nil {
		return e
	}
	def := g.defs[ref.ID]
	if def == nil || !g.scope.has(col(ref.ID)) {
		return e
	}
	uses := need{}
	columnsIn(def, uses)
	for id := range uses {
		if !g.scope.has(col(id)) {
			return e
		}
	}
	return def
}

func (o *open) with() string {
	parts := make([]string, len(o.lets))
	for i, l := range o.lets {
		parts[i] = l.sql + " AS " + l.name
	}
	return "WITH " + strings.Join(parts, ", ") + "\n"
}

// closed is the relation as a statement, conditions that wait not applied.
func (o *open) closed() string {
	if len(o.lets) == 0 {
		return "SELECT " + o.list() + " FROM " + o.base
	}
	return o.with() + "SELECT " + o.list() + " FROM " + o.base
}

func (o *open) list() string {
	if len(o.out) == 0 {
		return "1 AS h0"
	}
	return strings.Join(o.out, ", ")
}

// selectFrom is a SELECT of the list over a relation with its conditions.
func (r *rel) selectFrom(list string) string {
	if r.open == nil {
		return "SELECT " + list + "\nFROM " + r.from()
	}
	s := "SELECT " + list + "\nFROM " + r.open.base
	if len(r.open.lets) > 0 {
		s = r.open.with() + s
	}
	if len(r.where) > 0 {
		s += "\nWHERE " + strings.Join(r.where, "\n  AND ")
	}
	return s
}

// openScan is a scan as an open relation, nil where names of the table could be taken for names of ours.
func (g *Emitter) openScan(x *plan.Scan, want need) *rel {
	if !g.d.Traits().Flat {
		return nil
	}
	o := &open{base: g.d.Ident(x.Table)}
	for i, c := range x.Cols {
		if ours(x.Physical[i]) {
			return nil
		}
		if want[c.ID] {
			s := g.d.Stored(x.Physical[i], c.Type)
			o.lets = append(o.lets, let{name: col(c.ID), sql: s, weight: len(s)})
			o.out = append(o.out, col(c.ID))
		}
	}
	r := g.plain(o.closed())
	r.open = o
	return r
}

// ours says that a name looks like those that generation gives.
func ours(name string) bool {
	return name != "" && (name[0] == 'c' || name[0] == 'h') && strings.Trim(name[1:], "0123456789vr") == ""
}

// extend gives an open relation the named expressions beside what it has, or nil where it had better be a subquery from here on.
func (g *Emitter) extend(r *rel, items []let, exprs []plan.Expr, out []string) *rel {
	if r.open == nil || len(r.part) > 0 || r.serial != "" {
		return nil
	}
	o := &open{base: r.open.base, lets: r.open.lets[:len(r.open.lets):len(r.open.lets)], out: out}
	for i, it := range items {
		if volatile(exprs[i]) || hasSubquery(exprs[i]) {
			return nil
		}
		// A name weighs as often as it is used.
		it.weight = len(it.sql)
		seen := need{}
		columnsIn(exprs[i], seen)
		for id := range seen {
			it.weight += r.open.weight(col(id)) * strings.Count(it.sql, col(id))
		}
		if it.weight > maxWeight {
			return nil
		}
		o.lets = append(o.lets, it)
	}
	next := g.derive(r, o.closed())
	next.open, next.where = o, r.where
	return next
}
