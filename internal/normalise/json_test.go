package normalise

import (
	"encoding/json"
	"testing"

	"github.com/valyala/fastjson"
)

func TestJSONIsAlwaysJSON(t *testing.T) {
	for _, in := range []string{
		`{"a":[1,-2.5e3,"x\"y\\z",true,false,null,{}],"b":{"c":""}}`, "{\"a\":\"\x7f\u0001\U000e0001\u2028\"}", "{\"k\xff\":\"v\xfe\"}", `{"n":nan}`, `[1e400]`,
	} {
		v, err := fastjson.Parse(in)
		if err != nil {
			t.Fatal(err)
		}
		out := JSON(v)
		if !json.Valid([]byte(out)) {
			t.Errorf("%q gives %q", in, out)
		}
		if json.Valid([]byte(in)) {
			var a, b any
			if json.Unmarshal([]byte(in), &a) == nil && json.Unmarshal([]byte(out), &b) == nil {
				x, _ := json.Marshal(a)
				y, _ := json.Marshal(b)
				if string(x) != string(y) {
					t.Errorf("%q became %q", x, y)
				}
			}
		}
	}
	if JSON(nil) != "null" {
		t.Error("nil is not null")
	}
}
