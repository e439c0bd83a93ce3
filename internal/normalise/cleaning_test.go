package normalise_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/valyala/fastjson"

	"github.com/bartizan-sec/bartizan/internal/normalise"
)

func TestCleanIP(t *testing.T) {
	for _, c := range []struct {
		in, ip string
		port   int
		kind   string
	}{
		{"10.20.30.40", "10.20.30.40", 0, "Private"},
		{" 203.0.113.9:8443 ", "203.0.113.9", 8443, "Public"},
		{"::ffff:192.168.4.5", "192.168.4.5", 0, "Private"},
		{"[::ffff:192.168.4.5]:53", "192.168.4.5", 53, "Private"},
		{"[2a00:1450::5]:443", "2a00:1450::5", 443, "Public"},
		{"[2a00:1450::5]", "2a00:1450::5", 0, "Public"},
		{"fe80::1%12", "fe80::1", 0, "LinkLocal"},
		{"FD00:0:0:0:0:0:0:1", "fd00::1", 0, "Private"},
		{"::1", "::1", 0, "Loopback"},
		{"127.0.0.1", "127.0.0.1", 0, "Loopback"},
		{"169.254.7.7", "169.254.7.7", 0, "LinkLocal"},
		{"239.255.255.250", "239.255.255.250", 0, "Multicast"},
		{"255.255.255.255", "255.255.255.255", 0, "Broadcast"},
		{"100.64.1.1", "100.64.1.1", 0, "Reserved"},
		{"0.0.0.0", "0.0.0.0", 0, "Reserved"},
		{"2002:cb00:7109::1", "2002:cb00:7109::1", 0, "FourToSixMapping"},
		{"2001:0:53aa::1", "2001:0:53aa::1", 0, "Teredo"},
		{"ff02::fb", "ff02::fb", 0, "Multicast"},
		{"-", "", 0, ""},
		{"LOCAL", "", 0, ""},
		{"", "", 0, ""},
		{"host.example", "", 0, ""},
		{"1.2.3", "", 0, ""},
		{"1.2.3.256", "", 0, ""},
		{"01.2.3.4", "", 0, ""},
	} {
		ip, port := normalise.CleanIPPort(c.in)
		if ip != c.ip || port != c.port || normalise.IPType(ip) != c.kind {
			t.Errorf("%q: got %q %d %q, want %q %d %q", c.in, ip, port, normalise.IPType(ip), c.ip, c.port, c.kind)
		}
	}
}

func TestSplitAccount(t *testing.T) {
	for in, want := range map[string][3]string{
		`CORP\mira`:             {"CORP", "mira", ""},
		`mira@corp.example`:     {"corp.example", "mira", "mira@corp.example"},
		`mira`:                  {"", "mira", ""},
		`NT AUTHORITY\SYSTEM`:   {"NT AUTHORITY", "SYSTEM", ""},
		`-`:                     {},
		``:                      {},
		`-\-`:                   {},
		`@corp.example`:         {"", "@corp.example", ""},
		`a@b@corp.example`:      {"corp.example", "a@b", "a@b@corp.example"},
		`NULL SID`:              {},
		"  CORP\\WS01$\t":       {"CORP", "WS01$", ""},
		`.\localadmin`:          {".", "localadmin", ""},
		`CORP\svc@corp.example`: {"CORP", "svc@corp.example", ""},
	} {
		d, n, u := normalise.SplitAccount(in)
		if got := [3]string{d, n, u}; got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestParseHashes(t *testing.T) {
	const md5, sha1, sha256 = "0CC175B9C0F1B6A831C399E269772661", "86F7E437FAA5A7FCE15D1DDCB9EAEAEA377667B8", "CA978112CA1BBDCAFAC231B39A23DC4DA786EFF8147C4E72B9807785AFEE48BB"
	want := normalise.Hashes{
		MD5: "0cc175b9c0f1b6a831c399e269772661", SHA1: "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8",
		SHA256:  "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb",
		ImpHash: "0cc175b9c0f1b6a831c399e269772661",
	}
	if got := normalise.ParseHashes("SHA1=" + sha1 + ",MD5=" + md5 + ", sha256=" + sha256 + ",IMPHASH=" + md5); got != want {
		t.Errorf("named: %+v", got)
	}
	want.ImpHash = ""
	if got := normalise.ParseHashes(sha256 + "," + sha1 + "," + md5); got != want {
		t.Errorf("bare: %+v", got)
	}
	if got := normalise.ParseHashes("MD5=xyz,SHA1=00,IMPHASH=00000000000000000000000000000000,,=,Unknown"); got != (normalise.Hashes{}) {
		t.Errorf("nonsense: %+v", got)
	}
}

func TestParseTime(t *testing.T) {
	want := time.Date(2031, 2, 3, 4, 5, 6, 789_000_000, time.UTC)
	for _, in := range []string{
		"2031-02-03T04:05:06.789Z", "2031-02-03 04:05:06.789", "2031-02-03T06:05:06.789+02:00", "2031-02-03T06:05:06.789+0200", "2031-02-03T06:05:06.789000 +02:00",
		"2031/02/03 04:05:06.789", "1927857906789", "1927857906789000", "1927857906.789", "/Date(1927857906789)/", "2031-02-03 04:05:06.789 UTC", "2031-02-03T04:05:06.7890000Z",
	} {
		if got, ok := normalise.ParseTime(in); !ok || !got.Equal(want) {
			t.Errorf("%q: got %v %v", in, got, ok)
		}
	}
	for _, in := range []string{"", "-", "yesterday", "2031-13-01T00:00:00Z", "2031-02-30T00:00:00Z", "99999-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "1e300", "NaN-NaNNaN"} {
		if got, ok := normalise.ParseTime(in); ok {
			t.Errorf("%q: got %v, want refusal", in, got)
		}
	}
}

func TestFlatten(t *testing.T) {
	v := fastjson.MustParse(`{"a":{"b":1,"c":[true,null,"x"]},"list":[{"arn":"one","n":1},{"arn":"two"}],"empty":[],"nested":[[1,2]],"t":"\ud83d\ude00","nan":NaN,"a.b":2}`)
	var f normalise.Fields
	normalise.Flatten(&f, "", v)
	got := map[string]string{}
	for _, x := range f {
		raw := x.Value.AppendJSON(nil)
		if !json.Valid(raw) {
			t.Errorf("%s: invalid JSON %s", x.Name, raw)
		}
		got[x.Name] = string(raw)
	}
	want := map[string]string{
		"a.b": "[1,2]", "a.c": `[true,null,"x"]`, "list.arn": `["one","two"]`, "list.n": "1", "empty": "[]", "nested": `["[1,2]"]`, "t": `"😀"`, "nan": `"NaN"`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestFlattenIsBounded(t *testing.T) {
	deep := ""
	for range 100 {
		deep += `{"a":`
	}
	deep += "1"
	for range 100 {
		deep += "}"
	}
	var f normalise.Fields
	normalise.Flatten(&f, "", fastjson.MustParse(deep))
	if len(f) != 1 || len(f[0].Name) > 40 {
		t.Fatalf("got %d fields, first %q", len(f), f[0].Name)
	}
}

func FuzzFlatten(f *testing.F) {
	f.Add(`{"a":[{"b":"c"},1,"\u0000"]}`)
	f.Add(`{"k":-0.1e5}`)
	f.Fuzz(func(t *testing.T, text string) {
		v, err := fastjson.Parse(text)
		if err != nil {
			return
		}
		var fields normalise.Fields
		normalise.Flatten(&fields, "", v)
		seen := map[string]bool{}
		for _, x := range fields {
			if seen[x.Name] {
				t.Fatalf("field %q twice", x.Name)
			}
			seen[x.Name] = true
			if raw := x.Value.AppendJSON(nil); !json.Valid(raw) {
				t.Fatalf("field %q: invalid JSON %q", x.Name, raw)
			}
		}
	})
}

func FuzzParseTime(f *testing.F) {
	f.Add("2031-02-03T04:05:06.789Z")
	f.Add("/Date(1927857906789)/")
	f.Fuzz(func(t *testing.T, s string) {
		if got, ok := normalise.ParseTime(s); ok && (got.Year() < 1601 || got.Year() > 9998 || got.Location() != time.UTC) {
			t.Fatalf("%q gives %v", s, got)
		}
	})
}

func FuzzCleanIP(f *testing.F) {
	f.Add("[::ffff:10.0.0.1]:80")
	f.Fuzz(func(t *testing.T, s string) {
		if ip := normalise.CleanIP(s); ip != "" && (normalise.CleanIP(ip) != ip || normalise.IPType(ip) == "") {
			t.Fatalf("%q gives %q, which is not stable", s, ip)
		}
	})
}
