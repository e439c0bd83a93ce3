package store

import "encoding/json"

// decodeStrings reads a JSON array of strings; anything else is empty.
func decodeStrings(text string) []string {
	var out []string
	_ = json.Unmarshal([]byte(text), &out)
	return out
}

// encodeString writes a text as it stands in a JSON array.
func encodeString(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		return text
	}
	return string(b)
}
