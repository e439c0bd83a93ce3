package bind

import "github.com/bartizan-sec/bartizan/kql/syntax"

// patternCall recognises a call of a declared pattern.
func patternCall(x syntax.Expr, env *environment) (*syntax.Call, *variable) {
	if c, ok := x.(*syntax.Call); ok {
		if v := env.lookup(c.Name.Text); v != nil && v.cases != nil {
			return c, v
		}
	}
	return nil, nil
}

// patternTable binds the case of a declared pattern whose constants are those of the call.
func (b *binder) patternTable(v *variable, x *syntax.Call, path syntax.Expr, env *environment) *relation {
	free := &scope{env: env}
	want := make([]string, len(x.Args))
	for i, a := range x.Args {
		s, ok := text(b.asText(b.scalar(a, free)))
		if !ok {
			b.errorf(a.Pos(), CodeType, "", "a pattern is called with constant texts")
			return b.broken()
		}
		want[i] = s
	}
	member, hasPath := "", path != nil
	if n, ok := path.(*syntax.Name); ok {
		member = n.Text
	}
	for _, c := range v.cases.Cases {
		match := len(c.Args) == len(want) && (c.Path != nil) == hasPath
		for i, a := range c.Args {
			if match {
				s, ok := text(b.asText(b.scalar(a, free)))
				match = ok && s == want[i]
			}
		}
		if match && hasPath {
			s, ok := text(b.scalar(c.Path, free))
			match = ok && s == member
		}
		if match {
			return b.tableLambda(&variable{lambda: c.Body, env: v.env}, &syntax.Call{Span: x.Span, Name: x.Name}, env, nil)
		}
	}
	b.errorf(x.Pos(), CodeName, "", "the pattern `%s` has no case for this call", x.Name.Text)
	return b.broken()
}
