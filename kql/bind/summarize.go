package bind

import (
	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/syntax"
)

func (b *binder) summarize(r *relation, op *syntax.Summarize, env *environment) *relation {
	row := &scope{env: env, rel: r}
	keys := &projection{}
	ag := &aggregator{keys: map[string]bool{}}
	for _, x := range op.By {
		if w, ok := x.(*syntax.Wildcard); ok {
			for _, c := range r.columns() {
				if matchPattern(w.Pattern, c.Name) {
					b.put(keys, c.Name, ref(c), false)
					ag.keys[c.Name] = true
				}
			}
			continue
		}
		x = unordered(x)
		if n, ok := x.(*syntax.Name); ok && (ag.keys[n.Text] || keys.used[n.Text] && r.find(n.Text) == nil) {
			continue // the same key twice
		}
		if n, ok := unnamed(x).(*syntax.Name); ok {
			ag.keys[n.Text] = true
		}
		b.item(keys, x, row, false, "")
	}
	node := &plan.Aggregate{Keys: keys.items}
	if len(op.Props) > 0 {
		node.Hint = map[string]string{}
		for _, p := range op.Props {
			node.Hint[p.Name] = b.propText(p, env)
		}
	}
	p := &projection{}
	for _, f := range keys.fields {
		p.add(f, ref(f.Column))
	}
	sc := &scope{env: env, rel: r, aggs: ag}
	for _, x := range op.Aggs {
		b.item(p, x, sc, false, "")
	}
	if len(op.By) == 0 && len(op.Aggs) == 0 {
		b.errorf(op.Pos(), CodeSyntax, "", "summarize needs an aggregate or `by`")
	}
	node.Input, node.Aggs = r.node, ag.aggs
	// `*` in arg_max or take_any lets through columns that only the data knows
	return &relation{node: b.trim(node, p, len(keys.items)), fields: p.fields, open: r.open && ag.star}
}

// trim lets aggregates carry the final names where the outputs are nothing but aggregates, else it projects them.
func (b *binder) trim(n *plan.Aggregate, p *projection, keys int) plan.Node {
	direct := len(p.items) == keys+len(n.Aggs)
	for i, it := range p.items[keys:] {
		r, ok := it.Expr.(*plan.ColRef)
		direct = direct && ok && i < len(n.Aggs) && r.ID == n.Aggs[i].Column.ID
	}
	if !direct {
		return &plan.Project{Input: n, Items: p.items}
	}
	for i := range n.Aggs {
		delete(b.origins, p.items[keys+i].Column.ID)
		n.Aggs[i].Column = p.items[keys+i].Column
	}
	return n
}

func (b *binder) distinct(r *relation, op *syntax.Distinct, env *environment) *relation {
	p := &projection{}
	for _, x := range op.Items {
		if w, ok := x.(*syntax.Wildcard); ok {
			for _, c := range r.columns() {
				if matchPattern(w.Pattern, c.Name) && !p.used[c.Name] {
					b.put(p, c.Name, ref(c), false)
				}
			}
			continue
		}
		b.item(p, x, &scope{env: env, rel: r}, false, "")
	}
	out := r.with(&plan.Aggregate{Input: r.node, Keys: p.items}, p.fields)
	out.serial = false
	return out
}
