package fn

import (
	"encoding/csv"
	"encoding/xml"
	"math/big"
	"strconv"
	"strings"

	"github.com/bartizan-sec/bartizan/kql/plan"
)

func parseFunctions() map[string]impl {
	return map[string]impl{
		"parse_csv":          parseCSV,
		"parse_xml":          parseXML,
		"parse_version":      parseVersion,
		"parse_path":         parsePath,
		"parse_command_line": parseCommandLine,
	}
}

// parseCSV gives the fields of the first record.
func parseCSV(c *call) any {
	if c.str(0) == "" {
		return tree{[]any{""}}
	}
	r := csv.NewReader(strings.NewReader(c.str(0)))
	r.LazyQuotes = true
	r.FieldsPerRecord = -1
	rec, err := r.Read()
	if err != nil {
		return tree{[]any{c.str(0)}}
	}
	return tree{strs(rec)}
}

// parseXML turns a document into a bag: elements by name (an array where a name repeats), attributes with @, text beside them as #text.
func parseXML(c *call) any {
	d := xml.NewDecoder(strings.NewReader(c.str(0)))
	d.Strict = false
	d.Entity = map[string]string{}
	d.CharsetReader = nil
	out := newBag(1)
	for {
		t, err := d.RawToken()
		if err != nil {
			return nil
		}
		if start, ok := t.(xml.StartElement); ok {
			v, ok := xmlElement(d, start, 0)
			if !ok {
				return nil
			}
			out.set(xmlName(start.Name), v)
			return tree{out}
		}
	}
}

func xmlName(n xml.Name) string {
	if n.Space != "" {
		return n.Space + ":" + n.Local
	}
	return n.Local
}

func xmlElement(d *xml.Decoder, start xml.StartElement, depth int) (any, bool) {
	if depth > maxDepth {
		return nil, false
	}
	b := newBag(len(start.Attr))
	for _, a := range start.Attr {
		b.set("@"+xmlName(a.Name), a.Value)
	}
	var content strings.Builder
	for {
		t, err := d.RawToken()
		if err != nil {
			return nil, false
		}
		switch x := t.(type) {
		case xml.StartElement:
			v, ok := xmlElement(d, x, depth+1)
			if !ok {
				return nil, false
			}
			name := xmlName(x.Name)
			switch old := b.vals[name].(type) {
			case nil:
				if _, has := b.get(name); has {
					b.set(name, []any{nil, v})
				} else {
					b.set(name, v)
				}
			case []any:
				b.set(name, append(old, v))
			default:
				b.set(name, []any{old, v})
			}
		case xml.CharData:
			content.Write(x)
		case xml.EndElement:
			s := strings.TrimSpace(content.String())
			if len(b.keys) == 0 {
				if s == "" {
					return nil, true
				}
				return s, true
			}
			if s != "" {
				b.set("#text", s)
			}
			return b, true
		}
	}
}

// parseVersion makes a comparable decimal of up to four parts of up to eight digits.
func parseVersion(c *call) any {
	parts := strings.Split(strings.TrimSpace(c.str(0)), ".")
	if len(parts) > 4 {
		return nil
	}
	n := new(big.Int)
	for i := range 4 {
		n.Mul(n, big.NewInt(100_000_000))
		if i < len(parts) {
			v, err := strconv.ParseUint(parts[i], 10, 64)
			if err != nil || len(parts[i]) > 8 {
				return nil
			}
			n.Add(n, new(big.Int).SetUint64(v))
		}
	}
	if c.t == plan.Decimal || c.t == plan.Unknown {
		return n.String()
	}
	return Convert(Value{T: plan.Decimal, V: n.String()}, c.t).V
}

// parsePath splits a Windows or Unix path, a share, or a file URL.
func parsePath(c *call) any {
	s := c.str(0)
	out := newBag(7)
	scheme, path := "", s
	if i := strings.Index(s, "://"); i > 0 {
		scheme, path = s[:i], s[i+3:]
	}
	root := ""
	bare := strings.TrimPrefix(path, `\\?\`)
	if len(bare) >= 2 && bare[1] == ':' {
		root = bare[:2]
	}
	stream := ""
	if i := strings.LastIndexByte(path, ':'); i > 1 && !strings.ContainsAny(path[i:], `\/`) && (root == "" || i > strings.Index(path, root)+1) {
		path, stream = path[:i], path[i+1:]
	}
	dir, file := "", path
	if i := strings.LastIndexAny(path, `\/`); i >= 0 {
		dir, file = path[:i], path[i+1:]
	}
	parent := dir
	if i := strings.LastIndexAny(dir, `\/`); i >= 0 {
		parent = dir[i+1:]
	}
	ext := ""
	if i := strings.LastIndexByte(file, '.'); i > 0 {
		ext = file[i+1:]
	}
	for _, kv := range [][2]string{
		{"Scheme", scheme}, {"RootPath", root}, {"DirectoryPath", dir}, {"DirectoryName", parent}, {"Filename", file}, {"Extension", ext}, {"AlternateDataStreamName", stream},
	} {
		out.set(kv[0], kv[1])
	}
	return tree{out}
}

// parseCommandLine splits as the Windows C runtime does: blanks part arguments, quotes hold them together, backslashes escape only before a quote.
func parseCommandLine(c *call) any {
	s := c.str(0)
	out := []any{}
	for i := 0; i < len(s); {
		if s[i] == ' ' || s[i] == '\t' || s[i] == '\n' || s[i] == '\r' {
			i++
			continue
		}
		var b strings.Builder
		quoted := false
		for i < len(s) {
			ch := s[i]
			if !quoted && (ch == ' ' || ch == '\t' || ch == '\n' || ch == '\r') {
				break
			}
			if ch == '\\' {
				j := i
				for j < len(s) && s[j] == '\\' {
					j++
				}
				n := j - i
				i = j
				if i < len(s) && s[i] == '"' {
					b.WriteString(strings.Repeat(`\`, n/2))
					if n%2 == 1 {
						b.WriteByte('"')
						i++
					}
					continue
				}
				b.WriteString(strings.Repeat(`\`, n))
				continue
			}
			if ch == '"' {
				if quoted && i+1 < len(s) && s[i+1] == '"' {
					b.WriteByte('"')
					i += 2
					continue
				}
				quoted = !quoted
				i++
				continue
			}
			b.WriteByte(ch)
			i++
		}
		out = append(out, b.String())
	}
	if len(out) == 0 {
		return nil
	}
	return tree{out}
}
