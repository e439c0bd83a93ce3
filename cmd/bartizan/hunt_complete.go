package main

import (
	"sort"
	"strings"
	"unicode"

	"github.com/bartizan-sec/bartizan/kql"
	"github.com/bartizan-sec/bartizan/kql/syntax"
)

// completer proposes how a word may go on: tables, columns of the tables that the query names, functions, and operators behind a pipe.
type completer struct {
	tables    []huntTable
	functions []string
	operators []string
	before    string // the lines above the present one
}

func newCompleter(tables []huntTable) *completer {
	c := &completer{tables: tables}
	for _, f := range kql.Functions() {
		if f.Instead == "" {
			c.functions = append(c.functions, f.Name)
		}
	}
	for _, o := range kql.Operators() {
		c.operators = append(c.operators, o.Name)
	}
	return c
}

// maxProposals bounds what one Tab shows.
const maxProposals = 200

// Do implements readline.AutoCompleter: the endings of the word left of the cursor, and its length.
func (c *completer) Do(line []rune, pos int) ([][]rune, int) {
	start := pos
	for start > 0 && (unicode.IsLetter(line[start-1]) || unicode.IsDigit(line[start-1]) || strings.ContainsRune("_-.", line[start-1])) {
		start--
	}
	word := string(line[start:pos])
	var out [][]rune
	for _, p := range c.proposals(c.before+string(line[:start]), word) {
		out = append(out, []rune(strings.TrimPrefix(p, word)+" "))
		if len(out) >= maxProposals {
			break
		}
	}
	return out, len([]rune(word))
}

// proposals are the words that may stand behind the text and start with word.
func (c *completer) proposals(text, word string) []string {
	var all []string
	trimmed := strings.TrimRightFunc(text, unicode.IsSpace)
	switch {
	case trimmed == "" && strings.HasPrefix(word, "."):
		all = []string{".tables", ".schema", ".format", ".timespan", ".explain", ".save", ".help", ".quit"}
	case strings.HasSuffix(trimmed, ".schema"):
		all = c.tableNames()
	case strings.HasSuffix(trimmed, ".format"):
		all = []string{"table", "json", "csv", "ndjson"}
	case strings.HasSuffix(trimmed, "|"):
		all = c.operators
	case trimmed == "" || strings.HasSuffix(trimmed, ";") || strings.HasSuffix(trimmed, "union") || strings.HasSuffix(trimmed, "(") && !strings.Contains(trimmed, "|"):
		all = append(c.tableNames(), "let", "union", "search", "find", "print", "range", "datatable")
	default:
		all = append(append(c.columns(text), c.functions...), c.tableNames()...)
	}
	var out []string
	for _, p := range all {
		if strings.HasPrefix(p, word) && p != word {
			out = append(out, p)
		}
	}
	return out
}

func (c *completer) tableNames() []string {
	out := make([]string, len(c.tables))
	for i, t := range c.tables {
		out[i] = t.Name
	}
	return out
}

// columns are those of the tables that the text names.
func (c *completer) columns(text string) []string {
	named := map[string]bool{}
	tokens, _ := syntax.Tokens(text)
	for _, t := range tokens {
		named[t.Text] = true
	}
	seen := map[string]bool{}
	var out []string
	for _, t := range c.tables {
		if !named[t.Name] {
			continue
		}
		for _, col := range t.Columns {
			if !seen[col.Name] {
				seen[col.Name] = true
				out = append(out, col.Name)
			}
		}
	}
	sort.Strings(out)
	return out
}
