package store

import "encoding/json"

// decodeStrings reads a JSON array of strings; anything else is empty.
func decodeStrings(text string) []string {
	var out []string
	_ = json.Unmarshal([]byte(text), &out)
	return out
}
