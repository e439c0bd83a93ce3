package mapping

import (
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/bartizan-sec/bartizan/internal/platform/fault"
)

// The form of a file:
//
//	name: opnsense-filterlog
//	description: What it is about.
//	match: Program == "filterlog"          # KQL, true for the records that the mapping takes
//	prepare: |                             # optional KQL steps: where, extend, parse, …
//	  | extend F = split(Message, ",")
//	table: DeviceNetworkEvents             # a hunting table, or a custom one: NAME_CL
//	time: EventTime                        # optional
//	actionType: iff(F[6] == "block", "ConnectionFailed", "ConnectionSuccess")
//	columns:
//	  RemoteIP: tostring(F[19])
//	logsource: {product: pfsense, category: firewall}   # how Sigma rules address the record
//	fields:
//	  dst_ip: tostring(F[19])              # what they see beside the family's own fields
//	tests:
//	  - sample: "<134>…"
//	    rows: [{RemoteIP: 198.51.100.7}]
//
// file is its content with the places of everything that is compiled.
type file struct {
	lines      []string // of the text, for places
	name       string
	text       map[string]string
	references []string
	families   []string
	override   bool
	logsource  map[string]string
	nodes      map[string]*yaml.Node // match, prepare, table, time, actionType
	columns    []named
	fields     []named
	tests      []Test
}

type named struct {
	key, value *yaml.Node
}

var nameShape = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

// at is an error about a place of the file.
func at(code fault.Code, line, column int, format string, args ...any) error {
	e := fault.Newf(code, format, args...)
	e.Details = map[string]any{"line": max(line, 1), "column": max(column, 1)}
	return e
}

func atNode(n *yaml.Node, format string, args ...any) error {
	return at(fault.Invalid, n.Line, n.Column, format, args...)
}

var yamlLine = regexp.MustCompile(`line (\d+): (.*)`)

func parseFile(text string) (*file, error) {
	if len(text) > MaxText {
		return nil, fault.Newf(fault.TooLarge, "a mapping has at most %d bytes", MaxText).On("text")
	}
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return nil, fault.Newf(fault.Invalid, "the mapping is not text").On("text")
	}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		line, message := 1, strings.TrimPrefix(err.Error(), "yaml: ")
		if m := yamlLine.FindStringSubmatch(message); m != nil {
			line, _ = strconv.Atoi(m[1])
			message = m[2]
		}
		return nil, at("syntax", line, 1, "the file is no YAML: %s", message)
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		return nil, at(fault.Invalid, 1, 1, "a mapping has lines such as name: …, match: …, table: …, columns: …")
	}
	if err := plainNodes(&doc, 0); err != nil {
		return nil, err
	}
	f := &file{lines: strings.Split(text, "\n"), text: map[string]string{}, nodes: map[string]*yaml.Node{}, logsource: map[string]string{}}
	err := each(doc.Content[0], func(key, value *yaml.Node) error { return f.member(key, value) })
	if err != nil {
		return nil, err
	}
	return f, f.complete(doc.Content[0])
}

// plainNodes refuses what lets a small file stand for a large one, and depth.
func plainNodes(n *yaml.Node, depth int) error {
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		return atNode(n, "anchors and aliases are not taken")
	}
	if depth > 20 {
		return atNode(n, "the file is nested too deeply")
	}
	for _, c := range n.Content {
		if err := plainNodes(c, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// each calls fn for the members of a YAML mapping, whose names must differ.
func each(n *yaml.Node, fn func(key, value *yaml.Node) error) error {
	if n.Kind != yaml.MappingNode {
		return atNode(n, "names with values are expected here, NAME: VALUE")
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode || seen[key.Value] {
			return atNode(key, "%s is there twice, or no name", key.Value)
		}
		seen[key.Value] = true
		if err := fn(key, n.Content[i+1]); err != nil {
			return err
		}
	}
	return nil
}

func scalar(n *yaml.Node) (string, error) {
	if n.Kind != yaml.ScalarNode {
		return "", atNode(n, "a text is expected here; put it into quotes or after |")
	}
	return n.Value, nil
}

func texts(n *yaml.Node) ([]string, error) {
	if n.Kind == yaml.ScalarNode {
		return []string{n.Value}, nil
	}
	if n.Kind != yaml.SequenceNode {
		return nil, atNode(n, "a list of texts is expected here")
	}
	var out []string
	for _, c := range n.Content {
		s, err := scalar(c)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

func (f *file) member(key, value *yaml.Node) (err error) {
	switch key.Value {
	case "name", "description":
		f.text[key.Value], err = scalar(value)
		f.nodes[key.Value] = value
	case "references":
		f.references, err = texts(value)
	case "families":
		f.families, err = texts(value)
	case "override":
		if f.override = value.Value == "true"; value.Kind != yaml.ScalarNode || value.Value != "true" && value.Value != "false" {
			err = atNode(value, "override is true or false")
		}
	case "logsource":
		err = each(value, func(k, v *yaml.Node) error {
			if k.Value != "product" && k.Value != "category" && k.Value != "service" {
				return atNode(k, "a logsource has product, category and service, not %s", k.Value)
			}
			s, err := scalar(v)
			f.logsource[k.Value] = s
			return err
		})
	case "match", "prepare", "table", "time", "actionType":
		f.text[key.Value], err = scalar(value)
		f.nodes[key.Value] = value
	case "columns":
		f.columns, err = expressions(value)
	case "fields":
		f.fields, err = expressions(value)
	case "tests":
		err = f.readTests(value)
	default:
		err = atNode(key, "a mapping has no %q; it has name, description, references, families, match, prepare, table, time, actionType, columns, logsource, fields, override and tests", key.Value)
	}
	return err
}

func expressions(n *yaml.Node) ([]named, error) {
	var out []named
	err := each(n, func(k, v *yaml.Node) error {
		if len(out) >= maxColumns {
			return atNode(k, "a mapping has at most %d columns", maxColumns)
		}
		s, err := scalar(v)
		if err == nil && strings.TrimSpace(s) == "" {
			err = atNode(v, "%s has no expression", k.Value)
		}
		out = append(out, named{k, v})
		return err
	})
	return out, err
}

func (f *file) readTests(n *yaml.Node) error {
	if n.Kind != yaml.SequenceNode {
		return atNode(n, "tests are a list")
	}
	if len(n.Content) > maxTests {
		return atNode(n, "a mapping has at most %d tests", maxTests)
	}
	for _, c := range n.Content {
		t := Test{Line: c.Line}
		err := each(c, func(k, v *yaml.Node) error {
			var err error
			switch k.Value {
			case "sample":
				t.Sample, err = scalar(v)
			case "host":
				t.Host, err = scalar(v)
			case "rows":
				if err = v.Decode(&t.Rows); err != nil {
					err = atNode(v, "rows are a list of columns with their values")
				}
			default:
				err = atNode(k, "a test has sample, host and rows, not %s", k.Value)
			}
			return err
		})
		if err != nil {
			return err
		}
		if strings.TrimSpace(t.Sample) == "" {
			return atNode(c, "the test has no sample")
		}
		f.tests = append(f.tests, t)
	}
	return nil
}

func (f *file) complete(root *yaml.Node) error {
	f.name = f.text["name"]
	switch {
	case !nameShape.MatchString(f.name) || len(f.name) > 64:
		n := f.nodes["name"]
		if n == nil {
			n = root
		}
		return atNode(n, "the name of a mapping has lower-case letters, digits and hyphens, at most 64, such as acme-firewall")
	case strings.TrimSpace(f.text["match"]) == "":
		return atNode(root, "the mapping has no match: say which records it takes, such as match: Program == \"acme\"")
	case f.text["table"] == "":
		return atNode(root, "the mapping has no table: a hunting table, or NAME_CL for one of its own")
	case len(f.columns) == 0:
		return atNode(root, "the mapping has no columns")
	case utf8.RuneCountInString(f.text["description"]) > 4000:
		return atNode(f.nodes["description"], "the description has at most 4000 characters")
	case len(f.references) > 50 || len(f.families) > 50:
		return atNode(root, "a list has at most 50 members")
	}
	return nil
}

// place maps a line and column of an expression to the file.
func (f *file) place(n *yaml.Node, line, column int) (int, int) {
	switch n.Style {
	case yaml.LiteralStyle:
		value := strings.Split(n.Value, "\n")
		at := n.Line + line // the text begins below the |
		if line-1 < len(value) && at-1 < len(f.lines) {
			raw := strings.TrimSuffix(f.lines[at-1], "\r")
			if indent := len(raw) - len(value[line-1]); indent >= 0 && strings.HasSuffix(raw, value[line-1]) {
				return at, indent + column
			}
		}
		return at, column
	case yaml.FoldedStyle:
		return n.Line, n.Column
	case yaml.SingleQuotedStyle, yaml.DoubleQuotedStyle:
		column++
	}
	if line > 1 {
		return n.Line, n.Column
	}
	return n.Line, n.Column + column - 1
}
