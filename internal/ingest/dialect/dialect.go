// Package dialect reads what log shippers send: Elasticsearch bulk bodies, Splunk HEC events, OTLP logs and syslog frames, and it takes off the envelope
// that a shipper puts around a record. Decoders only decode: they are bounded, do no I/O of their own and never panic on input.
package dialect

import (
	"bytes"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fastjson"
)

// Record is one source record and what its carrier says about it. Host and File are empty when the carrier does not tell.
type Record struct {
	Data []byte
	Host string // the machine the record comes from
	File string // the file it was read from there
	Peer string // who brought it, where one batch has records of several
}

// MaxRecord bounds one decoded record in bytes.
const MaxRecord = 4 << 20

// Known reports whether a family recognises the bytes as one of its records.
type Known func(data []byte) bool

// hostPaths and filePaths are where shippers say where a record comes from, the most specific first.
var (
	hostPaths = [][]string{
		{"host", "name"},
		{"host", "hostname"},
		{"agent", "hostname"},
		{"beat", "hostname"},
		{"hostname"},
		{"_HOSTNAME"},
		{"HOSTNAME"},
		{"host"},
		{"fromhost"},
		{"source_host"},
		{"log", "source", "address"},
		{"kubernetes", "host"},
		{"fields", "host"},
	}
	filePaths    = [][]string{{"log", "file", "path"}, {"file", "path"}, {"source"}, {"filename"}, {"path"}}
	payloadPaths = [][]string{{"event", "original"}, {"message"}, {"MESSAGE"}, {"log"}, {"_raw"}, {"line"}, {"msg"}}
	programPaths = [][]string{{"process", "name"}, {"SYSLOG_IDENTIFIER"}, {"_COMM"}, {"programname"}, {"program"}, {"appname"}, {"app-name"}, {"ident"}, {"syslog_program"}, {"syslogtag"}, {"tag"}, {"syslog", "identifier"}, {"log", "syslog", "appname"}}
	pidPaths     = [][]string{{"process", "pid"}, {"_PID"}, {"SYSLOG_PID"}, {"procid"}, {"pid"}, {"log", "syslog", "procid"}}
	timePaths    = [][]string{{"@timestamp"}, {"timereported"}, {"timestamp"}, {"time"}, {"__REALTIME_TIMESTAMP"}, {"date"}}
)

// Unwrap takes a record out of the envelope of its shipper. A document that a family knows stays as it is; so does one whose inside nobody knows. The
// inside is the original line (Filebeat's message, journald's MESSAGE, Fluent Bit's log); where only the program and its message are left of a syslog
// line, the line is put together again. Of a syslog line that carries a whole record (JSON, an event in XML, CEF), the record counts.
func Unwrap(data []byte, known Known) Record {
	out := Record{Data: data}
	if len(data) == 0 || len(data) > MaxRecord {
		return out
	}
	if data[0] != '{' {
		if host, inner := carried(data); inner != nil && known(inner) {
			out.Data, out.Host = bytes.Clone(inner), host
		}
		return out
	}
	if known(data) {
		return out
	}
	var p fastjson.Parser
	v, err := p.ParseBytes(data)
	if err != nil || v.Type() != fastjson.TypeObject {
		return out
	}
	out.Host, out.File = text(v, hostPaths), text(v, filePaths)
	for _, path := range payloadPaths {
		inner := at(v, path)
		if inner == nil {
			continue
		}
		switch inner.Type() {
		case fastjson.TypeString:
			b := bytes.TrimSpace(inner.GetStringBytes())
			if len(b) > 0 && known(b) {
				out.Data = append([]byte(nil), b...)
				return out
			}
		case fastjson.TypeObject:
			b := inner.MarshalTo(nil)
			if known(b) {
				out.Data = b
				return out
			}
		}
	}
	if line := syslogLine(v, out.Host); line != nil && known(line) {
		out.Data = line
	}
	return out
}

// startsSyslog is how syslog lines begin: a priority, a date, a month.
var startsSyslog = regexp.MustCompile(`^(?:<\d{1,3}>|\d{4}-\d\d-\d\dT|(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) )`)

// maxHeader bounds where in a syslog line a carried record may begin.
const maxHeader = 1024

// carried finds a whole record inside a syslog line, and the host that the line names; nil when there is none.
func carried(line []byte) (host string, inner []byte) {
	if !startsSyslog.Match(line[:min(len(line), 16)]) {
		return "", nil
	}
	head := line[:min(len(line), maxHeader)]
	at := -1
	for _, mark := range [...]string{": {", "] {", "- {", "<Event>", "<Event ", "CEF:", "LEEF:"} {
		i := bytes.Index(head, []byte(mark))
		if i <= 0 {
			continue
		}
		if mark[1] == ' ' {
			i += 2
		}
		if at < 0 || i < at {
			at = i
		}
	}
	if at < 0 {
		return "", nil
	}
	return hostOf(string(head[:at])), bytes.TrimRight(line[at:], "\r\n\x00 ")
}

// hostOf is the host in the header of a syslog line: after the time, which is one word (ISO 8601, RFC 5424) or three (RFC 3164).
func hostOf(header string) string {
	if end := strings.IndexByte(header, '>'); strings.HasPrefix(header, "<") && end > 0 {
		header = strings.TrimPrefix(header[end+1:], "1 ")
	}
	words := strings.Fields(header)
	skip := 3
	if len(words) > 0 {
		if _, err := time.Parse(time.RFC3339Nano, words[0]); err == nil || words[0] == "-" {
			skip = 1
		}
	}
	if len(words) <= skip || words[skip] == "-" || strings.HasSuffix(words[skip], ":") {
		return ""
	}
	return words[skip]
}

// syslogLine puts a line together from the parts that a shipper took it apart into, nil when it is not that.
func syslogLine(v *fastjson.Value, host string) []byte {
	program := strings.TrimSuffix(text(v, programPaths), ":")
	message := text(v, [][]string{{"message"}, {"MESSAGE"}, {"msg"}})
	time, ok := when(v)
	if program == "" || message == "" || host == "" || !ok || strings.ContainsAny(program+host, " \n") {
		return nil
	}
	pid := ""
	if i := strings.IndexByte(program, '['); i > 0 {
		program, pid = program[:i], strings.Trim(program[i:], "[]:")
	} else {
		pid = text(v, pidPaths)
	}
	if _, err := strconv.ParseUint(pid, 10, 32); err != nil {
		pid = ""
	} else {
		pid = "[" + pid + "]"
	}
	return []byte(time.UTC().Format("2006-01-02T15:04:05.000000Z") + " " + host + " " + program + pid + ": " + strings.TrimLeft(message, " "))
}

// at is the member at the path, in nested and in flattened documents; nil when there is none.
func at(v *fastjson.Value, path []string) *fastjson.Value {
	if inner := v.Get(path...); inner != nil || len(path) == 1 {
		return inner
	}
	return v.Get(strings.Join(path, "."))
}

// text is the first of the paths that holds a text or a number.
func text(v *fastjson.Value, paths [][]string) string {
	for _, path := range paths {
		inner := at(v, path)
		if inner == nil {
			continue
		}
		switch inner.Type() {
		case fastjson.TypeString:
			if b := inner.GetStringBytes(); len(b) > 0 && len(b) <= MaxRecord {
				return string(b)
			}
		case fastjson.TypeNumber:
			return string(inner.MarshalTo(nil))
		}
	}
	return ""
}

// when is the time that the envelope tells: RFC 3339, or seconds to microseconds since 1970.
func when(v *fastjson.Value) (time.Time, bool) {
	s := text(v, timePaths)
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t, true
	}
	n, err := strconv.ParseFloat(s, 64)
	return epoch(n), err == nil && n > 0 && n < 1e19
}

// epoch reads a number since 1970 whose unit its size tells: seconds, milliseconds, microseconds or nanoseconds.
func epoch(n float64) time.Time {
	for n > 1e11 {
		n /= 1000
	}
	whole, part := math.Modf(n)
	return time.Unix(int64(whole), int64(part*1e9)).UTC()
}
