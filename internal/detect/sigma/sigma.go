// Package sigma reads Sigma rules and matches events against all of them at once.
//
// Parse turns a rule file into Rules and named Issues; Compile turns Rules into a Set; Set.Match says which rules of the set an event meets and why.
// A Set is immutable and safe for concurrent use.
//
// Meaning of the parts that surprise: strings compare without case unless `cased` or `re` is given; a list of values is an "or" unless `all` is given;
// `null` holds for a field that is absent or has no value, the empty string only for a field that is present and empty; a test of an absent field is false,
// so its negation is true; keywords look at the text of every field, and at the raw record when it has no fields.
package sigma

import (
	"fmt"

	"github.com/bartizan-sec/bartizan/internal/incident"
	"github.com/bartizan-sec/bartizan/internal/normalise"
)

// Rule is one Sigma rule with its condition resolved to an expression over tests of single fields.
type Rule struct {
	ID             string
	Title          string
	Description    string
	Status         string // stable test experimental deprecated unsupported, or empty
	Level          string // informational low medium high critical, or empty
	Author         string
	Tags           []string
	References     []string
	FalsePositives []string
	Recommended    string // what to do about a match; not part of Sigma
	Logsource      normalise.Logsource
	// Path and Line say where the rule stands; Source is the text of its document.
	Path   string
	Line   int
	Source string
	// Where is the condition; it is nil when an Issue keeps the rule from being used.
	Where *Expr
}

// Issue codes.
const (
	Syntax      = "syntax"      // not YAML, or not the shape of a rule
	Invalid     = "invalid"     // YAML of the right shape that breaks a rule of the language
	Unsupported = "unsupported" // understood, and not something this engine does
	Placeholder = "placeholder" // a placeholder has no values configured
)

// Issue says why a rule, or a whole file, cannot be used.
type Issue struct {
	Code    string `json:"code"`
	Path    string `json:"path"`
	Line    int    `json:"line"` // 1-based, 0 when it concerns the whole file
	RuleID  string `json:"ruleId,omitempty"`
	Title   string `json:"title,omitempty"`
	Message string `json:"message"`
}

func (i Issue) Error() string {
	return fmt.Sprintf("%s:%d: %s (%s)", i.Path, i.Line, i.Message, i.Code)
}

// Options are what rules may refer to without containing it.
type Options struct {
	// Placeholders gives the values of %name% for the `expand` modifier.
	Placeholders map[string][]string
}

// Match is one rule that an event met.
type Match struct {
	Rule   *Rule
	Fields []incident.FieldMatch
}

// Bounds on what a rule file may hold. SigmaHQ's largest file is below 100 kB with a few hundred values in a list.
const (
	maxFileBytes  = 1 << 20
	maxDocuments  = 200
	maxNesting    = 40
	maxNodes      = 50_000 // YAML nodes of a file, aliases counted each time they are used
	maxValues     = 20_000 // values of one rule after modifiers have multiplied them
	maxDashForms  = 4096   // spellings of one value under windash
	maxValueBytes = 64 << 10
	maxMatchText  = 1000 // characters of a record's value kept in a FieldMatch
)
