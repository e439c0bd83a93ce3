package incident

import (
	"encoding/json"
	"slices"
)

// encode writes JSON for a TEXT column; the types it is given cannot fail.
func encode(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "null"
	}
	return string(b)
}

// decode reads what encode wrote; a damaged column reads as empty.
func decode(text string, v any) {
	_ = json.Unmarshal([]byte(text), v)
}

func decodeStrings(text string) []string {
	out := []string{}
	decode(text, &out)
	if out == nil {
		out = []string{}
	}
	return out
}

func sortInts(list []int64) { slices.Sort(list) }
