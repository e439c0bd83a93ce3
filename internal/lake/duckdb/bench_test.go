package duckdb_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/bartizan-sec/bartizan/internal/lake/laketest"
	"github.com/bartizan-sec/bartizan/internal/schema"
)

// BenchmarkAppend writes process rows as Sysmon gives them (about 40 filled columns), 20,000 per transaction.
func BenchmarkAppend(b *testing.B) {
	s := laketest.Open(b, place(b)(b), "default")
	ctx := context.Background()
	when := time.Date(2024, 5, 1, 10, 0, 0, 0, time.UTC)
	rows := make([]*schema.Row, 20_000)
	for i := range rows {
		r := laketest.Process(when.Add(time.Duration(i)*time.Millisecond), "svchost.exe")
		for _, c := range r.Table.Columns[:45] {
			if c.Type == schema.String && r.Text(c.Name) == "" {
				r.Set(c.Name, fmt.Sprintf("value of %s %d", c.Name, i%100))
			}
		}
		rows[i] = r
	}
	b.ResetTimer()
	total := 0
	for b.Loop() {
		if err := s.Append(ctx, rows, map[string]int64{"bench": int64(total)}); err != nil {
			b.Fatal(err)
		}
		total += len(rows)
	}
	b.ReportMetric(float64(total)/b.Elapsed().Seconds(), "rows/s")
}
