package bind

import (
	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/syntax"
)

// topNested is lowered level by level: group by the keys so far, number the groups within their parent, keep the first N.
func (b *binder) topNested(r *relation, op *syntax.TopNested, env *environment) *relation {
	for _, c := range op.Clauses {
		if c.Others != nil {
			return b.topNestedOthers(r, op, env)
		}
	}
	row := &scope{env: env, rel: r}
	input := b.share("top-nested", r, true)
	var parents []field // the keys of the levels above, as the result so far shows them
	var result *relation
	for _, c := range op.Clauses {
		in := input()
		row = &scope{env: env, rel: in}
		// group by the parents' expressions, bound anew over this use of the input, and this level's
		keys := &projection{}
		for _, above := range op.Clauses[:len(parents)/2] {
			b.item(keys, above.Of, row, false, "")
		}
		b.item(keys, c.Of, row, false, "")
		ag := &aggregator{keys: map[string]bool{}}
		by, order := c.By, "desc"
		if o, ok := by.(*syntax.Ordered); ok {
			by = o.X
			if o.Order != "" {
				order = o.Order
			}
		}
		p := &projection{}
		for _, f := range keys.fields {
			p.add(f, ref(f.Column))
		}
		name := "aggregated_" + keys.fields[len(keys.fields)-1].Name
		inner := by
		if n, ok := by.(*syntax.Named); ok {
			inner = n.X
			name = n.Names[0].Text
		}
		value := b.scalar(inner, &scope{env: env, rel: in, aggs: ag})
		b.put(p, name, value, false)
		node := plan.Node(&plan.Project{Input: &plan.Aggregate{Input: in.node, Keys: keys.items, Aggs: ag.aggs}, Items: p.items})
		level := len(keys.fields)
		// join with the level above: only its groups go on
		fields := p.fields
		if result != nil {
			j := &plan.Join{Kind: plan.Inner, Left: result.node, Right: node}
			for i := range level - 1 {
				j.LeftKeys = append(j.LeftKeys, ref(parents[2*i].Column))
				j.RightKeys = append(j.RightKeys, ref(p.fields[i].Column))
			}
			out := &projection{}
			for _, f := range result.fields {
				out.add(f, ref(f.Column))
			}
			for _, f := range p.fields[level-1:] {
				c := f.Column
				c.Name = out.unique(c.Name)
				out.add(field{Column: c}, ref(f.Column))
			}
			j.Out = out.items
			node, fields = j, out.fields
		}
		rel := &relation{node: node, fields: fields}
		agg := fields[len(fields)-1]
		if c.N != nil {
			s := &plan.Sort{Input: node}
			for i := 0; i+2 < len(fields); i += 2 {
				s.Keys = append(s.Keys, plan.SortKey{Expr: ref(fields[i].Column)})
			}
			s.Keys = append(s.Keys, plan.SortKey{Expr: ref(agg.Column), Desc: order == "desc"})
			restart := plan.Expr(&plan.Const{T: plan.Bool, Value: false})
			var changed []plan.Expr
			for i := 0; i+2 < len(fields); i += 2 {
				prev := &plan.Window{Func: "prev", Args: []plan.Expr{ref(fields[i].Column)}, T: fields[i].Type}
				changed = append(changed, &plan.Call{Func: "!=", Args: []plan.Expr{prev, ref(fields[i].Column)}, T: plan.Bool})
			}
			if len(changed) == 1 {
				restart = changed[0]
			} else if len(changed) > 1 {
				restart = &plan.Call{Func: "or", Args: changed, T: plan.Bool}
			}
			rank := b.column("$rank", plan.Long)
			number := &plan.Window{Func: "row_number", Args: []plan.Expr{&plan.Const{T: plan.Long, Value: int64(1)}, restart}, T: plan.Long}
			numbered := &plan.Project{Input: &plan.Serialize{Input: s}, Items: append(pass(rel), plan.Named{Column: rank, Expr: number})}
			keep := &plan.Filter{Input: numbered, Pred: &plan.Call{Func: "<=", Args: []plan.Expr{ref(rank), b.rowCount(c.N, env)}, T: plan.Bool}}
			rel.node = &plan.Project{Input: keep, Items: pass(rel)}
		}
		result = rel
		parents = append([]field(nil), fields...)
	}
	return result
}

// topNestedOthers is top-nested where a level gathers the rest of its groups in a row of their own. The rows are labelled level by level: with the group
// they are in, or as one of the rest, where the levels below go on with a single group. What no level gathers is dropped.
func (b *binder) topNestedOthers(r *relation, op *syntax.TopNested, env *environment) *relation {
	labelled := r      // the rows with the labels of the levels so far, in marks
	var marks []int    // per level, where its label and whether it is of the rest stand among the fields of labelled
	var levels []level // per level, its groups
	for _, c := range op.Clauses {
		use := b.share("top-nested", labelled, true)
		groups, name := b.topGroups(use(), marks, c, env)
		labelled, marks = b.labelled(use(), marks, groups, c, env)
		again := b.share("top-nested", labelled, true)
		labelled = again()
		levels = append(levels, b.aggregated(again(), marks, c, name, env))
	}
	// the deepest level, joined with each level above on the labels they share
	last := len(levels) - 1
	out := levels[last].rel
	columns := make([]field, 0, 2*len(levels))
	for k := range last {
		j := &plan.Join{Kind: plan.Inner, Left: out.node, Right: levels[k].rel.node}
		for i := range 2 * (k + 1) {
			// as text, in which a label that is null equals itself
			j.LeftKeys, j.RightKeys = append(j.LeftKeys, b.asText(ref(levels[last].rel.fields[i].Column))), append(j.RightKeys, b.asText(ref(levels[k].rel.fields[i].Column)))
		}
		p := &projection{}
		for _, f := range out.fields {
			p.add(f, ref(f.Column))
		}
		value := levels[k].rel.fields[len(levels[k].rel.fields)-1]
		p.add(value, ref(value.Column))
		j.Out = p.items
		out = &relation{node: j, fields: p.fields}
		columns = append(columns, levels[last].rel.fields[2*k], value)
	}
	columns = append(columns, levels[last].rel.fields[2*last], levels[last].rel.fields[2*last+2])
	p := &projection{}
	for i, f := range columns {
		name := levels[i/2].key
		if i%2 == 1 {
			name = levels[i/2].value
		}
		b.put(p, name, ref(f.Column), false)
	}
	return b.projected(out, p, false)
}

// level is the groups of one level of top-nested: labels and marks of all levels down to it, then the aggregate.
type level struct {
	rel        *relation
	key, value string
}

// by takes a clause's aggregate and its order apart.
func (c topClause) by() (x syntax.Expr, order, name string) {
	x, order = c.By, "desc"
	if o, ok := x.(*syntax.Ordered); ok {
		if x = o.X; o.Order != "" {
			order = o.Order
		}
	}
	if n, ok := x.(*syntax.Named); ok && len(n.Names) == 1 {
		return n.X, order, n.Names[0].Text
	}
	return x, order, ""
}

type topClause struct{ syntax.TopNestedClause }

// topGroups gives the groups of a level that are kept: the labels of the levels above and the key. Rows of the rest of a level above have none.
func (b *binder) topGroups(in *relation, marks []int, c syntax.TopNestedClause, env *environment) (*relation, string) {
	rows := in
	if n := len(marks); n > 0 {
		kept := &plan.Call{Func: "not", T: plan.Bool, Args: []plan.Expr{ref(in.fields[marks[n-1]+1].Column)}}
		rows = in.with(&plan.Filter{Input: in.node, Pred: kept}, in.fields)
	}
	keys := &projection{}
	for _, m := range marks {
		b.put(keys, "$"+in.fields[m].Name, ref(in.fields[m].Column), false)
	}
	b.item(keys, c.Of, &scope{env: env, rel: rows}, false, "")
	key := keys.fields[len(keys.fields)-1]
	x, order, _ := topClause{c}.by()
	ag := &aggregator{keys: map[string]bool{}}
	value := b.scalar(x, &scope{env: env, rel: rows, aggs: ag})
	p := &projection{}
	for _, f := range keys.fields {
		p.add(f, ref(f.Column))
	}
	b.put(p, "$value", value, false)
	out := &relation{node: &plan.Project{Input: &plan.Aggregate{Input: rows.node, Keys: keys.items, Aggs: ag.aggs}, Items: p.items}, fields: p.fields}
	if c.N != nil {
		out = b.firstOf(out, len(marks), order == "desc", b.rowCount(c.N, env))
	}
	return out, key.Name
}

// firstOf keeps the first n rows of each combination of the first so many columns, in the order of the last column.
func (b *binder) firstOf(r *relation, parents int, desc bool, n plan.Expr) *relation {
	s := &plan.Sort{Input: r.node}
	var changed []plan.Expr
	for _, f := range r.fields[:parents] {
		s.Keys = append(s.Keys, plan.SortKey{Expr: ref(f.Column)})
		prev := &plan.Window{Func: "prev", Args: []plan.Expr{ref(f.Column)}, T: f.Type}
		changed = append(changed, &plan.Call{Func: "!=", Args: []plan.Expr{prev, ref(f.Column)}, T: plan.Bool})
	}
	s.Keys = append(s.Keys, plan.SortKey{Expr: ref(r.fields[len(r.fields)-1].Column), Desc: desc, NullsFirst: !desc})
	restart := plan.Expr(&plan.Const{T: plan.Bool, Value: false})
	switch len(changed) {
	case 0:
	case 1:
		restart = changed[0]
	default:
		restart = &plan.Call{Func: "or", Args: changed, T: plan.Bool}
	}
	rank := b.column("$rank", plan.Long)
	number := &plan.Window{Func: "row_number", Args: []plan.Expr{&plan.Const{T: plan.Long, Value: int64(1)}, restart}, T: plan.Long}
	numbered := &plan.Project{Input: &plan.Serialize{Input: s}, Items: append(pass(r), plan.Named{Column: rank, Expr: number})}
	keep := &plan.Filter{Input: numbered, Pred: &plan.Call{Func: "<=", Args: []plan.Expr{ref(rank), n}, T: plan.Bool}}
	return r.with(&plan.Project{Input: keep, Items: pass(r)}, r.fields)
}

// labelled adds the label of a level, and whether the row is of the rest, to the rows.
func (b *binder) labelled(in *relation, marks []int, groups *relation, c syntax.TopNestedClause, env *environment) (*relation, []int) {
	own := &projection{}
	b.item(own, c.Of, &scope{env: env, rel: in}, false, "")
	key, t := own.items[0].Expr, own.fields[0].Type
	n := len(marks)
	found := b.column("$found", plan.Bool)
	right := &plan.Project{Input: groups.node, Items: append(pass(groups), plan.Named{Column: found, Expr: &plan.Const{T: plan.Bool, Value: true}})}
	j := &plan.Join{Kind: plan.LeftOuter, Left: in.node, Right: right}
	rest := plan.Expr(nil)
	for i, m := range marks {
		j.LeftKeys, j.RightKeys = append(j.LeftKeys, ref(in.fields[m].Column)), append(j.RightKeys, ref(groups.fields[i].Column))
		rest = ref(in.fields[m+1].Column)
	}
	j.LeftKeys, j.RightKeys = append(j.LeftKeys, key), append(j.RightKeys, ref(groups.fields[n].Column))
	p := &projection{}
	for _, f := range in.fields {
		p.add(f, ref(f.Column))
	}
	hit := b.column("$found", plan.Bool)
	p.add(field{Column: hit}, ref(found))
	j.Out = p.items
	joined := in.with(j, p.fields)
	is := plan.Expr(&plan.Call{Func: "isnotnull", T: plan.Bool, Args: []plan.Expr{ref(hit)}})
	if rest != nil { // the rest of a level above is nobody's group, whatever its key
		is = &plan.Call{Func: "and", T: plan.Bool, Args: []plan.Expr{is, &plan.Call{Func: "not", T: plan.Bool, Args: []plan.Expr{rest}}}}
	}
	label := null(t)
	if c.Others != nil {
		name := b.convert(b.scalar(c.Others, &scope{env: env}), t)
		if k := constant(name); k != nil {
			label = k
		}
	} else {
		keep := is
		if rest != nil {
			keep = &plan.Call{Func: "or", T: plan.Bool, Args: []plan.Expr{is, rest}}
		}
		joined = joined.with(&plan.Filter{Input: joined.node, Pred: keep}, joined.fields)
	}
	q := &projection{}
	for _, f := range in.fields {
		q.add(f, ref(f.Column))
	}
	at := len(q.fields)
	b.put(q, "$"+own.fields[0].Name, &plan.Case{Whens: []plan.Expr{is}, Thens: []plan.Expr{key}, Else: label, T: t}, false)
	b.put(q, "$rest", &plan.Call{Func: "not", T: plan.Bool, Args: []plan.Expr{is}}, false)
	return b.projected(joined, q, false), append(append([]int(nil), marks...), at)
}

// aggregated groups the labelled rows of a level.
func (b *binder) aggregated(in *relation, marks []int, c syntax.TopNestedClause, key string, env *environment) level {
	keys := &projection{}
	for _, m := range marks {
		b.put(keys, in.fields[m].Name, ref(in.fields[m].Column), false)
		b.put(keys, in.fields[m+1].Name, ref(in.fields[m+1].Column), false)
	}
	x, _, name := topClause{c}.by()
	if name == "" {
		name = "aggregated_" + key
	}
	ag := &aggregator{keys: map[string]bool{}}
	value := b.scalar(x, &scope{env: env, rel: in, aggs: ag})
	p := &projection{}
	for _, f := range keys.fields {
		p.add(f, ref(f.Column))
	}
	if c.Others == nil && len(marks) > 1 { // the rest of a level above has no aggregate where this level names none
		value = &plan.Case{Whens: []plan.Expr{ref(keys.fields[len(keys.fields)-1].Column)}, Thens: []plan.Expr{null(value.Type())}, Else: value, T: value.Type()}
	}
	b.put(p, "$"+name, value, false)
	node := &plan.Project{Input: &plan.Aggregate{Input: in.node, Keys: keys.items, Aggs: ag.aggs}, Items: p.items}
	return level{rel: &relation{node: node, fields: p.fields}, key: key, value: name}
}
