package kql

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/bartizan-sec/bartizan/kql/syntax"
)

// Codes of hints: remarks on how a query could be better, of severity info. They never keep a query from running.
const (
	HintContains    = "hint.contains"     // contains where has would do
	HintShortTerm   = "hint.short-term"   // a term too short for an index
	HintUnscoped    = "hint.unscoped"     // search, find or union over all tables
	HintRegex       = "hint.regex"        // a regular expression where a plainer operator or a parse function fits
	HintCase        = "hint.case"         // tolower(x) == where =~ fits
	HintJoinKind    = "hint.join-kind"    // join without a kind drops left rows
	HintFilterFirst = "hint.filter-first" // a filter that could stand before summarize
	HintTop         = "hint.top"          // sort and take where top fits
	HintParseOnce   = "hint.parse-once"   // the same text parsed again and again
)

const maxHints = 20

// hinter collects hints of one query.
type hinter struct {
	src    *syntax.Source
	out    []Diagnostic
	parsed map[string]int
}

// hints looks for what could be written better. It is for editors: Compile does not look.
func hints(q *syntax.Query) []Diagnostic {
	h := &hinter{src: q.Source, parsed: map[string]int{}}
	for _, s := range q.Statements {
		syntax.Inspect(s, func(n any) bool {
			h.look(n)
			return len(h.out) < maxHints
		})
	}
	return h.out
}

func (h *hinter) add(at syntax.Span, code, message, hint string) {
	d := locate(h.src, at)
	d.Code, d.Message, d.Hint, d.Severity = code, message, hint, SeverityInfo
	h.out = append(h.out, d)
}

func (h *hinter) look(n any) {
	switch n := n.(type) {
	case *syntax.Binary:
		h.binary(n)
	case *syntax.In:
		if n.Op == "has_any" || n.Op == "has_all" {
			for _, x := range n.List {
				h.term(x)
			}
		}
	case *syntax.Call:
		h.call(n)
	case *syntax.Join:
		if !n.Lookup && !hasProperty(n.Props, "kind") {
			h.add(n.Span, HintJoinKind, "a join without a kind keeps one row of the left side for each key", "write the kind: `join kind=inner` keeps all rows, `kind=innerunique` is what happens now")
		}
	case *syntax.Union:
		for _, t := range n.Tables {
			if w, ok := t.(*syntax.Wildcard); ok && w.Pattern == "*" {
				h.add(w.Span, HintUnscoped, "the union reads every table", "name the tables: union Table1, Table2, or a pattern such as Device*")
			}
		}
	case *syntax.Find:
		if len(n.In) == 0 {
			h.add(n.Span, HintUnscoped, "find without `in` reads every table", "name the tables: find in (Table1, Table2) where …")
		}
	case *syntax.Pipeline:
		h.pipeline(n)
	}
}

func (h *hinter) pipeline(p *syntax.Pipeline) {
	for i, op := range p.Ops {
		switch op := op.(type) {
		case *syntax.Search:
			if i == 0 && p.Source == nil && len(op.In) == 0 {
				h.add(op.Span, HintUnscoped, "search without `in` reads every table", "name the tables: search in (Table1, Table2) …")
			}
		case *syntax.Take:
			if i > 0 {
				if s, ok := p.Ops[i-1].(*syntax.Sort); ok {
					h.add(s.Span, HintTop, "sort and take order all rows to give a few", "write `top N by …`")
				}
			}
		case *syntax.Where:
			if i > 0 {
				if s, ok := p.Ops[i-1].(*syntax.Summarize); ok && onlyKeys(op.Pred, s) {
					h.add(op.Span, HintFilterFirst, "this filter looks at keys only: it can stand before summarize, which then has fewer rows to group", "move the `where` before `summarize`")
				}
			}
		}
	}
}

// onlyKeys says whether a condition refers to nothing but columns by which the rows are grouped as they are.
func onlyKeys(pred syntax.Expr, s *syntax.Summarize) bool {
	keys := map[string]bool{}
	for _, x := range s.By {
		if n, ok := x.(*syntax.Name); ok {
			keys[n.Text] = true
		}
	}
	for _, x := range s.Aggs { // an aggregate may take the name of a key
		if n, ok := x.(*syntax.Named); ok {
			for _, name := range n.Names {
				delete(keys, name.Text)
			}
		}
	}
	names, all := 0, true
	syntax.Inspect(pred, func(n any) bool {
		switch n := n.(type) {
		case *syntax.Call:
			for _, a := range n.Args {
				all = all && onlyKeysIn(a, keys, &names)
			}
			return false
		case *syntax.Name:
			names++
			all = all && keys[n.Text]
		case *syntax.Pipeline:
			all = false
		}
		return true
	})
	return all && names > 0
}

func onlyKeysIn(x syntax.Expr, keys map[string]bool, names *int) bool {
	all := true
	syntax.Inspect(x, func(n any) bool {
		switch n := n.(type) {
		case *syntax.Call:
			for _, a := range n.Args {
				all = all && onlyKeysIn(a, keys, names)
			}
			return false
		case *syntax.Name:
			*names++
			all = all && keys[n.Text]
		case *syntax.Pipeline:
			all = false
		}
		return true
	})
	return all
}

func (h *hinter) binary(x *syntax.Binary) {
	text, constant := literalText(x.R)
	switch x.Op {
	case "contains", "!contains", "contains_cs", "!contains_cs":
		if constant && len(text) > 3 && isTerm(text) {
			better := strings.Replace(x.Op, "contains", "has", 1)
			h.add(x.Span, HintContains, "`"+x.Op+"` looks at every text from end to end", "if "+text+" is a whole word write `"+better+"`, which is faster")
		}
	case "has", "!has", "has_cs", "!has_cs":
		h.term(x.R)
	case "matches regex":
		if constant && text != "" && regexp.QuoteMeta(text) == text {
			h.add(x.Span, HintRegex, "the regular expression is plain text", "write `contains_cs`, or `has_cs` for a whole word")
		}
	case "==", "!=":
		for _, side := range []syntax.Expr{x.L, x.R} {
			if c, ok := bare(side).(*syntax.Call); ok && (c.Name.Text == "tolower" || c.Name.Text == "toupper") {
				h.add(x.Span, HintCase, "the text is changed to compare it", "write `"+map[string]string{"==": "=~", "!=": "!~"}[x.Op]+"`, which does not mind letter case")
				return
			}
		}
	}
}

// term remarks on terms of three characters or fewer, for which there is no index.
func (h *hinter) term(x syntax.Expr) {
	text, ok := literalText(x)
	if !ok || text == "" {
		return
	}
	longest := 0
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		longest = max(longest, len([]rune(word)))
	}
	if longest <= 3 {
		h.add(x.Pos(), HintShortTerm, "a term of three characters or fewer narrows the search little", "add a longer term, or compare a column of its own")
	}
}

func (h *hinter) call(x *syntax.Call) {
	switch x.Name.Text {
	case "extract":
		if len(x.Args) > 0 {
			if text, ok := literalText(x.Args[0]); ok && strings.Contains(text, "://") {
				h.add(x.Span, HintRegex, "a regular expression takes an address apart", "use parse_url(): tostring(parse_url(Url).Host)")
			}
		}
	case "parse_json", "todynamic":
		if len(x.Args) == 1 {
			if n, ok := x.Args[0].(*syntax.Name); ok {
				h.parsed[n.Text]++
				if h.parsed[n.Text] == 4 {
					h.add(x.Span, HintParseOnce, "`"+n.Text+"` is parsed again and again", "parse it once: extend Parsed = parse_json("+n.Text+")")
				}
			}
		}
	}
}

func bare(x syntax.Expr) syntax.Expr {
	for {
		p, ok := x.(*syntax.Paren)
		if !ok {
			return x
		}
		x = p.X
	}
}

func literalText(x syntax.Expr) (string, bool) {
	l, ok := bare(x).(*syntax.Literal)
	if !ok || l.Kind != syntax.LitString {
		return "", false
	}
	s, ok := l.Value.(string)
	return s, ok
}

// isTerm says that a text is one word of letters and digits.
func isTerm(s string) bool {
	for _, r := range s {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return false
		}
	}
	return true
}

func hasProperty(props []syntax.Property, name string) bool {
	for _, p := range props {
		if p.Name == name {
			return true
		}
	}
	return false
}
