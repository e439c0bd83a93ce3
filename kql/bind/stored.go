package bind

import (
	"strings"

	"github.com/bartizan-sec/bartizan/kql/syntax"
)

// StoredFunction is a function that is kept beside the tables: every query may call it as if a let statement in front defined it.
type StoredFunction struct {
	Name string
	// Text is a function literal, as after the = of let: `(T:(Account:string), days:long = 7) { T | where … }`. Its body sees tables and built-in
	// functions only: neither what the query defines nor other stored functions.
	Text string
}

// storedCall is the call of a stored function whose body is being bound.
type storedCall struct {
	name string
	at   syntax.Span
}

// defineStored makes the stored functions known that the query's text mentions.
func (b *binder) defineStored(q *syntax.Query, e *environment) {
	for _, f := range b.opt.Functions {
		if !strings.Contains(q.Source.Text, f.Name) {
			continue
		}
		l, complaint := storedLambda(f.Text)
		if l == nil {
			at := syntax.Span{Start: strings.Index(q.Source.Text, f.Name)}
			at.End = at.Start + len(f.Name)
			b.warnf(at, CodeSyntax, "correct or delete it", "the stored function %s() is not usable: %s", f.Name, complaint)
			continue
		}
		e.define(f.Name, &variable{lambda: l, env: &environment{}, view: l.View, stored: f.Name})
	}
}

// storedLambda reads a function literal.
func storedLambda(text string) (*syntax.Lambda, string) {
	q, diags := syntax.Parse("let f = " + text + "\n;")
	if len(diags) > 0 {
		return nil, diags[0].Message
	}
	if len(q.Statements) == 1 {
		if s, ok := q.Statements[0].(*syntax.Let); ok {
			if l, ok := s.Value.(*syntax.Lambda); ok {
				return l, ""
			}
		}
	}
	return nil, "it is not a function literal such as (x:long) { x + 1 }"
}

// enterStored makes complaints about the body of a stored function point at its call; the function it returns ends that.
func (b *binder) enterStored(v *variable, x *syntax.Call) func() {
	if v.stored == "" || b.stored != nil {
		return func() {}
	}
	b.stored = &storedCall{name: v.stored, at: x.Pos()}
	return func() { b.stored = nil }
}

// place is where a complaint is shown, and its text.
func (b *binder) place(at syntax.Span, message string) (syntax.Span, string) {
	if b.stored == nil {
		return at, message
	}
	return b.stored.at, "in the function " + b.stored.name + "(): " + message
}
