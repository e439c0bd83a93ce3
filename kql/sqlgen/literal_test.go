package sqlgen_test

import (
	"context"
	"database/sql"
	"math"
	"testing"

	_ "github.com/duckdb/duckdb-go/v2"
	"pgregory.net/rapid"

	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/sqlgen"
)

// Whatever a text holds, the engine reads back the same text and nothing else happens.
func TestLiteralRoundTrip(t *testing.T) {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	conn, err := db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	d := sqlgen.DuckDB()
	read := func(t interface{ Fatalf(string, ...any) }, kind plan.Type, v any) any {
		q := "SELECT " + d.Literal(kind, v) + ", 42"
		var got any
		var marker int
		if err := conn.QueryRowContext(context.Background(), q).Scan(&got, &marker); err != nil {
			t.Fatalf("%q: %v", q, err)
		}
		if marker != 42 {
			t.Fatalf("%q broke out of its literal", q)
		}
		return got
	}
	for _, s := range []string{"", "'", "''", `\`, `\'`, "'; DROP TABLE x; --", "a\x00b", "\x00", "$1", "?", "--", "/*", "\u2019", "{{x}}", "E'\\n'", "\r\n\t", "' || chr(39) || '", "\U0001F600"} {
		if got := read(t, plan.String, s); got != s {
			t.Errorf("%q came back as %q", s, got)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		if got := read(t, plan.String, s); got != s {
			t.Fatalf("%q came back as %q", s, got)
		}
		hostile := rapid.StringOfN(rapid.SampledFrom([]rune("'\"\\;-/*$?\x00a\n")), 0, 20, -1).Draw(t, "hostile")
		if got := read(t, plan.String, hostile); got != hostile {
			t.Fatalf("%q came back as %q", hostile, got)
		}
		n := rapid.Int64().Draw(t, "n")
		if got := read(t, plan.Long, n); got != n {
			t.Fatalf("%d came back as %v", n, got)
		}
		f := rapid.Float64().Draw(t, "f")
		if got := read(t, plan.Real, f); got != f {
			t.Fatalf("%v came back as %v", f, got)
		}
	})
	for _, f := range []float64{math.Inf(1), math.Inf(-1), math.MaxFloat64, math.SmallestNonzeroFloat64, 0.1} {
		if got := read(t, plan.Real, f); got != f {
			t.Errorf("%v came back as %v", f, got)
		}
	}
	if got, ok := read(t, plan.Real, math.NaN()).(float64); !ok || !math.IsNaN(got) {
		t.Errorf("NaN came back as %v", got)
	}
	if got := read(t, plan.Long, int64(math.MinInt64)); got != int64(math.MinInt64) {
		t.Errorf("the least long came back as %v", got)
	}
	for kind := plan.Unknown; kind <= plan.GUID; kind++ {
		want := any(nil)
		if kind == plan.String {
			want = ""
		}
		if got := read(t, kind, nil); got != want {
			t.Errorf("null of %s came back as %v", kind, got)
		}
	}
}
