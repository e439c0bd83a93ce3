package bind

import (
	"fmt"
	"sort"
	"time"

	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/syntax"
)

// Codes of diagnostics.
const (
	CodeSyntax      = "syntax"
	CodeName        = "name"
	CodeType        = "type"
	CodeUnsupported = "unsupported"
	CodeLimit       = "limit"
)

// Limits of what one query may expand to.
const (
	maxNodes    = 20_000  // operators after inlining functions and tables
	maxCalls    = 60      // functions that call functions
	maxExprs    = 400_000 // expression nodes after inlining
	maxMessages = 50
)

// Options are what a query depends on beside its text.
type Options struct {
	// Now is the time of now() and ago(); the zero time means the clock.
	Now time.Time
	// From and To bound the time column of tables that have one, where the query itself does not filter on it. Zero means unbounded.
	From, To time.Time
	// Only keeps, of every stored table, the rows whose named string column has exactly this value. A table without the column shows no rows. The query
	// cannot see or undo it.
	Only map[string]string
	// Principal is who asks, for current_principal() and its kin; Database is the name that current_database() gives.
	Principal, Database string
	// Probe runs a small plan while the query is compiled, for operators whose columns depend on the data (bag_unpack, pivot, narrow). It returns rows
	// of bool, int64, float64, string or nil. When it is nil such operators show only the columns that are known without data.
	Probe func(plan.Node) ([][]any, error)
	// Functions are callable by name in every query. A name that the query defines itself, or a column, comes before them.
	Functions []StoredFunction
	// Enrich gives the functions of the security schema their sources, by name ("FileProfile"); see Enrichments. One without a source shows nulls.
	Enrich map[string]string
}

// Program is a bound query.
type Program struct {
	// Results are the tables the query returns, one for each tabular statement (and each branch of fork).
	Results []Result
}

// Result is one table.
type Result struct {
	Name    string
	Root    plan.Node
	Columns []plan.Column
	Render  *Render
}

// Render is the chart that a query asks for.
type Render struct {
	Chart      string
	Properties map[string]string
}

// Diagnostic is a complaint about a place of the query.
type Diagnostic struct {
	syntax.Span
	Code    string
	Message string
	Hint    string
	Warning bool
}

type binder struct {
	catalog   Catalog
	opt       Options
	now       int64
	diags     []Diagnostic
	stopped   bool // a limit was exceeded; nothing more is bound
	lastID    plan.ColumnID
	nodes     int
	exprs     int
	calls     int
	doublings int            // by how much calls that put values together may enlarge a value, in powers of two
	depth     int            // subqueries of expressions around what is being bound
	shared    []*plan.Shared // first use of each, in the order of completion of the inner plans
	names     map[string]int
	render    *Render
	branches  []Result
	origins   map[plan.ColumnID][]plan.ColumnID // columns that merely show others
	scans     []*plan.Scan
	functions *functionTable
	stored    *storedCall // while the body of a stored function is bound
}

// Bind resolves and types a parsed query. The program is nil when there is an error among the diagnostics.
func Bind(q *syntax.Query, catalog Catalog, opt Options) (*Program, []Diagnostic) {
	if opt.Now.IsZero() {
		opt.Now = time.Now()
	}
	b := &binder{catalog: catalog, opt: opt, now: syntax.Ticks(opt.Now.UTC()), names: map[string]int{}, origins: map[plan.ColumnID][]plan.ColumnID{}, functions: functions()}
	p := b.program(q)
	if !b.failed() {
		b.checkDepth(p)
		b.checkGrowth(p)
	}
	sort.SliceStable(b.diags, func(i, j int) bool { return b.diags[i].Start < b.diags[j].Start })
	if b.failed() {
		return nil, b.diags
	}
	b.finish(p)
	return p, b.diags
}

// failed says whether there is an error among the diagnostics.
func (b *binder) failed() bool {
	for _, d := range b.diags {
		if !d.Warning {
			return true
		}
	}
	return false
}

func (b *binder) program(q *syntax.Query) *Program {
	e := &environment{}
	b.defineStored(q, e)
	p := &Program{}
	for _, s := range q.Statements {
		x, ok := s.(*syntax.ExprStatement)
		if !ok {
			b.statement(s, e)
			continue
		}
		b.render, b.branches = nil, nil
		name := fmt.Sprintf("Table_%d", len(p.Results))
		if b.isTabular(x.X, e, nil) {
			r := b.table(x.X, e)
			if r.graph != nil { // a graph as the result is the tables of its nodes and edges
				b.graphToTable(r, &syntax.GraphToTable{Span: s.Pos(), Outputs: []syntax.GraphOutput{{What: "nodes"}, {What: "edges"}}}, e)
			}
			if b.branches != nil {
				p.Results = append(p.Results, b.branches...)
				continue
			}
			p.Results = append(p.Results, b.result(name, r))
			continue
		}
		// a scalar statement is a table of one value
		ex := b.scalar(x.X, &scope{env: e})
		col := b.column("print_0", ex.Type())
		v := &plan.Values{Rows: [][]plan.Expr{{}}}
		p.Results = append(p.Results, b.result(name, &relation{node: &plan.Project{Input: v, Items: []plan.Named{{Column: col, Expr: ex}}}, fields: []field{{Column: col}}}))
	}
	if len(p.Results) == 0 && len(b.diags) == 0 {
		b.errorf(syntax.Span{Start: 0, End: len(q.Source.Text)}, CodeSyntax, "", "the query returns nothing: it has no tabular statement")
	}
	return p
}

// result leaves hidden columns out.
func (b *binder) result(name string, r *relation) Result {
	r = b.visible(r)
	return Result{Name: name, Root: r.node, Columns: r.columns(), Render: b.render}
}

func (b *binder) errorf(at syntax.Span, code, hint, format string, args ...any) {
	if len(b.diags) < maxMessages {
		at, message := b.place(at, fmt.Sprintf(format, args...))
		b.diags = append(b.diags, Diagnostic{Span: at, Code: code, Message: message, Hint: hint})
	}
}

// warnf adds a remark that does not keep the query from running.
func (b *binder) warnf(at syntax.Span, code, hint, format string, args ...any) {
	if len(b.diags) < maxMessages {
		at, message := b.place(at, fmt.Sprintf(format, args...))
		b.diags = append(b.diags, Diagnostic{Span: at, Code: code, Message: message, Hint: hint, Warning: true})
	}
}

// spend counts a node of the plan and refuses to go on past the limit.
func (b *binder) spend(at syntax.Span) bool {
	b.nodes++
	return b.within(at, b.nodes, maxNodes)
}

func (b *binder) within(at syntax.Span, n, limit int) bool {
	if n <= limit && !b.stopped {
		return true
	}
	if !b.stopped {
		b.stopped = true
		b.errorf(at, CodeLimit, "use materialize() for tables that are referred to often", "the query is too large once its functions and tables are expanded")
	}
	return false
}

func (b *binder) id() plan.ColumnID {
	b.lastID++
	return b.lastID
}

func (b *binder) column(name string, t plan.Type) plan.Column {
	return plan.Column{ID: b.id(), Name: name, Type: t}
}
