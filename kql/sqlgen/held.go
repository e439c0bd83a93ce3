package sqlgen

import (
	"strings"

	"github.com/bartizan-sec/bartizan/kql/plan"
)

// A column that a query only looks into (Fields.Name of `extend Fields = parse_json(Text)`, the groups that a parse operator finds) need not be built: a
// dialect may hold what it is computed from, or a form of its own, and answer the looks from that.

// holder is a dialect that holds columns in other forms.
type holder interface {
	// hold is what the column is to hold for the expression, nil to compute the expression.
	hold(g *Emitter, e plan.Expr) *held
	// value is the value of a column, by its name, that holds h.
	value(column string, h *held) string
}

// held is a column in another form than its type's.
type held struct {
	sql string
	// fields are the names of the parts of a row of texts, the first of which is empty where the value is null. Without them the column is text that is
	// read as JSON.
	fields []string
}

// lookedInto finds the computed columns that expressions only look into: by constant keys, and where they hold groups of a pattern by a test for null.
func lookedInto(root plan.Node) map[plan.ColumnID]bool {
	found := map[plan.ColumnID]bool{}
	groups := map[plan.ColumnID]bool{}
	plan.Walk(root, func(n plan.Node) {
		if p, ok := n.(*plan.Project); ok {
			for _, it := range p.Items {
				if c, ok := it.Expr.(*plan.Call); ok && (c.Func == "parse_json" || c.Func == "__parse") {
					found[it.Column.ID] = true
					groups[it.Column.ID] = c.Func == "__parse"
				}
			}
		}
	})
	if len(found) == 0 {
		return nil
	}
	shown := func(cols []plan.Column) {
		for _, c := range cols {
			delete(found, c.ID)
		}
	}
	var look func(e plan.Expr)
	look = func(e plan.Expr) {
		switch x := e.(type) {
		case *plan.ColRef:
			delete(found, x.ID)
		case *plan.Call:
			if x.Func == "index" {
				if base, _, ok := jsonPath(x); ok && isColumn(base) {
					_, one := x.Args[0].(*plan.ColRef)
					n, number := constLong(x.Args[1])
					if id := base.(*plan.ColRef).ID; !groups[id] || one && number && n >= 0 {
						return
					}
				}
			}
			if ref, ok := firstRef(x); ok && (x.Func == "isnull" || x.Func == "isnotnull") && groups[ref.ID] {
				return
			}
			for _, a := range x.Args {
				look(a)
			}
		case *plan.Case:
			for _, list := range [][]plan.Expr{x.Whens, x.Thens} {
				for _, a := range list {
					look(a)
				}
			}
			look(x.Else)
		case *plan.Window:
			for _, a := range x.Args {
				look(a)
			}
		case *plan.InQuery:
			look(x.X)
			shown(x.Input.Columns())
		case *plan.Scalar:
			shown(x.Input.Columns())
		}
	}
	named := func(items []plan.Named) {
		for _, it := range items {
			if ref, ok := it.Expr.(*plan.ColRef); !ok || ref.ID != it.Column.ID {
				look(it.Expr)
			}
		}
	}
	shown(root.Columns())
	plan.Walk(root, func(n plan.Node) {
		switch x := n.(type) {
		case *plan.Project:
			named(x.Items)
			return
		case *plan.Join:
			named(x.Out)
			for _, list := range [][]plan.Expr{x.LeftKeys, x.RightKeys, {x.On}} {
				for _, e := range list {
					look(e)
				}
			}
			return
		case *plan.Shared:
			shown(x.Inner.Columns())
		case *plan.Outer:
			shown(x.Cols)
		case *plan.Expand:
			if x.Apply != nil {
				shown(x.Input.Columns())
				shown(x.Apply.Columns())
			}
		case *plan.Local:
			for _, in := range x.Inputs {
				shown(in.Columns())
			}
		}
		for _, e := range plan.Exprs(n) {
			look(e)
		}
	})
	return found
}

func firstRef(c *plan.Call) (*plan.ColRef, bool) {
	if len(c.Args) == 0 {
		return nil, false
	}
	ref, ok := c.Args[0].(*plan.ColRef)
	return ref, ok
}

// holdColumn is the SQL for a column that is held in another form, "" where it is to be computed.
func (g *Emitter) holdColumn(it plan.Named) string {
	d, ok := g.d.(holder)
	if !ok || !g.looked[it.Column.ID] {
		return ""
	}
	h := d.hold(g, it.Expr)
	if h == nil {
		return ""
	}
	if g.held == nil {
		g.held = map[plan.ColumnID]*held{}
	}
	g.held[it.Column.ID] = h
	return h.sql
}

// lister is a dialect that takes the elements of an array out of what it stands in, without making a value of the array first, and that makes rows of
// lists without their positions, the first of what Unnest gives.
type lister interface {
	// elementsAt is nil where the expression does not lead into a value.
	elementsAt(g *Emitter, e plan.Expr) *elements
}

// elements are the elements of what a path leads to.
type elements struct {
	all      string // the elements, if it is an array
	document string // what the path leads into
	// list is the list of elements, given the columns that hold the other two.
	list func(all, document string, bagAsArray bool) string
	// columns are those columns.
	columns [2]string
}

// Type implements plan.Expr.
func (*elements) Type() plan.Type { return plan.Dynamic }

// costlySQL says that SQL computes a value by functions that take long for each row.
func costlySQL(sql string) bool {
	for _, f := range [...]string{"json_", "regexp_", "kql_"} {
		if strings.Contains(sql, f) {
			return true
		}
	}
	return false
}

// costly says that an expression takes long to compute, by itself or as the definition of the column that it is. An engine may put the definition wherever
// the column is named.
func (g *Emitter) costly(e plan.Expr, sql string) bool {
	if ref, ok := e.(*plan.ColRef); ok {
		return g.costlyColumns[ref.ID]
	}
	return costlySQL(sql)
}
