package reader

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

func isBufferFull(err error) bool { return errors.Is(err, bufio.ErrBufferFull) }

var columnName = regexp.MustCompile(`^[\p{L}_@][\p{L}\p{N} _.@()/#-]{0,79}$`)

// csvDelimiter returns the delimiter of a table whose first line names its columns, 0 when the text is none.
func csvDelimiter(text []byte) byte {
	first, whole := cutLine(text)
	if !whole {
		return 0
	}
	for _, d := range []byte{',', ';', '\t', '|'} {
		if bytes.IndexByte(first, d) < 0 {
			continue
		}
		names, err := csvRow(first, d)
		if err != nil || len(names) < 2 || !columnNames(names) {
			continue
		}
		second, whole := cutLine(text[min(len(text), bytes.IndexByte(text, '\n')+1):])
		if len(second) == 0 || !whole {
			return d
		}
		if row, err := csvRow(second, d); err == nil && len(row) == len(names) || bytes.Count(second, []byte{'"'})%2 == 1 {
			return d
		}
	}
	return 0
}

func columnNames(names []string) bool {
	seen := map[string]bool{}
	for i, n := range names {
		if n == "" && i == 0 { // a nameless first column holds row numbers
			continue
		}
		if !columnName.MatchString(n) || seen[n] {
			return false
		}
		seen[n] = true
	}
	return true
}

func csvRow(line []byte, delimiter byte) ([]string, error) {
	r := csv.NewReader(bytes.NewReader(line))
	r.Comma, r.LazyQuotes, r.FieldsPerRecord = rune(delimiter), true, -1
	return r.Read()
}

// csv emits each row as a JSON object with the column names of the first line. The number of a record is the line on which its row begins.
func (s *source) csv(delimiter byte) error {
	l := s.lineReader()
	var (
		names, cells []string
		row          []byte
		first        int64
		open, over   bool // inside a quoted cell; the row is over the bound
	)
	for {
		line, err := l.next()
		quotes := bytes.Count(line, []byte{'"'})
		if errors.Is(err, errTooLong) {
			over, quotes, err = true, l.quotes, nil
		}
		if err != nil {
			if open {
				s.refuse(first, Truncated, "the file ends inside a quoted cell")
			}
			if !errors.Is(err, io.EOF) {
				if isStop(err) {
					return err
				}
				s.w.refuseErr(s.name, l.Number, err)
			}
			return nil
		}
		switch {
		case !open:
			first, row = l.Number, line
		case len(row)+len(line) > s.w.opt.MaxRecord:
			over = true
		default:
			row = append(append(row, '\n'), line...)
		}
		if open = open != (quotes%2 == 1); open {
			continue
		}
		if over {
			over = false
			s.refuse(first, TooLarge, tooLong(s.w.opt.MaxRecord))
			continue
		}
		if len(bytes.TrimSpace(row)) == 0 {
			continue
		}
		if cells, err = csvRow(row, delimiter); err != nil {
			s.refuse(first, Invalid, "not a row of a CSV table: "+err.Error())
			continue
		}
		if names == nil {
			names = cells
			continue
		}
		if err := s.emit(first, rowObject(names, cells)); err != nil {
			return err
		}
	}
}

// rowObject renders a row as a JSON object of strings; empty cells stay away, cells without a column are kept under "_N".
func rowObject(names, cells []string) []byte {
	b := []byte{'{'}
	for i, c := range cells {
		name := "_" + strconv.Itoa(i+1)
		if i < len(names) {
			name = names[i]
		}
		if name == "" || c == "" {
			continue
		}
		b = member(b, name, quote(c))
	}
	return append(b, '}')
}

func member(b []byte, name string, value []byte) []byte {
	if len(b) > 1 {
		b = append(b, ',')
	}
	b = append(b, quote(name)...)
	b = append(b, ':')
	return append(b, value...)
}

func quote(s string) []byte {
	q, err := json.Marshal(strings.ToValidUTF8(s, "\uFFFD"))
	if err != nil {
		return []byte(`""`)
	}
	return q
}

// zeekHead is what the "#" lines of a Zeek log say about its rows.
type zeekHead struct {
	separator, set, empty, unset, path string
	fields, types                      []string
}

// zeek emits the rows of a Zeek log in its tabular form as the JSON objects that Zeek itself would have written, with "_path" naming the log.
func (s *source) zeek() error {
	h := zeekHead{separator: "\t", set: ",", empty: "(empty)", unset: "-"}
	l := s.lineReader()
	return s.each(l, func(line []byte) error {
		text := string(line)
		if strings.HasPrefix(text, "#") {
			h.directive(text)
			return nil
		}
		if len(h.fields) == 0 {
			s.refuse(l.Number, Invalid, "a Zeek row before the #fields line")
			return nil
		}
		return s.emit(l.Number, h.row(text))
	})
}

func (h *zeekHead) directive(text string) {
	if v, ok := strings.CutPrefix(text, "#separator "); ok {
		h.separator = unescapeZeek(v)
		return
	}
	name, rest, ok := strings.Cut(text[1:], h.separator)
	if !ok {
		return
	}
	switch name {
	case "set_separator":
		h.set = rest
	case "empty_field":
		h.empty = rest
	case "unset_field":
		h.unset = rest
	case "path":
		h.path = rest
	case "fields":
		h.fields = strings.Split(rest, h.separator)
	case "types":
		h.types = strings.Split(rest, h.separator)
	}
}

func (h *zeekHead) row(text string) []byte {
	b := member([]byte{'{'}, "_path", quote(h.path))
	for i, cell := range strings.Split(text, h.separator) {
		name, kind := "_"+strconv.Itoa(i+1), "string"
		if i < len(h.fields) {
			name = h.fields[i]
		}
		if i < len(h.types) {
			kind = h.types[i]
		}
		if cell == h.unset || name == "" {
			continue
		}
		b = member(b, name, h.value(cell, kind))
	}
	return append(b, '}')
}

func (h *zeekHead) value(cell, kind string) []byte {
	if inner, ok := strings.CutPrefix(kind, "set["); ok {
		return h.list(cell, strings.TrimSuffix(inner, "]"))
	}
	if inner, ok := strings.CutPrefix(kind, "vector["); ok {
		return h.list(cell, strings.TrimSuffix(inner, "]"))
	}
	if cell == h.empty {
		return []byte(`""`)
	}
	switch kind {
	case "bool":
		switch cell {
		case "T":
			return []byte("true")
		case "F":
			return []byte("false")
		}
	case "count", "int", "port", "double", "time", "interval":
		if json.Valid([]byte(cell)) {
			return []byte(cell)
		}
	}
	return quote(unescapeZeek(cell))
}

func (h *zeekHead) list(cell, kind string) []byte {
	b := []byte{'['}
	if cell != h.empty && h.set != "" {
		for i, c := range strings.Split(cell, h.set) {
			if i > 0 {
				b = append(b, ',')
			}
			if c == h.unset {
				b = append(b, "null"...)
				continue
			}
			b = append(b, h.value(c, kind)...)
		}
	}
	return append(b, ']')
}

// unescapeZeek resolves \xNN; a result that is not UTF-8 keeps the escapes.
func unescapeZeek(s string) string {
	if !strings.Contains(s, `\x`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) && s[i+1] == 'x' {
			if v, err := strconv.ParseUint(s[i+2:i+4], 16, 8); err == nil {
				b.WriteByte(byte(v))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	if out := b.String(); utf8.ValidString(out) {
		return out
	}
	return s
}

// w3c emits the rows of a W3C extended log (IIS, proxies) as JSON objects with the names of the "#Fields:" line; the time is kept as it stands.
func (s *source) w3c() error {
	l := s.lineReader()
	var names []string
	return s.each(l, func(line []byte) error {
		if f, ok := bytes.CutPrefix(line, []byte("#Fields:")); ok {
			names = strings.Fields(string(f))
			return nil
		}
		if line[0] == '#' {
			return nil
		}
		if names == nil {
			s.refuse(l.Number, Invalid, "a row before the #Fields: line")
			return nil
		}
		cells, err := csvRow(bytes.ReplaceAll(line, []byte{'\t'}, []byte{' '}), ' ')
		if err != nil {
			s.refuse(l.Number, Invalid, fmt.Sprintf("not a row of the log: %v", err))
			return nil
		}
		for i, c := range cells {
			if c == "-" {
				cells[i] = ""
			}
		}
		return s.emit(l.Number, rowObject(names, cells))
	})
}
