package hunting

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/bartizan-sec/bartizan/kql/syntax"
)

// Bounds of files with queries.
const (
	MaxFile         = 256 << 10 // bytes of one file
	maxPerFile      = 200       // queries of one file
	maxTechniques   = 40
	maxTactics      = 20
	maxConnectors   = 40
	maxCommunityRow = 4000 // characters of a description
)

// File is a file of a tree of queries, with its path below the tree's root.
type File struct {
	Path string `json:"path" maxLength:"1000"`
	Text string `json:"text" maxLength:"262144"`
}

// Refusal says which file, or which place of it, was left out and why.
type Refusal struct {
	Path    string `json:"path"`
	Code    string `json:"code"`
	Message string `json:"message"`
	Line    int    `json:"line,omitempty"`
}

// parsed is one query of a file.
type parsed struct {
	name, description, query       string
	tactics, techniques, connector []string
	line                           int
}

// errNothing says that a file holds no query, which is nothing to complain about where files need not hold any.
var errNothing = errors.New("the file holds no query")

// lineError is an error at a line of a file.
type lineError struct {
	line int
	err  error
}

func (e *lineError) Error() string { return e.err.Error() }

func (e *lineError) Unwrap() error { return e.err }

var techniqueName = regexp.MustCompile(`\bT\d{4}(?:\.\d{3})?\b`)

// readFile takes the queries out of a file, by what it holds: a YAML document with a query, Markdown with fenced queries, or the text of a query.
func readFile(f File) ([]parsed, error) {
	if len(f.Text) > MaxFile {
		return nil, fmt.Errorf("the file has more than %d bytes", MaxFile)
	}
	if !utf8.ValidString(f.Text) || strings.ContainsRune(f.Text, 0) {
		return nil, errors.New("the file is not text in UTF-8")
	}
	text := strings.TrimPrefix(strings.ReplaceAll(strings.ReplaceAll(f.Text, "\r\n", "\n"), "\r", "\n"), "\ufeff")
	switch ext := strings.ToLower(path.Ext(f.Path)); {
	case strings.TrimSpace(text) == "":
		return nil, errNothing
	case ext == ".yaml" || ext == ".yml":
		return readYAML(text)
	case ext == ".md" || ext == ".markdown" || fence(text):
		return readMarkdown(f.Path, text)
	case ext == ".txt" && !looksLikeQuery(text):
		return nil, errNothing
	}
	return readText(f.Path, text)
}

// fence reports a fenced query in a text.
func fence(text string) bool {
	for _, l := range strings.Split(text, "\n") {
		if language, ok := strings.CutPrefix(strings.TrimSpace(l), "```"); ok && queryLanguage(language) {
			return true
		}
	}
	return false
}

func queryLanguage(language string) bool {
	language, _, _ = strings.Cut(strings.ToLower(strings.TrimSpace(language)), " ")
	switch strings.Trim(language, "{}.") {
	case "kql", "kusto", "kustoql", "csl", "kusto-query-language":
		return true
	}
	return false
}

// looksLikeQuery tells a query from prose: it parses, and has a pipe or a statement.
func looksLikeQuery(text string) bool {
	if !strings.Contains(text, "|") && !strings.Contains(text, "let ") {
		return false
	}
	_, complaints := syntax.Parse(text)
	return len(complaints) == 0
}

// nameOf makes a name of a file's.
func nameOf(file string) string {
	base := path.Base(file)
	base = strings.TrimSuffix(base, path.Ext(base))
	return strings.TrimSpace(strings.NewReplacer("_", " ", "%20", " ").Replace(base))
}

// yamlQuery is the part of a YAML document that counts. Fields that public trees write in several ways are read leniently.
type yamlQuery struct {
	Name        string     `yaml:"name"`
	Title       string     `yaml:"title"`
	Description string     `yaml:"description"`
	Query       string     `yaml:"query"`
	Tactics     yamlList   `yaml:"tactics"`
	Techniques  yamlList   `yaml:"relevantTechniques"`
	Connectors  connectors `yaml:"requiredDataConnectors"`
}

// yamlList is a list of texts, or one text.
type yamlList []string

// UnmarshalYAML reads a list and leaves out what is no text.
func (l *yamlList) UnmarshalYAML(n *yaml.Node) error {
	switch n.Kind {
	case yaml.ScalarNode:
		if v := strings.TrimSpace(n.Value); v != "" && n.Tag != "!!null" {
			*l = append(*l, v)
		}
	case yaml.SequenceNode:
		for _, item := range n.Content {
			if item.Kind == yaml.ScalarNode && strings.TrimSpace(item.Value) != "" {
				*l = append(*l, strings.TrimSpace(item.Value))
			}
		}
	}
	return nil
}

// connectors are the data types that a query wants, of whatever connector.
type connectors []string

// UnmarshalYAML reads [{connectorId, dataTypes}].
func (c *connectors) UnmarshalYAML(n *yaml.Node) error {
	var list []struct {
		ID    string   `yaml:"connectorId"`
		Types yamlList `yaml:"dataTypes"`
	}
	if n.Decode(&list) != nil {
		return nil //nolint:nilerr // another shape says nothing
	}
	for _, x := range list {
		if x.ID != "" {
			*c = append(*c, x.ID)
		}
	}
	return nil
}

var yamlLine = regexp.MustCompile(`line (\d+)`)

func readYAML(text string) ([]parsed, error) {
	var q yamlQuery
	if err := decodeYAML(text, &q); err != nil {
		message := strings.TrimPrefix(err.Error(), "yaml: ")
		line := 0
		if m := yamlLine.FindStringSubmatch(message); m != nil {
			line, _ = strconv.Atoi(m[1])
		}
		return nil, &lineError{line, fmt.Errorf("the YAML is not well formed: %s", strings.ReplaceAll(message, "\n", " "))}
	}
	if strings.TrimSpace(q.Query) == "" {
		return nil, errNothing
	}
	p := parsed{name: q.Name, description: q.Description, query: q.Query, tactics: q.Tactics, techniques: techniques(strings.Join(q.Techniques, " ")), connector: q.Connectors, line: 1}
	if strings.TrimSpace(p.name) == "" {
		p.name = q.Title
	}
	for i, l := range strings.Split(text, "\n") {
		if strings.HasPrefix(l, "query:") {
			p.line = i + 1
		}
	}
	return []parsed{p}, nil
}

// decodeYAML turns a panic of the library on odd input into an error.
func decodeYAML(text string, q *yamlQuery) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("yaml: %v", p)
		}
	}()
	return yaml.NewDecoder(bytes.NewReader([]byte(text))).Decode(q)
}

// techniques lists the technique ids in a text, each once.
func techniques(text string) []string {
	var out []string
	for _, t := range techniqueName.FindAllString(text, 20*maxTechniques) {
		if !slices.Contains(out, t) && len(out) < maxTechniques {
			out = append(out, t)
		}
	}
	return out
}

// readText takes a file as one query; the comment in front of it describes it.
func readText(file, text string) ([]parsed, error) {
	q := strings.TrimSpace(text)
	description, rest := leadingComment(q)
	if strings.TrimSpace(rest) == "" {
		return nil, errNothing
	}
	return []parsed{{name: nameOf(file), description: description, query: q, techniques: techniques(q), line: 1}}, nil
}

// leadingComment splits the comment lines off the beginning of a query.
func leadingComment(q string) (comment, rest string) {
	lines := strings.Split(q, "\n")
	var out []string
	for i, l := range lines {
		l = strings.TrimSpace(l)
		if l == "" {
			continue
		}
		text, ok := strings.CutPrefix(l, "//")
		if !ok {
			return strings.Join(out, "\n"), strings.Join(lines[i:], "\n")
		}
		if text = strings.TrimSpace(strings.Trim(text, "/-=*#")); text != "" {
			out = append(out, text)
		}
	}
	return strings.Join(out, "\n"), ""
}

// readMarkdown takes every fenced query of a document. Its heading names it, the prose under the heading describes it.
func readMarkdown(file, text string) ([]parsed, error) {
	var (
		out              []parsed
		heading, prose   string
		body             []string
		inside, isQuery  bool
		opened           int
		marker, language string
		all              = techniques(text)
	)
	flush := func() {
		q := strings.TrimSpace(strings.Join(body, "\n"))
		_, rest := leadingComment(q)
		if strings.TrimSpace(rest) != "" && (isQuery || language == "" && looksLikeQuery(q)) {
			out = append(out, parsed{name: heading, description: strings.TrimSpace(prose), query: q, techniques: all, line: opened})
		}
	}
	for i, l := range strings.Split(text, "\n") {
		t := strings.TrimSpace(l)
		switch {
		case inside && strings.HasPrefix(t, marker) && strings.Trim(t, marker[:1]) == "":
			inside = false
			flush()
			if len(out) > maxPerFile {
				return nil, &lineError{opened, fmt.Errorf("the file holds more than %d queries", maxPerFile)}
			}
		case inside:
			body = append(body, l)
		case strings.HasPrefix(t, "```") || strings.HasPrefix(t, "~~~"):
			marker = t[:len(t)-len(strings.TrimLeft(t, t[:1]))]
			language = strings.TrimSpace(t[len(marker):])
			inside, isQuery, opened, body = true, queryLanguage(language), i+1, nil
		case strings.HasPrefix(t, "#"):
			if h := strings.TrimSpace(strings.Trim(t, "# *")); h != "" {
				if !structural(h) {
					heading = h
				}
				prose = ""
			}
		case t != "" && len(prose) < maxCommunityRow:
			prose += t + "\n"
		}
	}
	if inside && isQuery { // not closed: everything to the end
		flush()
	}
	if len(out) == 0 {
		return nil, errNothing
	}
	title := nameOf(file)
	names := map[string]int{}
	for i := range out {
		if out[i].name == "" {
			out[i].name = title
		}
		names[out[i].name]++
		if n := names[out[i].name]; n > 1 {
			out[i].name = fmt.Sprintf("%s (%d)", out[i].name, n)
		}
	}
	return out, nil
}

// structural reports headings that only arrange a document and name no query.
func structural(heading string) bool {
	switch strings.ToLower(strings.Trim(heading, " :")) {
	case "query", "queries", "kql", "kql query", "hunt query", "hunting query", "description", "query information", "references", "reference", "risk", "author", "sentinel",
		"defender xdr", "microsoft defender xdr", "microsoft sentinel", "defender for endpoint", "defender for identity", "microsoft 365 defender", "mitre att&ck technique(s)", "category", "see also":
		return true
	}
	return false
}
