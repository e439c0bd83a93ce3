// Package row runs queries that look at one row at a time in Go, without an engine: the steps that bring records into shape while they arrive.
//
//	p, err := row.Compile("source | where Port > 1024 | project Host = tolower(Host), Port", fields, row.Options{})
//	cells, ok, err := p.Run([]any{int64(8080), "GW"})
//
// The query reads the table `source` and may use where, extend, project and its kin, parse, parse-where, parse-kv and let statements, and every scalar function
// that package fn computes. What needs other rows or the time of day (summarize, sort, join, now(), rand()) is refused when it is compiled, with line and column.
// A program gives what the engines give for the same query: the functions are those that engines are held to by the tests of kqltest.
package row

import (
	"fmt"

	"github.com/bartizan-sec/bartizan/kql"
	"github.com/bartizan-sec/bartizan/kql/fn"
	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/syntax"
)

// Source is the name of the table that a query reads.
const Source = "source"

// Field is a column of the source.
type Field struct {
	Name string
	Type plan.Type
}

// Options bound what a program may do. Zero values are the defaults.
type Options struct {
	// Work bounds the bytes that the values of one run may add up to; the default is DefaultWork.
	Work int
	// Open, when it is set, makes names that are no columns of the source columns of type dynamic; Program.Names tells them.
	Open bool
}

// Defaults of Options and bounds of a program.
const (
	DefaultWork = 32 << 20
	maxExprs    = 20_000
)

// Program is a compiled query. It is safe for concurrent use.
type Program struct {
	lib   *fn.Library
	steps []step
	cols  []plan.Column
	out   []int // slots of the result
	slots int   // cells that a run needs
	take  []int // field of the source for each of the first slots
	names []string
	used  map[string]bool
	work  int
}

// step is a filter (pred) or a number of values to compute into slots.
type step struct {
	pred   expr
	exprs  []expr
	target []int
}

// Compile compiles a query over the fields. The error, if any, is a *kql.Error.
func Compile(query string, fields []Field, opt Options) (*Program, error) {
	if opt.Work <= 0 {
		opt.Work = DefaultWork
	}
	if err := check(query); err != nil {
		return nil, err
	}
	table := &kql.Table{Name: Source}
	p := &Program{lib: fn.New(fn.Options{}), work: opt.Work, used: map[string]bool{}}
	known := map[string]bool{}
	for _, f := range fields {
		known[f.Name] = true
		table.Columns = append(table.Columns, kql.TableColumn{Name: f.Name, Type: f.Type, Physical: f.Name})
	}
	if opt.Open {
		for _, name := range identifiers(query) {
			if !known[name] && name != Source {
				known[name] = true
				p.names = append(p.names, name)
				table.Columns = append(table.Columns, kql.TableColumn{Name: name, Type: plan.Dynamic, Physical: name, Hidden: true})
			}
		}
	}
	program, err := kql.Compile(query, catalog{table}, kql.Options{})
	if err != nil {
		return nil, err
	}
	c := &compiler{p: p, at: map[plan.ColumnID]int{}, field: map[string]int{}}
	for i, col := range table.Columns {
		c.field[col.Name] = i
	}
	if err := c.node(program.Root); err != nil {
		return nil, refuse(query, nil, "%s", err)
	}
	p.cols = program.Columns
	for _, col := range program.Columns {
		slot, ok := c.at[col.ID]
		if !ok {
			return nil, refuse(query, nil, "the column %s cannot be computed from one row", col.Name)
		}
		p.out = append(p.out, slot)
	}
	return p, nil
}

// Columns are the columns of the result.
func (p *Program) Columns() []plan.Column { return p.cols }

// Names are the names that Options.Open made columns of, in order: their values follow those of the fields in Run.
func (p *Program) Names() []string { return p.names }

// Uses reports whether the program looks at the named column of the source at all.
func (p *Program) Uses(name string) bool { return p.used[name] }

// Run computes the result for a row of the source: bool, int64 (datetime and timespan as ticks), float64, string (dynamic as JSON text) or nil. ok is false
// when a filter leaves the row out. The error is a *fn.LimitError when the values grow beyond Options.Work, or what a function says about its arguments.
func (p *Program) Run(source []any) (cells []any, ok bool, err error) {
	f := frame{cells: make([]any, p.slots), left: p.work, lib: p.lib}
	for slot, field := range p.take {
		if field < len(source) {
			f.cells[slot] = source[field]
		}
	}
	for i := range p.steps {
		s := &p.steps[i]
		if s.pred != nil {
			v, err := s.pred.eval(&f)
			if err != nil {
				return nil, false, err
			}
			if keep, _ := v.V.(bool); !keep {
				return nil, false, nil
			}
			continue
		}
		for j, e := range s.exprs {
			v, err := e.eval(&f)
			if err != nil {
				return nil, false, err
			}
			f.cells[s.target[j]] = v.V
		}
	}
	out := make([]any, len(p.out))
	for i, slot := range p.out {
		if out[i] = f.cells[slot]; out[i] == nil && p.cols[i].Type == plan.String {
			out[i] = "" // texts are never null
		}
	}
	return out, true, nil
}

// catalog has one table.
type catalog struct{ table *kql.Table }

func (c catalog) Names() []string { return []string{Source} }

func (c catalog) Table(name string) *kql.Table {
	if name == Source {
		return c.table
	}
	return nil
}

// changing are functions whose value does not follow from the row.
var changing = map[string]bool{
	"now": true, "ago": true, "rand": true, "new_guid": true, "current_principal": true, "current_principal_details": true, "current_database": true, "current_cluster_endpoint": true,
	"ingestion_time": true, "extent_id": true, "extent_tags": true, "cursor_after": true, "cursor_current": true, "toscalar": true, "current_principal_is_member_of": true,
}

// check refuses what needs more than a row, where it stands.
func check(query string) error {
	q, diags := syntax.Parse(query)
	if len(diags) > 0 {
		return nil // the compiler says it better
	}
	var bad syntax.Node
	var why string
	note := func(n syntax.Node, format string, args ...any) {
		if bad == nil {
			bad, why = n, fmt.Sprintf(format, args...)
		}
	}
	for _, s := range q.Statements {
		switch s.(type) {
		case *syntax.Let, *syntax.ExprStatement:
		default:
			note(s, "only let statements and a query may stand here")
		}
	}
	exprs := 0
	syntax.Inspect(q, func(n any) bool {
		switch n := n.(type) {
		case *syntax.Call:
			if changing[n.Name.Text] {
				note(n, "%s() depends on more than the row", n.Name.Text)
			}
		case *syntax.DataTable:
			note(n, "a datatable cannot be read for each row")
		case *syntax.External:
			note(n, "externaldata cannot be read for each row")
		case syntax.Operator:
			switch n := n.(type) {
			case *syntax.Where, *syntax.Project, *syntax.ParseOp, *syntax.ParseKV:
			case *syntax.Extend:
				if n.Serialize {
					note(n, "serialize looks at more than one row")
				}
			default:
				note(n, "this operator looks at more than one row")
			}
		case syntax.Expr:
			exprs++
		}
		return true
	})
	if exprs > maxExprs {
		return refuse(query, nil, "the query has more than %d expressions", maxExprs)
	}
	if bad != nil {
		return refuse(query, bad, "%s", why)
	}
	return nil
}

func refuse(query string, at syntax.Node, format string, args ...any) error {
	e := &kql.Error{Code: kql.CodeUnsupported, Message: fmt.Sprintf(format, args...), Line: 1, Column: 1, EndLine: 1, EndColumn: 1, Hint: "use where, extend, project, parse, parse-kv and scalar functions"}
	if at != nil {
		src := syntax.NewSource(query)
		e.Line, e.Column = src.Position(at.Pos().Start)
		e.EndLine, e.EndColumn = src.Position(at.Pos().End)
	}
	return e
}

// identifiers are the names that stand in a query where a column may, in order, less those that are called or follow a dot.
func identifiers(query string) []string {
	q, diags := syntax.Parse(query)
	if len(diags) > 0 {
		return nil
	}
	seen, skip := map[string]bool{}, map[*syntax.Name]bool{}
	var out []string
	for _, s := range q.Statements {
		if l, ok := s.(*syntax.Let); ok {
			seen[l.Name.Text] = true
		}
	}
	syntax.Inspect(q, func(n any) bool {
		switch n := n.(type) {
		case *syntax.Call:
			skip[n.Name] = true
		case *syntax.Path:
			if name, ok := n.Name.(*syntax.Name); ok {
				skip[name] = true
			}
		case *syntax.Named:
			for _, name := range n.Names {
				skip[name] = true
			}
		case *syntax.Name:
			if !skip[n] && !seen[n.Text] {
				seen[n.Text] = true
				out = append(out, n.Text)
			}
		}
		return true
	})
	return out
}
