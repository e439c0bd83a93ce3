package duckdb

import (
	"context"
	"math"
	"strconv"

	"github.com/bartizan-sec/bartizan/kql/fn"
	"github.com/bartizan-sec/bartizan/kql/plan"
)

// maxBins bounds the length of one series, maxCells the elements of all series together.
const (
	maxBins  = 1 << 20
	maxCells = 1 << 26
)

// makeSeries fills each group's bins between the bounds and packs them into arrays.
func makeSeries(ctx context.Context, lib *fn.Library, p *plan.MakeSeries, in table, cols []plan.Column) ([][]any, error) {
	axisAt := in.index[p.Axis]
	axisType := in.cols[axisAt].Type
	eval := func(e plan.Expr) (fn.Value, error) {
		if e == nil {
			return fn.Value{}, nil
		}
		return lib.Eval(e, nil)
	}
	from, err := eval(p.From)
	if err != nil {
		return nil, err
	}
	to, err := eval(p.To)
	if err != nil {
		return nil, err
	}
	step, err := eval(p.Step)
	if err != nil {
		return nil, err
	}
	defaults := make([]fn.Value, len(p.Series))
	for i, s := range p.Series {
		if defaults[i], err = eval(s.Default); err != nil {
			return nil, err
		}
	}
	stepSize, ok := number(step)
	if !ok || stepSize <= 0 {
		return nil, &fn.LimitError{What: "number of bins"}
	}

	type group struct {
		key  []any
		bins map[int64][]any
	}
	var groups []*group
	byKey := map[string]*group{}
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, row := range in.rows {
		if a, ok := number(fn.Value{T: axisType, V: row[axisAt]}); ok {
			lo, hi = math.Min(lo, a), math.Max(hi, a)
		}
	}
	start, okStart := from, from.V != nil
	if !okStart {
		start = fn.Value{T: axisType}
		for _, row := range in.rows {
			if v := (fn.Value{T: axisType, V: row[axisAt]}); v.V != nil && (start.V == nil || fn.Compare(v, start) < 0) {
				start = v
			}
		}
	}
	startNumber, okStart := number(start)
	bins := int64(0)
	if okStart {
		switch end, ok := number(to); {
		case ok:
			bins = int64(math.Ceil((end - startNumber) / stepSize))
		case !math.IsInf(hi, -1):
			bins = int64(math.Floor((hi-startNumber)/stepSize+1e-9)) + 1
		}
	}
	if bins > maxBins {
		return nil, &fn.LimitError{What: "number of bins (" + strconv.FormatInt(bins, 10) + ")"}
	}
	bins = max(bins, 0)
	for _, row := range in.rows {
		key := make([]any, len(p.Keys))
		name := ""
		for i, id := range p.Keys {
			v := in.value(row, id)
			key[i] = v.V
			name += strconv.Quote(fn.Text(v)) + strconv.FormatBool(v.V == nil)
		}
		g := byKey[name]
		if g == nil {
			g = &group{key: key, bins: map[int64][]any{}}
			byKey[name] = g
			groups = append(groups, g)
		}
		if a, ok := number(fn.Value{T: axisType, V: row[axisAt]}); ok {
			g.bins[int64(math.Round((a-startNumber)/stepSize))] = row
		}
	}
	if len(groups) == 0 && p.NonEmpty {
		groups = append(groups, &group{key: make([]any, len(p.Keys))})
	}

	if cells := int64(len(groups)) * bins * int64(len(p.Series)+1); cells > maxCells {
		return nil, &fn.LimitError{What: "number of bins of all series (" + strconv.FormatInt(cells, 10) + ")"}
	}
	axis := make([]fn.Value, bins)
	for i := range axis {
		axis[i] = fn.Value{T: axisType, V: advance(start.V, step.V, int64(i))}
	}
	axisArray := fn.Array(axis)
	out := make([][]any, 0, len(groups))
	for _, g := range groups {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		row := append([]any(nil), g.key...)
		for i, s := range p.Series {
			t := in.cols[in.index[s.Column]].Type
			fill := defaults[i]
			if fill.T != t && fill.V != nil && !(t == plan.Long && fill.T == plan.Real) {
				fill = fn.Convert(fill, t)
			}
			vals := make([]fn.Value, bins)
			for b := range vals {
				vals[b] = fill
				if r, ok := g.bins[int64(b)]; ok {
					vals[b] = in.value(r, s.Column)
				}
			}
			row = append(row, fn.Array(vals))
		}
		out = append(out, append(row, axisArray))
	}
	return out, nil
}

func number(v fn.Value) (float64, bool) {
	switch x := v.V.(type) {
	case int64:
		return float64(x), true
	case float64:
		return x, true
	}
	return 0, false
}

// advance is start + i*step in whole numbers where both are.
func advance(start, step any, i int64) any {
	a, ok1 := start.(int64)
	b, ok2 := step.(int64)
	if ok1 && ok2 {
		return a + i*b
	}
	x, _ := number(fn.Value{V: start})
	y, _ := number(fn.Value{V: step})
	return x + float64(i)*y
}
