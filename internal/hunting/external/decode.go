package external

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
	"github.com/bartizan-sec/bartizan/kql/engine"
	"github.com/bartizan-sec/bartizan/kql/fn"
	"github.com/bartizan-sec/bartizan/kql/plan"
)

func asOutbound(err error, target **engine.OutboundError) bool { return errors.As(err, target) }

// unpack takes compression off: gzip, or the first file of a zip archive. It also tells the name of what is inside.
func unpack(raw []byte, name string, limit int64) ([]byte, string, error) {
	var inner io.Reader
	switch {
	case bytes.HasPrefix(raw, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(bytes.NewReader(raw))
		if err != nil {
			return nil, "", malformed("gzip", err)
		}
		inner, name = z, strings.TrimSuffix(strings.TrimSuffix(name, ".gz"), ".GZ")
	case bytes.HasPrefix(raw, []byte("PK\x03\x04")):
		z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
		if err != nil {
			return nil, "", malformed("zip", err)
		}
		for _, f := range z.File {
			if f.FileInfo().IsDir() {
				continue
			}
			r, err := f.Open()
			if err != nil {
				return nil, "", malformed("zip", err)
			}
			defer r.Close()
			inner, name = r, path.Base(f.Name)
			break
		}
		if inner == nil {
			return nil, name, nil
		}
	default:
		return raw, name, nil
	}
	text, err := io.ReadAll(io.LimitReader(inner, limit+1))
	if err != nil {
		return nil, "", malformed("archive", err)
	}
	if int64(len(text)) > limit {
		return nil, "", tooLarge(limit)
	}
	return text, name, nil
}

func malformed(what string, err error) error {
	return &fault.Error{Code: "runtime", Message: fmt.Sprintf("what externaldata reads is not a %s file: %s", what, err)}
}

// formatOf is the format that the query names, or that the file's name tells, else csv.
func formatOf(format, name string) string {
	if format != "" {
		return strings.ToLower(format)
	}
	switch ext := strings.TrimPrefix(strings.ToLower(path.Ext(name)), "."); ext {
	case "tsv", "psv", "txt", "json", "csv":
		return ext
	case "jsonl", "ndjson", "multijson":
		return "multijson"
	case "ioc", "list", "ipset", "netset", "log":
		return "txt"
	}
	return "csv"
}

// collector gathers rows up to the limit.
type collector struct {
	ctx  context.Context
	cols []plan.Column
	rows [][]any
	max  int
	skip bool // the first record is a header
}

var errRows = errors.New("too many rows")

func (c *collector) add(row []any) error {
	if c.skip {
		c.skip = false
		return nil
	}
	if len(c.rows) >= c.max {
		return errRows
	}
	if len(c.rows)%1000 == 0 && c.ctx.Err() != nil {
		return c.ctx.Err()
	}
	c.rows = append(c.rows, row)
	return nil
}

// decode makes rows of a text. Delimited formats bind columns by place, JSON by name.
func decode(ctx context.Context, text []byte, format string, x *plan.External, max int) ([][]any, error) {
	c := &collector{ctx: ctx, cols: x.Cols, max: max}
	for name, value := range x.Props {
		if strings.EqualFold(name, "ignoreFirstRecord") {
			c.skip = strings.EqualFold(value, "true") || value == "1"
		}
	}
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(text) {
		text = bytes.ToValidUTF8(text, []byte("\uFFFD"))
	}
	var err error
	switch format {
	case "txt":
		err = c.lines(text)
	case "raw":
		err = c.add(c.texts([]string{string(text)}))
	case "csv":
		err = c.delimited(text, ',')
	case "tsv", "tsve":
		err = c.tabs(text, format == "tsve")
	case "psv":
		err = c.delimited(text, '|')
	case "scsv":
		err = c.delimited(text, ';')
	case "sohsv":
		err = c.delimited(text, '\x01')
	case "json", "multijson", "singlejson":
		err = c.objects(text)
	default:
		return nil, fault.Newf("unsupported", "externaldata reads csv, tsv, tsve, psv, scsv, sohsv, txt, raw, json and multijson, not %q", format)
	}
	if errors.Is(err, errRows) {
		return nil, fault.Newf(fault.Limit, "what externaldata reads has more rows than it may have").On("hunt.external-rows")
	}
	return c.rows, err
}

// lines makes a row of each line, in the first column.
func (c *collector) lines(text []byte) error {
	for len(text) > 0 {
		line := text
		if i := bytes.IndexByte(text, '\n'); i >= 0 {
			line, text = text[:i], text[i+1:]
		} else {
			text = nil
		}
		if err := c.add(c.texts([]string{string(bytes.TrimSuffix(line, []byte{'\r'}))})); err != nil {
			return err
		}
	}
	return nil
}

func (c *collector) delimited(text []byte, comma rune) error {
	r := csv.NewReader(bytes.NewReader(text))
	r.Comma, r.FieldsPerRecord, r.LazyQuotes, r.ReuseRecord = comma, -1, true, true
	for {
		record, err := r.Read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return malformed("delimited", err)
		}
		if err := c.add(c.texts(record)); err != nil {
			return err
		}
	}
}

// tabs splits at tabs; quotes mean nothing there. In tsve a backslash escapes.
func (c *collector) tabs(text []byte, escaped bool) error {
	unescape := strings.NewReplacer(`\t`, "\t", `\n`, "\n", `\r`, "\r", `\\`, `\`)
	for line := range strings.SplitSeq(string(text), "\n") {
		line = strings.TrimSuffix(line, "\r")
		if line == "" {
			continue
		}
		record := strings.Split(line, "\t")
		if escaped {
			for i := range record {
				record[i] = unescape.Replace(record[i])
			}
		}
		if err := c.add(c.texts(record)); err != nil {
			return err
		}
	}
	return nil
}

// texts converts fields to the columns' types by place. A field that is no such value is null.
func (c *collector) texts(fields []string) []any {
	row := make([]any, len(c.cols))
	for i, col := range c.cols {
		switch {
		case i >= len(fields):
			if col.Type == plan.String {
				row[i] = ""
			}
		case col.Type == plan.String:
			row[i] = fields[i]
		default:
			row[i] = convert(strings.TrimSpace(fields[i]), col.Type)
		}
	}
	return row
}

func convert(s string, t plan.Type) any {
	if s == "" {
		return nil
	}
	if t == plan.Dynamic {
		if json.Valid([]byte(s)) {
			return s
		}
		b, _ := json.Marshal(s)
		return string(b)
	}
	return fn.Convert(fn.Value{T: plan.String, V: s}, t).V
}

// objects reads JSON objects, one after another or in an array.
func (c *collector) objects(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	for {
		var raw json.RawMessage
		if err := d.Decode(&raw); err == io.EOF {
			return nil
		} else if err != nil {
			return malformed("JSON", err)
		}
		if raw[0] != '[' {
			if err := c.object(raw); err != nil {
				return err
			}
			continue
		}
		var list []json.RawMessage
		if err := json.Unmarshal(raw, &list); err != nil {
			return malformed("JSON", err)
		}
		for _, item := range list {
			if err := c.object(item); err != nil {
				return err
			}
		}
	}
}

func (c *collector) object(raw json.RawMessage) error {
	var members map[string]json.RawMessage
	row := make([]any, len(c.cols))
	if json.Unmarshal(raw, &members) != nil { // not an object: the only column gets it whole
		members = map[string]json.RawMessage{}
		if len(c.cols) > 0 {
			members[c.cols[0].Name] = raw
		}
	}
	for i, col := range c.cols {
		v, ok := members[col.Name]
		var s string
		switch {
		case !ok || string(v) == "null":
			if col.Type == plan.String {
				row[i] = ""
			}
		case col.Type == plan.Dynamic:
			row[i] = string(v)
		case json.Unmarshal(v, &s) == nil:
			if col.Type == plan.String {
				row[i] = s
			} else {
				row[i] = convert(s, col.Type)
			}
		case col.Type == plan.String:
			row[i] = string(v)
		default:
			row[i] = convert(string(v), col.Type)
		}
	}
	return c.add(row)
}
