package normalise

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/valyala/fastjson"

	"github.com/bartizan-sec/bartizan/internal/schema"
)

// What no family has a table for becomes a row of a custom table, so that hunting sees it: objects become columns of their own ("user.name" → user_name_s),
// lists and what lies deeper than maxCustomDepth one dynamic column (_j). A column's name ends in the type of its values, as in custom logs elsewhere: a field
// that changes its type fills a second column, whichever came first, and no row is ever refused for it. Types are taken as they stand: texts stay texts, even
// when they look like a number or an id now and then; only complete ISO times become datetimes.
const (
	maxCustomDepth  = 8
	maxCustomFields = 1000    // columns of one row; the rest goes into AdditionalFields
	maxCustomText   = 1 << 20 // bytes of a text record that are kept
	maxShapes       = 4096    // descriptions that are remembered
)

// CustomTable names the custom table for a kind of record as Batch.Unmapped names it: "network/squid" gives Squid_CL.
func CustomTable(kind string) string {
	family, rest, _ := strings.Cut(kind, "/")
	word := rest
	switch family {
	case "generic":
		if rest == "json" || rest == "text" {
			return schema.GenericTable
		}
	case "winlog":
		word = "windows-event"
	case "linux":
		switch first, _, _ := strings.Cut(rest, "/"); first {
		case "auditd", "osquery":
			word = first
		default:
			word = "syslog"
		}
	case "network", "hunting", "cef":
	default:
		word = family
	}
	if schema.CustomName(word) { // an export of such a table from elsewhere
		return word
	}
	name := camel(word)
	if name == "" {
		name = camel(family)
	}
	if name = name[:min(len(name), schema.MaxCustomName-len(schema.CustomSuffix))] + schema.CustomSuffix; schema.CustomName(name) {
		return name
	}
	return schema.GenericTable
}

// camel joins the words of a name, each with a capital; what is no letter or digit parts words.
func camel(s string) string {
	out := make([]byte, 0, len(s))
	up := true
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z':
			if up {
				c -= 'a' - 'A'
			}
		case c >= 'A' && c <= 'Z':
		case c >= '0' && c <= '9':
			if len(out) == 0 {
				continue
			}
		default:
			up = true
			continue
		}
		out = append(out, c)
		up = false
	}
	return string(out)
}

// Customs makes rows of custom tables. It is used by one goroutine.
type Customs struct {
	parser fastjson.Parser
	shapes map[string]*schema.Table
	key    []byte
	cells  []customCell
	seen   map[string]bool
	rest   Dynamic
}

type customCell struct {
	name  string
	kind  schema.Type
	value any
}

// NewCustoms returns an empty Customs.
func NewCustoms() *Customs {
	return &Customs{shapes: map[string]*schema.Table{}, seen: map[string]bool{}}
}

// Row makes the row for a record of the kind. events is what the family made of it for rules: it tells the time, and the fields of records that are no JSON.
func (c *Customs) Row(rec *Record, kind string, events []*Event) *schema.Row {
	c.cells, c.rest = c.cells[:0], Dynamic{}
	clear(c.seen)
	var at time.Time
	var fields Fields
	if len(events) > 0 {
		at, fields = events[0].Time, events[0].Fields
	}
	raw := ""
	if v := c.object(rec.Data, kind); v != nil {
		c.flatten("", v, 0)
	} else {
		if raw = plainText(rec.Data); strings.HasPrefix(raw, "<") && len(fields) > 2 || strings.HasPrefix(raw, "{") {
			raw = "" // the fields say it all
		}
		for _, f := range fields {
			if f.Value.Kind == String && raw != "" && f.Value.Text == raw {
				continue
			}
			c.field(f)
		}
	}
	r := c.shape(CustomTable(kind), kind)
	for i, cell := range c.cells {
		r.Values[r.Table.Column(c.cells[i].name)] = cell.value
	}
	if at.IsZero() {
		at = rec.Received
	}
	r.Set("Timestamp", at)
	r.Set("Computer", rec.Host)
	r.Set("SourceKind", kind)
	r.Set("RawData", raw)
	r.Set("AdditionalFields", c.rest.String())
	return r
}

// object reads a record that is a JSON object. Windows events come in many envelopes, so their fields are taken from the family.
func (c *Customs) object(data []byte, kind string) *fastjson.Value {
	data = bytes.TrimSpace(data)
	if len(data) == 0 || data[0] != '{' || strings.HasPrefix(kind, "winlog/") || !json.Valid(data) {
		return nil
	}
	if !utf8.Valid(data) {
		data = bytes.ToValidUTF8(data, []byte("\uFFFD"))
	}
	v, err := c.parser.ParseBytes(data)
	if err != nil || v.Type() != fastjson.TypeObject {
		return nil
	}
	return v
}

func plainText(data []byte) string {
	data = bytes.TrimSpace(data)
	if len(data) > maxCustomText {
		data = data[:maxCustomText]
	}
	return strings.ToValidUTF8(string(data), "\uFFFD")
}

func (c *Customs) flatten(name string, v *fastjson.Value, depth int) {
	switch v.Type() {
	case fastjson.TypeObject:
		o, _ := v.Object()
		if depth >= maxCustomDepth || o.Len() == 0 && name != "" {
			c.put(name, schema.Dynamic, JSON(v))
			return
		}
		o.Visit(func(key []byte, m *fastjson.Value) {
			n := string(key)
			if name != "" {
				n = name + "." + n
			}
			c.flatten(n, m, depth+1)
		})
	case fastjson.TypeArray:
		c.put(name, schema.Dynamic, JSON(v))
	case fastjson.TypeNull:
	default:
		c.scalar(name, Scalar(v))
	}
}

func (c *Customs) field(f Field) {
	switch f.Value.Kind {
	case Null:
	case List:
		c.put(f.Name, schema.Dynamic, string(f.Value.AppendJSON(nil)))
	default:
		c.scalar(f.Name, f.Value)
	}
}

func (c *Customs) scalar(name string, v Value) {
	switch v.Kind {
	case Bool:
		c.put(name, schema.Bool, v.Text == "true")
	case Number:
		if f, ok := exactReal(v.Text); ok {
			c.put(name, schema.Real, f)
			return
		}
		c.put(name, schema.String, v.Text)
	default:
		if v.Text == "" {
			return
		}
		if t, ok := completeTime(v.Text); ok {
			c.put(name, schema.DateTime, schema.Ticks(t))
			return
		}
		c.put(name, schema.String, v.Text)
	}
}

// exactReal reads a number that a real can hold: ids beyond 2^53 would come out as others, and stay texts.
func exactReal(s string) (float64, bool) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(f, 0) || f == math.Trunc(f) && math.Abs(f) > 1<<53 {
		return 0, false
	}
	return f, true
}

// completeTime reads a time that says date, time and zone: 2031-02-03T04:05:06Z.
func completeTime(s string) (time.Time, bool) {
	if len(s) < 20 || len(s) > 35 || s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' || s[16] != ':' {
		return time.Time{}, false
	}
	if last := s[len(s)-1]; last != 'Z' && s[len(s)-6] != '+' && s[len(s)-6] != '-' {
		return time.Time{}, false
	}
	return ParseTime(s)
}

// put adds a column, or a member of AdditionalFields where the name is taken or cannot be one.
func (c *Customs) put(name string, kind schema.Type, value any) {
	column := columnName(name) + schema.Suffix(kind)
	if len(c.cells) < maxCustomFields && !c.seen[column] && schema.ColumnName(column) {
		c.seen[column] = true
		c.cells = append(c.cells, customCell{column, kind, value})
		return
	}
	switch x := value.(type) {
	case string:
		if kind == schema.Dynamic {
			c.rest.Raw(name, x)
		} else {
			c.rest.Text(name, x)
		}
	case bool:
		c.rest.Bool(name, x)
	case float64:
		c.rest.Raw(name, strconv.FormatFloat(x, 'g', -1, 64))
	case int64:
		c.rest.Text(name, schema.TimeOf(x).Format(time.RFC3339Nano))
	}
}

// columnName makes a name of letters, digits and underscores.
func columnName(s string) string {
	out := make([]byte, 0, len(s)+1)
	for i := 0; i < len(s) && len(out) <= schema.MaxCustomName; i++ {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			out = append(out, c)
			continue
		}
		if len(out) > 0 && c < utf8.RuneSelf && (len(out) == 0 || out[len(out)-1] != '_') {
			out = append(out, '_')
		}
	}
	s = strings.TrimRight(string(out), "_")
	if s != "" && s[0] >= '0' && s[0] <= '9' {
		s = "f" + s
	}
	return s
}

// shape returns an empty row for the cells.
func (c *Customs) shape(table, source string) *schema.Row {
	c.key = append(c.key[:0], table...)
	for i := range c.cells {
		c.key = append(append(append(c.key, 0), c.cells[i].name...), c.cells[i].kind[0])
	}
	t := c.shapes[string(c.key)]
	if t == nil {
		columns := make([]schema.Column, len(c.cells))
		for i, cell := range c.cells {
			columns[i] = schema.Column{Name: cell.name, Type: cell.kind}
		}
		t = schema.NewCustom(table, columns)
		t.Source = source
		if len(c.shapes) >= maxShapes {
			clear(c.shapes)
		}
		c.shapes[string(c.key)] = t
	}
	return &schema.Row{Table: t, Values: make([]any, len(t.Columns))}
}
