// Package sqlgen turns relational plans into SQL. The skeleton (selects, joins, unions, ordering) is the same for all engines; how a function, an
// aggregate or a literal is said is up to a Dialect.
//
//	q, err := sqlgen.Generate(root, sqlgen.DuckDB(), sqlgen.Options{Now: ticks})
//
// Every SQL column is named after a column id (c12), hidden helper columns h1, h2, …, so no user's name ever reaches SQL. Literals go through
// Dialect.Literal only.
//
// Order is carried as data: a sort does not emit ORDER BY where it stands but leaves the sort keys in the relation; the operator that needs the order
// (take, serialize, make_list, the end of the query) says it.
package sqlgen

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/bartizan-sec/bartizan/kql/fn"
	"github.com/bartizan-sec/bartizan/kql/plan"
)

// Options are what generation depends on beside the plan.
type Options struct {
	// Now is the query's time in ticks.
	Now int64
	// Limit bounds the rows of the result, 0 for no bound.
	Limit int64
	// Local names the tables that hold the rows of Local and External nodes; their columns are named as the node's.
	Local map[plan.Node]string
	// Empty names stored tables without rows; a union leaves them out. Missing names may hold rows.
	Empty map[string]bool
	// Ordered are the nodes among Local whose table has a column h0 that numbers the rows in order.
	Ordered map[plan.Node]bool
}

// Query is the SQL of a plan. Columns are the result's in order.
type Query struct {
	SQL     string
	Columns []plan.Column
	// Ordered says that the statement gives the rows in an order that counts.
	Ordered bool
}

// UnsupportedError says that the dialect cannot say something.
type UnsupportedError struct{ What string }

func (e *UnsupportedError) Error() string { return e.What + " is not supported" }

// EvalError says that computing a constant part of the query failed (a malformed regular expression, for one).
type EvalError struct{ Err error }

func (e *EvalError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *EvalError) Unwrap() error { return e.Err }

// Generate gives the SQL for the plan.
func Generate(root plan.Node, d Dialect, opt Options) (Query, error) {
	g := newGen(d, opt)
	if _, ok := d.(holder); ok {
		g.looked = lookedInto(root)
	}
	cols := root.Columns()
	r := g.node(root, allOf(cols))
	items := make([]string, len(cols))
	for i, c := range cols {
		items[i] = col(c.ID)
	}
	if len(items) == 0 {
		items = []string{"1 AS h0"}
	}
	sql := r.selectFrom(strings.Join(items, ", "))
	if len(r.order) > 0 {
		sql += "\nORDER BY " + r.orderBy(nil)
	}
	if opt.Limit > 0 {
		sql += "\nLIMIT " + strconv.FormatInt(opt.Limit, 10)
	}
	if g.err != nil {
		return Query{}, g.err
	}
	if len(g.ctes) > 0 {
		head := "WITH " + strings.Join(g.ctes, ",\n")
		if rest, ok := strings.CutPrefix(sql, "WITH "); ok {
			sql = head + ",\n" + rest
		} else {
			sql = head + "\n" + sql
		}
	}
	return Query{SQL: sql, Columns: cols, Ordered: len(r.order) > 0}, nil
}

// Emitter is the state of one generation. Dialects use its exported methods to emit the parts of what they say.
type Emitter struct {
	d       Dialect
	opt     Options
	lib     *fn.Library
	err     error
	hidden  int
	aliases int
	ctes    []string
	shared  map[string]*sharedCTE
	notNull map[plan.ColumnID]bool
	outers  map[*plan.Outer]*rel
	depth   int
	// looked are the columns that are only looked into, held those of them that hold something else than their value.
	looked map[plan.ColumnID]bool
	held   map[plan.ColumnID]*held
	// costlyColumns are those whose definition takes long to compute.
	costlyColumns map[plan.ColumnID]bool
	// serial is the order that window functions see, part their partition.
	serial string
	part   []string
	// defs are the expressions behind columns of open relations, scope the open relation whose names can be used.
	defs  map[plan.ColumnID]plan.Expr
	scope *open
}

type sharedCTE struct {
	name string
	rel  *rel
	cols []plan.Column
}

func newGen(d Dialect, opt Options) *Emitter {
	return &Emitter{
		d: d, opt: opt, lib: fn.New(fn.Options{Now: opt.Now}), shared: map[string]*sharedCTE{}, notNull: map[plan.ColumnID]bool{},
		outers: map[*plan.Outer]*rel{}, defs: map[plan.ColumnID]plan.Expr{}, costlyColumns: map[plan.ColumnID]bool{},
	}
}

// Fail records the first error and returns text that keeps the SQL well formed.
func (g *Emitter) Fail(err error) string {
	if g.err == nil {
		g.err = err
	}
	return "NULL"
}

// Unsupported records that something cannot be said.
func (g *Emitter) Unsupported(what string, args ...any) string {
	return g.Fail(&UnsupportedError{What: fmt.Sprintf(what, args...)})
}

func (g *Emitter) newHidden() string {
	g.hidden++
	return "h" + strconv.Itoa(g.hidden)
}

func (g *Emitter) newAlias() string {
	g.aliases++
	return "t" + strconv.Itoa(g.aliases)
}

func col(id plan.ColumnID) string { return "c" + strconv.Itoa(int(id)) }

// rel is a relation under construction: a SELECT, or the name of a table.
type rel struct {
	sql   string // a SELECT statement, or a table's name when table is set
	table bool
	alias string
	where []string // conditions that the next SELECT over sql applies
	open  *open    // the same relation over a stored table, nil where it is more than that

	order  []orderTerm
	hidden []string // columns beside the plan's that operators above must pass on
	serial string   // the hidden column that numbers serialized rows
	raw    *rel     // what serial was computed over, when nothing came since
	part   []string // hidden columns that name the group a row belongs to (mv-apply, partition)
}

type orderTerm struct {
	col        string
	desc       bool
	nullsFirst bool
}

// from is the relation as an item of FROM, with the conditions that wait applied.
func (r *rel) from() string {
	if r.open != nil && len(r.where) > 0 { // the conditions may use names that the relation does not show
		return "(" + r.selectFrom(r.open.list()) + ") AS " + r.alias
	}
	s := r.source()
	if len(r.where) > 0 {
		s += "\nWHERE " + strings.Join(r.where, "\n  AND ")
	}
	return s
}

func (r *rel) source() string {
	if r.table {
		return r.sql + " AS " + r.alias
	}
	return "(" + r.sql + ") AS " + r.alias
}

// orderBy is the text after ORDER BY: the leading columns, then the order of the relation.
func (r *rel) orderBy(lead []string) string {
	terms := append([]string(nil), lead...)
	for _, t := range r.order {
		s := t.col
		if t.desc {
			s += " DESC"
		} else {
			s += " ASC"
		}
		if t.nullsFirst {
			s += " NULLS FIRST"
		} else {
			s += " NULLS LAST"
		}
		terms = append(terms, s)
	}
	return strings.Join(terms, ", ")
}

// derive makes a relation for sql that keeps r's order and hidden columns.
func (g *Emitter) derive(r *rel, sql string) *rel {
	return &rel{sql: sql, alias: g.newAlias(), order: r.order, hidden: r.hidden, serial: r.serial, part: r.part}
}

func (g *Emitter) plain(sql string) *rel { return &rel{sql: sql, alias: g.newAlias()} }

// hide adds hidden columns, each once.
func (r *rel) hide(cols ...string) {
	for _, c := range cols {
		found := false
		for _, h := range r.hidden {
			found = found || h == c
		}
		if !found {
			r.hidden = append(r.hidden[:len(r.hidden):len(r.hidden)], c)
		}
	}
}

// pass are the hidden columns to add to a select list that has the given names already.
func (r *rel) pass(have map[string]bool) []string {
	var out []string
	for _, h := range r.hidden {
		if !have[h] {
			out = append(out, h)
		}
	}
	return out
}

// need is the set of columns that the operators above use.
type need map[plan.ColumnID]bool

func allOf(cols []plan.Column) need {
	n := make(need, len(cols))
	for _, c := range cols {
		n[c.ID] = true
	}
	return n
}

func (n need) with(exprs ...plan.Expr) need {
	out := make(need, len(n)+4)
	for id := range n {
		out[id] = true
	}
	for _, e := range exprs {
		columnsIn(e, out)
	}
	return out
}

// columnsIn adds the columns an expression refers to, those inside subqueries too.
func columnsIn(e plan.Expr, into need) {
	switch x := e.(type) {
	case *plan.ColRef:
		into[x.ID] = true
	case *plan.Call:
		for _, a := range x.Args {
			columnsIn(a, into)
		}
	case *plan.Window:
		for _, a := range x.Args {
			columnsIn(a, into)
		}
	case *plan.Case:
		for _, a := range x.Whens {
			columnsIn(a, into)
		}
		for _, a := range x.Thens {
			columnsIn(a, into)
		}
		if x.Else != nil {
			columnsIn(x.Else, into)
		}
	case *plan.InQuery:
		columnsIn(x.X, into)
	}
}
