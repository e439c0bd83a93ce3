package kql_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/bartizan-sec/bartizan/kql"
)

func TestStoredFunctions(t *testing.T) {
	opt := kql.Options{Now: clock, Functions: []kql.StoredFunction{
		{Name: "Recent", Text: "(T:(User:string, Time:datetime), days:long = 7) { T | where Time > ago(days * 1d) | extend d = days }"},
		{Name: "Twice", Text: "(x:long) { x * 2 }"},
		{Name: "Busy", Text: "() { Logons | summarize n = count() by User }"},
		{Name: "Calls", Text: "(x:long) { Twice(x) }"},
		{Name: "Broken", Text: "(x:long) { x + }"},
		{Name: "Hidden", Text: "() { Secrets }"},
		{Name: "Escape", Text: "() { 1 }; Logons | where ({ 1 })"},
	}}
	for _, c := range []struct{ name, query, want string }{
		{"a table piped in", "Logons | invoke Recent(3) | project User, d", "User:string d:long"},
		{"a default", "Logons | invoke Recent() | project d", "d:long"},
		{"a value", "Devices | project n = Twice(4)", "n:long"},
		{"a table of its own", "Busy() | top 1 by n", "User:string n:long"},
		{"the query's own name comes first", "let Twice = (s:string) { strcat(s, s) }; print x = Twice('a')", "x:string"},
	} {
		program, err := kql.Compile(c.query, testTables(), opt)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var got []string
		for _, col := range program.Columns {
			got = append(got, col.Name+":"+col.Type.String())
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: %s, want %s", c.name, s, c.want)
		}
	}
	for _, c := range []struct{ name, query, message string }{
		{"one that calls another", "print\n  Calls(1)", "in the function Calls(): there is no function `Twice`"},
		{"one with a slip", "print\n  Broken(1)", "there is no function `Broken`"},
		{"a table that there is not", "  \n  Hidden()", "in the function Hidden(): there is no table `Secrets`"},
		{"more than a function", "print\n  Escape()", "there is no function `Escape`"},
	} {
		_, err := kql.Compile(c.query, testTables(), opt)
		var e *kql.Error
		if !errors.As(err, &e) || !strings.Contains(e.Message, c.message) || e.Line != 2 || e.Column != 3 {
			t.Errorf("%s: %v, want %q at 2:3", c.name, err, c.message)
		}
	}
}
