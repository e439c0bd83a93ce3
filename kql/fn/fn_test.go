package fn_test

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/bartizan-sec/bartizan/kql/fn"
	"github.com/bartizan-sec/bartizan/kql/plan"
)

func str(s string) fn.Value  { return fn.Value{T: plan.String, V: s} }
func dyn(s string) fn.Value  { return fn.Value{T: plan.Dynamic, V: s} }
func long(n int64) fn.Value  { return fn.Value{T: plan.Long, V: n} }
func num(f float64) fn.Value { return fn.Value{T: plan.Real, V: f} }

func TestCall(t *testing.T) {
	lib := fn.New(fn.Options{Now: fn.Ticks(time.Date(2026, 1, 15, 0, 0, 0, 0, time.UTC))})
	for _, c := range []struct {
		name string
		t    plan.Type
		args []fn.Value
		want any
	}{
		{"has", plan.Bool, []fn.Value{str("x_Powershell.exe"), str("powershell")}, true},
		{"has", plan.Bool, []fn.Value{str("xpowershell"), str("powershell")}, false},
		{"has", plan.Bool, []fn.Value{str("éa b"), str("a")}, false},
		{"has_any", plan.Bool, []fn.Value{str("a b"), dyn(`["x","B"]`)}, true},
		{"in", plan.Bool, []fn.Value{long(2), dyn(`[1,2]`)}, true},
		{"in~", plan.Bool, []fn.Value{str("A"), str("b"), str("a")}, true},
		{"%", plan.Long, []fn.Value{long(-7), long(3)}, int64(2)},
		{"/", plan.Long, []fn.Value{long(7), long(0)}, nil},
		{"==", plan.Bool, []fn.Value{{T: plan.Long}, long(1)}, false},
		{"==", plan.Bool, []fn.Value{{T: plan.Long}, {T: plan.Long}}, nil},
		{"!=", plan.Bool, []fn.Value{{T: plan.Long}, long(1)}, true},
		{"index", plan.Dynamic, []fn.Value{dyn(`{"a":[1,2.0]}`), str("a")}, "[1,2.0]"},
		{"index", plan.Dynamic, []fn.Value{dyn(`[1,2]`), long(-1)}, "2"},
		{"tostring", plan.String, []fn.Value{dyn(`"x"`)}, "x"},
		{"tolong", plan.Long, []fn.Value{dyn(`"12"`)}, int64(12)},
		{"parse_json", plan.Dynamic, []fn.Value{str("not json")}, `"not json"`},
		{"parse_json", plan.Dynamic, []fn.Value{str(" ")}, nil},
		{"bin", plan.Long, []fn.Value{long(-1), long(5)}, int64(-5)},
		{"round", plan.Real, []fn.Value{num(2.15), long(1)}, 2.2},
		{"format_ipv4", plan.String, []fn.Value{str("10.1.2.3"), long(8)}, "10.0.0.0"},
		{"has_ipv4", plan.Bool, []fn.Value{str("from 10.1.2.3."), str("10.1.2.3")}, true},
		{"ago", plan.DateTime, []fn.Value{{T: plan.TimeSpan, V: int64(864_000_000_000)}}, fn.Ticks(time.Date(2026, 1, 14, 0, 0, 0, 0, time.UTC))},
		{"strrep", plan.String, []fn.Value{str("ab"), long(2), str("-")}, "ab-ab"},
		{"array_sort_asc", plan.Dynamic, []fn.Value{dyn(`[2,null,1]`)}, "[1,2,null]"},
		{"__parse_kv", plan.Dynamic, []fn.Value{str(`a="x y", b=2`), dyn(`{"pair_delimiter":", ","kv_delimiter":"=","quote":"\"","keys":["a","b"]}`)}, `{"a":"x y","b":"2"}`},
	} {
		got, err := lib.Call(c.name, c.t, c.args)
		if err != nil || got.V != c.want {
			t.Errorf("%s(%v) = %#v, %v; want %#v", c.name, c.args, got.V, err, c.want)
		}
	}
}

func TestTimesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ticks := rapid.Int64Range(0, 3_155_378_975_999_999_999).Draw(t, "ticks")
		if got := fn.Ticks(fn.Time(ticks)); got != ticks {
			t.Fatalf("%d became %d", ticks, got)
		}
		if got, ok := fn.ParseDateTime(fn.FormatDateTime(ticks)); !ok || got != ticks {
			t.Fatalf("%s became %d", fn.FormatDateTime(ticks), got)
		}
		span := rapid.Int64Range(math.MinInt64+1, math.MaxInt64).Draw(t, "span")
		if got, ok := fn.ParseTimeSpan(fn.FormatTimeSpan(span)); !ok || got != span {
			t.Fatalf("%s became %d, not %d", fn.FormatTimeSpan(span), got, span)
		}
	})
}

// The index of many phrases finds what looking for each of them finds.
func TestHasAnyIndex(t *testing.T) {
	lib := fn.New(fn.Options{})
	word := rapid.StringOfN(rapid.SampledFrom([]rune("aAb1é._- ")), 0, 5, -1)
	rapid.Check(t, func(t *rapid.T) {
		text, phrases := rapid.StringOfN(rapid.SampledFrom([]rune("aAb1é._- ")), 0, 20, -1).Draw(t, "text"), rapid.SliceOfN(word, 0, 6).Draw(t, "phrases")
		items, args := make([]fn.Value, len(phrases)), []fn.Value{str(text)}
		for i, p := range phrases {
			items[i] = str(p)
			args = append(args, str(p))
		}
		want, err1 := lib.Call("has_any", plan.Bool, args)
		got, err2 := lib.Call("has_any", plan.Bool, []fn.Value{str(text), {T: plan.Dynamic, V: fn.Array(items)}})
		if err1 != nil || err2 != nil || want != got {
			t.Fatalf("%q has_any %q: %v, one by one %v (%v, %v)", text, phrases, got.V, want.V, err1, err2)
		}
	})
}

// Every function must bear every kind of argument in any number.
func TestFunctionsNeverPanic(t *testing.T) {
	lib := fn.New(fn.Options{})
	values := []fn.Value{
		{},
		str(""), str("a"), str("-1"), str("2026-01-01"), str("["), dyn(`{"a":{"b":[1,"x",null,1.5,true]}}`), dyn(`[1,null,"a",[2],{}]`), dyn(`"s"`),
		{T: plan.Dynamic},
		long(0), long(-1), long(3),
		long(math.MaxInt64), long(math.MinInt64), num(math.NaN()), num(math.Inf(1)), num(-1.5),
		{T: plan.Bool, V: true},
		{T: plan.DateTime, V: int64(638_000_000_000_000_000)},
		{T: plan.DateTime, V: int64(0)},
		{T: plan.TimeSpan, V: int64(-36_000_000_000)},
		{T: plan.Decimal, V: "1.5"},
		{T: plan.Decimal, V: "0"},
		{T: plan.GUID, V: "74be27de-1e4e-49d9-b579-fe0b331d3642"},
	}
	types := []plan.Type{plan.Bool, plan.Long, plan.Real, plan.String, plan.Dynamic, plan.DateTime}
	names := fn.Names()
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(names).Draw(t, "name")
		least := 1
		args := rapid.SliceOfN(rapid.SampledFrom(values), least, 7).Draw(t, "args")
		// Errors are fine; a result must be of the asked type.
		v, err := lib.Call(name, rapid.SampledFrom(types).Draw(t, "type"), args)
		if err != nil {
			return
		}
		switch v.V.(type) {
		case nil, bool, int64, float64, string:
		default:
			t.Fatalf("%s gave a %T", name, v.V)
		}
	})
}

func FuzzParseJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.5e3,"x\u0041\ud83d\ude00",null,true]}`, `[`, `"\u12`, `-`, `1e999`, `{"a":1,"a":2}`, "[[[[[["} {
		f.Add(s)
	}
	lib := fn.New(fn.Options{})
	f.Fuzz(func(t *testing.T, s string) {
		v, err := lib.Call("parse_json", plan.Dynamic, []fn.Value{str(s)})
		if err != nil {
			t.Fatal(err)
		}
		if v.V == nil {
			return
		}
		// What was written is read back as itself.
		again, err := lib.Call("tostring", plan.String, []fn.Value{{T: plan.Dynamic, V: v.V}})
		if err != nil {
			t.Fatal(err)
		}
		_ = again
		twice, err := lib.Call("parse_json", plan.Dynamic, []fn.Value{str(v.V.(string))})
		if err != nil || twice.V != v.V {
			t.Fatalf("%q became %v, then %v (%v)", s, v.V, twice.V, err)
		}
	})
}

func FuzzParsers(f *testing.F) {
	for _, s := range []string{"2026-01-15T10:00:00.1234567Z", "Thu, 15 Jan 2026", "1.02:03:04.5", `cmd "a b" \\"`, "https://u:p@h:1/p?x=1#f", "<a><b/></a>", "10.0.0.1/8", "::1/64", "a=1 b=2", "1.2.3.4", "Mozilla/5.0"} {
		f.Add(s)
	}
	lib := fn.New(fn.Options{})
	f.Fuzz(func(t *testing.T, s string) {
		if ticks, ok := fn.ParseDateTime(s); ok && (ticks < 0 || ticks > 3_155_378_975_999_999_999) {
			t.Fatalf("%q is out of range: %d", s, ticks)
		}
		fn.ParseTimeSpan(s)
		for _, name := range []string{"parse_url", "parse_urlquery", "parse_path", "parse_command_line", "parse_xml", "parse_csv", "parse_version", "parse_ipv4", "parse_ipv6", "url_decode", "base64_decode_tostring", "punycode_to_string", "todecimal", "toguid", "treepath", "gzip_decompress_from_base64_string"} {
			if _, err := lib.Call(name, plan.Dynamic, []fn.Value{str(s)}); err != nil {
				t.Fatalf("%s(%q): %v", name, s, err)
			}
		}
		for _, name := range []string{"parse_user_agent", "__parse_kv", "ipv4_is_in_range", "ipv6_compare", "has_ipv4", "extract_json", "has"} {
			if _, err := lib.Call(name, plan.Dynamic, []fn.Value{str(s), str(s)}); err != nil {
				t.Fatalf("%s(%q): %v", name, s, err)
			}
		}
	})
}
