// Package trial tests detection content: rule files that carry their own tests. A test is a list of source records, as the source writes them, and says
// whether the rule must fire on them. Records go through the real source families; KQL rules are asked of a real lake.
//
//	tests:
//	  - name: dump of LSASS by comsvcs.dll
//	    match: true
//	    family: winlog
//	    records:
//	      - {EventTime: "{T}", Hostname: pc1.corp.example, Channel: Security, EventID: 4688, CommandLine: …}
//	      - {repeat: 20, every: 10s, record: {…, IpAddress: "203.0.113.{N}"}}
//	      - |
//	        From: a message as text
//
// In texts {T} is the record's time and {N} its number within a repetition; time starts at 2024-05-01T10:00:00Z and moves on a second with each record.
package trial

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Test is one test of a rule file.
type Test struct {
	Name    string `yaml:"name"`
	Match   bool   `yaml:"match"`
	Batch   `yaml:",inline"`
	Further []Batch `yaml:"further"` // records of other families, after the first
}

// Batch is records of one family.
type Batch struct {
	Family  string      `yaml:"family"`
	Records []yaml.Node `yaml:"records"`
}

// start is the time of a test's first record.
var start = time.Date(2024, 5, 1, 10, 0, 0, 0, time.UTC)

const maxRepeat = 1000

// record is one source record of a test.
type record struct {
	family string
	data   []byte
	time   time.Time
}

// readTests returns the tests of a rule file.
func readTests(data []byte) ([]Test, error) {
	var doc struct {
		Tests []Test `yaml:"tests"`
	}
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, err
	}
	return doc.Tests, nil
}

// records builds the source records of a test.
func (t *Test) records() ([]record, error) {
	var out []record
	now := start
	for _, b := range append([]Batch{t.Batch}, t.Further...) {
		if b.Family == "" {
			return nil, errors.New("records without a family")
		}
		for i := range b.Records {
			node := &b.Records[i]
			var r struct {
				Repeat int       `yaml:"repeat"`
				Every  string    `yaml:"every"`
				Record yaml.Node `yaml:"record"`
			}
			if node.Kind == yaml.MappingNode && node.Decode(&r) == nil && r.Record.Kind != 0 {
				node = &r.Record
			}
			every := time.Second
			if r.Every != "" {
				var err error
				if every, err = time.ParseDuration(r.Every); err != nil {
					return nil, fmt.Errorf("line %d: every: %w", node.Line, err)
				}
			}
			if r.Repeat > maxRepeat {
				return nil, fmt.Errorf("line %d: repeat %d is more than %d", node.Line, r.Repeat, maxRepeat)
			}
			for n := range max(1, r.Repeat) {
				data, err := render(node, now, n)
				if err != nil {
					return nil, fmt.Errorf("line %d: %w", node.Line, err)
				}
				out = append(out, record{b.Family, data, now})
				now = now.Add(every)
			}
		}
	}
	if len(out) == 0 {
		return nil, errors.New("no records")
	}
	return out, nil
}

func render(node *yaml.Node, now time.Time, n int) ([]byte, error) {
	fill := strings.NewReplacer("{T}", now.Format("2006-01-02T15:04:05Z"), "{N}", strconv.Itoa(n))
	if node.Kind == yaml.ScalarNode {
		// Mail has lines that end with CR LF.
		return []byte(strings.ReplaceAll(fill.Replace(node.Value), "\n", "\r\n")), nil
	}
	var value map[string]any
	if err := node.Decode(&value); err != nil {
		return nil, err
	}
	return json.Marshal(fillAll(value, fill))
}

func fillAll(v any, fill *strings.Replacer) any {
	switch x := v.(type) {
	case string:
		return fill.Replace(x)
	case time.Time:
		return x.UTC().Format("2006-01-02T15:04:05Z")
	case map[string]any:
		for k, m := range x {
			x[k] = fillAll(m, fill)
		}
	case []any:
		for i, m := range x {
			x[i] = fillAll(m, fill)
		}
	}
	return v
}

// header is what every shipped rule must say beside what its language demands.
type header struct {
	ID          string   `yaml:"id"`
	Title       string   `yaml:"title"`
	Description string   `yaml:"description"`
	Recommended string   `yaml:"recommended"`
	Author      string   `yaml:"author"`
	Level       string   `yaml:"level"`
	Severity    string   `yaml:"severity"`
	Tags        []string `yaml:"tags"`
	Category    string   `yaml:"category"`
	Techniques  []string `yaml:"techniques"`
	Query       string   `yaml:"query"`
}

var (
	fileName  = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)
	tactic    = regexp.MustCompile(`^attack\.[a-z-]+$`)
	technique = regexp.MustCompile(`^attack\.t\d{4}(\.\d{3})?$`)
)

// lint returns what is wrong with the form of a rule file.
func lint(name string, data []byte, tests []Test) []string {
	var h header
	if err := yaml.NewDecoder(bytes.NewReader(data)).Decode(&h); err != nil {
		return []string{err.Error()}
	}
	var out []string
	check := func(ok bool, format string, args ...any) {
		if !ok {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	base := strings.TrimSuffix(path.Base(name), path.Ext(name))
	check(fileName.MatchString(base), "the file's name is not lower-case words with dashes")
	check(h.ID == base, "the id %q is not the file's name %q", h.ID, base)
	check(h.Title != "" && len(h.Title) <= 90, "the title must have 1 to 90 characters")
	check(len(h.Description) >= 40, "the description does not explain the behaviour (40 characters at least)")
	check(h.Recommended != "", "recommended actions are missing")
	check(h.Author != "", "the author is missing")
	if h.Query != "" {
		check(h.Severity != "" && h.Category != "" && len(h.Techniques) > 0, "severity, category and techniques are needed")
	} else {
		check(h.Level != "", "the level is missing")
		tactics, techniques := 0, 0
		for _, t := range h.Tags {
			switch {
			case technique.MatchString(t):
				techniques++
			case tactic.MatchString(t):
				tactics++
			default:
				check(false, "tag %q is neither a tactic nor a technique", t)
			}
		}
		check(tactics > 0 && techniques > 0, "tags need a tactic and a technique")
	}
	yes, no := 0, 0
	for _, t := range tests {
		check(t.Name != "", "a test has no name")
		if t.Match {
			yes++
		} else {
			no++
		}
	}
	check(yes > 0, "there is no test that must match")
	check(no > 0, "there is no test that must not match")
	return out
}

// ruleFiles lists the rule files below root in order.
func ruleFiles(root fs.FS) ([]string, error) {
	var out []string
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && (path.Ext(name) == ".yml" || path.Ext(name) == ".yaml") {
			out = append(out, name)
		}
		return err
	})
	return out, err
}
