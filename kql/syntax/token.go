// Package syntax turns Kusto query text into a tree with positions and back: lexer, parser, printer. It knows grammar only; names and types are the
// business of package bind.
//
//	query, diagnostics := syntax.Parse(text)
//	fmt.Println(syntax.Print(query))
//
// Parse never fails outright: it returns the tree of what it understood and a diagnostic for each place it did not.
package syntax

import (
	"fmt"
	"sort"
	"unicode/utf8"
)

// Kind is the kind of a token.
type Kind uint8

// Token kinds. Words, keywords included, are Ident: the language has hardly any reserved word, so the parser decides by place.
const (
	EOF Kind = iota
	Ident
	Number   // 12, 0x1f
	Real     // 1.5, 1e3
	TimeSpan // 1d, 1.5h
	String   // any string literal
	Op       // punctuation and the operators !has, in~, ...
	Bad      // something the lexer does not know, or an unterminated literal
)

// Token is one token. Text is its source text, Value the decoded value of a string literal or, for Bad, the message.
type Token struct {
	Kind       Kind
	Start, End int
	Text       string
	Value      string
}

// Span is a range of byte offsets, End exclusive.
type Span struct{ Start, End int }

// Pos returns the span itself, so that every node that embeds one has a position.
func (s Span) Pos() Span { return s }

// Comment is a line comment, with its two slashes.
type Comment struct {
	Span
	Text string
}

// Source is a query text with an index of its lines.
type Source struct {
	Text  string
	lines []int
}

// NewSource indexes text.
func NewSource(text string) *Source {
	s := &Source{Text: text, lines: []int{0}}
	for i := 0; i < len(text); i++ {
		if text[i] == '\n' {
			s.lines = append(s.lines, i+1)
		}
	}
	return s
}

// Position converts a byte offset to a line and a column, both from 1; columns count characters.
func (s *Source) Position(offset int) (line, column int) {
	offset = max(0, min(offset, len(s.Text)))
	line = sort.Search(len(s.lines), func(i int) bool { return s.lines[i] > offset })
	return line, utf8.RuneCountInString(s.Text[s.lines[line-1]:offset]) + 1
}

// Diagnostic is a syntax error at a place.
type Diagnostic struct {
	Span
	Message string
	Hint    string
}

func (d Diagnostic) String() string { return fmt.Sprintf("%d..%d: %s", d.Start, d.End, d.Message) }
