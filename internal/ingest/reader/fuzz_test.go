package reader

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzWalk reads arbitrary bytes as a file: no panic, no record over the bound, and the same outcome twice.
func FuzzWalk(f *testing.F) {
	for _, seed := range [][]byte{
		[]byte("{\"a\":1}\n{\"b\":2}"), []byte(`[{"a":1}]`), []byte(`{"records":[{"a":1}]}`), []byte("<Event>1</Event>"), []byte("<?xml?><Events><Event a='b'/></Events>"),
		[]byte("From a Mon Mar  3 10:00:00 2031\nTo: a\nFrom: b\n\nx\n"), []byte("From: a\nTo: b\nSubject: c\n\nx"), []byte("A,B\n1,\"2\n3\"\n"),
		[]byte("#separator \\x09\n#fields\ta\tb\n#types\tcount\tset[string]\n1\tx,y\n"), []byte("#Fields: a b\n1 2\n"), []byte("type=A msg=audit(1:2): x\n"),
		gz("one\n"), zst("one\n"), []byte(tarOf("x", "one")), []byte(zipOf("x", "one")), []byte(utf16le("{\"a\":1}")), []byte("ElfFile\x00"),
	} {
		f.Add(seed)
	}
	opt := Options{MaxRecord: 4096, MaxMessage: 4096, MaxExpansion: 1 << 20, MaxMemory: 1 << 16, MaxMembers: 50}
	f.Fuzz(func(t *testing.T, data []byte) {
		read := func() []string {
			var r recorder
			o := opt
			o.Stdin = bytes.NewReader(data)
			if err := Walk(t.Context(), []string{Stdin}, o, &r); err != nil {
				t.Fatal(err)
			}
			return r.got
		}
		first := read()
		if diff := cmp.Diff(first, read()); diff != "" {
			t.Error(diff)
		}
	})
}

// FuzzSplitJSON checks that every piece is valid JSON and that numbers only grow.
func FuzzSplitJSON(f *testing.F) {
	for _, seed := range []string{`{"a":1}`, `[{"a":1},2]`, `{"value":[{"a":"]"}],"x":1} {"b":2}`, `{"kind":"x","items":[{}]}`, "{\"a\":\n1}\nx\n[", `[1,"a",[{}],{}]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var last int64
		err := SplitJSON(data, 1<<12, func(n int64, d []byte) error {
			if n <= last || !json.Valid(d) || len(d) > 1<<12 {
				t.Errorf("piece %d after %d: %q", n, last, d)
			}
			last = n
			return nil
		}, func(n int64, code, message string) {
			if n < last || code == "" || message == "" {
				t.Errorf("refusal %d after %d: %q %q", n, last, code, message)
			}
			last = max(last, n)
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzEventXML reads arbitrary text inside of a file of Windows events, FuzzCSV inside of a table: neither would be found often among arbitrary bytes.
func FuzzEventXML(f *testing.F) {
	for _, seed := range []string{
		"<System><EventID>1</EventID><Computer>a</Computer></System><EventData><Data Name='x'>y</Data></EventData></Event>", "<System/></Event><Event>", "<a><b><c>", "<!-- x", "<![CDATA[ x ]]></Event>", "&#x41;&amp;&lol;</Event>",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		twice(t, append([]byte("<?xml version='1.0'?><Events><Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'>"), data...))
	})
}

// FuzzCSV: see FuzzEventXML.
func FuzzCSV(f *testing.F) {
	for _, seed := range []string{"1,2,3\n", "\"1\n2\",\"\"\"\",3\n", "1\n", "1,2,3,4\n", "\"open", ",,\r\n\x00,1,2"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) { twice(t, append([]byte("Timestamp,Name,Value\n"), data...)) })
}

// twice reads data as a file, twice.
func twice(t *testing.T, data []byte) {
	read := func() []string {
		var r recorder
		if err := Walk(t.Context(), []string{Stdin}, Options{MaxRecord: 4096, MaxMessage: 4096, MaxExpansion: 1 << 20, MaxMemory: 1 << 16, MaxMembers: 50, Stdin: bytes.NewReader(data)}, &r); err != nil {
			t.Fatal(err)
		}
		return r.got
	}
	first := read()
	if diff := cmp.Diff(first, read()); diff != "" {
		t.Error(diff)
	}
}
