package bind

import (
	"strings"

	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/syntax"
)

// broken is what a tabular expression with an error binds to: no rows, any column.
func (b *binder) broken() *relation {
	return &relation{node: &plan.Values{}, open: true, serial: true}
}

// statement binds a statement that is not a query.
func (b *binder) statement(s syntax.Statement, env *environment) {
	switch s := s.(type) {
	case *syntax.Let:
		b.let(s, env)
	case *syntax.DeclareParams:
		for _, p := range s.Params {
			t, _ := typeOf(p.Type)
			var e plan.Expr = null(t)
			if p.Default != nil {
				e = b.convert(b.scalar(p.Default, &scope{env: env}), t)
			}
			env.define(p.Name.Text, &variable{expr: e, name: p.Name.Text})
		}
	case *syntax.Set:
		b.setOption(s, env)
	case *syntax.DeclarePattern:
		env.define(s.Name.Text, &variable{cases: s, env: env.snapshot()})
	case *syntax.Alias:
		b.warnf(s.Pos(), CodeUnsupported, "", "there is only one database here: the name `%s` stands for it", s.Name.Text)
	case *syntax.Restrict:
		b.restrict(s, env)
	}
}

// setOption keeps the options that change a result; the others only steer a cluster.
func (b *binder) setOption(s *syntax.Set, env *environment) {
	if s.Value == nil {
		return
	}
	v := b.scalar(s.Value, &scope{env: env})
	switch s.Name {
	case "query_bin_auto_size":
		env.define("set query_bin_auto_size", &variable{expr: v})
	case "query_bin_auto_at":
		env.define("set query_bin_auto_at", &variable{expr: v})
	case "query_now":
		if c := constant(v); c != nil && c.T == plan.DateTime && c.Value != nil {
			b.now = c.Value.(int64)
		}
	}
}

func (b *binder) let(s *syntax.Let, env *environment) {
	name := s.Name.Text
	if c, ok := s.Value.(*syntax.Call); ok && c.Name.Text == "entity_group" {
		env.define(name, &variable{group: true})
		return
	}
	if l, ok := s.Value.(*syntax.Lambda); ok {
		env.define(name, &variable{lambda: l, env: env.snapshot(), view: l.View})
		return
	}
	if b.isTabular(s.Value, env, nil) {
		r := b.table(s.Value, env)
		env.define(name, &variable{table: b.share(name, r, isMaterialize(s.Value))})
		return
	}
	env.define(name, b.value(name, b.scalar(s.Value, &scope{env: env})))
}

// value makes a variable of an expression.
func (b *binder) value(name string, e plan.Expr) *variable {
	v := &variable{expr: e, name: name, depth: b.depth}
	plan.WalkExpr(e, func(e plan.Expr) {
		v.nodes++
		if _, ok := e.(*plan.ColRef); ok {
			v.row = true
		}
	})
	return v
}

// subquery binds a table inside of an expression.
func (b *binder) subquery(x syntax.Expr, env *environment) *relation {
	b.depth++
	defer func() { b.depth-- }()
	return b.visible(b.table(x, env))
}

// snapshot freezes the names that are visible now: a function sees what stood before it.
func (e *environment) snapshot() *environment {
	return &environment{parent: e.parent, vars: copyVars(e.vars), allow: e.allow}
}

func copyVars(vars map[string]*variable) map[string]*variable {
	out := make(map[string]*variable, len(vars))
	for k, v := range vars {
		out[k] = v
	}
	return out
}

func isMaterialize(x syntax.Expr) bool {
	switch x := x.(type) {
	case *syntax.Paren:
		return isMaterialize(x.X)
	case *syntax.Call:
		return x.Name.Text == "materialize"
	}
	return false
}

// share makes a bound table usable several times: each use has column ids of its own.
func (b *binder) share(name string, r *relation, materialize bool) func() *relation {
	b.names[name]++
	if n := b.names[name]; n > 1 {
		name += "#" + itoa(n)
	}
	order := &plan.Shared{Name: name, Inner: r.node, Materialize: materialize}
	registered := false
	return func() *relation {
		if !registered {
			registered = true
			b.shared = append(b.shared, order)
		}
		b.nodes++
		s := &plan.Shared{Name: name, Inner: r.node, Materialize: materialize}
		fields := make([]field, len(r.fields))
		inner := r.node.Columns()
		at := make(map[plan.ColumnID]int, len(inner))
		s.Cols = make([]plan.Column, len(inner))
		for i, c := range inner {
			s.Cols[i] = b.column(c.Name, c.Type)
			b.origins[s.Cols[i].ID] = []plan.ColumnID{c.ID}
			at[c.ID] = i
		}
		for i, f := range r.fields {
			c := s.Cols[at[f.ID]]
			c.Name = f.Name
			fields[i] = field{Column: c, hidden: f.hidden}
		}
		out := r.with(s, fields)
		out.graph = r.graph
		return out
	}
}

// table binds a tabular expression.
func (b *binder) table(x syntax.Expr, env *environment) *relation {
	if x == nil || !b.spend(x.Pos()) {
		return b.broken()
	}
	switch x := x.(type) {
	case *syntax.Paren:
		return b.table(x.X, env)
	case *syntax.Pipeline:
		return b.pipeline(x, env, nil)
	case *syntax.Name:
		return b.namedTable(x, x.Text, env)
	case *syntax.DataTable:
		return b.dataTable(x, env)
	case *syntax.External:
		return b.external(x, env)
	case *syntax.Call:
		return b.tableCall(x, env, nil)
	case *syntax.Path:
		if c, v := patternCall(x.X, env); v != nil {
			return b.patternTable(v, c, x.Name, env)
		}
		if scoped(x.X, env) {
			switch n := x.Name.(type) {
			case *syntax.Name:
				return b.namedTable(n, n.Text, env)
			case *syntax.Call:
				return b.tableCall(n, env, nil)
			case *syntax.Wildcard:
				return b.unionOf(x, b.matching(n.Pattern, env), false, "", env)
			}
		}
	case *syntax.Wildcard:
		return b.unionOf(x, b.matching(x.Pattern, env), false, "", env)
	}
	b.errorf(x.Pos(), CodeType, "", "a table is expected")
	return b.broken()
}

// namedTable resolves a name to a table: variables come before stored tables.
func (b *binder) namedTable(at syntax.Node, name string, env *environment) *relation {
	if !env.permits(name) {
		b.errorf(at.Pos(), CodeName, "name it in `restrict access to (…)`", "the table `%s` may not be read after `restrict access`", name)
		return b.broken()
	}
	if v := env.lookup(name); v != nil {
		switch {
		case v.table != nil:
			return v.table()
		case v.lambda != nil:
			return b.tableLambda(v, &syntax.Call{Span: at.Pos(), Name: &syntax.Name{Span: at.Pos(), Text: name}}, env, nil)
		default:
			b.errorf(at.Pos(), CodeType, "", "`%s` is a single value, a table is expected", name)
			return b.broken()
		}
	}
	t := b.catalog.Table(name)
	if t == nil {
		var known []string
		for e := env; e != nil; e = e.parent {
			for k, v := range e.vars {
				if v.expr == nil {
					known = append(known, k)
				}
			}
		}
		b.errorf(at.Pos(), CodeName, didYouMean(name, append(known, b.catalog.Names()...)), "there is no table `%s`", name)
		return b.broken()
	}
	return b.scan(t)
}

func (b *binder) scan(t *Table) *relation {
	s := &plan.Scan{Table: t.Name, Cols: make([]plan.Column, len(t.Columns)), Physical: make([]string, len(t.Columns))}
	fields := make([]field, len(t.Columns))
	for i, c := range t.Columns {
		col := b.column(c.Name, c.Type)
		s.Cols[i], s.Physical[i] = col, c.Physical
		if c.Physical == "" {
			s.Physical[i] = c.Name
		}
		fields[i] = field{Column: col, hidden: c.Hidden}
		if t.TimeColumn != "" && c.Name == t.TimeColumn {
			s.TimeColumn = col.ID
		}
	}
	b.scans = append(b.scans, s)
	return b.existing(&relation{node: s, fields: fields, source: t.Name}, t)
}

// existing leaves the rows out that do not exist for whoever asks. A condition that cannot be used leaves out all.
func (b *binder) existing(r *relation, t *Table) *relation {
	if t.Rows == nil {
		return r
	}
	var where plan.Expr = &plan.Const{T: plan.Bool, Value: false}
	catalog, complaints, scans, stored := b.catalog, len(b.diags), len(b.scans), b.stored
	b.catalog, b.stored = rowsCatalog{t.Rows}, nil
	if x := condition(t.Rows.Where); x != nil {
		if e := b.scalar(x, &scope{env: &environment{}, rel: r}); e.Type() == plan.Bool && len(b.diags) == complaints {
			where = e
		}
	}
	b.catalog, b.stored, b.diags, b.scans = catalog, stored, b.diags[:complaints], b.scans[:scans]
	return &relation{node: &plan.Filter{Input: r.node, Pred: where}, fields: r.fields, source: r.source}
}

// condition reads the text of a condition, nil when it is none.
func condition(text string) syntax.Expr {
	q, diags := syntax.Parse("let condition = (" + text + "\n);")
	if len(diags) > 0 || len(q.Statements) != 1 {
		return nil
	}
	if s, ok := q.Statements[0].(*syntax.Let); ok {
		return s.Value
	}
	return nil
}

// tableCall binds a call that gives a table: a user-defined function or one of the built-in ones.
func (b *binder) tableCall(x *syntax.Call, env *environment, piped *relation) *relation {
	name := x.Name.Text
	if v := env.lookup(name); v != nil && v.lambda != nil {
		return b.tableLambda(v, x, env, piped)
	} else if v != nil && v.cases != nil {
		return b.patternTable(v, x, nil, env)
	}
	switch name {
	case "materialize":
		if len(x.Args) == 1 {
			r := b.table(x.Args[0], env)
			return b.share("materialize", r, true)()
		}
		b.errorf(x.Pos(), CodeType, "", "materialize() takes one table")
		return b.broken()
	case "view":
		if len(x.Args) == 1 {
			return b.table(x.Args[0], env)
		}
	case "table":
		if len(x.Args) >= 1 {
			if s, ok := text(b.scalar(x.Args[0], &scope{env: env})); ok {
				return b.namedTable(x.Args[0], s, env)
			}
			b.errorf(x.Args[0].Pos(), CodeType, "", "the name of the table must be a constant text")
		}
		return b.broken()
	case "toscalar":
		e := b.scalar(x, &scope{env: env})
		c := b.column("Column1", e.Type())
		return &relation{node: &plan.Project{Input: &plan.Values{Rows: [][]plan.Expr{{}}}, Items: []plan.Named{{Column: c, Expr: e}}}, fields: []field{{Column: c}}}
	case "_GetWatchlist", "_GetWatchlistAlias":
		b.errorf(x.Pos(), CodeUnsupported, "put the list into the query: let Watchlist = datatable (SearchKey:string) [\"…\"];", "there are no watchlists here")
		return b.broken()
	case "external_table", "materialized_view", "stored_query_result", "graph", "cluster", "database", "workspace", "app":
		b.errorf(x.Pos(), CodeUnsupported, "", "%s() refers to something outside of this store", name)
		return b.broken()
	}
	if b.tableFunction(name) {
		return b.enrich(x, env, piped)
	}
	if b.functions.scalar[name] != nil || b.functions.aggregate[name] != nil {
		b.errorf(x.Pos(), CodeType, "", "%s() gives a single value, a table is expected", name)
	} else {
		var known []string
		for e := env; e != nil; e = e.parent {
			for k, v := range e.vars {
				if v.lambda != nil {
					known = append(known, k)
				}
			}
		}
		b.errorf(x.Name.Pos(), CodeName, didYouMean(name, append(known, tableFunctionNames()...)), "there is no function `%s`", name)
	}
	return b.broken()
}

// pipeline binds a source and its operators. around is the rows of the context for subqueries without a source.
func (b *binder) pipeline(x *syntax.Pipeline, env *environment, around *relation) *relation {
	inner := &environment{parent: env} // names given by `as` are visible from there on
	r := around
	if x.Source != nil {
		r = b.table(x.Source, env)
	}
	for i, op := range x.Ops {
		if !b.spend(op.Pos()) {
			return b.broken()
		}
		if r == nil {
			r = b.sourceOperator(op, inner)
			continue
		}
		if _, ok := op.(*syntax.Render); ok && i != len(x.Ops)-1 {
			b.warnf(op.Pos(), CodeSyntax, "", "render has an effect at the end of the query only")
		}
		r = b.apply(r, op, inner)
	}
	for k, v := range inner.vars { // `as` also names the rows for later statements
		if env.parent == nil {
			env.define(k, v)
		}
	}
	if r == nil {
		return b.broken()
	}
	return r
}

func (b *binder) dataTable(x *syntax.DataTable, env *environment) *relation {
	v := &plan.Values{}
	var fields []field
	for _, d := range x.Columns {
		t, _ := typeOf(d.Type)
		c := b.column(d.Name, t)
		v.Cols = append(v.Cols, c)
		fields = append(fields, field{Column: c})
	}
	n := len(v.Cols)
	r := &relation{node: v, fields: fields, serial: true}
	if n == 0 || len(x.Values)%n != 0 {
		b.errorf(x.Pos(), CodeType, "", "a datatable of %d %s cannot hold %d values", n, plural(n, "column"), len(x.Values))
		return r
	}
	row := make([]plan.Expr, 0, n)
	for i, val := range x.Values {
		e := b.scalar(val, &scope{env: env})
		t := v.Cols[i%n].Type
		if u := e.Type(); u != t {
			e = b.cell(val, e, t)
		}
		row = append(row, e)
		if len(row) == n {
			v.Rows = append(v.Rows, row)
			row = make([]plan.Expr, 0, n)
		}
	}
	return r
}

// cell converts a value of a datatable, whose rules are looser than those of expressions: texts are read as the column's type.
func (b *binder) cell(at syntax.Node, e plan.Expr, t plan.Type) plan.Expr {
	if c := constant(e); c != nil {
		if s, ok := c.Value.(string); ok && c.T == plan.String && t != plan.Dynamic && t != plan.String {
			if _, v, ok := syntax.TypedLiteral(t.String(), strings.TrimSpace(s)); ok {
				return &plan.Const{T: t, Value: v}
			}
			b.errorf(at.Pos(), CodeType, "", "%q is not a %s", s, t)
			return null(t)
		}
		if t == plan.Dynamic && c.Value == nil {
			return null(t)
		}
	}
	return b.convert(e, t)
}

func (b *binder) external(x *syntax.External, env *environment) *relation {
	if x.Inline != "" {
		b.errorf(x.Pos(), CodeUnsupported, "use externaldata", "inline external tables are not supported")
		return b.broken()
	}
	n := &plan.External{Props: map[string]string{}}
	var fields []field
	for _, d := range x.Columns {
		t, _ := typeOf(d.Type)
		c := b.column(d.Name, t)
		n.Cols = append(n.Cols, c)
		fields = append(fields, field{Column: c})
	}
	for _, u := range x.URIs {
		s, ok := text(b.scalar(u, &scope{env: env}))
		if !ok {
			b.errorf(u.Pos(), CodeType, "", "the address must be a constant text")
			continue
		}
		n.URIs = append(n.URIs, s)
	}
	for _, p := range x.Props {
		v := b.propText(p, env)
		if strings.EqualFold(p.Name, "format") {
			n.Format = strings.ToLower(v)
		}
		n.Props[p.Name] = v
	}
	return &relation{node: n, fields: fields, serial: true}
}

// propText gives the value of a property as text: a name stands for itself.
func (b *binder) propText(p syntax.Property, env *environment) string {
	switch v := p.Value.(type) {
	case *syntax.Name:
		if u := env.lookup(v.Text); u != nil && u.expr != nil {
			if s, ok := text(u.expr); ok {
				return s
			}
		}
		return v.Text
	case *syntax.Literal:
		if s, ok := v.Value.(string); ok && v.Kind == syntax.LitString {
			return s
		}
		return v.Raw
	case *syntax.Wildcard:
		return v.Pattern
	case *syntax.NameList:
		var out []string
		for _, x := range v.Items {
			out = append(out, b.propText(syntax.Property{Value: x}, env))
		}
		return strings.Join(out, ",")
	case *syntax.Paren:
		return b.propText(syntax.Property{Value: v.X}, env)
	case *syntax.Path:
		return b.propText(syntax.Property{Value: v.X}, env) + "." + b.propText(syntax.Property{Value: v.Name}, env)
	}
	return ""
}

// prop finds a property by name.
func prop(props []syntax.Property, names ...string) *syntax.Property {
	for i := range props {
		for _, n := range names {
			if props[i].Name == n {
				return &props[i]
			}
		}
	}
	return nil
}

// matchPattern matches a name against a pattern in which * stands for any text.
func matchPattern(pattern, name string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == name
	}
	if !strings.HasPrefix(name, parts[0]) {
		return false
	}
	name = name[len(parts[0]):]
	for _, p := range parts[1 : len(parts)-1] {
		i := strings.Index(name, p)
		if i < 0 {
			return false
		}
		name = name[i+len(p):]
	}
	return len(name) >= len(parts[len(parts)-1]) && strings.HasSuffix(name, parts[len(parts)-1])
}

// matching lists the stored tables and views that a pattern matches.
func (b *binder) matching(pattern string, env *environment) []string {
	var out []string
	for e := env; e != nil; e = e.parent {
		var views []string
		for k, v := range e.vars {
			if (v.view || v.table != nil && pattern != "*") && matchPattern(pattern, k) {
				views = append(views, k)
			}
		}
		sortStrings(views)
		out = append(out, views...)
	}
	for _, n := range b.catalog.Names() {
		if matchPattern(pattern, n) && env.permits(n) {
			out = append(out, n)
		}
	}
	return out
}
