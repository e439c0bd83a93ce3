package bind

import (
	"strings"

	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/syntax"
)

func (b *binder) union(r *relation, op *syntax.Union, env *environment) *relation {
	inner := false
	if p := prop(op.Props, "kind"); p != nil {
		inner = strings.EqualFold(b.propText(*p, env), "inner")
	}
	source := ""
	if p := prop(op.Props, "withsource", "with_source"); p != nil {
		source = b.propText(*p, env)
	}
	fuzzy := false
	if p := prop(op.Props, "isfuzzy"); p != nil {
		fuzzy = strings.EqualFold(b.propText(*p, env), "true")
	}
	var inputs []*relation
	if r != nil {
		inputs = append(inputs, r)
	}
	everything := false // which tables a pattern means depends on the store, and so do their columns
	for _, x := range op.Tables {
		if w := tablePattern(x); w != "" {
			everything = true
			for _, name := range b.matching(w, env) {
				inputs = append(inputs, b.namedTable(x, name, env))
			}
			continue
		}
		before := len(b.diags)
		in := b.table(x, env)
		if fuzzy && b.missingTable(before) {
			continue
		}
		inputs = append(inputs, in)
	}
	if len(inputs) == 0 {
		if !fuzzy {
			b.errorf(op.Pos(), CodeName, "", "no table matches")
		}
		return b.broken()
	}
	out := b.combine(inputs, inner, source)
	out.open = out.open || everything
	return out
}

// tablePattern returns the pattern of a wildcard table reference.
func tablePattern(x syntax.Expr) string {
	switch x := x.(type) {
	case *syntax.Wildcard:
		return x.Pattern
	case *syntax.Path:
		if w, ok := x.Name.(*syntax.Wildcard); ok && isScopeCall(x.X) {
			return w.Pattern
		}
	}
	return ""
}

// missingTable takes complaints about unknown tables back (isfuzzy) and turns them into remarks.
func (b *binder) missingTable(before int) bool {
	missing := false
	for _, d := range b.diags[before:] {
		if !d.Warning && d.Code == CodeName && (strings.Contains(d.Message, "there is no table") || strings.Contains(d.Message, "there is no function")) {
			missing = true
		}
	}
	if missing {
		for i := range b.diags[before:] {
			b.diags[before+i].Warning = true
		}
	}
	return missing
}

func (b *binder) unionOf(at syntax.Node, names []string, inner bool, source string, env *environment) *relation {
	var inputs []*relation
	for _, n := range names {
		inputs = append(inputs, b.namedTable(at, n, env))
	}
	if len(inputs) == 0 {
		b.errorf(at.Pos(), CodeName, "", "no table matches")
		return b.broken()
	}
	return b.combine(inputs, inner, source)
}

// maxUnion bounds the columns that the tables of a union get together: each gets all of them.
const maxUnion = 1_000_000

// combine appends relations. Columns of one name and type become one; columns of one name but different types are told apart by their types.
func (b *binder) combine(inputs []*relation, inner bool, source string) *relation {
	type slot struct {
		name   string
		t      plan.Type
		hidden bool
		in     []plan.Expr
		count  int
	}
	var order []string
	byName := map[string][]*slot{}
	columns := map[string]int{} // columns of a name seen so far
	names := map[string]bool{}
	for _, r := range inputs {
		for _, f := range r.fields {
			names[f.Name] = true
		}
	}
	if len(names)*len(inputs) > maxUnion {
		b.errorf(syntax.Span{}, CodeLimit, "project the columns that are needed before the union", "the union is too wide: %d tables with %d different columns", len(inputs), len(names))
		return b.broken()
	}
	merged := map[string]bool{} // names whose first two columns have one type: all further ones are converted to it
	for i, r := range inputs {
		for _, f := range r.fields {
			if f.hidden {
				continue
			}
			list := byName[f.Name]
			if list == nil {
				order = append(order, f.Name)
			}
			columns[f.Name]++
			var s *slot
			for _, c := range list {
				if c.t == f.Type || c.t == plan.Unknown || f.Type == plan.Unknown || merged[f.Name] {
					s = c
					break
				}
			}
			if s != nil && columns[f.Name] == 2 {
				merged[f.Name] = true
			}
			if s == nil {
				s = &slot{name: f.Name, t: f.Type, in: make([]plan.Expr, len(inputs))}
				byName[f.Name] = append(list, s)
			}
			if s.t == plan.Unknown {
				s.t = f.Type
			}
			if s.in[i] == nil {
				s.in[i] = ref(f.Column)
				s.count++
			}
		}
	}
	// hidden columns stay hidden, or fill the visible column of their name and type
	for i, r := range inputs {
		for _, f := range r.fields {
			if !f.hidden {
				continue
			}
			var s *slot
			for _, c := range byName[f.Name] {
				if c.t == f.Type {
					s = c
				}
			}
			if s == nil {
				if byName[f.Name] != nil {
					continue
				}
				s = &slot{name: f.Name, t: f.Type, hidden: true, in: make([]plan.Expr, len(inputs))}
				byName[f.Name] = []*slot{s}
				order = append(order, f.Name)
			}
			if s.in[i] == nil {
				s.in[i] = ref(f.Column)
			}
		}
	}
	var slots []*slot
	for _, name := range order {
		slots = append(slots, byName[name]...)
	}
	u := &plan.Union{Map: make([][]plan.Expr, len(inputs))}
	out := &relation{node: u}
	for _, r := range inputs {
		out.open = out.open || r.open
		u.Inputs = append(u.Inputs, r.node)
	}
	add := func(f field, cells []plan.Expr) {
		u.Cols = append(u.Cols, f.Column)
		out.fields = append(out.fields, f)
		for i := range inputs {
			u.Map[i] = append(u.Map[i], cells[i])
		}
	}
	if source != "" {
		cells := make([]plan.Expr, len(inputs))
		for i, r := range inputs {
			name := r.source
			if name == "" {
				name = "union_arg" + itoa(i)
			}
			cells[i] = &plan.Const{T: plan.String, Value: name}
		}
		add(field{Column: b.column(source, plan.String)}, cells)
	}
	for _, s := range slots {
		if inner && s.count < len(inputs) && !s.hidden {
			continue
		}
		name := s.name
		if len(byName[s.name]) > 1 && !s.hidden {
			name += "_" + s.t.String()
		}
		for i, e := range s.in {
			switch {
			case e == nil:
				s.in[i] = null(s.t)
			case e.Type() != s.t:
				s.in[i] = b.convert(e, s.t)
			}
		}
		c := b.column(name, s.t)
		for i := range inputs {
			if r, ok := s.in[i].(*plan.ColRef); ok {
				b.origins[c.ID] = append(b.origins[c.ID], r.ID)
			}
		}
		add(field{Column: c, hidden: s.hidden}, s.in)
	}
	return out
}
