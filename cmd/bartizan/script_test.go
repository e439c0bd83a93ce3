package main

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/bartizan-sec/bartizan/internal/platform/datadir"
)

// TestMain lets this binary stand for the product: called as "bartizan" it is the product, in a process of its own that can be killed.
func TestMain(m *testing.M) {
	product := filepath.Base(os.Args[0]) == "bartizan" // its settings are those that a test gives it
	for _, line := range os.Environ() {                // settings of whoever runs the tests must not reach the product
		if name, _, _ := strings.Cut(line, "="); !product && strings.HasPrefix(name, "BARTIZAN_") && !strings.HasPrefix(name, "BARTIZAN_TEST_") {
			_ = os.Unsetenv(name)
		}
	}
	testscript.Main(m, map[string]func(){"bartizan": main, "bartizan-test-nats": natsMain})
}

// TestScripts runs the command line as people and scripts do. Beside testscript's own commands there are:
//
//	exits CODE COMMAND...    runs the command, which has to end with the code
//	json FILE PATH WANT      the value at PATH (members and indexes by dots, len for the length) of the JSON document matches the regular expression WANT
//	keys FILE PATH NAME...   the object at PATH has exactly these members; NAME? may be missing
//	addsup IMPORT PLACED N   records of an import's report = PLACED (a hunt's count of records with rows) + unmapped + refused + N
//	sample KIND FILE         writes a hostile or binary file
//	hold DATA PROGRAM ADDR   has another program hold the data folder until the script ends
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "json": jsonValue, "keys": jsonKeys, "addsup": addsUp, "sample": sample, "hold": hold,
		},
	})
}

func exits(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		code = exit.ExitCode()
	}
	if code != want {
		ts.Fatalf("exit code %d, want %d", code, want)
	}
}

func at(ts *testscript.TestScript, file, path string) any {
	dec := json.NewDecoder(strings.NewReader(ts.ReadFile(file)))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		ts.Fatalf("%s is not JSON: %v", file, err)
	}
	if dec.More() {
		ts.Fatalf("%s has more than one JSON document", file)
	}
	for _, part := range strings.Split(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			var ok bool
			if v, ok = x[part]; !ok && part == "len" {
				v, ok = json.Number(strconv.Itoa(len(x))), true
			} else if !ok && part == "" {
				v, ok = x, true
			}
			if !ok {
				return nil
			}
		case []any:
			if part == "len" {
				v = json.Number(strconv.Itoa(len(x)))
				continue
			}
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(x) {
				ts.Fatalf("%s: %s: there is no %s in a list of %d", file, path, part, len(x))
			}
			v = x[i]
		default:
			ts.Fatalf("%s: %s: there is nothing below %v", file, path, v)
		}
	}
	return v
}

func jsonValue(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: json FILE PATH WANT")
	}
	v := at(ts, args[0], args[1])
	text, ok := v.(string)
	if !ok {
		b, err := json.Marshal(v)
		ts.Check(err)
		text = string(b)
	}
	re, err := regexp.Compile("^(?s:" + args[2] + ")$")
	ts.Check(err)
	if re.MatchString(text) == neg {
		ts.Fatalf("%s is %s", args[1], text)
	}
}

func jsonKeys(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 3 {
		ts.Fatalf("usage: keys FILE PATH NAME...")
	}
	object, ok := at(ts, args[0], args[1]).(map[string]any)
	if !ok {
		ts.Fatalf("%s is no object", args[1])
	}
	known := map[string]bool{}
	for _, name := range args[2:] {
		bare, optional := strings.CutSuffix(name, "?")
		known[bare] = true
		if _, have := object[bare]; !have && !optional {
			ts.Fatalf("%s lacks %s", args[1], bare)
		}
	}
	var more []string
	for name := range object {
		if !known[name] {
			more = append(more, name)
		}
	}
	if sort.Strings(more); len(more) > 0 {
		ts.Fatalf("%s also has %s", args[1], strings.Join(more, ", "))
	}
}

func addsUp(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: addsup IMPORT PLACED N")
	}
	int64At := func(file, path string) int64 {
		n, err := at(ts, file, path).(json.Number).Int64()
		ts.Check(err)
		return n
	}
	more, err := strconv.ParseInt(args[2], 10, 64)
	ts.Check(err)
	records, placed, refused := int64At(args[0], "records"), int64At(args[1], "results.0.Count"), int64At(args[0], "refusedCount")
	sum := placed + refused + more
	for _, n := range at(ts, args[0], "unmapped").(map[string]any) {
		v, err := n.(json.Number).Int64()
		ts.Check(err)
		sum += v
	}
	if records != sum {
		ts.Fatalf("%d records, but %d with rows, %d refused, %d besides and the unmapped are %d", records, placed, refused, more, sum)
	}
}

func hold(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: hold DATA PROGRAM ADDR")
	}
	dir, err := datadir.Open(ts.MkAbs(args[0]), args[1], args[2])
	ts.Check(err)
	ts.Defer(func() { _ = dir.Close() })
	ts.Setenv("HOLDER", strconv.Itoa(os.Getpid()))
}

// process is a record that becomes one row of DeviceProcessEvents.
func process(n int) string {
	return fmt.Sprintf(`{"EventTime":"2024-05-06 07:08:09","Hostname":"ws1.corp.example","EventID":1,"SourceName":"Microsoft-Windows-Sysmon",`+
		`"Channel":"Microsoft-Windows-Sysmon/Operational","RecordNumber":%d,"UtcTime":"2024-05-06 07:08:09.000","ProcessGuid":"{7a1f0c2e-5b10-6a00-%04x-000000000100}",`+
		`"ProcessId":%d,"Image":"C:\\Program Files\\Acme\\acme.exe","CommandLine":"acme %d","User":"CORP\\mira"}`+"\n", n, n&0xffff, 4000+n, n)
}

func sample(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: sample KIND FILE")
	}
	var b bytes.Buffer
	switch args[0] {
	case "traversal.zip": // a member whose name leads out of the folder, and a good one
		z := zip.NewWriter(&b)
		for i, name := range []string{"../../escaped.jsonl", "good.jsonl"} {
			w, err := z.Create(name)
			ts.Check(err)
			_, err = w.Write([]byte(process(10 + i)))
			ts.Check(err)
		}
		ts.Check(z.Close())
	case "cut.gz": // ends in the middle of a record
		z := gzip.NewWriter(&b)
		for i := range 3000 {
			_, err := z.Write([]byte(process(100 + i)))
			ts.Check(err)
		}
		ts.Check(z.Close())
		b.Truncate(b.Len() / 2)
	case "long-line": // 20 MB between two good records
		b.WriteString(process(20))
		b.WriteString(`{"a":"` + strings.Repeat("x", 20_000_000) + `"}` + "\n")
		b.WriteString(process(21))
	case "latin1": // a record whose text is not UTF-8
		b.WriteString(strings.ReplaceAll(process(30), "acme.exe", "caf\xe9.exe"))
	case "program": // no log at all
		b.WriteString("MZ\x90\x00\x03\x00\x00\x00")
		b.Write(bytes.Repeat([]byte{0, 1, 2, 0xff}, 500))
	default:
		ts.Fatalf("there is no sample %q", args[0])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), b.Bytes(), 0o600))
}
