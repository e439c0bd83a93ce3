package bind

import (
	"slices"
	"sort"
	"strings"

	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/syntax"
)

// resultName is the name that an expression gives to the column it becomes when none is written; fallback where it gives none.
func (b *binder) resultName(x syntax.Expr, sc *scope, fallback string) string {
	if n := b.impliedName(x, sc); n != "" {
		return n
	}
	return fallback
}

// impliedName is resultName without a fallback.
func (b *binder) impliedName(x syntax.Expr, sc *scope) string {
	switch x := x.(type) {
	case *syntax.Name:
		return x.Text
	case *syntax.Paren:
		return b.impliedName(x.X, sc)
	case *syntax.Named:
		if len(x.Names) == 1 {
			return x.Names[0].Text
		}
	case *syntax.Ordered:
		return b.impliedName(x.X, sc)
	case *syntax.Typed:
		return b.impliedName(x.X, sc)
	case *syntax.Path:
		right := b.impliedName(x.Name, sc)
		if n, ok := x.X.(*syntax.Name); ok && (n.Text == "$left" || n.Text == "$right") {
			return right
		}
		left := b.impliedName(x.X, sc)
		if left == "" || right == "" {
			return left + right
		}
		return left + "_" + right
	case *syntax.Index:
		left := b.impliedName(x.X, sc)
		if l, ok := x.Index.(*syntax.Literal); ok && left != "" {
			switch v := l.Value.(type) {
			case string:
				if l.Kind == syntax.LitString {
					return left + "_" + v
				}
			case int64:
				return left + "_" + l.Raw
			}
		}
		if left != "" {
			return left + "_"
		}
		return left
	case *syntax.Call:
		return b.callName(x, sc)
	}
	return ""
}

// callName follows the rule that functions.txt gives for a function.
func (b *binder) callName(x *syntax.Call, sc *scope) string {
	name := x.Name.Text
	var f *function
	if v := sc.env.lookup(name); v != nil && v.lambda != nil {
		return ""
	}
	if sc.aggs != nil {
		f = b.functions.aggregate[name]
	}
	if f == nil {
		f = b.functions.scalar[name]
	}
	if f == nil {
		return ""
	}
	first := ""
	if len(x.Args) > 0 {
		first = b.impliedName(x.Args[0], sc)
	}
	switch rule := f.rule; {
	case rule == "-":
		return ""
	case rule == "first":
		return first
	case rule == "only":
		if len(x.Args) == 1 {
			return first
		}
		return ""
	case rule == "column":
		if len(x.Args) > 0 {
			if l, ok := x.Args[0].(*syntax.Literal); ok && sc.rel != nil {
				if s, ok := l.Value.(string); ok && sc.rel.find(s) != nil {
					return s
				}
			}
		}
		return ""
	case strings.HasPrefix(name, "covariance") && len(x.Args) > 1:
		return name + "_" + first + "_" + b.impliedName(x.Args[1], sc)
	case rule == "name+first":
		return name + "_" + first
	case strings.HasSuffix(rule, "+first"):
		return strings.TrimSuffix(rule, "+first") + "_" + first
	default:
		return rule
	}
}

// projection collects output columns and keeps their names distinct.
type projection struct {
	items  []plan.Named
	fields []field
	used   map[string]bool
}

// unique gives a name that is not used yet: name, name1, name2, ...
func (p *projection) unique(name string) string {
	if !p.used[name] {
		return name
	}
	for i := 1; ; i++ {
		if n := name + itoa(i); !p.used[n] {
			return n
		}
	}
}

func (p *projection) add(f field, e plan.Expr) {
	if p.used == nil {
		p.used = map[string]bool{}
	}
	p.used[f.Name] = true
	p.items = append(p.items, plan.Named{Column: f.Column, Expr: e})
	p.fields = append(p.fields, f)
}

// distinct adds the columns of the right side of a join. A number makes a name distinct that the left side has, from that side and from all others of
// the right one.
func (p *projection) distinct(right []field) {
	left := p.used
	reserved := make(map[string]bool, len(left)+len(right))
	for n := range left {
		reserved[n] = true
	}
	for _, f := range right {
		reserved[f.Name] = true
	}
	p.used = reserved
	for _, f := range right {
		c := f.Column
		if left[c.Name] {
			c.Name = p.unique(c.Name)
		}
		p.add(field{Column: c, hidden: f.hidden}, ref(f.Column))
	}
}

// put adds an expression under a name; with replace it takes the place of a column of that name, otherwise the name is made unique. An empty name
// becomes Column1, Column2, ...
func (b *binder) put(p *projection, name string, e plan.Expr, replace bool) {
	if name == "" {
		for i := 1; ; i++ {
			if name = "Column" + itoa(i); !p.used[name] {
				break
			}
		}
		replace = false
	}
	if replace {
		for i := range p.fields {
			if p.fields[i].Name == name {
				c := b.output(name, e)
				it, f := plan.Named{Column: c, Expr: e}, field{Column: c}
				if p.fields[i].hidden { // a new column, not the old one in its place
					p.items, p.fields = append(slices.Delete(p.items, i, i+1), it), append(slices.Delete(p.fields, i, i+1), f)
					return
				}
				p.items[i], p.fields[i] = it, f
				return
			}
		}
	}
	if p.used[name] {
		for i := range p.fields {
			if p.fields[i].Name == name && p.fields[i].hidden {
				p.items, p.fields = slices.Delete(p.items, i, i+1), slices.Delete(p.fields, i, i+1)
				delete(p.used, name)
				break
			}
		}
	}
	p.add(field{Column: b.output(p.unique(name), e)}, e)
}

// output makes the column that shows an expression and remembers where a mere copy comes from.
func (b *binder) output(name string, e plan.Expr) plan.Column {
	c := b.column(name, e.Type())
	if r, ok := e.(*plan.ColRef); ok {
		b.origins[c.ID] = append(b.origins[c.ID], r.ID)
	}
	return c
}

// unknownName reports a name that is neither a column nor a variable.
func (b *binder) unknownName(n *syntax.Name, sc *scope) {
	var names []string
	if sc.rel != nil {
		names = fieldNames(sc.rel)
	}
	if b.catalog.Table(n.Text) != nil {
		b.errorf(n.Pos(), CodeName, "use toscalar() to take one value out of it", "`%s` is a table, a column or value is expected", n.Text)
		return
	}
	for e := sc.env; e != nil; e = e.parent {
		for k := range e.vars {
			names = append(names, k)
		}
	}
	if sc.rel == nil {
		b.errorf(n.Pos(), CodeName, didYouMean(n.Text, names), "`%s` is not defined", n.Text)
		return
	}
	b.errorf(n.Pos(), CodeName, didYouMean(n.Text, names), "there is no column `%s`", n.Text)
}

func (b *binder) unknownColumn(n *syntax.Name, r *relation) {
	b.errorf(n.Pos(), CodeName, didYouMean(n.Text, fieldNames(r)), "there is no column `%s`", n.Text)
}

func fieldNames(r *relation) []string {
	out := make([]string, len(r.fields))
	for i, f := range r.fields {
		out[i] = f.Name
	}
	return out
}

// didYouMean proposes the names closest to a misspelt one.
func didYouMean(name string, known []string) string {
	type candidate struct {
		name string
		d    int
	}
	var best []candidate
	low := strings.ToLower(name)
	seen := map[string]bool{}
	for _, k := range known {
		if seen[k] || k == "" || k == name || strings.HasPrefix(k, "__") {
			continue
		}
		seen[k] = true
		kl := strings.ToLower(k)
		limit := max(1, len(name)/3)
		d := distance(low, kl, limit+1)
		if d > limit {
			if len(low) >= 4 && (strings.HasSuffix(kl, low) || strings.HasPrefix(kl, low) || strings.HasSuffix(low, kl) && len(kl) >= 4) {
				d = limit + 1
			} else {
				continue
			}
		}
		best = append(best, candidate{k, d})
	}
	if len(best) == 0 {
		return ""
	}
	sort.Slice(best, func(i, j int) bool {
		if best[i].d != best[j].d {
			return best[i].d < best[j].d
		}
		return best[i].name < best[j].name
	})
	out := "did you mean `" + best[0].name + "`"
	for _, c := range best[1:min(len(best), 3)] {
		out += " or `" + c.name + "`"
	}
	return out + "?"
}

// distance is the edit distance of two names, at most limit.
func distance(a, c string, limit int) int {
	if len(a)-len(c) >= limit || len(c)-len(a) >= limit {
		return limit
	}
	if len(a) > 64 || len(c) > 64 {
		return limit
	}
	var rows [2][65]int
	prev, cur := rows[0][:], rows[1][:]
	for j := range len(c) + 1 {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(c); j++ {
			cost := 1
			if a[i-1] == c[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
		}
		prev, cur = cur, prev
	}
	return min(prev[len(c)], limit)
}

// noFunction reports an unknown function.
func (b *binder) noFunction(x *syntax.Call, sc *scope) plan.Expr {
	name := x.Name.Text
	switch {
	case b.functions.aggregate[name] != nil:
		b.errorf(x.Name.Pos(), CodeType, "use it in `summarize`", "%s() is an aggregate, it cannot be used here", name)
	case b.functions.plugin[name] != nil:
		b.errorf(x.Name.Pos(), CodeType, "use it with `evaluate`", "%s() is a plugin, it cannot be used here", name)
	case sc.env.lookup(name) != nil:
		b.errorf(x.Name.Pos(), CodeName, "", "`%s` is not a function", name)
	case b.tableFunction(name):
		b.errorf(x.Name.Pos(), CodeType, "use it with `invoke`", "%s() gives a table, it cannot be used here", name)
	default:
		b.errorf(x.Name.Pos(), CodeName, didYouMean(name, b.functions.names), "there is no function `%s`", name)
	}
	for _, a := range x.Args { // their mistakes are worth reporting too
		switch a.(type) {
		case *syntax.TypeOf, *syntax.Wildcard, *syntax.Named, *syntax.Pipeline, *syntax.Paren:
		default:
			if !b.isTabular(a, sc.env, sc.rel) {
				b.scalar(a, sc)
			}
		}
	}
	return null(plan.Unknown)
}
