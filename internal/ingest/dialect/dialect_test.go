package dialect

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/protobuf/proto"
)

// lines that a family would know in these tests.
func knows(data []byte) bool {
	return bytes.HasPrefix(data, []byte("known ")) || bytes.HasPrefix(data, []byte("<Event>known")) || bytes.HasPrefix(data, []byte(`{"known"`)) || bytes.HasPrefix(data, []byte(`{"inner"`)) || bytes.Contains(data, []byte(" sshd[7]: "))
}

func TestUnwrap(t *testing.T) {
	for name, c := range map[string]struct{ in, data, host, file string }{
		"a record that is known":     {`{"known":1,"message":"known x"}`, `{"known":1,"message":"known x"}`, "", ""},
		"Filebeat":                   {`{"@timestamp":"2031-03-04T05:06:07Z","host":{"name":"web1"},"log":{"file":{"path":"/var/log/x"}},"message":"known line"}`, "known line", "web1", "/var/log/x"},
		"flattened names":            {`{"host.name":"web1","event.original":"known line","message":"short"}`, "known line", "web1", ""},
		"an object inside":           {`{"host":"h","message":{"inner":true}}`, `{"inner":true}`, "h", ""},
		"journald":                   {`{"_HOSTNAME":"db1","SYSLOG_IDENTIFIER":"sshd","_PID":"7","MESSAGE":"hello","__REALTIME_TIMESTAMP":"1930453567000000"}`, "2031-03-05T05:06:07.000000Z db1 sshd[7]: hello", "db1", ""},
		"rsyslog":                    {`{"timereported":"2031-03-04T05:06:07Z","hostname":"db1","syslogtag":"sshd[7]:","message":" hello"}`, "2031-03-04T05:06:07.000000Z db1 sshd[7]: hello", "db1", ""},
		"nobody knows what":          {`{"host":"h","message":"hello"}`, `{"host":"h","message":"hello"}`, "h", ""},
		"an event in a syslog line":  {"<13>Mar  4 05:06:07 web1 sysmon[9]: <Event>known</Event>\n", "<Event>known</Event>", "web1", ""},
		"JSON in a syslog line":      {"<13>1 2031-03-04T05:06:07Z web1 app - - - {\"known\":1}", `{"known":1}`, "web1", ""},
		"JSON after a tag":           {"2031-03-04T05:06:07+01:00 web1 app[1]: {\"known\":1}", `{"known":1}`, "web1", ""},
		"JSON that nobody knows":     {"Mar  4 05:06:07 web1 app: {\"x\":1}", "Mar  4 05:06:07 web1 app: {\"x\":1}", "", ""},
		"a text":                     {"plain", "plain", "", ""},
		"broken JSON":                {`{"host":`, `{"host":`, "", ""},
		"a host that breaks a line":  {`{"timestamp":"2031-03-04T05:06:07Z","host":"a b","program":"sshd","pid":7,"message":"m"}`, `{"timestamp":"2031-03-04T05:06:07Z","host":"a b","program":"sshd","pid":7,"message":"m"}`, "a b", ""},
		"a number as the host's pid": {`{"timestamp":"2031-03-04T05:06:07Z","host":"a","program":"sshd","pid":7,"message":"m"}`, "2031-03-04T05:06:07.000000Z a sshd[7]: m", "a", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := Unwrap([]byte(c.in), knows)
			if string(got.Data) != c.data || got.Host != c.host || got.File != c.file {
				t.Errorf("got %q from %q in %q", got.Data, got.Host, got.File)
			}
		})
	}
}

func bulkAll(t *testing.T, in string) (string, error) {
	t.Helper()
	var b strings.Builder
	err := Bulk(strings.NewReader(in), "at", func(i BulkItem) error {
		b.WriteString(i.Op + " " + i.Index + " " + i.ID + " " + string(i.Doc))
		if i.Err != nil {
			b.WriteString("refused")
		}
		b.WriteString("\n")
		return nil
	})
	return b.String(), err
}

func TestBulk(t *testing.T) {
	long := strings.Repeat("x", MaxRecord)
	got, err := bulkAll(t, "{\"create\":{\"_index\":\"i\",\"_id\":\"1\"}}\r\n{\"a\":1}\r\n\n{\"index\":{}}\n{\"b\":\"\\n\"}\n{\"index\":{}}\nnonsense\n{\"update\":{}}\n{\"doc\":{}}\n{\"index\":{}}\n\""+long+"\"\n{\"index\":{}}\n{\"last\":1}")
	want := "create i 1 {\"a\":1}\nindex at  {\"b\":\"\\n\"}\nindex at  nonsenserefused\nupdate at  refused\nindex at  refused\nindex at  {\"last\":1}\n"
	if err != nil || got != want {
		t.Errorf("got %q, %v", got, err)
	}
	for _, in := range []string{"nonsense\n", "{\"index\":{}}\n", "{\"what\":{}}\n{}\n", "[]\n", "{\"index\":{\"_id\":\"" + strings.Repeat("x", maxAction) + "\"}}\n{}\n"} {
		if _, err := bulkAll(t, in); err == nil {
			t.Errorf("%.40q is taken", in)
		}
	}
}

func TestHEC(t *testing.T) {
	for in, want := range map[string]string{
		`{"event":"a\nb","host":"h"} {"event":{"x":[1]}}`: "h:a\nb|:{\"x\":[1]}|",
		`[{"event":"a"},{"event":1}]`:                     ":a|:1|",
		`{"event":"a"}{"event":null}`:                     ":a|12@1",
		`{"event":"a"}{"event":""}`:                       ":a|13@1",
		`{"event":"a"}{"event":`:                          ":a|6@1",
		`{"event":"a"}garbage`:                            ":a|6@1",
		``:                                                "5@0",
	} {
		var b strings.Builder
		err := HEC(strings.NewReader(in), func(r Record) error {
			b.WriteString(r.Host + ":" + string(r.Data) + "|")
			return nil
		})
		var wrong *HECError
		if errors.As(err, &wrong) {
			b.WriteString(strings.Join([]string{string(rune('0' + wrong.Code%10)), "@", string(rune('0' + wrong.Event))}, ""))
			if wrong.Code > 9 {
				got := b.String()
				b.Reset()
				b.WriteString(strings.TrimSuffix(got, got[len(got)-3:]) + "1" + got[len(got)-3:])
			}
		} else if err != nil {
			t.Errorf("%s: %v", in, err)
		}
		if b.String() != want {
			t.Errorf("%s: got %q, want %q", in, b.String(), want)
		}
	}
}

func text1(s string) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: s}}
}

func otlp(body []byte, asJSON bool) (out []Record, err error) {
	err = OTLP(body, asJSON, func(r Record) error {
		out = append(out, r)
		return nil
	})
	return out, err
}

func TestOTLP(t *testing.T) {
	deep := text1("end")
	for range maxDepth + 5 {
		deep = &commonpb.AnyValue{Value: &commonpb.AnyValue_ArrayValue{ArrayValue: &commonpb.ArrayValue{Values: []*commonpb.AnyValue{deep}}}}
	}
	body, err := proto.Marshal(&logspb.LogsData{ResourceLogs: []*logspb.ResourceLogs{{ScopeLogs: []*logspb.ScopeLogs{{LogRecords: []*logspb.LogRecord{
		{TimeUnixNano: 1, Body: text1("a line"), Attributes: []*commonpb.KeyValue{{Key: "log.file.path", Value: text1("/var/log/x")}}},
		{Body: deep},
		{},
	}}}}}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := otlp(body, false)
	if err != nil || len(got) != 3 || got[0].File != "/var/log/x" || string(got[0].Data) != `{"@timestamp":"1970-01-01T00:00:00.000000001Z","log.file.path":"/var/log/x","message":"a line"}` || string(got[2].Data) != "{}" {
		t.Errorf("%v %q", err, got)
	}
	if _, err := otlp([]byte("\x0a\xff"), false); err == nil {
		t.Error("broken protobuf is taken")
	}
}

func TestFrames(t *testing.T) {
	f := NewFrames(strings.NewReader("<34>1 - a\n11 <34>1 - b\nc<13>last\n\n6 <1>x\r\n<2>" + strings.Repeat("y", MaxSyslog) + "\n<3>z"))
	var got []string
	for {
		m, err := f.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(m[:min(len(m), 12)]))
	}
	if strings.Join(got, "|") != "<34>1 - a|<34>1 - b\nc|<13>last|<1>x|<2>yyyyyyyyy|<3>z" || f.Cut != 1 {
		t.Errorf("got %q, %d cut", got, f.Cut)
	}
	for _, in := range []string{"99999999 x", "5x", "12 short", "1234567890 x"} {
		if _, err := NewFrames(strings.NewReader(in)).Next(); err == nil || err == io.EOF {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func FuzzBulk(f *testing.F) {
	f.Add([]byte("{\"index\":{}}\n{}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		_ = Bulk(bytes.NewReader(data), "i", func(i BulkItem) error {
			if i.Err == nil && (i.Doc == nil || i.Op != "create" && i.Op != "index") {
				t.Errorf("accepted %+v", i)
			}
			return nil
		})
	})
}

func FuzzHEC(f *testing.F) {
	f.Add([]byte(`{"event":"x","host":"h"}[{"event":1}]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		_ = HEC(bytes.NewReader(data), func(r Record) error {
			if len(r.Data) == 0 {
				t.Error("an empty event")
			}
			return nil
		})
	})
}

func FuzzOTLP(f *testing.F) {
	f.Add([]byte("{}"), true)
	f.Add([]byte{0x0a, 0x00}, false)
	f.Add([]byte(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"arrayValue":{"values":[{"doubleValue":"NaN"}]}}}]}]}]}`), true)
	f.Fuzz(func(t *testing.T, data []byte, asJSON bool) {
		_ = OTLP(data, asJSON, func(r Record) error {
			if !json.Valid(r.Data) {
				t.Errorf("%q", r.Data)
			}
			return nil
		})
		if asJSON {
			return
		}
		// What the library reads, this decoder reads alike.
		var req logspb.LogsData
		if (proto.UnmarshalOptions{RecursionLimit: 100}).Unmarshal(data, &req) != nil {
			return
		}
		want := 0
		for _, rl := range req.GetResourceLogs() {
			for _, sl := range rl.GetScopeLogs() {
				want += len(sl.GetLogRecords())
			}
		}
		if got, err := otlp(data, false); err == nil && len(got) != want {
			t.Errorf("%d records, the library has %d", len(got), want)
		}
	})
}

func FuzzFrames(f *testing.F) {
	f.Add([]byte("5 <1>ab<2>cd\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		frames := NewFrames(bytes.NewReader(data))
		for range data {
			m, err := frames.Next()
			if err != nil {
				return
			}
			if len(m) > MaxSyslog {
				t.Errorf("a message of %d bytes", len(m))
			}
		}
	})
}

func FuzzUnwrap(f *testing.F) {
	f.Add([]byte(`{"host":{"name":"h"},"message":"known x"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if got := Unwrap(data, knows); len(got.Data) == 0 && len(data) > 0 {
			t.Error("the record is lost")
		}
	})
}
