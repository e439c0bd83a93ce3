package duckdb

import (
	"context"

	"github.com/bartizan-sec/bartizan/kql/fn"
	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/sqlgen"
)

// graph runs the operators over graphs.
func (r *runner) graph(_ context.Context, _ *fn.Library, x *plan.Local) ([][]any, error) {
	return nil, &sqlgen.UnsupportedError{What: x.Op}
}
