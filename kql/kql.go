// Package kql is an implementation of the Kusto Query Language: it parses and binds queries against a catalog of tables and turns them into a
// relational plan, of which package sqlgen makes SQL.
//
//	program, err := kql.Compile(text, catalog, kql.Options{})
//
// The stages are packages of their own: syntax (text to tree with positions), bind (names and types), plan (relational form), sqlgen (one dialect per
// engine). kqltest holds the script corpus that defines the language as implemented here.
package kql

import (
	"fmt"
	"sort"
	"strings"

	"github.com/bartizan-sec/bartizan/kql/bind"
	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/syntax"
)

// Catalog tells the binder which tables exist.
type Catalog = bind.Catalog

// Table describes a stored table to the binder.
type Table = bind.Table

// TableColumn is one column of a stored table.
type TableColumn = bind.TableColumn

// Rows says which rows of a table exist for whoever asks.
type Rows = bind.Rows

// Options are what a query depends on beside its text: the time of now(), the default time range, and a probe for columns that depend on the data.
type Options = bind.Options

// StoredFunction is a function that is kept beside the tables and callable by name; see Options.Functions.
type StoredFunction = bind.StoredFunction

// RenderHint is the chart that a query asks for with `render`.
type RenderHint = bind.Render

// Result is one table that a query returns.
type Result = bind.Result

// Codes of errors. The engine adds limit, permission, outbound and runtime.
const (
	CodeSyntax      = bind.CodeSyntax
	CodeName        = bind.CodeName
	CodeType        = bind.CodeType
	CodeUnsupported = bind.CodeUnsupported
	CodeLimit       = bind.CodeLimit
)

// Program is a query that is ready to run.
type Program struct {
	// Root gives the rows, Columns its columns in order with the names of the result's header, which may repeat.
	Root    plan.Node
	Columns []plan.Column
	// Render is nil when the query asks for no chart.
	Render *RenderHint
	// Results are all tables that the query returns; Root is the last of them. Most queries return one.
	Results []Result
	// Warnings are remarks that do not keep the query from running.
	Warnings []Diagnostic
	// Outbound lists the addresses that externaldata asks for.
	Outbound []string
}

// Severities of diagnostics.
const (
	SeverityError   = "error"
	SeverityWarning = "warning"
	SeverityInfo    = "info" // a hint, from Check only
)

// Diagnostic is a remark about a place of the query. Lines and columns count from 1, columns in characters; the end is exclusive.
type Diagnostic struct {
	Code      string `json:"code"`
	Message   string `json:"message"`
	Severity  string `json:"severity"`
	Line      int    `json:"line"`
	Column    int    `json:"column"`
	EndLine   int    `json:"endLine"`
	EndColumn int    `json:"endColumn"`
	Hint      string `json:"hint,omitempty"`
}

// Error is why a query cannot run. Diagnostics holds all complaints, the first of which the other fields repeat.
type Error struct {
	Code               string
	Message            string
	Line, Column       int
	EndLine, EndColumn int
	Hint               string
	Diagnostics        []Diagnostic
}

// Error gives the message with its place.
func (e *Error) Error() string { return fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Message) }

// Compile parses, binds and plans a query. The error, if any, is an *Error.
func Compile(query string, catalog Catalog, opt Options) (*Program, error) {
	program, diags := compile(query, catalog, opt)
	if program != nil {
		return program, nil
	}
	e := &Error{Code: CodeSyntax, Message: "the query cannot be run", Line: 1, Column: 1, EndLine: 1, EndColumn: 1, Diagnostics: diags}
	for _, d := range diags {
		if d.Severity == SeverityError {
			e.Code, e.Message, e.Hint = d.Code, d.Message, d.Hint
			e.Line, e.Column, e.EndLine, e.EndColumn = d.Line, d.Column, d.EndLine, d.EndColumn
			break
		}
	}
	return nil, e
}

// Check returns everything there is to say about a query, in order of place: errors, and where there is none warnings and hints (see HintContains and the
// other codes).
func Check(query string, catalog Catalog, opt Options) []Diagnostic {
	program, diags := compile(query, catalog, opt)
	if program == nil {
		return diags
	}
	q, _ := syntax.Parse(query)
	diags = append(diags, hints(q)...)
	sort.SliceStable(diags, func(i, j int) bool {
		a, b := diags[i], diags[j]
		return a.Line < b.Line || a.Line == b.Line && a.Column < b.Column
	})
	return diags
}

// Format lays a query out in the usual way: one operator to a line. A query with syntax errors is returned as it is.
func Format(query string) (string, error) {
	q, diags := syntax.Parse(query)
	if len(diags) > 0 {
		d := locate(q.Source, diags[0].Span)
		return query, &Error{Code: CodeSyntax, Message: diags[0].Message, Hint: diags[0].Hint, Line: d.Line, Column: d.Column, EndLine: d.EndLine, EndColumn: d.EndColumn}
	}
	return syntax.Text(q), nil
}

func compile(query string, catalog Catalog, opt Options) (program *Program, diags []Diagnostic) {
	defer func() { // a fault in here must not end the process that hosts it
		if r := recover(); r != nil {
			program, diags = nil, []Diagnostic{{Code: CodeUnsupported, Message: fmt.Sprintf("the query cannot be compiled: %v", r), Severity: SeverityError, Line: 1, Column: 1, EndLine: 1, EndColumn: 1}}
		}
	}()
	q, errors := syntax.Parse(query)
	var out []Diagnostic
	for _, e := range errors {
		d := locate(q.Source, e.Span)
		d.Code, d.Message, d.Hint, d.Severity = CodeSyntax, e.Message, e.Hint, SeverityError
		out = append(out, d)
	}
	if len(out) > 0 {
		return nil, out
	}
	if strings.TrimSpace(query) == "" {
		d := locate(q.Source, syntax.Span{})
		d.Code, d.Message, d.Severity = CodeSyntax, "the query is empty", SeverityError
		return nil, []Diagnostic{d}
	}
	bound, remarks := bind.Bind(q, catalog, opt)
	for _, r := range remarks {
		d := locate(q.Source, r.Span)
		d.Code, d.Message, d.Hint, d.Severity = r.Code, r.Message, r.Hint, SeverityError
		if r.Warning {
			d.Severity = SeverityWarning
		}
		out = append(out, d)
	}
	if bound == nil {
		return nil, out
	}
	last := bound.Results[len(bound.Results)-1]
	if n := len(bound.Results); n > 1 {
		out = append(out, Diagnostic{
			Code: "results", Severity: "warning", Line: 1, Column: 1, EndLine: 1, EndColumn: 1,
			Message: fmt.Sprintf("the query returns %d tables; this is the last of them", n), Hint: "run the parts of a fork, or the statements, one by one",
		})
	}
	p := &Program{Root: last.Root, Columns: last.Columns, Render: last.Render, Results: bound.Results, Warnings: out}
	seen := map[string]bool{}
	for _, r := range bound.Results {
		plan.Walk(r.Root, func(n plan.Node) {
			if x, ok := n.(*plan.External); ok {
				for _, u := range x.URIs {
					if !seen[u] {
						seen[u] = true
						p.Outbound = append(p.Outbound, u)
					}
				}
			}
		})
	}
	return p, out
}

func locate(src *syntax.Source, at syntax.Span) Diagnostic {
	d := Diagnostic{}
	d.Line, d.Column = src.Position(at.Start)
	d.EndLine, d.EndColumn = src.Position(max(at.Start, at.End))
	return d
}
