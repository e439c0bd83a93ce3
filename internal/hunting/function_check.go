package hunting

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/internal/tenant"
	"github.com/bartizan-sec/bartizan/kql"
	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/syntax"
)

var nameShape = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,99}$`)

// checkedFunction is what compiling a function told.
type checkedFunction struct {
	tables  []string
	tabular bool
}

// literal writes a function as the language has it after the = of let. The body begins on the second line.
func literal(parameters []Parameter, body string) string {
	var b strings.Builder
	b.WriteByte('(')
	for i, p := range parameters {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(p.Name + ":")
		switch {
		case p.Type == "table" && len(p.Columns) == 0:
			b.WriteString("(*)")
		case p.Type == "table":
			b.WriteByte('(')
			for j, c := range p.Columns {
				if j > 0 {
					b.WriteString(", ")
				}
				b.WriteString("['" + c.Name + "']:" + c.Type)
			}
			b.WriteByte(')')
		default:
			b.WriteString(p.Type)
		}
		if p.Default != "" {
			b.WriteString(" = " + p.Default)
		}
	}
	b.WriteString(") {\n" + body + "\n}")
	return b.String()
}

// checkFunction tidies a draft and compiles it. Complaints about the body carry line and column of the body in their details.
func (s *Service) checkFunction(ctx context.Context, id tenant.ID, by Owner, d *FunctionDraft, visible func(*schema.Table) bool) (*checkedFunction, error) {
	d.Name, d.Folder, d.Description = strings.TrimSpace(d.Name), folderPath(d.Folder), strings.TrimSpace(d.Description)
	if err := texts(field{"name", d.Name, 0}, field{"folder", d.Folder, maxName}, field{"description", d.Description, maxDescription}, field{"body", d.Body, 0}); err != nil {
		return nil, err
	}
	own, err := s.custom(ctx, id)
	if err != nil {
		return nil, err
	}
	switch {
	case !nameShape.MatchString(d.Name):
		return nil, fault.Newf(fault.Invalid, "a function's name has letters, digits and underscores, at most 100, and does not begin with a digit").On("name")
	case lake.Catalog(schema.Load(), nil, own...).Table(d.Name) != nil:
		return nil, fault.Newf(fault.Invalid, "%s is a table; give the function another name", d.Name).On("name")
	case reserved(d.Name):
		return nil, fault.Newf(fault.Invalid, "%s is a word of the language; give the function another name", d.Name).On("name")
	case strings.TrimSpace(d.Body) == "":
		return nil, fault.Newf(fault.Invalid, "the function has no body").On("body")
	case len(d.Body) > maxBody:
		return nil, fault.Newf(fault.TooLarge, "a function's body has at most %d bytes", maxBody).On("body")
	}
	if err := checkParameters(d.Parameters); err != nil {
		return nil, err
	}
	if err := onlyFunction(d); err != nil {
		return nil, err
	}
	c, err := compileFunction(d, visible, own)
	if err != nil {
		return nil, s.aboutOthers(ctx, id, by, d.Name, err)
	}
	return c, nil
}

// reserved reports a name that the language gives another meaning.
func reserved(name string) bool {
	switch name {
	case "let", "set", "declare", "pattern", "alias", "restrict", "datatable", "view", "materialize", "toscalar", "table", "cluster", "database", "true", "false", "null", "and",
		"or", "by", "on", "in", "has", "contains", "between", "typeof", "dynamic", "with", "kind", "asc", "desc", "nulls":
		return true
	}
	for _, o := range kql.Operators() {
		if word, _, _ := strings.Cut(o.Name, " "); word == name {
			return true
		}
	}
	if syntax.CanonicalType(name) != "" {
		return true
	}
	return slices.ContainsFunc(kql.Functions(), func(f kql.Function) bool { return f.Name == name })
}

// checkParameters brings types to their usual names, quotes plain texts, and refuses an order that calls could not follow.
func checkParameters(list []Parameter) error {
	if len(list) > maxParameters {
		return fault.Newf(fault.Invalid, "a function has at most %d parameters", maxParameters).On("parameters")
	}
	bad := func(i int, format string, args ...any) error {
		return fault.Newf(fault.Invalid, format, args...).On(fmt.Sprintf("parameters[%d]", i))
	}
	seen := map[string]bool{}
	scalar, optional := false, false
	for i := range list {
		p := &list[i]
		p.Name, p.Default = strings.TrimSpace(p.Name), strings.TrimSpace(p.Default)
		if !nameShape.MatchString(p.Name) || seen[p.Name] {
			return bad(i, "parameter %d needs a name of its own, of letters, digits and underscores", i+1)
		}
		seen[p.Name] = true
		if strings.EqualFold(p.Type, "table") {
			if p.Type = "table"; scalar || p.Default != "" {
				return bad(i, "the table %s comes before other parameters, and has no default", p.Name)
			}
			for j := range p.Columns {
				c := &p.Columns[j]
				t := syntax.CanonicalType(c.Type)
				if c.Name == "" || strings.ContainsAny(c.Name, "'\"\\\n\r") || t == "" {
					return bad(i, "column %q of %s has no name or no type", c.Name, p.Name)
				}
				c.Type = t
			}
			continue
		}
		t := syntax.CanonicalType(p.Type)
		switch scalar = true; {
		case t == "":
			return bad(i, "parameter %s has no type of the language", p.Name)
		case len(p.Columns) > 0:
			return bad(i, "parameter %s is no table and has no columns", p.Name)
		case p.Default == "" && optional:
			return bad(i, "parameter %s needs a default, because one before it has one", p.Name)
		}
		if p.Type = t; p.Default == "" {
			continue
		}
		optional = true
		if t == "string" && !strings.ContainsAny(p.Default[:1], `'"@`+"`") {
			p.Default = quote(p.Default)
		}
	}
	return nil
}

func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(s) + `"`
}

// onlyFunction makes sure that parameters and body are what they seem: one function literal with just these parameters, whatever brackets the texts hold.
func onlyFunction(d *FunctionDraft) error {
	text := "let " + d.Name + " = " + literal(d.Parameters, d.Body) + "\n;"
	q, complaints := syntax.Parse(text)
	if len(complaints) > 0 {
		line, column := q.Source.Position(complaints[0].Start)
		return placed(kql.Diagnostic{Code: kql.CodeSyntax, Message: complaints[0].Message, Hint: complaints[0].Hint, Line: line, Column: column}, d)
	}
	bad := fault.Newf(fault.Invalid, "the body is more than the body of one function").On("body")
	if len(q.Statements) != 1 {
		return bad
	}
	let, ok := q.Statements[0].(*syntax.Let)
	if !ok {
		return bad
	}
	l, ok := let.Value.(*syntax.Lambda)
	if !ok || len(l.Params) != len(d.Parameters) {
		return bad
	}
	for i, p := range l.Params {
		if p.Name == nil || p.Name.Text != d.Parameters[i].Name || (p.Default != nil) != (d.Parameters[i].Default != "") {
			return bad
		}
	}
	return nil
}

// placed makes a complaint about the whole text one about the body.
func placed(c kql.Diagnostic, d *FunctionDraft) error {
	lines := strings.Count(d.Body, "\n") + 1
	e := &fault.Error{Code: fault.Code(c.Code), Message: c.Message, Target: "body"}
	line := c.Line - 1
	if line < 1 {
		e.Target = "parameters"
		return e
	}
	e.Details = map[string]any{"line": min(line, lines), "column": c.Column}
	if c.Hint != "" {
		e.Details["hint"] = c.Hint
	}
	return e
}

// compileFunction calls the function with sample values, as a value and, where that does not do, as a table.
func compileFunction(d *FunctionDraft, visible func(*schema.Table) bool, custom []*schema.Table) (*checkedFunction, error) {
	catalog := lake.Catalog(schema.Load(), visible, custom...)
	define := "let " + d.Name + " = " + literal(d.Parameters, d.Body) + ";\n"
	var tables, args []string
	anything := false
	for i, p := range d.Parameters {
		switch {
		case p.Type == "table":
			name := fmt.Sprintf("sample_%d_", i)
			cols := make([]string, 0, len(p.Columns))
			for _, c := range p.Columns {
				cols = append(cols, "['"+c.Name+"']:"+c.Type)
			}
			if len(cols) == 0 {
				anything, cols = true, []string{"sample_column_:string"}
			}
			tables = append(tables, "let "+name+" = datatable("+strings.Join(cols, ", ")+")[];")
			args = append(args, name)
		case p.Default == "":
			args = append(args, sample(p.Type))
		}
	}
	call := strings.Join(tables, " ") + " "
	asTable := define + call + d.Name + "(" + strings.Join(args, ", ") + ")"
	asValue := define + call + "print value_ = " + d.Name + "(" + strings.Join(args, ", ") + ")"

	opt := kql.Options{Now: time.Now()}
	first := complaint(kql.Check(asValue, catalog, opt), anything)
	if first == nil {
		return &checkedFunction{tables: tablesOf(asValue, d.Body, catalog)}, nil
	}
	second := complaint(kql.Check(asTable, catalog, opt), anything)
	if second == nil {
		return &checkedFunction{tables: tablesOf(asTable, d.Body, catalog), tabular: true}, nil
	}
	// What is wrong with the body is wrong in both; a complaint behind the body is only about the way of calling it.
	if last := 1 + strings.Count(d.Body, "\n") + 1; second.Line <= last {
		first = second
	}
	return nil, placed(*first, d)
}

// complaint gives the first error. Where any table will do, its columns are not known, so a missing column is no error.
func complaint(list []kql.Diagnostic, anything bool) *kql.Diagnostic {
	for i := range list {
		c := &list[i]
		if c.Severity != kql.SeverityError || anything && c.Code == kql.CodeName && strings.Contains(c.Message, "no column") {
			continue
		}
		return c
	}
	return nil
}

func sample(kind string) string {
	switch kind {
	case "bool":
		return "true"
	case "int":
		return "int(1)"
	case "long":
		return "1"
	case "real":
		return "1.5"
	case "decimal":
		return "decimal(1.5)"
	case "datetime":
		return "datetime(2024-01-01)"
	case "timespan":
		return "1d"
	case "guid":
		return "guid(00000000-0000-0000-0000-000000000001)"
	case "dynamic":
		return "dynamic({})"
	}
	return "'sample'"
}

// tablesOf names the tables that a function reads: those its body mentions, and those that patterns and search reach.
func tablesOf(text, body string, catalog kql.Catalog) []string {
	found := map[string]bool{}
	for _, t := range mentioned(body, catalog) {
		found[t] = true
	}
	if program, err := kql.Compile(text, catalog, kql.Options{Now: time.Now()}); err == nil {
		plan.Walk(program.Root, func(n plan.Node) {
			if s, ok := n.(*plan.Scan); ok {
				found[s.Table] = true
			}
		})
	}
	out := make([]string, 0, len(found))
	for t := range found {
		out = append(out, t)
	}
	sort.Strings(out)
	return out
}

// mentioned lists the tables whose names stand in a query, each once.
func mentioned(query string, catalog kql.Catalog) []string {
	var out []string
	tokens, _ := syntax.Tokens(query)
	for _, t := range tokens {
		if t.Kind == syntax.Ident && catalog.Table(t.Text) != nil && !slices.Contains(out, t.Text) {
			out = append(out, t.Text)
		}
	}
	return out
}

// TablesOf lists the tables that a query of the owner's reads, directly, by patterns and searches, and through the functions it calls.
func (s *Service) TablesOf(ctx context.Context, id tenant.ID, by Owner, query string) ([]string, error) {
	functions, err := s.Functions(ctx, id, by, query)
	if err != nil {
		return nil, err
	}
	own, err := s.custom(ctx, id)
	if err != nil {
		return nil, err
	}
	catalog := lake.Catalog(schema.Load(), nil, own...)
	names := mentioned(query, catalog)
	for _, f := range functions {
		names = append(names, mentioned(f.Text, catalog)...)
	}
	if program, err := kql.Compile(query, catalog, kql.Options{Now: time.Now(), Functions: functions}); err == nil {
		plan.Walk(program.Root, func(n plan.Node) {
			if s, ok := n.(*plan.Scan); ok {
				names = append(names, s.Table)
			}
		})
	} else {
		// Without its data not every query compiles (the columns of a pivot are values): better too many tables than one too few.
		names = append(names, within(query, catalog)...)
		for _, f := range functions {
			names = append(names, within(f.Text, catalog)...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// within lists every table that a text could read: all of them where it searches or unites by a pattern, else those whose names stand anywhere in it.
func within(text string, catalog kql.Catalog) []string {
	var out []string
	pattern := false
	tokens, _ := syntax.Tokens(text)
	for _, t := range tokens {
		if t.Kind == syntax.Ident {
			pattern = pattern || t.Text == "search" || t.Text == "find" || t.Text == "union" && strings.Contains(text, "*")
		}
	}
	for _, name := range catalog.Names() {
		if pattern || strings.Contains(text, name) {
			out = append(out, name)
		}
	}
	return out
}

// aboutOthers says it plainly when what a body misses is another function of the tenant's.
func (s *Service) aboutOthers(ctx context.Context, id tenant.ID, by Owner, own string, err error) error {
	e, ok := err.(*fault.Error) //nolint:errorlint // made by placed
	if !ok || e.Code != kql.CodeName {
		return err
	}
	list, listErr := s.ListFunctions(ctx, id, by)
	if listErr != nil {
		return err
	}
	for _, f := range list {
		if f.Kind != "builtin" && strings.Contains(e.Message, "function `"+f.Name+"`") {
			e.Message = "a function cannot call another custom function, here `" + f.Name + "`"
			if f.Name == own {
				e.Message = "a function cannot call itself"
			}
		}
	}
	return e
}

// Calls reports whether a query's text calls a function of that name.
func Calls(query, name string) bool {
	if !strings.Contains(query, name) {
		return false
	}
	tokens, _ := syntax.Tokens(query)
	for i, t := range tokens {
		if t.Kind == syntax.Ident && t.Text == name && i+1 < len(tokens) && tokens[i+1].Kind == syntax.Op && tokens[i+1].Text == "(" {
			return true
		}
	}
	return false
}

// builtins describes the functions of the security schema.
func builtins() []Function {
	about := map[string]struct {
		text       string
		parameters []Parameter
	}{
		"FileProfile": {
			"Adds what is known about the files of the input: prevalence, signature, threat name. T | invoke FileProfile(SHA1, 500)",
			[]Parameter{{Name: "id", Type: "string", Default: "SHA1"}, {Name: "rows", Type: "long", Default: "100"}},
		},
		"DeviceFromIP":        {"Adds the device that had the private address in the column IP. T | invoke DeviceFromIP()", []Parameter{{Name: "time", Type: "datetime", Default: "now()"}}},
		"AssignedIPAddresses": {"The addresses that a device had. AssignedIPAddresses('pc-1', now())", []Parameter{{Name: "device", Type: "string"}, {Name: "time", Type: "datetime", Default: "now()"}}},
		"SeenBy":              {"Adds the managed devices that discovered a device. T | invoke SeenBy(DeviceId)", []Parameter{{Name: "device", Type: "string", Default: "DeviceId"}}},
	}
	out := []Function{}
	for _, f := range kql.Functions() {
		if f.Kind != "table" {
			continue
		}
		d := about[f.Name]
		if d.parameters == nil {
			d.parameters = []Parameter{}
		}
		out = append(out, Function{ID: "builtin:" + f.Name, Name: f.Name, Kind: "builtin", Description: d.text, Parameters: d.parameters, Tabular: true, Tables: []string{}, Shared: true})
	}
	return out
}
