package kql_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/bartizan-sec/bartizan/kql"
	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/sqlgen"
)

// exampleCatalog has one table.
func exampleCatalog() kql.Catalog {
	return tables{"Logons": {Name: "Logons", TimeColumn: "Timestamp", Columns: []kql.TableColumn{
		{Name: "Timestamp", Type: plan.DateTime}, {Name: "User", Type: plan.String}, {Name: "Failed", Type: plan.Bool},
	}}}
}

func ExampleCompile() {
	program, err := kql.Compile("Logons | where Failed | summarize Tries = count(), max(Timestamp) by User", exampleCatalog(), kql.Options{Now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range program.Columns {
		fmt.Println(c.Name, c.Type)
	}
	fmt.Println(plan.Outline(program.Root))
	// Output:
	// User string
	// Tries long
	// max_Timestamp datetime
	// scan Logons | filter | aggregate
}

func ExampleCompile_error() {
	_, err := kql.Compile("Logons | where Uzer == 'x'", exampleCatalog(), kql.Options{})
	var e *kql.Error
	if errors.As(err, &e) {
		fmt.Println(e.Code, e.Line, e.Column, e.Message)
		fmt.Println(e.Hint)
	}
	// Output:
	// name 1 16 there is no column `Uzer`
	// did you mean `User`?
}

func ExampleCheck() {
	for _, d := range kql.Check("Logons | where User contains 'admin'", exampleCatalog(), kql.Options{}) {
		fmt.Println(d.Severity, d.Code, d.Hint)
	}
	// Output:
	// info hint.contains if admin is a whole word write `has`, which is faster
}

func ExampleFormat() {
	text, err := kql.Format("Logons|where Failed|take 5")
	fmt.Print(text)
	fmt.Println(err)
	// Output:
	// Logons
	// | where Failed
	// | take 5
	// <nil>
}

func Example_sql() {
	program, err := kql.Compile("Logons | where User == \"it's\" | count", exampleCatalog(), kql.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	query, err := sqlgen.Generate(program.Root, sqlgen.DuckDB(), sqlgen.Options{})
	fmt.Println(len(query.Columns), err)
	// Output:
	// 1 <nil>
}
