package schema

import (
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"sync"
)

// ActionTypes lists the known values of a table's ActionType, sorted; a table whose list is open, or that has no such column, has none.
func ActionTypes(table string) []string { return actionTypes()[table] }

var actionTypes = sync.OnceValue(func() map[string][]string {
	raw, err := files.ReadFile("actiontypes.json")
	if err != nil {
		panic(err)
	}
	var doc struct {
		Tables []struct {
			Name                      string
			Documented, Observed, Own []string
		}
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		panic(fmt.Errorf("schema: actiontypes.json: %w", err))
	}
	out := map[string][]string{}
	for _, t := range doc.Tables {
		seen := map[string]bool{}
		for _, n := range slices.Concat(t.Documented, t.Observed, t.Own) {
			if !seen[n] {
				seen[n] = true
				out[t.Name] = append(out[t.Name], n)
			}
		}
		sort.Strings(out[t.Name])
	}
	return out
})
