package api

import (
	"encoding/json"
	"testing"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// FuzzOsquery reads arbitrary bodies of osquery agents: what is taken are whole JSON values, what is not is refused with a code.
func FuzzOsquery(f *testing.F) {
	for _, seed := range []string{
		`{"node_key":"k","log_type":"result","data":[{"name":"x","columns":{"a":"1"}}]}`, `{"enroll_secret":"s","host_identifier":"h","host_details":{"os_version":{"platform":"ubuntu"}}}`,
		`{"data":null}`, `{"data":{}}`, `{"data":"[]"}`, `[]`, `{"host_details":{"os_version":[]}}`, `{"data":[1,[],"x",null]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		in, err := parseOsquery(raw)
		if err == nil {
			var data []json.RawMessage
			if data, err = in.lines(); err == nil {
				for _, line := range data {
					if !json.Valid(line) {
						t.Errorf("a line is no JSON: %q", line)
					}
				}
				return
			}
		}
		if fault.CodeOf(err) != fault.Invalid {
			t.Errorf("refused without a code: %v", err)
		}
	})
}
