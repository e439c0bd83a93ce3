package duckdb

import (
	"context"
	"sort"
	"strings"

	"github.com/bartizan-sec/bartizan/kql/fn"
	"github.com/bartizan-sec/bartizan/kql/plan"
)

// reduce groups texts that have the same length in words and share enough words at the same places; a pattern has * where they differ.
func reduce(ctx context.Context, lib *fn.Library, p *plan.Reduce, in table) ([][]any, error) {
	type cluster struct {
		words []string
		count int64
		first string
	}
	threshold := p.Threshold
	if threshold <= 0 || threshold >= 1 {
		threshold = 0.1
	}
	byLength := map[int][]*cluster{}
	var all []*cluster
	for n, row := range in.rows {
		if n%64 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		v, err := lib.Eval(p.By, in.env(row))
		if err != nil {
			return nil, err
		}
		s := fn.Text(v)
		words := strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || strings.ContainsRune(p.Characters, r) })
		var best *cluster
		bestScore := -1.0
		for _, c := range byLength[len(words)] {
			same := 0
			for i, w := range words {
				if c.words[i] == w {
					same++
				}
			}
			score := float64(same) / float64(max(len(words), 1))
			if score > bestScore && score >= 1-threshold*5 && (same > 0 || len(words) == 0) {
				best, bestScore = c, score
			}
		}
		if best == nil {
			best = &cluster{words: words, first: s}
			byLength[len(words)] = append(byLength[len(words)], best)
			all = append(all, best)
			if len(all) > 100_000 {
				return nil, &fn.LimitError{What: "number of patterns"}
			}
		} else {
			for i, w := range words {
				if best.words[i] != w {
					best.words[i] = "*"
				}
			}
		}
		best.count++
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].count > all[j].count })
	out := make([][]any, len(all))
	for i, c := range all {
		out[i] = []any{strings.Join(c.words, " "), c.count, c.first}
	}
	return out, nil
}
