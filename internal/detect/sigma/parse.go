package sigma

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/bartizan-sec/bartizan/internal/normalise"
)

// Parse reads the documents of one rule file. A document that cannot be used gives an Issue; where it is recognisably a rule, the Rule is returned
// as well, with Where nil, so that it can be shown. path is only used in messages.
func Parse(path string, data []byte, opt Options) ([]*Rule, []Issue) {
	f := &file{path: path, opt: &opt}
	if len(data) > maxFileBytes {
		f.fail(Invalid, 0, "file of %d bytes is larger than %d", len(data), maxFileBytes)
		return nil, f.issues
	}
	f.lines = splitLines(data)
	f.documents(data)
	return f.rules, f.issues
}

// file is one parse in progress.
type file struct {
	path   string
	opt    *Options
	lines  []string
	nodes  int // left to be visited is maxNodes-nodes
	global *yaml.Node
	last   *yaml.Node // document that `action: repeat` starts from
	rules  []*Rule
	issues []Issue
}

func (f *file) fail(code string, line int, format string, args ...any) {
	f.issues = append(f.issues, Issue{Code: code, Path: f.path, Line: line, Message: fmt.Sprintf(format, args...)})
}

func splitLines(data []byte) []string { return strings.SplitAfter(string(data), "\n") }

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

func (f *file) documents(data []byte) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for n := 0; ; n++ {
		if n == maxDocuments {
			f.fail(Invalid, 0, "more than %d documents", maxDocuments)
			return
		}
		var doc yaml.Node
		err := decode(dec, &doc)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			line, text := 0, err.Error()
			if m := yamlLine.FindStringSubmatch(text); m != nil {
				line, _ = strconv.Atoi(m[1])
				text = m[2]
			}
			f.fail(Syntax, line, "not valid YAML: %s", text)
			return
		}
		if len(doc.Content) == 0 || doc.Content[0].Tag == "!!null" {
			continue
		}
		f.document(doc.Content[0])
	}
}

// decode turns a panic of the YAML library on odd input into an error.
func decode(dec *yaml.Decoder, doc *yaml.Node) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("yaml: %v", r)
		}
	}()
	return dec.Decode(doc)
}

func (f *file) document(n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		f.fail(Syntax, n.Line, "a rule is a mapping, not %s", kindName(n))
		return
	}
	if err := f.measure(n, 0); err != nil {
		f.fail(Invalid, n.Line, "%v", err)
		return
	}
	switch action := scalar(child(n, "action")); action {
	case "":
	case "global":
		f.global = n
		return
	case "reset":
		f.global = nil
		return
	case "repeat":
		if f.last == nil {
			f.fail(Invalid, n.Line, "action: repeat without a rule before it")
			return
		}
		n = merge(f.last, n)
	default:
		f.fail(Unsupported, n.Line, "action %q is not known", action)
		return
	}
	if f.global != nil {
		n = merge(f.global, n)
	}
	f.last = n
	f.rule(n)
}

// measure bounds the nodes a document has with aliases expanded, and its depth, and refuses a key given twice.
func (f *file) measure(n *yaml.Node, depth int) error {
	f.nodes++
	if f.nodes > maxNodes {
		return fmt.Errorf("more than %d YAML nodes with aliases expanded", maxNodes)
	}
	if depth > maxNesting {
		return fmt.Errorf("line %d: nested deeper than %d", n.Line, maxNesting)
	}
	if len(n.Value) > maxValueBytes {
		return fmt.Errorf("line %d: a value of %d bytes is larger than %d", n.Line, len(n.Value), maxValueBytes)
	}
	if n.Kind == yaml.AliasNode {
		return f.measure(n.Alias, depth+1)
	}
	if n.Kind == yaml.MappingNode {
		seen := make(map[string]bool, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			k := n.Content[i]
			if k.Kind != yaml.ScalarNode {
				return fmt.Errorf("line %d: a key must be text", k.Line)
			}
			if seen[k.Value] {
				return fmt.Errorf("line %d: key %q is given twice", k.Line, k.Value)
			}
			seen[k.Value] = true
		}
	}
	for _, c := range n.Content {
		if err := f.measure(c, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// merge lays over's keys over base's; mappings that both have are merged in depth.
func merge(base, over *yaml.Node) *yaml.Node {
	out := &yaml.Node{Kind: yaml.MappingNode, Tag: base.Tag, Line: over.Line}
	for i := 0; i+1 < len(base.Content); i += 2 {
		key, value := base.Content[i], resolve(base.Content[i+1])
		if key.Value == "action" {
			continue
		}
		if o := child(over, key.Value); o != nil {
			if o.Kind == yaml.MappingNode && value.Kind == yaml.MappingNode {
				value = merge(value, o)
			} else {
				value = o
			}
		}
		out.Content = append(out.Content, key, value)
	}
	for i := 0; i+1 < len(over.Content); i += 2 {
		if key := over.Content[i]; key.Value != "action" && child(base, key.Value) == nil {
			out.Content = append(out.Content, key, over.Content[i+1])
		}
	}
	return out
}

func resolve(n *yaml.Node) *yaml.Node {
	for range maxNesting {
		if n == nil || n.Kind != yaml.AliasNode {
			return n
		}
		n = n.Alias
	}
	return nil
}

func child(n *yaml.Node, key string) *yaml.Node {
	for i := 0; n != nil && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return resolve(n.Content[i+1])
		}
	}
	return nil
}

func scalar(n *yaml.Node) string {
	if n == nil || n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		return ""
	}
	return n.Value
}

func kindName(n *yaml.Node) string {
	switch {
	case n == nil:
		return "nothing"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	}
	return fmt.Sprintf("the value %q", n.Value)
}

// rule reads one complete document.
func (f *file) rule(n *yaml.Node) {
	r := &Rule{
		ID: scalar(child(n, "id")), Title: scalar(child(n, "title")), Description: strings.TrimSpace(scalar(child(n, "description"))),
		Status: strings.ToLower(scalar(child(n, "status"))), Level: strings.ToLower(scalar(child(n, "level"))), Author: scalar(child(n, "author")),
		Recommended: strings.TrimSpace(scalar(child(n, "recommended"))),
		Path:        f.path, Line: n.Line, Source: f.source(n),
	}
	fail := func(code string, line int, format string, args ...any) {
		f.fail(code, line, format, args...)
		i := &f.issues[len(f.issues)-1]
		i.RuleID, i.Title = r.ID, r.Title
	}
	if c := child(n, "correlation"); c != nil {
		fail(Unsupported, n.Line, "correlation rules (%s) are not supported yet", scalar(child(c, "type")))
		f.keep(r)
		return
	}
	if child(n, "filter") != nil && child(n, "detection") == nil {
		fail(Unsupported, n.Line, "filter documents are not supported yet")
		return
	}
	if r.Title == "" {
		fail(Invalid, n.Line, "the rule has no title")
		return
	}
	if r.ID == "" {
		sum := sha256.Sum256([]byte("sigma rule\x00" + r.Title + "\x00" + r.Author))
		r.ID = hex.EncodeToString(sum[:16])
	}
	for _, list := range []struct {
		key string
		to  *[]string
	}{{"tags", &r.Tags}, {"references", &r.References}, {"falsepositives", &r.FalsePositives}} {
		values, err := stringList(child(n, list.key))
		if err != nil {
			fail(Invalid, n.Line, "%s: %v", list.key, err)
			return
		}
		*list.to = values
	}
	switch r.Level {
	case "", "informational", "low", "medium", "high", "critical":
	default:
		fail(Invalid, child(n, "level").Line, "level %q is not one of informational, low, medium, high, critical", r.Level)
		r.Level = ""
		f.keep(r)
		return
	}
	f.keep(r)
	if code, line, err := f.logic(n, r); err != nil {
		fail(code, line, "%v", err)
		r.Where = nil
	}
}

func (f *file) keep(r *Rule) {
	if r.ID != "" && r.Title != "" {
		f.rules = append(f.rules, r)
	}
}

// source is the text of the document that starts at the node, with global parts left in their own document.
func (f *file) source(n *yaml.Node) string {
	start := max(0, n.Line-1)
	var b strings.Builder
	for i := start; i < len(f.lines); i++ {
		if i > start && strings.HasPrefix(f.lines[i], "---") {
			break
		}
		b.WriteString(f.lines[i])
	}
	return b.String()
}

func stringList(n *yaml.Node) ([]string, error) {
	switch {
	case n == nil || n.Tag == "!!null":
		return nil, nil
	case n.Kind == yaml.ScalarNode:
		return []string{n.Value}, nil
	case n.Kind != yaml.SequenceNode:
		return nil, fmt.Errorf("takes a list, not %s", kindName(n))
	}
	var out []string
	for _, c := range n.Content {
		if c = resolve(c); c == nil || c.Kind != yaml.ScalarNode {
			return nil, fmt.Errorf("takes a list of texts, not %s", kindName(c))
		}
		if c.Tag != "!!null" {
			out = append(out, c.Value)
		}
	}
	return out, nil
}

// logic reads logsource and detection into r.
func (f *file) logic(n *yaml.Node, r *Rule) (code string, line int, err error) {
	src := child(n, "logsource")
	if src == nil || src.Kind != yaml.MappingNode {
		return Invalid, n.Line, errors.New("the rule has no logsource")
	}
	r.Logsource = normalise.Logsource{
		Product: strings.ToLower(scalar(child(src, "product"))), Category: strings.ToLower(scalar(child(src, "category"))),
		Service: strings.ToLower(scalar(child(src, "service"))),
	}
	if r.Logsource == (normalise.Logsource{}) {
		return Invalid, src.Line, errors.New("the logsource names no product, category or service")
	}
	det := child(n, "detection")
	if det == nil || det.Kind != yaml.MappingNode {
		return Invalid, n.Line, errors.New("the rule has no detection")
	}
	p := &detection{opt: f.opt, left: maxValues}
	selections := map[string]*Expr{}
	for i := 0; i+1 < len(det.Content); i += 2 {
		key, value := det.Content[i], resolve(det.Content[i+1])
		if key.Value == "condition" {
			continue
		}
		if key.Value == "timeframe" {
			// It only bounds an aggregation; the condition is refused by name below when it has one.
			continue
		}
		e, err := p.selection(value)
		if err != nil {
			return codeOf(err), p.line, fmt.Errorf("selection %q: %w", key.Value, err)
		}
		selections[key.Value] = e
	}
	cond := child(det, "condition")
	texts, err := stringList(cond)
	if err != nil || len(texts) == 0 {
		return Invalid, det.Line, errors.New("the detection has no condition")
	}
	var alternatives []*Expr
	for _, text := range texts {
		e, err := parseCondition(text, selections)
		if err != nil {
			return codeOf(err), cond.Line, err
		}
		alternatives = append(alternatives, e)
	}
	if child(det, "timeframe") != nil {
		return Unsupported, det.Line, errors.New("timeframe is not supported; Sigma deprecated it in favour of correlation rules")
	}
	r.Where = some(alternatives...)
	if size(r.Where, maxValues*4) > maxValues*4 {
		r.Where = nil
		return Invalid, cond.Line, errors.New("the condition names its selections so often that it becomes too large")
	}
	return "", 0, nil
}

// size counts the nodes of e, stopping beyond limit.
func size(e *Expr, limit int) int {
	n := 1
	for _, a := range e.Args {
		if n > limit {
			break
		}
		n += size(a, limit-n)
	}
	return n
}

func codeOf(err error) string {
	var c *condError
	if errors.As(err, &c) {
		return c.code
	}
	return Invalid
}

// detection reads the selections of one rule.
type detection struct {
	opt  *Options
	left int // values that the rule may still add
	line int // of the node being read, for messages
}

func (d *detection) selection(n *yaml.Node) (*Expr, error) {
	if n == nil {
		return nil, errors.New("is empty")
	}
	d.line = n.Line
	switch n.Kind {
	case yaml.MappingNode:
		return d.mapping(n)
	case yaml.SequenceNode:
		if len(n.Content) == 0 {
			return nil, errors.New("is an empty list")
		}
		var args []*Expr
		for _, c := range n.Content {
			e, err := d.selection(resolve(c))
			if err != nil {
				return nil, err
			}
			args = append(args, e)
		}
		return some(args...), nil
	}
	if n.Tag == "!!null" {
		return nil, errors.New("is empty")
	}
	return d.field("", n) // a keyword
}

func (d *detection) mapping(n *yaml.Node) (*Expr, error) {
	if len(n.Content) == 0 {
		return nil, errors.New("is an empty mapping")
	}
	var args []*Expr
	for i := 0; i+1 < len(n.Content); i += 2 {
		d.line = n.Content[i].Line
		e, err := d.field(n.Content[i].Value, resolve(n.Content[i+1]))
		if err != nil {
			return nil, err
		}
		args = append(args, e)
	}
	return all(args...), nil
}

// field reads one "Name|modifier: value(s)".
func (d *detection) field(key string, n *yaml.Node) (*Expr, error) {
	name, rest, _ := strings.Cut(key, "|")
	var names []string
	if rest != "" {
		names = strings.Split(rest, "|")
	} else if strings.HasSuffix(key, "|") {
		return nil, condErrorf(Invalid, "%s: empty modifier", key)
	}
	m, err := parseModifiers(names)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	if name == "" {
		if m.exists || m.ref || m.compare != noCompare || m.part != noPart || m.cidr {
			return nil, condErrorf(Invalid, "%s: needs a field", key)
		}
		if !m.re && !m.starts && !m.ends {
			m.contains = true
		}
	}
	values, err := d.values(n)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	if len(values) == 0 {
		return nil, condErrorf(Invalid, "%s: no value", key)
	}
	if m.all && len(values) == 1 && !m.expand {
		m.all = false
	}
	args := make([]*Expr, 0, len(values))
	for _, v := range values {
		if name == "" && v.kind == rawNull {
			return nil, condErrorf(Invalid, "a keyword cannot be null")
		}
		d.line = v.line
		e, err := m.compileValue(name, v, d.opt)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		if d.left -= max(1, len(e.Args)); d.left < 0 {
			return nil, condErrorf(Invalid, "%s: the rule has more than %d values", key, maxValues)
		}
		args = append(args, e)
	}
	e := some(args...)
	if m.all {
		e = all(args...)
	}
	if m.neg {
		e = negate(e)
	}
	return e, nil
}

func (d *detection) values(n *yaml.Node) ([]raw, error) {
	if n == nil {
		return nil, errors.New("alias to nothing")
	}
	switch n.Kind {
	case yaml.ScalarNode:
		return []raw{scalarValue(n)}, nil
	case yaml.SequenceNode:
		var out []raw
		for _, c := range n.Content {
			if c = resolve(c); c == nil || c.Kind != yaml.ScalarNode {
				d.line = n.Line
				return nil, condErrorf(Invalid, "a list of values holds %s", kindName(c))
			}
			out = append(out, scalarValue(c))
		}
		return out, nil
	}
	d.line = n.Line
	return nil, condErrorf(Invalid, "a field takes a value or a list of values, not %s", kindName(n))
}

func scalarValue(n *yaml.Node) raw {
	kind := rawString
	switch n.Tag {
	case "!!null":
		return raw{rawNull, "", n.Line}
	case "!!int", "!!float":
		kind = rawNumber
	case "!!bool":
		return raw{rawBool, strings.ToLower(n.Value), n.Line}
	}
	return raw{kind, n.Value, n.Line}
}
