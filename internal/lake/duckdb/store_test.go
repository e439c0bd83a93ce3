package duckdb_test

import (
	"testing"

	"github.com/bartizan-sec/bartizan/internal/lake"
	"github.com/bartizan-sec/bartizan/internal/lake/duckdb"
	"github.com/bartizan-sec/bartizan/internal/lake/laketest"
	kqlduckdb "github.com/bartizan-sec/bartizan/kql/duckdb"
)

func place(t testing.TB) laketest.Place {
	dir := t.TempDir()
	return func(t testing.TB) lake.Engine {
		t.Helper()
		e, err := duckdb.New(dir, duckdb.Options{Register: kqlduckdb.Register})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
}

func TestStore(t *testing.T) {
	laketest.Run(t, place)
}
