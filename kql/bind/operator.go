package bind

import (
	"sort"
	"strings"

	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/syntax"
)

func sortStrings(s []string) { sort.Strings(s) }

// sourceOperator binds an operator that brings its own rows.
func (b *binder) sourceOperator(op syntax.Operator, env *environment) *relation {
	switch op := op.(type) {
	case *syntax.Print:
		return b.print(op, env)
	case *syntax.Range:
		return b.rangeTable(op, env)
	case *syntax.Union:
		return b.union(nil, op, env)
	case *syntax.Search:
		return b.search(nil, op, env)
	case *syntax.Find:
		return b.findTables(op, env)
	case *syntax.Evaluate:
		return b.evaluate(nil, op, env)
	case *syntax.MacroExpand:
		return b.macroExpand(op, env)
	}
	b.errorf(op.Pos(), CodeSyntax, "", "this operator needs rows before it")
	return b.broken()
}

// apply binds an operator over the rows before it.
func (b *binder) apply(r *relation, op syntax.Operator, env *environment) *relation {
	if r.graph != nil {
		return b.applyGraph(r, op, env)
	}
	switch op := op.(type) {
	case *syntax.Where:
		return b.where(r, op.Pred, env)
	case *syntax.Extend:
		return b.extend(r, op, env)
	case *syntax.Project:
		return b.project(r, op, env)
	case *syntax.Summarize:
		return b.summarize(r, op, env)
	case *syntax.Distinct:
		return b.distinct(r, op, env)
	case *syntax.Join:
		return b.join(r, op, env)
	case *syntax.Union:
		return b.union(r, op, env)
	case *syntax.Sort:
		return b.sort(r, op.Keys, env)
	case *syntax.Top:
		s := b.sort(r, op.Keys, env)
		return s.with(&plan.Limit{Input: s.node, N: b.rowCount(op.N, env)}, s.fields)
	case *syntax.Take:
		return r.with(&plan.Limit{Input: r.node, N: b.rowCount(op.N, env)}, r.fields)
	case *syntax.Sample:
		return b.sample(r, op, env)
	case *syntax.Count:
		name := "Count"
		if op.As != nil {
			name = op.As.Text
		}
		c := b.column(name, plan.Long)
		return &relation{node: &plan.Aggregate{Input: r.node, Aggs: []plan.Agg{{Column: c, Func: "count"}}}, fields: []field{{Column: c}}}
	case *syntax.As:
		use := b.share(op.Name.Text, r, true)
		env.define(op.Name.Text, &variable{table: use})
		out := use()
		out.source = op.Name.Text
		return out
	case *syntax.Render:
		b.render = &Render{Chart: op.Chart, Properties: map[string]string{}}
		for _, p := range op.Props {
			b.render.Properties[p.Name] = b.propText(p, env)
		}
		return r
	case *syntax.Search:
		return b.search(r, op, env)
	case *syntax.Simple:
		return b.simple(r, op)
	case *syntax.AssertSchema:
		return b.assertSchema(r, op)
	}
	return b.applyMore(r, op, env)
}

func (b *binder) where(r *relation, pred syntax.Expr, env *environment) *relation {
	window := false
	e := b.logical(pred, &scope{env: env, rel: r, window: &window})
	in := r.node
	if window {
		in = &plan.Serialize{Input: in}
	}
	if c := constant(e); c != nil && c.Value == true {
		return r
	}
	return r.with(&plan.Filter{Input: in, Pred: e}, r.fields)
}

// rowCount binds the number of take and top.
func (b *binder) rowCount(x syntax.Expr, env *environment) plan.Expr {
	e := b.scalar(x, &scope{env: env})
	if t := e.Type(); !numeric(t) && !loose(t) {
		b.errorf(x.Pos(), CodeType, "", "the number of rows is expected, not a %s", t)
	}
	return b.convert(e, plan.Long)
}

// item binds one entry of project, extend, print or summarize. replace says that a named column takes the place of one of the same name.
func (b *binder) item(p *projection, x syntax.Expr, sc *scope, replace bool, fallback string) {
	n, isNamed := x.(*syntax.Named)
	inner := x
	if isNamed {
		inner = n.X
	}
	outs, many := b.several(inner, sc)
	if !many {
		e := b.scalar(inner, sc)
		name := fallback
		if isNamed {
			if n.Tuple && e.Type() == plan.Dynamic { // the elements of an array
				for i, nm := range n.Names {
					item := &plan.Call{Func: "index", Args: []plan.Expr{e, &plan.Const{T: plan.Long, Value: int64(i)}}, T: plan.Dynamic}
					b.put(p, nm.Text, item, replace)
				}
				return
			}
			if n.Tuple && len(n.Names) != 1 {
				b.errorf(n.Pos(), CodeType, "", "%d names are given to one value", len(n.Names))
			}
			if len(n.Names) > 0 {
				name = n.Names[0].Text
			}
		} else if implied := b.impliedName(x, sc); implied != "" && fallback == "" { // the columns of print are numbered
			name = implied
		}
		b.put(p, name, e, replace)
		return
	}
	for i, o := range outs {
		switch {
		case isNamed && i < len(n.Names):
			b.put(p, n.Names[i].Text, o.expr, replace)
		default:
			name := o.name
			if name == "" || fallback != "" && len(outs) == 1 {
				name = fallback
			}
			b.put(p, name, o.expr, false)
		}
	}
	if isNamed && n.Tuple && len(n.Names) > len(outs) && len(outs) > 0 {
		b.errorf(n.Pos(), CodeType, "", "%d names are given to %d values", len(n.Names), len(outs))
	}
}

func (b *binder) extend(r *relation, op *syntax.Extend, env *environment) *relation {
	window := false
	if op.Serialize {
		r = r.with(&plan.Serialize{Input: r.node}, r.fields)
		r.serial = true
		if len(op.Items) == 0 {
			return r
		}
	}
	sc := &scope{env: env, rel: r, window: &window}
	p := &projection{}
	known := len(r.fields)
	for _, f := range r.fields {
		p.add(f, ref(f.Column))
	}
	for _, x := range op.Items {
		if n, ok := x.(*syntax.Name); ok && r.find(n.Text) != nil {
			continue // extend x: it is there already
		}
		b.item(p, x, sc, true, "")
		for ; known < len(r.fields); known++ { // columns that an open relation turned out to have
			if f := r.fields[known]; !p.used[f.Name] {
				p.add(f, ref(f.Column))
			}
		}
	}
	return b.projected(r, p, window)
}

// projected wraps a projection around a relation.
func (b *binder) projected(r *relation, p *projection, window bool) *relation {
	in := r.node
	if window {
		in = &plan.Serialize{Input: in}
	}
	return r.with(&plan.Project{Input: in, Items: p.items}, p.fields)
}

func (b *binder) project(r *relation, op *syntax.Project, env *environment) *relation {
	switch op.Kind {
	case "project-away", "project-keep", "project-smart":
		return b.projectAway(r, op)
	case "project-rename":
		return b.projectRename(r, op)
	case "project-reorder":
		return b.projectReorder(r, op)
	case "project-by-names":
		return b.projectByNames(r, op, env)
	}
	window := false
	sc := &scope{env: env, rel: r, window: &window}
	p := &projection{}
	for _, x := range op.Items {
		if w, ok := x.(*syntax.Wildcard); ok {
			for _, c := range r.columns() {
				if matchPattern(w.Pattern, c.Name) {
					b.put(p, c.Name, ref(c), false)
				}
			}
			continue
		}
		b.item(p, x, sc, false, "")
	}
	out := b.projected(r, p, window)
	out.open = false
	return out
}

// picks resolves the columns or patterns of project-away, -keep and -reorder to positions.
func (b *binder) picks(r *relation, x syntax.Expr) []int {
	switch x := x.(type) {
	case *syntax.Wildcard:
		var out []int
		for i, f := range r.fields {
			if !f.hidden && matchPattern(x.Pattern, f.Name) {
				out = append(out, i)
			}
		}
		return out
	case *syntax.Name:
		for i, f := range r.fields {
			if f.Name == x.Text {
				return []int{i}
			}
		}
		if strings.Contains(x.Text, "*") {
			return b.picks(r, &syntax.Wildcard{Span: x.Span, Pattern: x.Text})
		}
		if !r.open {
			b.unknownColumn(x, r)
		}
		return nil
	case *syntax.Ordered:
		return b.picks(r, x.X)
	}
	b.errorf(x.Pos(), CodeSyntax, "", "the name of a column is expected")
	return nil
}

func (b *binder) projectAway(r *relation, op *syntax.Project) *relation {
	chosen := make([]bool, len(r.fields))
	for _, x := range op.Items {
		for _, i := range b.picks(r, x) {
			chosen[i] = true
		}
	}
	keep := op.Kind != "project-away"
	p := &projection{}
	for i, f := range r.fields {
		if chosen[i] == keep || f.hidden && !chosen[i] {
			p.add(f, ref(f.Column))
		}
	}
	return b.projected(r, p, false)
}

func (b *binder) projectRename(r *relation, op *syntax.Project) *relation {
	p := &projection{}
	gone := map[string]bool{} // hidden columns whose names are taken
	for _, f := range r.fields {
		p.add(f, ref(f.Column))
	}
	for _, x := range op.Items {
		n, ok := x.(*syntax.Named)
		if !ok || len(n.Names) != 1 {
			b.errorf(x.Pos(), CodeSyntax, "", "write `NewName = OldName`")
			continue
		}
		old, ok := n.X.(*syntax.Name)
		if !ok {
			b.errorf(n.X.Pos(), CodeSyntax, "", "the name of a column is expected")
			continue
		}
		at := -1
		for i, f := range r.fields {
			if f.Name == old.Text {
				at = i
			}
		}
		if at < 0 {
			if r.open {
				b.put(p, n.Names[0].Text, null(plan.Unknown), false)
			} else {
				b.unknownColumn(old, r)
			}
			continue
		}
		name := n.Names[0].Text
		delete(p.used, p.fields[at].Name)
		if f := r.find(name); f != nil && f.hidden {
			gone[name] = true
		} else if p.used[name] {
			b.errorf(n.Names[0].Pos(), CodeName, "", "there is a column `%s` already", name)
			continue
		}
		c := b.output(name, ref(r.fields[at].Column))
		p.items[at].Column = c
		p.fields[at] = field{Column: c}
		p.used[name] = true
	}
	if len(gone) > 0 {
		shown := &projection{}
		for i, f := range p.fields {
			if !f.hidden || !gone[f.Name] {
				shown.add(f, p.items[i].Expr)
			}
		}
		p = shown
	}
	return b.projected(r, p, false)
}

func (b *binder) projectReorder(r *relation, op *syntax.Project) *relation {
	taken := make([]bool, len(r.fields))
	var order []int
	// a star stands for what no other entry names
	named := make([]bool, len(r.fields))
	lists := make([][]int, len(op.Items))
	for k, x := range op.Items {
		if w, ok := unordered(x).(*syntax.Wildcard); ok && w.Pattern == "*" {
			continue
		}
		lists[k] = b.picks(r, x)
		for _, i := range lists[k] {
			named[i] = true
		}
	}
	for k, x := range op.Items {
		list := lists[k]
		if w, ok := unordered(x).(*syntax.Wildcard); ok && w.Pattern == "*" {
			for i, f := range r.fields {
				if !f.hidden && !named[i] {
					list = append(list, i)
				}
			}
		}
		if o, ok := x.(*syntax.Ordered); ok && o.Order != "" {
			sort.SliceStable(list, func(i, j int) bool {
				a, c := r.fields[list[i]].Name, r.fields[list[j]].Name
				if strings.HasSuffix(o.Order, "desc") {
					a, c = c, a
				}
				if strings.HasPrefix(o.Order, "granny") {
					return naturalLess(a, c)
				}
				if x, y := strings.ToLower(a), strings.ToLower(c); x != y {
					return x < y
				}
				return a < c
			})
		}
		for _, i := range list {
			if !taken[i] {
				taken[i] = true
				order = append(order, i)
			}
		}
	}
	for i := range r.fields {
		if !taken[i] {
			order = append(order, i)
		}
	}
	p := &projection{}
	for _, i := range order {
		p.add(r.fields[i], ref(r.fields[i].Column))
	}
	return b.projected(r, p, false)
}

func unordered(x syntax.Expr) syntax.Expr {
	if o, ok := x.(*syntax.Ordered); ok {
		return o.X
	}
	return x
}

// naturalLess orders names by text, runs of digits by their value.
func naturalLess(a, c string) bool {
	for a != "" && c != "" {
		da, dc := digits(a), digits(c)
		if da > 0 && dc > 0 {
			x, y := strings.TrimLeft(a[:da], "0"), strings.TrimLeft(c[:dc], "0")
			if len(x) != len(y) {
				return len(x) < len(y)
			}
			if x != y {
				return x < y
			}
			a, c = a[da:], c[dc:]
			continue
		}
		if a[0] != c[0] {
			return a[0] < c[0]
		}
		a, c = a[1:], c[1:]
	}
	return len(a) < len(c)
}

func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

// projectByNames keeps the columns whose names are given as texts or arrays of texts, patterns allowed.
func (b *binder) projectByNames(r *relation, op *syntax.Project, env *environment) *relation {
	p := &projection{}
	for _, x := range op.Items {
		for _, e := range b.listItem(b.scalar(x, &scope{env: env})) {
			pattern, ok := text(e)
			if !ok {
				b.errorf(x.Pos(), CodeType, "", "names of columns as constant texts are expected")
				continue
			}
			for _, f := range r.fields {
				if matchPattern(pattern, f.Name) && !p.used[f.Name] && (!f.hidden || pattern == f.Name) {
					p.add(field{Column: f.Column}, ref(f.Column))
				}
			}
		}
	}
	return b.projected(r, p, false)
}

func (b *binder) sort(r *relation, keys []syntax.Expr, env *environment) *relation {
	s := &plan.Sort{}
	for _, x := range keys {
		o, ok := x.(*syntax.Ordered)
		key := plan.SortKey{Desc: true}
		inner := x
		if ok {
			inner = o.X
			key.Desc = o.Order != "asc"
		}
		if n, ok := inner.(*syntax.Named); ok {
			inner = n.X
		}
		key.NullsFirst = !key.Desc
		if ok && o.Nulls != "" {
			key.NullsFirst = o.Nulls == "first"
		}
		key.Expr = b.scalar(inner, &scope{env: env, rel: r})
		s.Keys = append(s.Keys, key)
	}
	s.Input = r.node // an open relation may have got columns meanwhile
	out := r.with(s, r.fields)
	out.serial = true
	return out
}

func (b *binder) sample(r *relation, op *syntax.Sample, env *environment) *relation {
	n := b.rowCount(op.N, env)
	if op.Of == nil {
		return r.with(&plan.Sample{Input: r.node, N: n}, r.fields)
	}
	p := &projection{}
	b.item(p, op.Of, &scope{env: env, rel: r}, false, "")
	d := &plan.Aggregate{Input: r.node, Keys: p.items}
	return &relation{node: &plan.Sample{Input: d, N: n}, fields: p.fields}
}

func (b *binder) print(op *syntax.Print, env *environment) *relation {
	p := &projection{}
	sc := &scope{env: env}
	for i, x := range op.Items {
		b.item(p, x, sc, false, "print_"+itoa(i))
	}
	return &relation{node: &plan.Project{Input: &plan.Values{Rows: [][]plan.Expr{{}}}, Items: p.items}, fields: p.fields, serial: true, source: "print"}
}

func (b *binder) rangeTable(op *syntax.Range, env *environment) *relation {
	sc := &scope{env: env}
	from, to, step := b.scalar(op.From, sc), b.scalar(op.To, sc), b.scalar(op.Step, sc)
	t := from.Type()
	if numeric(t) {
		t = widest(t, widest(orLong(to.Type()), orLong(step.Type())))
		if t == plan.Int {
			t = plan.Long
		}
		from, to, step = b.convert(from, t), b.convert(to, t), b.convert(step, t)
	} else if t != plan.DateTime && t != plan.TimeSpan {
		if t != plan.Unknown {
			b.errorf(op.From.Pos(), CodeType, "", "range needs numbers, times or timespans, not a %s", t)
		}
		t = plan.Long
	}
	if s := step.Type(); (t == plan.DateTime || t == plan.TimeSpan) && s != plan.TimeSpan && s != plan.Unknown {
		b.errorf(op.Step.Pos(), CodeType, "for instance `step 1h`", "the step must be a timespan, not a %s", s)
	}
	if to.Type() != t {
		to = b.convert(to, t)
	}
	if n := rangeLength(from, to, step); n > maxRange {
		b.errorf(op.Pos(), CodeLimit, "", "the range has %.0f rows, more than %d", n, int64(maxRange))
	}
	c := b.column(op.Name.Text, t)
	return &relation{node: &plan.Range{Col: c, From: from, To: to, Step: step}, fields: []field{{Column: c}}, serial: true}
}

// maxRange bounds the rows of a range whose ends are constants.
const maxRange = 1_000_000_000

// rangeLength is the number of rows of a range with constant ends, 0 of any other.
func rangeLength(from, to, step plan.Expr) float64 {
	var v [3]float64
	for i, e := range []plan.Expr{from, to, step} {
		switch c := constant(e); {
		case c == nil:
			return 0
		default:
			switch x := c.Value.(type) {
			case int64:
				v[i] = float64(x)
			case float64:
				v[i] = x
			default:
				return 0
			}
		}
	}
	if v[2] == 0 {
		return 0
	}
	return (v[1] - v[0]) / v[2]
}

func orLong(t plan.Type) plan.Type {
	if numeric(t) {
		return t
	}
	return plan.Long
}

func (b *binder) simple(r *relation, op *syntax.Simple) *relation {
	switch op.Name {
	case "getschema":
		return b.getSchema(r)
	case "consume":
		return &relation{node: &plan.Values{}}
	}
	return r
}

// getSchema describes the columns.
func (b *binder) getSchema(r *relation) *relation {
	v := &plan.Values{Cols: []plan.Column{b.column("ColumnName", plan.String), b.column("ColumnOrdinal", plan.Long), b.column("DataType", plan.String), b.column("ColumnType", plan.String)}}
	for i, c := range r.columns() {
		str := func(s string) plan.Expr { return &plan.Const{T: plan.String, Value: s} }
		v.Rows = append(v.Rows, []plan.Expr{str(c.Name), &plan.Const{T: plan.Long, Value: int64(i)}, str(systemType(c.Type)), str(c.Type.String())})
	}
	out := &relation{node: v, serial: true}
	for _, c := range v.Cols {
		out.fields = append(out.fields, field{Column: c})
	}
	return out
}

// systemType is the name that getschema shows for a type beside its own.
func systemType(t plan.Type) string {
	switch t {
	case plan.Bool:
		return "System.SByte"
	case plan.Int:
		return "System.Int32"
	case plan.Long:
		return "System.Int64"
	case plan.Real:
		return "System.Double"
	case plan.Decimal:
		return "System.Data.SqlTypes.SqlDecimal"
	case plan.String:
		return "System.String"
	case plan.DateTime:
		return "System.DateTime"
	case plan.TimeSpan:
		return "System.TimeSpan"
	case plan.GUID:
		return "System.Guid"
	}
	return "System.Object"
}

func (b *binder) assertSchema(r *relation, op *syntax.AssertSchema) *relation {
	cols := r.columns()
	same := len(cols) == len(op.Columns)
	for i := range cols {
		if same {
			t, _ := typeOf(op.Columns[i].Type)
			same = cols[i].Name == op.Columns[i].Name && cols[i].Type == t
		}
	}
	if !same && !r.open {
		b.errorf(op.Pos(), CodeType, "", "the columns are not those that assert-schema lists")
	}
	return r
}
