package bind

import (
	"strings"

	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/syntax"
)

// sources lists the tables that search and find look through.
func (b *binder) sources(list []syntax.Expr, env *environment) []*relation {
	if len(list) == 0 {
		list = []syntax.Expr{&syntax.Wildcard{Pattern: "*"}}
	}
	var out []*relation
	for _, x := range list {
		if w := tablePattern(x); w != "" {
			for _, name := range b.matching(w, env) {
				r := b.namedTable(x, name, env)
				r.source = name
				out = append(out, r)
			}
			continue
		}
		r := b.table(x, env)
		if n, ok := x.(*syntax.Name); ok {
			r.source = n.Text
		}
		out = append(out, r)
	}
	return out
}

// search keeps the rows in which the predicate holds; a text alone means that some column contains it as a word.
func (b *binder) search(r *relation, op *syntax.Search, env *environment) *relation {
	cased := false
	if p := prop(op.Props, "kind"); p != nil {
		cased = strings.EqualFold(b.propText(*p, env), "case_sensitive")
	}
	var inputs []*relation
	if r != nil {
		r.source = sourceOf(r)
		inputs = []*relation{r}
	} else {
		inputs = b.sources(op.In, env)
	}
	if len(inputs) == 0 {
		b.errorf(op.Pos(), CodeName, "", "no table matches")
		return b.broken()
	}
	known := map[string]bool{}
	for _, in := range inputs {
		for _, f := range in.fields {
			known[f.Name] = true
		}
	}
	if r == nil && len(op.In) == 0 { // tables without the columns that the predicate is about have nothing to say
		inputs = withColumns(inputs, op.Pred, known)
	}
	for i, in := range inputs {
		s := &searcher{b: b, rel: in, env: env, cased: cased, known: known}
		pred := s.pred(op.Pred)
		inputs[i] = in.with(&plan.Filter{Input: in.node, Pred: pred}, in.fields)
		inputs[i].source = in.source
	}
	return b.combine(inputs, false, "$table")
}

// withColumns leaves out the tables that have none of the columns of a predicate, unless that looks for texts in any column.
func withColumns(inputs []*relation, pred syntax.Expr, known map[string]bool) []*relation {
	if anywhere(pred) {
		return inputs
	}
	var names []string
	for _, n := range columnNames(pred) {
		if known[n] {
			names = append(names, n)
		}
	}
	if len(names) == 0 {
		return inputs
	}
	var out []*relation
	for _, in := range inputs {
		for _, n := range names {
			if in.find(n) != nil {
				out = append(out, in)
				break
			}
		}
	}
	return out
}

// anywhere says whether a search predicate has a term that any column may satisfy.
func anywhere(x syntax.Expr) bool {
	switch x := x.(type) {
	case *syntax.Literal, *syntax.Wildcard:
		return true
	case *syntax.Paren:
		return anywhere(x.X)
	case *syntax.Binary:
		if x.Op == "and" || x.Op == "or" {
			return anywhere(x.L) || anywhere(x.R)
		}
		_, star := x.L.(*syntax.Wildcard)
		return star
	case *syntax.Call:
		return x.Name.Text == "not" && len(x.Args) == 1 && anywhere(x.Args[0])
	case *syntax.In:
		_, star := x.X.(*syntax.Wildcard)
		return star
	}
	return false
}

// sourceOf finds the table that rows come from, if it is one.
func sourceOf(r *relation) string {
	if r.source != "" {
		return r.source
	}
	n := r.node
	for {
		if s, ok := n.(*plan.Scan); ok {
			return s.Table
		}
		in := plan.Inputs(n)
		if len(in) != 1 {
			return ""
		}
		n = in[0]
	}
}

// searcher binds a search predicate over one table. Columns that other tables have are null in this one.
type searcher struct {
	b     *binder
	rel   *relation
	env   *environment
	cased bool
	known map[string]bool
}

func (s *searcher) pred(x syntax.Expr) plan.Expr {
	b := s.b
	switch x := x.(type) {
	case *syntax.Paren:
		return s.pred(x.X)
	case *syntax.Literal:
		if v, ok := x.Value.(string); ok && x.Kind == syntax.LitString {
			return s.anyText(v)
		}
		return s.anyText(x.Raw)
	case *syntax.Wildcard:
		if x.Pattern == "*" {
			return &plan.Const{T: plan.Bool, Value: true}
		}
	case *syntax.Binary:
		switch x.Op {
		case "and", "or":
			return &plan.Call{Func: x.Op, T: plan.Bool, Args: []plan.Expr{s.pred(x.L), s.pred(x.R)}}
		case ":":
			if w, ok := x.L.(*syntax.Wildcard); ok && w.Pattern == "*" {
				return s.pred(x.R)
			}
			if v, ok := text(b.scalar(x.R, &scope{env: s.env})); ok {
				l := b.scalar(x.L, s.scope())
				if l.Type() == plan.String || loose(l.Type()) {
					return s.term(l, v)
				}
			}
		}
	case *syntax.Call:
		if x.Name.Text == "not" && len(x.Args) == 1 {
			return &plan.Call{Func: "not", T: plan.Bool, Args: []plan.Expr{s.pred(x.Args[0])}}
		}
	}
	e := b.scalar(x, s.scope())
	if t := e.Type(); t == plan.String {
		if v, ok := text(e); ok {
			return s.anyText(v)
		}
	}
	return b.asBool(x, e)
}

// scope sees the table's columns, and nulls for columns of the other tables.
func (s *searcher) scope() *scope {
	env := &environment{parent: s.env}
	for name := range s.known {
		if s.rel.find(name) == nil {
			env.define(name, &variable{expr: null(plan.Unknown)})
		}
	}
	return &scope{env: env, rel: s.rel}
}

// anyText says that some column contains a text.
func (s *searcher) anyText(v string) plan.Expr {
	if strings.Trim(v, "*") == "" {
		return &plan.Const{T: plan.Bool, Value: true}
	}
	or := &plan.Call{Func: "or", T: plan.Bool}
	for _, f := range s.rel.fields {
		if f.hidden {
			continue
		}
		switch f.Type {
		case plan.String, plan.Dynamic, plan.GUID:
			or.Args = append(or.Args, s.term(ref(f.Column), v))
		}
	}
	switch len(or.Args) {
	case 0:
		return &plan.Const{T: plan.Bool, Value: false}
	case 1:
		return or.Args[0]
	}
	return or
}

// term matches one column: a word, or with stars a beginning, an end or a part.
func (s *searcher) term(col plan.Expr, v string) plan.Expr {
	op := "has"
	pre, post := strings.HasPrefix(v, "*"), strings.HasSuffix(v, "*")
	core := strings.Trim(v, "*")
	switch {
	case strings.Contains(core, "*"):
		parts := strings.Split(core, "*")
		for i, p := range parts {
			parts[i] = regexpQuote(p)
		}
		pattern := strings.Join(parts, ".*")
		if !s.cased {
			pattern = "(?i)" + pattern
		}
		return &plan.Call{Func: "matches regex", T: plan.Bool, Args: []plan.Expr{s.b.asText(col), &plan.Const{T: plan.String, Value: pattern}}}
	case pre && post:
		op = "contains"
	case post:
		op = "hasprefix"
	case pre:
		op = "hassuffix"
	}
	if s.cased {
		op += "_cs"
	}
	return &plan.Call{Func: op, T: plan.Bool, Args: []plan.Expr{s.b.asText(col), &plan.Const{T: plan.String, Value: core}}}
}

// findTables binds find: rows of several tables with the columns that the predicate names, the rest packed.
func (b *binder) findTables(op *syntax.Find, env *environment) *relation {
	source := "source_"
	if p := prop(op.Props, "withsource", "with_source"); p != nil {
		source = b.propText(*p, env)
	}
	inputs := b.sources(op.In, env)
	if len(inputs) == 0 {
		b.errorf(op.Pos(), CodeName, "", "no table matches")
		return b.broken()
	}
	known := map[string]bool{}
	types := map[string]plan.Type{}
	for _, in := range inputs {
		for _, f := range in.fields {
			known[f.Name] = true
			types[f.Name] = f.Type
		}
	}
	var wanted []string
	pack := false
	declared := map[string]plan.Type{}
	for _, x := range op.Project {
		if t, ok := x.(*syntax.Typed); ok {
			x = t.X
			if n, ok := x.(*syntax.Name); ok {
				declared[n.Text], _ = typeOf(t.Type)
			}
		}
		switch x := x.(type) {
		case *syntax.Name:
			if _, typed := declared[x.Text]; !known[x.Text] && !typed && len(op.In) > 0 {
				b.errorf(x.Pos(), CodeName, didYouMean(x.Text, keys(known)), "there is no column `%s`", x.Text)
			}
			wanted = append(wanted, x.Text)
		case *syntax.Call:
			pack = pack || x.Name.Text == "pack" || x.Name.Text == "pack_all"
		}
	}
	if len(op.Project) == 0 {
		pack = true
		for _, n := range columnNames(op.Pred) {
			if known[n] && !contains(wanted, n) {
				wanted = append(wanted, n)
			}
		}
	}
	for i, in := range inputs {
		s := &searcher{b: b, rel: in, env: env, known: known}
		pred := s.pred(op.Pred)
		p := &projection{}
		for _, n := range wanted {
			t := types[n]
			if d, ok := declared[n]; ok {
				t = d
			}
			var e plan.Expr = null(t)
			if f := in.find(n); f != nil {
				e = ref(f.Column)
				if declared[n] != plan.Unknown {
					e = b.convert(e, t)
				}
			}
			b.put(p, n, e, false)
		}
		if pack {
			bag := &plan.Call{Func: "bag_pack", T: plan.Dynamic}
			for _, c := range in.columns() {
				if !contains(wanted, c.Name) {
					bag.Args = append(bag.Args, &plan.Const{T: plan.String, Value: c.Name}, ref(c))
				}
			}
			b.put(p, "pack_", bag, false)
		}
		name := in.source
		inputs[i] = in.with(&plan.Project{Input: &plan.Filter{Input: in.node, Pred: pred}, Items: p.items}, p.fields)
		inputs[i].source = name
	}
	return b.combine(inputs, false, source)
}

func keys(m map[string]bool) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sortStrings(out)
	return out
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

// columnNames lists the names in a predicate, in order of appearance.
func columnNames(x syntax.Expr) []string {
	switch x := x.(type) {
	case *syntax.Name:
		return []string{x.Text}
	case *syntax.Paren:
		return columnNames(x.X)
	case *syntax.Unary:
		return columnNames(x.X)
	case *syntax.Binary:
		return append(columnNames(x.L), columnNames(x.R)...)
	case *syntax.Between:
		return append(append(columnNames(x.X), columnNames(x.Lo)...), columnNames(x.Hi)...)
	case *syntax.In:
		return columnNames(x.X)
	case *syntax.Path:
		return columnNames(x.X)
	case *syntax.Index:
		return columnNames(x.X)
	case *syntax.Call:
		var out []string
		for _, a := range x.Args {
			out = append(out, columnNames(a)...)
		}
		return out
	}
	return nil
}
