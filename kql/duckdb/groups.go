package duckdb

import (
	"strconv"
	"strings"

	"github.com/bartizan-sec/bartizan/kql/fn"
	"github.com/bartizan-sec/bartizan/kql/plan"
)

// groups takes the rows apart by the values of expressions, in order of appearance.
func (t *table) groups(lib *fn.Library, by []plan.Expr) ([][][]any, error) {
	if len(by) == 0 {
		return [][][]any{t.rows}, nil
	}
	at := map[string]int{}
	var out [][][]any
	for _, row := range t.rows {
		var key strings.Builder
		for _, e := range by {
			v, err := lib.Eval(e, t.env(row))
			if err != nil {
				return nil, err
			}
			key.WriteString(strconv.Quote(fn.Text(v)))
		}
		i, ok := at[key.String()]
		if !ok {
			i = len(out)
			at[key.String()] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], row)
	}
	return out, nil
}
