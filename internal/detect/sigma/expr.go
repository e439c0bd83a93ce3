package sigma

import "slices"

// Op is the kind of an Expr.
type Op uint8

// The kinds of expressions. Or of nothing is false, And of nothing is true.
const (
	Test Op = iota
	And
	Or
	Not
)

// Expr is a boolean expression over tests.
type Expr struct {
	Op   Op
	Args []*Expr    // of And, Or; one of Not
	Test *Predicate // of Test
}

func all(args ...*Expr) *Expr  { return join(And, args) }
func some(args ...*Expr) *Expr { return join(Or, args) }

func join(op Op, args []*Expr) *Expr {
	if len(args) == 1 {
		return args[0]
	}
	flat := make([]*Expr, 0, len(args))
	for _, a := range args {
		if a.Op == op {
			flat = append(flat, a.Args...)
		} else {
			flat = append(flat, a)
		}
	}
	return &Expr{Op: op, Args: slices.Clip(flat)}
}

func negate(e *Expr) *Expr {
	if e.Op == Not {
		return e.Args[0]
	}
	return &Expr{Op: Not, Args: []*Expr{e}}
}

func test(p *Predicate) *Expr { return &Expr{Op: Test, Test: p} }

// Walk calls fn for every test of the expression; negated says whether it stands under an odd number of negations.
func (e *Expr) Walk(fn func(p *Predicate, negated bool)) { e.walk(fn, false) }

func (e *Expr) walk(fn func(*Predicate, bool), negated bool) {
	switch e.Op {
	case Test:
		fn(e.Test, negated)
	case Not:
		e.Args[0].walk(fn, !negated)
	default:
		for _, a := range e.Args {
			a.walk(fn, negated)
		}
	}
}
