package bind

import (
	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/syntax"
)

// environment holds the names that let statements, parameters and `as` define.
type environment struct {
	parent *environment
	vars   map[string]*variable
	allow  *restriction // what `restrict access` left, nil for everything
}

// variable is one of: a scalar (expr), a table (table gives it), a function (lambda), a declared pattern (cases).
type variable struct {
	expr   plan.Expr
	name   string // what an inlined scalar is called in result names
	depth  int    // how many subqueries the expression was bound inside of
	nodes  int    // how large the expression is
	row    bool   // the expression looks at the columns of a row there
	table  func() *relation
	lambda *syntax.Lambda
	env    *environment // where the lambda was defined
	view   bool
	cases  *syntax.DeclarePattern
	scope  bool       // it stands for the database, in the body of macro-expand
	group  bool       // it is a group of databases
	kind   lambdaKind // what the lambda gives, once known
	stored string     // the name of a stored function
}

type lambdaKind uint8

const (
	kindUnknown lambdaKind = iota
	kindScalar
	kindTable
)

func (e *environment) lookup(name string) *variable {
	for ; e != nil; e = e.parent {
		if v, ok := e.vars[name]; ok {
			return v
		}
	}
	return nil
}

func (e *environment) define(name string, v *variable) {
	if e.vars == nil {
		e.vars = map[string]*variable{}
	}
	e.vars[name] = v
}

// field is a column of a relation; hidden ones resolve by name but are no part of `*`.
type field struct {
	plan.Column
	hidden bool
}

// relation is a bound tabular expression.
type relation struct {
	node   plan.Node
	fields []field
	open   bool   // its columns depend on the data: unknown names are nulls, not errors
	serial bool   // its rows have an order that window functions may use
	source string // the table's name, for withsource
	graph  *plan.Graph
	edges  []plan.Column
	nodes  []plan.Column
}

func (r *relation) find(name string) *field {
	for i := range r.fields {
		if r.fields[i].Name == name {
			return &r.fields[i]
		}
	}
	return nil
}

func (r *relation) columns() []plan.Column {
	out := make([]plan.Column, 0, len(r.fields))
	for _, f := range r.fields {
		if !f.hidden {
			out = append(out, f.Column)
		}
	}
	return out
}

// with gives a relation with the same traits over another node and other columns.
func (r *relation) with(node plan.Node, fields []field) *relation {
	return &relation{node: node, fields: fields, open: r.open, serial: r.serial}
}

// scope is what a scalar expression can see.
type scope struct {
	env    *environment
	rel    *relation // the row; nil outside of rows
	right  *relation // the other side in `on` conditions
	aggs   *aggregator
	window *bool                // set when a window function is used; nil where none may be
	named  map[string]*relation // records by name: steps of scan, elements of graph patterns
}

func ref(c plan.Column) plan.Expr { return &plan.ColRef{ID: c.ID, T: c.Type} }

// null is a typed null.
func null(t plan.Type) *plan.Const { return &plan.Const{T: t} }

// visible drops hidden columns.
func (b *binder) visible(r *relation) *relation {
	hidden := false
	for _, f := range r.fields {
		hidden = hidden || f.hidden
	}
	if !hidden {
		return r
	}
	var items []plan.Named
	var fields []field
	for _, f := range r.fields {
		if !f.hidden {
			items = append(items, plan.Named{Column: f.Column, Expr: ref(f.Column)})
			fields = append(fields, f)
		}
	}
	return r.with(&plan.Project{Input: r.node, Items: items}, fields)
}

// pass builds the items that let all columns of a relation through.
func pass(r *relation) []plan.Named {
	items := make([]plan.Named, 0, len(r.fields)+4)
	for _, f := range r.fields {
		items = append(items, plan.Named{Column: f.Column, Expr: ref(f.Column)})
	}
	return items
}
