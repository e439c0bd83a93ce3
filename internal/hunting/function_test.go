package hunting_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bartizan-sec/bartizan/internal/hunting"
	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/internal/platform/state/statetest"
	"github.com/bartizan-sec/bartizan/internal/schema"
	"github.com/bartizan-sec/bartizan/kql"
)

func everything(*schema.Table) bool { return true }

func noMail(t *schema.Table) bool { return !strings.HasPrefix(t.Name, "Email") }

func table(columns ...hunting.ParameterColumn) hunting.Parameter {
	return hunting.Parameter{Name: "T", Type: "table", Columns: columns}
}

func TestFunctionsAreCompiledWhenSaved(t *testing.T) {
	s, ctx := open(t, t.TempDir()+"/state.db"), context.Background()
	ann := hunting.Owner{ID: "1", Name: "ann"}
	for name, d := range map[string]hunting.FunctionDraft{
		"Plain":     {Body: "DeviceProcessEvents | where FileName =~ 'psexec.exe'"},
		"Scalar":    {Body: "x * 2", Parameters: []hunting.Parameter{{Name: "x", Type: "int64"}}},
		"Piped":     {Body: "T | where FileName == f and Timestamp > ago(days * 1d)", Parameters: []hunting.Parameter{table(hunting.ParameterColumn{Name: "FileName", Type: "string"}, hunting.ParameterColumn{Name: "Timestamp", Type: "datetime"}), {Name: "f", Type: "string", Default: "cmd.exe"}, {Name: "days", Type: "long", Default: "7"}}},
		"AnyTable":  {Body: "T | where DeviceName has 'x' | extend y = tolower(DeviceName)", Parameters: []hunting.Parameter{table()}},
		"Statement": {Body: "let n = 5;\nDeviceEvents\n| take n // not { closed"},
		"_under":    {Body: "search in (EmailEvents) 'x'"},
	} {
		d.Name = name
		f, err := s.CreateFunction(ctx, "t1", ann, d, everything)
		if err != nil {
			t.Errorf("%s: %v (%+v)", name, err, detailsOf(err))
			continue
		}
		if f.Tabular != (name != "Scalar") {
			t.Errorf("%s is tabular: %v", name, f.Tabular)
		}
	}
	stored, err := s.Functions(ctx, "t1", ann, "DeviceFileEvents | invoke Piped(days=2) | extend z = Scalar(4) | invoke AnyTable()")
	if err != nil || len(stored) != 3 {
		t.Fatalf("%+v, %v", stored, err)
	}
	for _, query := range []string{
		"DeviceFileEvents | invoke Piped() | extend z = Scalar(4) | invoke AnyTable() | project z, y",
		"DeviceFileEvents | invoke Piped('x', 30)",
		"DeviceFileEvents | invoke Piped(days = 2)",
	} {
		if _, err := kql.Compile(query, lake.Catalog(schema.Load(), nil), kql.Options{Functions: stored}); err != nil {
			t.Errorf("%s: %v", query, err)
		}
	}

	for name, c := range map[string]struct {
		d            hunting.FunctionDraft
		code         fault.Code
		target       string
		line, column any
		says         string
	}{
		"a digit first":        {hunting.FunctionDraft{Name: "1x", Body: "print 1"}, "invalid", "name", nil, nil, "letters"},
		"a table's name":       {hunting.FunctionDraft{Name: "DeviceEvents", Body: "print 1"}, "invalid", "name", nil, nil, "is a table"},
		"a hidden table's":     {hunting.FunctionDraft{Name: "EmailEvents", Body: "print 1"}, "invalid", "name", nil, nil, "is a table"},
		"a built-in's":         {hunting.FunctionDraft{Name: "tolower", Body: "print 1"}, "invalid", "name", nil, nil, "word of the language"},
		"an aggregate's":       {hunting.FunctionDraft{Name: "dcount", Body: "print 1"}, "invalid", "name", nil, nil, "word of the language"},
		"an operator's":        {hunting.FunctionDraft{Name: "where", Body: "print 1"}, "invalid", "name", nil, nil, "word of the language"},
		"an enrichment's":      {hunting.FunctionDraft{Name: "FileProfile", Body: "print 1"}, "invalid", "name", nil, nil, "word of the language"},
		"no body":              {hunting.FunctionDraft{Name: "F", Body: " "}, "invalid", "body", nil, nil, "no body"},
		"an unknown column":    {hunting.FunctionDraft{Name: "F", Body: "DeviceEvents\n| where Nope == 1"}, "name", "body", 2, 9, "Nope"},
		"a slip of the pen":    {hunting.FunctionDraft{Name: "F", Body: "DeviceEvents\n\n| tak 1"}, "syntax", "body", 3, 3, ""},
		"a hidden table":       {hunting.FunctionDraft{Name: "F", Body: "EmailEvents | count"}, "name", "body", 1, 1, "EmailEvents"},
		"another function":     {hunting.FunctionDraft{Name: "F", Body: "Plain() | count"}, "name", "body", 1, 1, "another custom function"},
		"itself":               {hunting.FunctionDraft{Name: "F", Body: "print 1 | extend y = F(1)"}, "name", "body", 1, 22, "`F`"},
		"out of the bracket":   {hunting.FunctionDraft{Name: "F", Body: "print 1 }; let G = () { print 2"}, "invalid", "body", nil, nil, "more than the body"},
		"a table second":       {hunting.FunctionDraft{Name: "F", Body: "T", Parameters: []hunting.Parameter{{Name: "x", Type: "int"}, table()}}, "invalid", "parameters[1]", nil, nil, "before other"},
		"no default after":     {hunting.FunctionDraft{Name: "F", Body: "print a", Parameters: []hunting.Parameter{{Name: "a", Type: "int", Default: "1"}, {Name: "b", Type: "int"}}}, "invalid", "parameters[1]", nil, nil, "default"},
		"twice the same":       {hunting.FunctionDraft{Name: "F", Body: "print a", Parameters: []hunting.Parameter{{Name: "a", Type: "int"}, {Name: "a", Type: "int"}}}, "invalid", "parameters[1]", nil, nil, "name of its own"},
		"no type":              {hunting.FunctionDraft{Name: "F", Body: "print a", Parameters: []hunting.Parameter{{Name: "a", Type: "number"}}}, "invalid", "parameters[0]", nil, nil, "no type"},
		"a default breaks out": {hunting.FunctionDraft{Name: "F", Body: "print a", Parameters: []hunting.Parameter{{Name: "a", Type: "int", Default: "1, b:int = 2"}}}, "invalid", "body", nil, nil, "more than"},
		"a name that is taken": {hunting.FunctionDraft{Name: "Plain", Body: "print 1"}, "conflict", "name", nil, nil, "already"},
	} {
		_, err := s.CreateFunction(ctx, "t1", ann, c.d, noMail)
		var e *fault.Error
		if !errors.As(err, &e) || e.Code != c.code || e.Target != c.target || e.Details["line"] != c.line || e.Details["column"] != c.column || !strings.Contains(e.Message, c.says) {
			t.Errorf("%s: %v (%+v)", name, err, e)
		}
	}
}

func detailsOf(err error) map[string]any {
	var e *fault.Error
	if errors.As(err, &e) {
		return e.Details
	}
	return nil
}

func TestFunctionsBelongToSomebody(t *testing.T) {
	statetest.Each(t, func(t *testing.T, location string) {
		s, ctx := open(t, location), context.Background()
		ann, bob := hunting.Owner{ID: "1", Name: "ann"}, hunting.Owner{ID: "2", Name: "bob"}
		create := func(by hunting.Owner, name, body string, shared bool) *hunting.Function {
			t.Helper()
			f, err := s.CreateFunction(ctx, "t1", by, hunting.FunctionDraft{Name: name, Body: body, Shared: shared}, everything)
			if err != nil {
				t.Fatal(err)
			}
			return f
		}
		mine, shared := create(ann, "Mine", "DeviceEvents", false), create(ann, "Ours", "DeviceEvents", true)
		create(bob, "Mine", "DeviceInfo", false)
		callable := func(by hunting.Owner) string {
			list, err := s.Functions(ctx, "t1", by, "Mine() | union Ours()")
			if err != nil {
				t.Fatal(err)
			}
			out := ""
			for _, f := range list {
				out += f.Name + strings.ReplaceAll(f.Text, "\n", " ") + "; "
			}
			return out
		}
		for by, want := range map[hunting.Owner]string{
			ann: "Mine() { DeviceEvents }; Ours() { DeviceEvents }; ",
			bob: "Mine() { DeviceInfo }; Ours() { DeviceEvents }; ",
			{}:  "Ours() { DeviceEvents }; ",
		} {
			if diff := cmp.Diff(want, callable(by)); diff != "" {
				t.Errorf("%s: %s", by.Name, diff)
			}
		}
		if list, _ := s.Functions(ctx, "t2", ann, "Mine() | union Ours()"); len(list) != 0 {
			t.Errorf("another tenant calls %+v", list)
		}
		draft := hunting.FunctionDraft{Name: "Ours", Body: "DeviceInfo", Shared: true}
		replaced := func(_ *hunting.Function, err error) error { return err }
		for what, c := range map[string]struct {
			err  error
			want fault.Code
		}{
			"another's private one":       {s.DeleteFunction(ctx, "t1", bob, mine.ID, true, true, nil), fault.NotFound},
			"another's shared one":        {s.DeleteFunction(ctx, "t1", bob, shared.ID, false, true, nil), fault.Permission},
			"another tenant's":            {s.DeleteFunction(ctx, "t2", ann, shared.ID, true, true, nil), fault.NotFound},
			"changed by somebody else":    {replaced(s.ReplaceFunction(ctx, "t1", bob, shared.ID, draft, everything, nil)), fault.Permission},
			"changed from another tenant": {replaced(s.ReplaceFunction(ctx, "t2", ann, shared.ID, draft, everything, nil)), fault.NotFound},
			"a shared name again":         {replaced(s.CreateFunction(ctx, "t1", bob, draft, everything)), fault.Conflict},
		} {
			if fault.CodeOf(c.err) != c.want {
				t.Errorf("%s: %v, want %s", what, c.err, c.want)
			}
		}
		if list, err := s.ListFunctions(ctx, "t1", bob); err != nil || len(list) != 4+2 {
			t.Errorf("%+v, %v", list, err)
		}

		// Once it is used, it keeps its promises.
		if _, err := s.Save(ctx, "t1", bob, hunting.Draft{Name: "private", Query: "Ours () | take 1"}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Save(ctx, "t1", ann, hunting.Draft{Name: "no use", Query: "// Ours()\nprint 'Ours('"}); err != nil {
			t.Fatal(err)
		}
		_, uses, err := s.FindFunction(ctx, "t1", ann, shared.ID)
		if diff := cmp.Diff([]hunting.Use{{Kind: "query", Name: "a query of somebody else's"}}, uses); err != nil || diff != "" {
			t.Error(err, diff)
		}
		for what, d := range map[string]hunting.FunctionDraft{
			"more tables": {Name: "Ours", Body: "DeviceEvents | union DeviceInfo", Shared: true},
			"by pattern":  {Name: "Ours", Body: "union DeviceI*, DeviceEvents", Shared: true},
			"renamed":     {Name: "Other", Body: "DeviceEvents", Shared: true},
			"unshared":    {Name: "Ours", Body: "DeviceEvents"},
		} {
			if err := replaced(s.ReplaceFunction(ctx, "t1", ann, shared.ID, d, everything, nil)); fault.CodeOf(err) != fault.Conflict || detailsOf(err)["usedBy"] == nil {
				t.Errorf("%s: %v", what, err)
			}
		}
		if err := replaced(s.ReplaceFunction(ctx, "t1", ann, shared.ID, hunting.FunctionDraft{Name: "Ours", Body: "DeviceEvents | take 5", Shared: true}, everything, nil)); err != nil {
			t.Error(err)
		}
		rule := []hunting.Use{{Kind: "rule", ID: "r", Name: "A rule"}}
		if err := replaced(s.ReplaceFunction(ctx, "t1", ann, mine.ID, hunting.FunctionDraft{Name: "Mine", Body: "EmailEvents"}, everything, rule)); fault.CodeOf(err) != fault.Conflict {
			t.Errorf("used by a rule: %v", err)
		}
		if err := s.DeleteFunction(ctx, "t1", ann, shared.ID, false, false, nil); fault.CodeOf(err) != fault.Conflict {
			t.Errorf("deleting what is used: %v", err)
		}
		if err := s.DeleteFunction(ctx, "t1", bob, shared.ID, true, true, nil); err != nil {
			t.Errorf("deleting another's with the permission: %v", err)
		}
	})
}

// What a query reads decides who sees the rows that are kept of it, so a text that does not compile without its data counts as reading all it could.
func TestTablesOf(t *testing.T) {
	s, ctx := open(t, t.TempDir()+"/state.db"), context.Background()
	ann := hunting.Owner{ID: "1", Name: "ann"}
	if _, err := s.CreateFunction(ctx, "t1", ann, hunting.FunctionDraft{Name: "Mail", Body: "union Email* | take 5"}, everything); err != nil {
		t.Fatal(err)
	}
	for query, mail := range map[string]bool{
		"EmailEvents | take 1":          true,
		"table('EmailEvents') | take 1": true,
		"union Email* | take 1":         true,
		"search 'x'":                    true,
		"Mail()":                        true,
		"union Email* | evaluate pivot(ActionType) | project Blocked":         true,
		"search 'x' | evaluate pivot(ActionType) | project Blocked":           true,
		"Mail() | evaluate pivot(ActionType) | project Blocked":               true,
		"table('EmailEvents') | evaluate pivot(ActionType) | project Blocked": true,
		"DeviceEvents | evaluate pivot(ActionType) | project Blocked":         false,
		"union DeviceEvents, DeviceFileEvents | take 1":                       false,
		"union Device* | take 1":                                              false,
	} {
		tables, err := s.TablesOf(ctx, "t1", ann, query)
		if err != nil || slices.Contains(tables, "EmailEvents") != mail {
			t.Errorf("%s: %v, %v", query, tables, err)
		}
	}
}
