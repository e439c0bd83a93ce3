package sqlgen_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/sqlgen"
)

func scan() *plan.Scan {
	return &plan.Scan{
		Table: `we"ird`, Physical: []string{"Time", `Na"me`, "Time$2"},
		Cols: []plan.Column{{ID: 1, Name: "Time", Type: plan.DateTime}, {ID: 2, Name: `Na"me`, Type: plan.String}, {ID: 3, Name: "time", Type: plan.Long}},
	}
}

func col(id plan.ColumnID, t plan.Type) plan.Expr { return &plan.ColRef{ID: id, T: t} }

func text(s string) plan.Expr { return &plan.Const{T: plan.String, Value: s} }

func call(f string, t plan.Type, args ...plan.Expr) plan.Expr {
	return &plan.Call{Func: f, Args: args, T: t}
}

func TestGenerate(t *testing.T) {
	long := func(n int64) plan.Expr { return &plan.Const{T: plan.Long, Value: n} }
	for name, c := range map[string]struct {
		node plan.Node
		has  []string
		not  []string
	}{
		"identifiers are quoted, columns named by id": {node: scan(), has: []string{`"Na""me" AS c2`, `FROM "we""ird"`}},
		"times are compared as numbers": {
			node: &plan.Filter{Input: scan(), Pred: call(">", plan.Bool, col(1, plan.DateTime), &plan.Const{T: plan.DateTime, Value: int64(638_000_000_000_000_000)})},
			has:  []string{"(c1 > CAST(638000000000000000 AS BIGINT))"},
		},
		"strings are compared bare": {
			node: &plan.Filter{Input: scan(), Pred: call("==", plan.Bool, col(2, plan.String), text("x"))},
			has:  []string{"(c2 = 'x')"}, not: []string{"coalesce", "lower"},
		},
		"a nullable inequality": {
			node: &plan.Filter{Input: scan(), Pred: call("!=", plan.Bool, col(3, plan.Long), long(5))},
			has:  []string{"(c3 IS DISTINCT FROM CAST(5 AS BIGINT))"},
		},
		"constants are computed": {
			node: &plan.Project{Input: scan(), Items: []plan.Named{{Column: plan.Column{ID: 9, Name: "x", Type: plan.String}, Expr: call("strcat", plan.String, text("a"), long(1))}}},
			has:  []string{"'a1' AS c9"}, not: []string{"||"},
		},
		"true conditions vanish": {
			node: &plan.Filter{Input: scan(), Pred: call("and", plan.Bool, &plan.Const{T: plan.Bool, Value: true}, call("==", plan.Bool, col(2, plan.String), text("x")))},
			has:  []string{"WHERE (c2 = 'x')"},
		},
		"columns that nobody needs are not read": {
			node: &plan.Aggregate{Input: scan(), Keys: []plan.Named{{Column: plan.Column{ID: 7, Type: plan.String}, Expr: col(2, plan.String)}}},
			has:  []string{`SELECT "Na""me" AS c2 FROM`}, not: []string{`"Time"`},
		},
		"sort and take become one": {
			node: &plan.Limit{N: long(3), Input: &plan.Sort{Input: scan(), Keys: []plan.SortKey{{Expr: col(3, plan.Long), Desc: true}}}},
			has:  []string{"ORDER BY c3 DESC NULLS LAST\nLIMIT"},
		},
		"an anti join": {
			node: &plan.Join{
				Kind: plan.LeftAnti, Left: scan(), Right: &plan.Values{Cols: []plan.Column{{ID: 20, Type: plan.String}}, Rows: [][]plan.Expr{{text("k")}}},
				LeftKeys: []plan.Expr{col(2, plan.String)}, RightKeys: []plan.Expr{col(20, plan.String)}, Out: []plan.Named{{Column: plan.Column{ID: 1, Type: plan.DateTime}, Expr: col(1, plan.DateTime)}},
			},
			has: []string{"ANTI JOIN", "ON c2 = c20"},
		},
		"text with quotes stays text": {
			node: &plan.Filter{Input: scan(), Pred: call("contains", plan.Bool, col(2, plan.String), text("'; DROP TABLE x --"))},
			has:  []string{"'''; drop table x --'"},
		},
	} {
		q, err := sqlgen.Generate(c.node, sqlgen.DuckDB(), sqlgen.Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, s := range c.has {
			if !strings.Contains(q.SQL, s) {
				t.Errorf("%s: %q is not in\n%s", name, s, q.SQL)
			}
		}
		for _, s := range c.not {
			if strings.Contains(q.SQL, s) {
				t.Errorf("%s: %q is in\n%s", name, s, q.SQL)
			}
		}
	}
}

func TestGenerateRefuses(t *testing.T) {
	var unsupported *sqlgen.UnsupportedError
	_, err := sqlgen.Generate(&plan.Filter{Input: scan(), Pred: call("no_such_function", plan.Bool, col(2, plan.String))}, sqlgen.DuckDB(), sqlgen.Options{})
	if !errors.As(err, &unsupported) {
		t.Errorf("an unknown function gave %v", err)
	}
	var eval *sqlgen.EvalError
	_, err = sqlgen.Generate(&plan.Filter{Input: scan(), Pred: call("matches regex", plan.Bool, col(2, plan.String), text("("))}, sqlgen.DuckDB(), sqlgen.Options{})
	if !errors.As(err, &eval) {
		t.Errorf("a broken pattern gave %v", err)
	}
	// A plan deeper than the stack should bear is refused, not run.
	e := col(2, plan.String)
	for range 5000 {
		e = call("tolower", plan.String, e)
	}
	_, err = sqlgen.Generate(&plan.Filter{Input: scan(), Pred: call("==", plan.Bool, e, text("x"))}, sqlgen.DuckDB(), sqlgen.Options{})
	if !errors.As(err, &unsupported) {
		t.Errorf("a deep expression gave %v", err)
	}
}

// A union leaves out stored tables that are known to hold nothing, and is still a table when all are.
func TestUnionOfEmptyTables(t *testing.T) {
	in := func(table string, id plan.ColumnID) plan.Node {
		s := &plan.Scan{Table: table, Physical: []string{"x"}, Cols: []plan.Column{{ID: id, Name: "x", Type: plan.Long}}}
		return &plan.Filter{Input: s, Pred: call("==", plan.Bool, col(id, plan.Long), &plan.Const{T: plan.Long, Value: int64(1)})}
	}
	u := &plan.Union{
		Inputs: []plan.Node{in("full", 1), in("hollow", 2)}, Cols: []plan.Column{{ID: 3, Name: "x", Type: plan.Long}},
		Map: [][]plan.Expr{{col(1, plan.Long)}, {col(2, plan.Long)}},
	}
	q, err := sqlgen.Generate(u, sqlgen.DuckDB(), sqlgen.Options{Empty: map[string]bool{"hollow": true}})
	if err != nil || !strings.Contains(q.SQL, `"full"`) || strings.Contains(q.SQL, `"hollow"`) {
		t.Errorf("%v\n%s", err, q.SQL)
	}
	q, err = sqlgen.Generate(u, sqlgen.DuckDB(), sqlgen.Options{Empty: map[string]bool{"hollow": true, "full": true}})
	if err != nil || strings.Contains(q.SQL, `"full"`) || !strings.Contains(q.SQL, "WHERE false") {
		t.Errorf("%v\n%s", err, q.SQL)
	}
}
