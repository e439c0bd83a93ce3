package sigma

import (
	"fmt"
	"path"
	"sort"
	"strings"
)

// condError is what is wrong with a condition.
type condError struct {
	code, message string
}

func (e *condError) Error() string { return e.message }

func condErrorf(code, format string, args ...any) error {
	return &condError{code, fmt.Sprintf(format, args...)}
}

// parseCondition turns a condition into an expression over the named selections. Precedence from strongest: not, and, or.
func parseCondition(text string, selections map[string]*Expr) (*Expr, error) {
	tokens, err := lexCondition(text)
	if err != nil {
		return nil, err
	}
	p := &condParser{tokens: tokens, selections: selections}
	e, err := p.or(0)
	if err != nil {
		return nil, err
	}
	if tok := p.peek(); tok != "" {
		return nil, condErrorf(Invalid, "condition: unexpected %q", tok)
	}
	return e, nil
}

const maxConditionTokens = 2000

func lexCondition(text string) ([]string, error) {
	var tokens []string
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
			continue
		case c == '(' || c == ')':
			tokens = append(tokens, text[i:i+1])
			i++
		case c == '|':
			return nil, aggregation(text[i+1:])
		default:
			j := i
			for j < len(text) && !strings.ContainsRune(" \t\r\n()|", rune(text[j])) {
				if !conditionByte(text[j]) {
					return nil, condErrorf(Invalid, "condition: unexpected character %q", text[j])
				}
				j++
			}
			tokens = append(tokens, text[i:j])
			i = j
		}
		if len(tokens) > maxConditionTokens {
			return nil, condErrorf(Invalid, "condition: more than %d words", maxConditionTokens)
		}
	}
	if len(tokens) == 0 {
		return nil, condErrorf(Invalid, "condition: empty")
	}
	return tokens, nil
}

func conditionByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '-' || c == '*' || c == '.' || c == '?'
}

// aggregation names the old form of correlation that follows a pipe: `| count() by X > 5`.
func aggregation(rest string) error {
	name := strings.TrimSpace(rest)
	if i := strings.IndexAny(name, " \t\r\n("); i >= 0 {
		name = name[:i]
	}
	return condErrorf(Unsupported, "condition: the aggregation %q is not supported; Sigma deprecated it in favour of correlation rules", name)
}

type condParser struct {
	tokens     []string
	at         int
	selections map[string]*Expr
}

func (p *condParser) peek() string {
	if p.at < len(p.tokens) {
		return p.tokens[p.at]
	}
	return ""
}

func (p *condParser) accept(word string) bool {
	if strings.EqualFold(p.peek(), word) {
		p.at++
		return true
	}
	return false
}

func (p *condParser) or(depth int) (*Expr, error) {
	return p.chain(depth, "or", Or, func(depth int) (*Expr, error) { return p.chain(depth, "and", And, p.not) })
}

func (p *condParser) chain(depth int, word string, op Op, operand func(int) (*Expr, error)) (*Expr, error) {
	first, err := operand(depth)
	if err != nil {
		return nil, err
	}
	args := []*Expr{first}
	for p.accept(word) {
		next, err := operand(depth)
		if err != nil {
			return nil, err
		}
		args = append(args, next)
	}
	return join(op, args), nil
}

func (p *condParser) not(depth int) (*Expr, error) {
	if depth > maxNesting {
		return nil, condErrorf(Invalid, "condition: nested deeper than %d", maxNesting)
	}
	if p.accept("not") {
		e, err := p.not(depth + 1)
		if err != nil {
			return nil, err
		}
		return negate(e), nil
	}
	if p.accept("(") {
		e, err := p.or(depth + 1)
		if err != nil {
			return nil, err
		}
		if !p.accept(")") {
			return nil, condErrorf(Invalid, "condition: missing )")
		}
		return e, nil
	}
	return p.selection()
}

func (p *condParser) selection() (*Expr, error) {
	name := p.peek()
	switch {
	case name == "":
		return nil, condErrorf(Invalid, "condition: ends where a selection is expected")
	case name == ")" || strings.EqualFold(name, "and") || strings.EqualFold(name, "or") || strings.EqualFold(name, "of"):
		return nil, condErrorf(Invalid, "condition: %q where a selection is expected", name)
	}
	p.at++
	if strings.EqualFold(p.peek(), "of") {
		p.at++
		return p.of(name)
	}
	if e, ok := p.selections[name]; ok {
		return e, nil
	}
	return nil, condErrorf(Invalid, "condition: there is no selection %q", name)
}

func (p *condParser) of(quantity string) (*Expr, error) {
	op := Or
	switch strings.ToLower(quantity) {
	case "1", "any":
	case "all":
		op = And
	default:
		return nil, condErrorf(Unsupported, "condition: %q of is not supported; use 1 of or all of", quantity)
	}
	which := p.peek()
	if which == "" || which == "(" || which == ")" {
		return nil, condErrorf(Invalid, "condition: %s of what?", quantity)
	}
	p.at++
	var names []string
	for name := range p.selections {
		switch {
		case strings.EqualFold(which, "them"):
			if !strings.HasPrefix(name, "_") {
				names = append(names, name)
			}
		default:
			if ok, err := path.Match(which, name); err == nil && ok {
				names = append(names, name)
			}
		}
	}
	if len(names) == 0 {
		return nil, condErrorf(Invalid, "condition: no selection fits %q", which)
	}
	sort.Strings(names)
	args := make([]*Expr, len(names))
	for i, name := range names {
		args[i] = p.selections[name]
	}
	return join(op, args), nil
}
