package bind

import (
	"sort"
	"strings"

	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/syntax"
)

// evaluate binds a plugin. Those with a relational form are lowered; the others are left to the host.
func (b *binder) evaluate(r *relation, op *syntax.Evaluate, env *environment) *relation {
	if op.Call == nil {
		return b.broken()
	}
	name := op.Call.Name.Text
	f := b.functions.plugin[name]
	if f == nil {
		b.errorf(op.Call.Name.Pos(), CodeName, didYouMean(name, sortedNames(b.functions.plugin)), "there is no plugin `%s`", name)
		return b.broken()
	}
	if r == nil {
		b.errorf(op.Pos(), CodeUnsupported, "", "plugin %s() %s", name, refusal(name))
		return b.broken()
	}
	switch name {
	case "bag_unpack":
		return b.bagUnpack(r, op, env)
	case "pivot":
		return b.pivot(r, op, env)
	case "narrow":
		return b.narrow(r)
	case "ipv4_lookup", "ipv6_lookup":
		return b.ipLookup(r, op, env)
	case "geo_polygon_lookup", "geo_line_lookup":
		return b.geoLookup(r, op, env)
	case "identity":
		return r
	}
	return b.plugin(r, f, op, env)
}

func sortedNames(m map[string]*function) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

// namedArg takes `name=value` out of the arguments.
func namedArgs(call *syntax.Call) (positional []syntax.Expr, byName map[string]syntax.Expr) {
	byName = map[string]syntax.Expr{}
	for _, a := range call.Args {
		if n, ok := a.(*syntax.Named); ok && len(n.Names) == 1 {
			byName[n.Names[0].Text] = n.X
			continue
		}
		positional = append(positional, a)
	}
	return positional, byName
}

// bagUnpack turns the members of a bag into columns. Which ones there are is a matter of the data, found by a probe; a declared schema settles it.
func (b *binder) bagUnpack(r *relation, op *syntax.Evaluate, env *environment) *relation {
	args, named := namedArgs(op.Call)
	if len(args) == 0 {
		b.errorf(op.Call.Pos(), CodeType, "", "bag_unpack() needs a column")
		return b.broken()
	}
	free := &scope{env: env}
	arg := func(i int, names ...string) string {
		for _, n := range names {
			if x, ok := named[n]; ok {
				s, _ := text(b.scalar(x, free))
				return s
			}
		}
		if i < len(args) {
			s, _ := text(b.scalar(args[i], free))
			return s
		}
		return ""
	}
	bag := b.scalar(args[0], &scope{env: env, rel: r})
	if t := bag.Type(); !loose(t) {
		b.errorf(args[0].Pos(), CodeType, "turn the text into an object first: parse_json(…)", "bag_unpack() needs a dynamic column, not a %s", t)
		return b.broken()
	}
	prefix := arg(1, "OutputColumnPrefix", "columnPrefix", "column_prefix")
	conflict := arg(2, "columnsConflict")
	ignored := map[string]bool{}
	for _, x := range []syntax.Expr{named["ignoredProperties"], at(args, 3)} {
		if x != nil {
			for _, e := range b.listItem(b.scalar(x, free)) {
				if s, ok := text(e); ok {
					ignored[s] = true
				}
			}
		}
	}
	source := ""
	if n, ok := args[0].(*syntax.Name); ok {
		source = n.Text
	}
	member := func(key string, t plan.Type) plan.Expr {
		return b.convert(&plan.Call{Func: "index", Args: []plan.Expr{bag, &plan.Const{T: plan.String, Value: key}}, T: plan.Dynamic}, t)
	}
	p := &projection{}
	if len(op.Columns) > 0 {
		for _, d := range op.Columns {
			if d.Name == "*" {
				for _, f := range r.fields {
					if f.Name != source {
						p.add(f, ref(f.Column))
					}
				}
				continue
			}
			t, _ := typeOf(d.Type)
			if f := r.find(d.Name); f != nil && d.Name != source && (conflict == "keep_source" || f.Type == t) && conflict != "replace_source" {
				b.put(p, d.Name, b.convert(ref(f.Column), t), true)
				continue
			}
			b.put(p, d.Name, member(strings.TrimPrefix(d.Name, prefix), t), true)
		}
		out := b.projected(r, p, false)
		out.open = false
		return out
	}
	for _, f := range r.fields {
		if f.Name != source {
			p.add(f, ref(f.Column))
		}
	}
	members := b.bagMembers(r, bag)
	if !b.found(op.Call, len(members), maxMembers) {
		return b.broken()
	}
	for _, m := range members {
		name := prefix + m.name
		if ignored[m.name] {
			continue
		}
		if p.used[name] {
			switch conflict {
			case "keep_source":
				continue
			case "replace_source":
				b.put(p, name, member(m.name, m.t), true)
				continue
			default:
				b.errorf(op.Call.Pos(), CodeType, "add columnsConflict='keep_source' or 'replace_source', or a prefix", "the bag has a member `%s` and the table has a column of that name", name)
				continue
			}
		}
		b.put(p, name, member(m.name, m.t), false)
	}
	out := b.projected(r, p, false)
	out.open = true
	return out
}

func at(list []syntax.Expr, i int) syntax.Expr {
	if i < len(list) {
		return list[i]
	}
	return nil
}

// bagMembers probes the names and types of a bag's members, by name.
func (b *binder) bagMembers(r *relation, bag plan.Expr) []output {
	key := b.column("key", plan.String)
	held := b.column("bag", plan.Dynamic)
	from := &plan.Project{Input: r.node, Items: []plan.Named{{Column: held, Expr: bag}}}
	x := &plan.Expand{
		Input: from, Keep: []plan.Column{held}, Bag: "bag", Out: []plan.Column{held, key},
		Items: []plan.ExpandItem{{Column: key, Expr: &plan.Call{Func: "bag_keys", Args: []plan.Expr{ref(held)}, T: plan.Dynamic}}},
	}
	kind := &plan.Call{Func: "gettype", T: plan.String, Args: []plan.Expr{&plan.Call{Func: "index", Args: []plan.Expr{ref(held), ref(key)}, T: plan.Dynamic}}}
	name, typ := b.column("name", plan.String), b.column("type", plan.String)
	rows := b.probe(&plan.Aggregate{Input: x, Keys: []plan.Named{{Column: name, Expr: ref(key)}, {Column: typ, Expr: kind}}})
	types := map[string]plan.Type{}
	for _, row := range rows {
		n, _ := row[0].(string)
		s, _ := row[1].(string)
		if n == "" {
			continue
		}
		t, ok := typeOf(s)
		if !ok {
			t = plan.Dynamic
			if s == "null" || s == "" {
				t = plan.Unknown
			}
		}
		if old, seen := types[n]; seen && old != plan.Unknown && t != plan.Unknown && old != t {
			if numeric(old) && numeric(t) {
				t = widest(old, t)
			} else {
				t = plan.Dynamic
			}
		} else if seen && t == plan.Unknown {
			t = old
		}
		types[n] = t
	}
	out := make([]output, 0, len(types))
	for n, t := range types {
		if t == plan.Unknown {
			t = plan.Dynamic
		}
		out = append(out, output{n, t})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].name < out[j].name })
	return out
}

// probe runs a plan at once, where the host allows it and the query has no error so far.
func (b *binder) probe(n plan.Node) [][]any {
	if b.opt.Probe == nil {
		return nil
	}
	for _, d := range b.diags {
		if !d.Warning {
			return nil
		}
	}
	rows, err := b.opt.Probe(b.standalone(n))
	if err != nil {
		b.warnf(syntax.Span{}, CodeLimit, "", "the columns could not be determined: %s", err)
	}
	return rows
}

// pivot makes a column of each value. Values are found by a probe.
func (b *binder) pivot(r *relation, op *syntax.Evaluate, env *environment) *relation {
	args := op.Call.Args
	if len(args) == 0 {
		b.errorf(op.Call.Pos(), CodeType, "", "pivot() needs a column")
		return b.broken()
	}
	row := &scope{env: env, rel: r}
	key := b.scalar(args[0], row)
	used := map[string]bool{}
	for _, n := range columnNames(args[0]) {
		used[n] = true
	}
	call := &syntax.Call{Span: op.Span, Name: &syntax.Name{Span: op.Span, Text: "count"}}
	if len(args) > 1 {
		c, ok := args[1].(*syntax.Call)
		if !ok || b.functions.aggregate[c.Name.Text] == nil {
			b.errorf(args[1].Pos(), CodeType, "", "the second argument of pivot() is an aggregate")
			return b.broken()
		}
		call = c
		for _, n := range columnNames(c) {
			used[n] = true
		}
	}
	keys := &projection{}
	if len(args) > 2 {
		for _, x := range args[2:] {
			b.item(keys, x, row, false, "")
		}
	} else {
		for _, c := range r.columns() {
			if !used[c.Name] {
				b.put(keys, c.Name, ref(c), false)
			}
		}
	}
	ag := &aggregator{keys: map[string]bool{}}
	sample := b.aggregateOutputs(b.functions.aggregate[call.Name.Text], call, &scope{env: env, rel: r, aggs: ag})
	if len(sample) != 1 {
		if len(sample) > 1 {
			b.errorf(call.Pos(), CodeType, "", "the aggregate of pivot() must give one value")
		}
		return b.broken()
	}
	proto := ag.aggs[0]
	n := &plan.Aggregate{Input: r.node, Keys: keys.items}
	fields := append([]field(nil), keys.fields...)
	taken := map[string]bool{}
	for _, f := range fields {
		taken[f.Name] = true
	}
	value := b.asText(key)
	values := b.pivotValues(r, value)
	if !b.found(op.Call, len(values), maxPivot) {
		return b.broken()
	}
	for _, v := range values {
		is := &plan.Call{Func: "==", T: plan.Bool, Args: []plan.Expr{value, &plan.Const{T: plan.String, Value: v}}}
		agg := conditional(proto, is)
		name := v
		for taken[name] {
			name += "1"
		}
		taken[name] = true
		agg.Column = b.column(name, proto.Column.Type)
		n.Aggs = append(n.Aggs, agg)
		fields = append(fields, field{Column: agg.Column})
	}
	return &relation{node: n, fields: fields, open: true}
}

func (b *binder) pivotValues(r *relation, value plan.Expr) []string {
	c := b.column("value", plan.String)
	var out []string
	for _, row := range b.probe(&plan.Aggregate{Input: r.node, Keys: []plan.Named{{Column: c, Expr: value}}}) {
		if s, ok := row[0].(string); ok && s != "" {
			out = append(out, s)
		}
	}
	sort.Strings(out)
	return out
}

// maxMembers and maxPivot bound the columns that the data may make: of bags, and of values, each of which is an aggregate to the engine.
const (
	maxMembers = 2000
	maxPivot   = 500
)

func (b *binder) found(at syntax.Node, n, most int) bool {
	if n <= most {
		return true
	}
	b.errorf(at.Pos(), CodeLimit, "filter or group the values first", "the data would make %d columns, more than %d", n, most)
	return false
}

// conditional is an aggregate over the rows for which a condition holds.
func conditional(a plan.Agg, cond plan.Expr) plan.Agg {
	out := plan.Agg{Func: a.Func, Args: append([]plan.Expr(nil), a.Args...)}
	switch a.Func {
	case "count":
		out.Func = "countif"
		out.Args = []plan.Expr{cond}
	case "sum", "avg", "min", "max", "stdev", "variance", "count_distinct", "take_any":
		out.Func += "if"
		out.Args = append(out.Args, cond)
	case "dcount", "make_set", "make_list", "make_bag":
		out.Func = strings.Replace(a.Func+"_if", "dcount_if", "dcountif", 1)
		out.Args = append([]plan.Expr{a.Args[0], cond}, a.Args[1:]...)
	default:
		if n := len(out.Args); strings.HasSuffix(a.Func, "if") && n > 0 {
			last := n - 1
			if a.Func == "dcountif" || strings.HasSuffix(a.Func, "_if") {
				last = 1
			}
			out.Args[last] = &plan.Call{Func: "and", Args: []plan.Expr{out.Args[last], cond}, T: plan.Bool}
		} else if n > 0 {
			t := out.Args[0].Type()
			out.Args[0] = &plan.Case{Whens: []plan.Expr{cond}, Thens: []plan.Expr{out.Args[0]}, Else: null(t), T: t}
		}
	}
	return out
}

// narrow turns each row into one row per column.
func (b *binder) narrow(r *relation) *relation {
	rowNumber := b.column("Row", plan.Long)
	numbered := &plan.Project{Input: &plan.Serialize{Input: r.node}, Items: append(pass(r), plan.Named{Column: rowNumber, Expr: &plan.Window{Func: "row_number", T: plan.Long, Args: []plan.Expr{&plan.Const{T: plan.Long, Value: int64(0)}}}})}
	use := b.share("narrow", r.with(numbered, append(append([]field(nil), r.fields...), field{Column: rowNumber})), true)
	var inputs []*relation
	for i, f := range r.fields {
		if f.hidden {
			continue
		}
		in := use()
		p := &projection{}
		b.put(p, "Row", ref(in.fields[len(in.fields)-1].Column), false)
		b.put(p, "Column", &plan.Const{T: plan.String, Value: f.Name}, false)
		b.put(p, "Value", b.asText(ref(in.fields[i].Column)), false)
		inputs = append(inputs, b.projected(in, p, false))
	}
	if len(inputs) == 0 {
		return b.broken()
	}
	return b.combine(inputs, false, "")
}

// ipLookup joins addresses with the networks that contain them.
func (b *binder) ipLookup(r *relation, op *syntax.Evaluate, env *environment) *relation {
	args, named := namedArgs(op.Call)
	if len(args) < 3 {
		b.errorf(op.Call.Pos(), CodeType, strings.Join(b.functions.plugin[op.Call.Name.Text].text, " or "), "%s() needs a table and two keys", op.Call.Name.Text)
		return b.broken()
	}
	right := b.visible(b.table(args[0], env))
	unmatched := named["return_unmatched"]
	if l, ok := args[len(args)-1].(*syntax.Literal); ok && l.Kind == syntax.LitBool {
		unmatched = l
		args = args[:len(args)-1]
	}
	j := &plan.Join{Kind: plan.Inner, Left: r.node, Right: right.node}
	if unmatched != nil {
		if c := constant(b.scalar(unmatched, &scope{env: env})); c != nil && c.Value == true {
			j.Kind = plan.LeftOuter
		}
	}
	ip := b.asText(b.scalar(args[1], &scope{env: env, rel: r}))
	network := b.asText(b.scalar(args[2], &scope{env: env, rel: right}))
	fn := "ipv4_is_in_range"
	if op.Call.Name.Text == "ipv6_lookup" {
		fn = "ipv6_is_in_range"
	}
	j.On = &plan.Call{Func: fn, T: plan.Bool, Args: []plan.Expr{ip, network}}
	for _, x := range args[3:] {
		n, ok := x.(*syntax.Name)
		if !ok {
			b.errorf(x.Pos(), CodeType, "", "the name of a column of both tables is expected")
			continue
		}
		l, rr := b.sideColumn(r, n, "left"), b.sideColumn(right, n, "right")
		if l == nil || rr == nil {
			continue
		}
		if cl, cr, ok := b.alike(l, rr); ok {
			j.LeftKeys, j.RightKeys = append(j.LeftKeys, cl), append(j.RightKeys, cr)
		}
	}
	p := &projection{}
	for _, f := range r.fields {
		if rf := right.find(f.Name); f.hidden && rf != nil {
			continue
		}
		p.add(f, ref(f.Column))
	}
	p.distinct(right.fields)
	j.Out = p.items
	return &relation{node: j, fields: p.fields, open: r.open || right.open}
}
