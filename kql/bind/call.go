package bind

import (
	"strings"

	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/syntax"
)

// call binds a function call to one value.
func (b *binder) call(x *syntax.Call, sc *scope) plan.Expr {
	name := x.Name.Text
	if v := sc.env.lookup(name); v != nil && v.lambda != nil {
		return b.callLambda(v, x, sc)
	}
	if sc.aggs != nil {
		if f := b.functions.aggregate[name]; f != nil && !(name == "any" && len(x.Args) > 1 && sc.named != nil) {
			return b.aggregate(f, x, sc)
		}
	}
	switch name {
	case "toscalar":
		return b.toscalar(x, sc)
	case "column_names_of":
		if len(x.Args) == 1 && b.isTabular(x.Args[0], sc.env, sc.rel) {
			var j strings.Builder
			for _, c := range b.table(x.Args[0], sc.env).columns() {
				sep := byte(',')
				if j.Len() == 0 {
					sep = '['
				}
				j.WriteByte(sep)
				syntax.WriteJSONString(&j, c.Name)
			}
			return &plan.Const{T: plan.Dynamic, Value: j.String() + "]"}
		}
	}
	f := b.functions.scalar[name]
	if f == nil {
		return b.noFunction(x, sc)
	}
	if e, done := b.special(f, x, sc); done {
		return e
	}
	if outs := b.outputs(f.name, x, sc); outs != nil { // several results: the first is the value
		args := b.args(x, sc)
		if args = b.matchArgs(f, x, args); args == nil {
			return null(plan.Unknown)
		}
		return b.result1(f, args, 0, outs[0].t, len(outs))
	}
	args := b.args(x, sc)
	return b.invoke(f, x, args)
}

func (b *binder) args(x *syntax.Call, sc *scope) []plan.Expr {
	args := make([]plan.Expr, len(x.Args))
	for i, a := range x.Args {
		if n, ok := a.(*syntax.Named); ok && len(n.Names) == 1 && !n.Tuple { // `key = value` of a built-in function: the name is an ornament
			a = n.X
		}
		if t, ok := a.(*syntax.TypeOf); ok {
			ty, _ := typeOf(t.Type)
			args[i] = &plan.Const{T: plan.String, Value: ty.String()}
			continue
		}
		args[i] = b.scalar(a, sc)
	}
	return args
}

// invoke types a call of a built-in function with bound arguments.
func (b *binder) invoke(f *function, x *syntax.Call, args []plan.Expr) plan.Expr {
	sig := b.choose(f, x, args)
	if sig == nil {
		return null(plan.Unknown)
	}
	t := b.returns(f, sig, x, args)
	args = b.adapt(sig, args)
	switch f.name {
	case "replace": // regex, rewrite, source
		args = []plan.Expr{args[2], args[0], args[1]}
	case "bin", "floor", "bin_at":
		if numeric(t) {
			for i := range args {
				args[i] = b.convert(args[i], t)
			}
		}
	case "max_of", "min_of", "coalesce":
		for i := range args {
			args[i] = b.convert(args[i], t)
		}
	}
	name := canonicalName(f)
	b.doublings += doublings(name, args)
	return &plan.Call{Func: name, Args: args, T: t}
}

func canonicalName(f *function) string {
	if i := strings.IndexByte(f.canonical, '/'); i >= 0 {
		return f.canonical[:i]
	}
	return f.canonical
}

func (b *binder) matchArgs(f *function, x *syntax.Call, args []plan.Expr) []plan.Expr {
	sig := b.choose(f, x, args)
	if sig == nil {
		return nil
	}
	return b.adapt(sig, args)
}

// choose picks the signature that the arguments fit best, and complains where none does.
func (b *binder) choose(f *function, x *syntax.Call, args []plan.Expr) *signature {
	var best *signature
	bestScore := -1
	arity := false
	bad := -1
	for i := range f.sigs {
		s := &f.sigs[i]
		least, most := s.arity()
		if len(args) < least || len(args) > most {
			continue
		}
		arity = true
		score, ok := 0, true
		for k, a := range args {
			p := s.param(k, len(args), a.Type())
			if !fits(a.Type(), p.kind) {
				ok = false
				bad = max(bad, k)
				break
			}
			if exact(a.Type(), p.kind) {
				score++
			}
		}
		if ok && score > bestScore {
			best, bestScore = s, score
		}
	}
	if best != nil {
		return best
	}
	if !arity {
		b.errorf(x.Pos(), CodeType, strings.Join(f.text, " or "), "%s() does not take %d %s", f.name, len(args), plural(len(args), "argument"))
		return nil
	}
	at := x.Pos()
	if bad >= 0 && bad < len(x.Args) {
		at = x.Args[bad].Pos()
	}
	b.errorf(at, CodeType, strings.Join(f.text, " or "), "argument %d of %s() cannot be a %s", bad+1, f.name, args[max(bad, 0)].Type())
	return nil
}

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

// adapt converts arguments to what the parameters declare.
func (b *binder) adapt(s *signature, args []plan.Expr) []plan.Expr {
	out := make([]plan.Expr, len(args))
	for i, a := range args {
		out[i] = a
		if len(s.params) == 0 {
			continue
		}
		kind := s.param(i, len(args), a.Type()).kind
		if want, ok := typeOf(kind); ok {
			out[i] = b.convert(a, want)
			continue
		}
		if loose(a.Type()) {
			switch kind {
			case "number", "numbool":
				out[i] = b.convert(a, plan.Real)
			case "integer":
				out[i] = b.convert(a, plan.Long)
			case "array", "bag":
				out[i] = b.convert(a, plan.Dynamic)
			}
		}
	}
	return out
}

// returns gives the type of a call's result.
func (b *binder) returns(f *function, s *signature, x *syntax.Call, args []plan.Expr) plan.Type {
	at := func(i int) plan.Type {
		if i < len(args) {
			if t := args[i].Type(); t != plan.Dynamic || s.params[0].kind != "number" {
				return t
			}
			return plan.Real
		}
		return plan.Unknown
	}
	switch s.returns {
	case "p0":
		return at(0)
	case "p1":
		return at(1)
	case "promoted":
		if t := at(0); t != plan.Int {
			return t
		}
		return plan.Long
	case "widest":
		t := plan.Unknown
		for _, a := range args {
			if u := a.Type(); numeric(u) {
				t = widest(t, u)
			} else if u == plan.Dynamic {
				t = widest(t, plan.Real)
			}
		}
		return t
	case "common":
		var types []plan.Type
		for i, a := range args {
			if s.param(i, len(args), a.Type()).kind == "common" {
				types = append(types, a.Type())
			}
		}
		t, ok := common(types)
		if !ok {
			b.errorf(x.Pos(), CodeType, "convert the arguments to one type", "the arguments of %s() have different types", f.name)
		}
		return t
	case "literal":
		if name, ok := text(args[len(args)-1]); ok {
			t, _ := typeOf(name)
			return t
		}
		return plan.Dynamic
	case "custom":
		if f.name == "bin_auto" {
			return at(0)
		}
		return plan.Dynamic
	}
	t, _ := typeOf(s.returns)
	return t
}

// special binds the functions that are more than a call: those that look at names, at rows, at the clock, or that choose between values.
func (b *binder) special(f *function, x *syntax.Call, sc *scope) (plan.Expr, bool) {
	switch f.name {
	case "iff", "iif", "case":
		return b.caseExpr(f, x, sc), true
	case "now":
		return b.nowExpr(f, x, sc, 1), true
	case "ago":
		return b.nowExpr(f, x, sc, -1), true
	case "column_ifexists", "columnifexists":
		return b.columnIfExists(f, x, sc), true
	case "iscolumnexists":
		return b.isColumn(f, x, sc), true
	case "pack_all":
		return b.packAll(x, sc), true
	case "bag_pack_columns":
		c := &plan.Call{Func: "bag_pack", T: plan.Dynamic}
		for i, a := range x.Args {
			c.Args = append(c.Args, &plan.Const{T: plan.String, Value: b.resultName(a, sc, "Column"+itoa(i+1))}, b.scalar(a, sc))
		}
		return c, true
	case "pack_array":
		if len(x.Args) == 1 {
			if w, ok := x.Args[0].(*syntax.Wildcard); ok && w.Pattern == "*" && sc.rel != nil {
				c := &plan.Call{Func: "pack_array", T: plan.Dynamic}
				for _, col := range sc.rel.columns() {
					c.Args = append(c.Args, ref(col))
				}
				return c, true
			}
		}
	case "not":
		if len(x.Args) == 1 {
			return &plan.Call{Func: "not", Args: []plan.Expr{b.logical(x.Args[0], sc)}, T: plan.Bool}, true
		}
	case "bin_auto":
		return b.binAuto(f, x, sc), true
	case "row_number", "prev", "next", "row_cumsum", "row_rank", "row_rank_dense", "row_rank_min", "row_window_session":
		return b.windowCall(f, x, sc), true
	case "ingestion_time":
		return b.ingestionTime(x, sc), true
	case "materialize", "table", "database", "cluster", "external_table", "materialized_view":
		b.errorf(x.Pos(), CodeType, "use toscalar() to take one value out of it", "%s() gives a table, a single value is expected", f.name)
		return null(plan.Unknown), true
	case "current_principal", "current_principal_details", "current_principal_is_member_of", "current_database", "current_cluster_endpoint":
		return b.caller(f, x, sc), true
	case "estimate_data_size":
		return b.dataSize(f, x, sc), true
	case "current_node_id", "extent_id", "extentid", "extent_tags", "cursor_current", "current_cursor", "cursor_after", "cursor_before_or_at", "row_id",
		"rowstore_ordinal_range":
		b.errorf(x.Pos(), CodeUnsupported, "", "%s() describes how a cluster stores rows, which is different here", f.name)
		return null(b.returns(f, &f.sigs[0], x, nil)), true
	case "array_sort_asc", "array_sort_desc":
		if n := len(x.Args); n == 1 {
			return nil, false
		}
	}
	if sc.named != nil {
		if e, done := b.graphFunction(f, x, sc); done {
			return e, true
		}
	}
	return nil, false
}

// caseExpr binds iff and case.
func (b *binder) caseExpr(f *function, x *syntax.Call, sc *scope) plan.Expr {
	n := len(x.Args)
	if n < 3 || n%2 == 0 || f.name != "case" && n != 3 {
		b.errorf(x.Pos(), CodeType, strings.Join(f.text, " or "), "%s() does not take %d %s", f.name, n, plural(n, "argument"))
		return null(plan.Unknown)
	}
	c := &plan.Case{}
	var types []plan.Type
	values := make([]plan.Expr, 0, n/2+1)
	for i := 0; i+1 < n; i += 2 {
		c.Whens = append(c.Whens, b.logical(x.Args[i], sc))
		values = append(values, b.scalar(x.Args[i+1], sc))
	}
	values = append(values, b.scalar(x.Args[n-1], sc))
	for _, v := range values {
		types = append(types, v.Type())
	}
	t, ok := commonNotDynamic(types)
	if !ok {
		b.errorf(x.Pos(), CodeType, "convert the values to one type, for instance with tostring()", "the values of %s() have different types", f.name)
		return null(plan.Unknown)
	}
	for i := range values {
		values[i] = b.convert(values[i], t)
	}
	c.Thens, c.Else, c.T = values[:len(values)-1], values[len(values)-1], t
	return c
}

// nowExpr evaluates now() and ago() against the time of the query.
func (b *binder) nowExpr(f *function, x *syntax.Call, sc *scope, sign int64) plan.Expr {
	now := &plan.Const{T: plan.DateTime, Value: b.now}
	args := b.matchArgs(f, x, b.args(x, sc))
	if len(args) == 0 {
		return now
	}
	op := "+"
	if sign < 0 {
		op = "-"
	}
	return b.arithmetic(x, op, now, args[0])
}

func (b *binder) toscalar(x *syntax.Call, sc *scope) plan.Expr {
	if len(x.Args) != 1 {
		b.errorf(x.Pos(), CodeType, "", "toscalar() takes one table")
		return null(plan.Unknown)
	}
	if !b.isTabular(x.Args[0], sc.env, sc.rel) {
		return b.scalar(x.Args[0], sc)
	}
	r := b.subquery(x.Args[0], sc.env)
	if len(r.fields) == 0 {
		if !r.open {
			b.errorf(x.Args[0].Pos(), CodeType, "", "the table has no column")
		}
		return null(plan.Unknown)
	}
	first := r.fields[0].Column
	node := plan.Node(&plan.Project{Input: r.node, Items: []plan.Named{{Column: first, Expr: ref(first)}}})
	shared := b.share("toscalar", r.with(node, []field{{Column: first}}), true)()
	return &plan.Scalar{Input: shared.node, T: first.Type}
}

// columnIfExists takes a column by a name that must be known now.
func (b *binder) columnIfExists(f *function, x *syntax.Call, sc *scope) plan.Expr {
	if len(x.Args) != 2 {
		b.errorf(x.Pos(), CodeType, f.text[0], "%s() does not take %d %s", f.name, len(x.Args), plural(len(x.Args), "argument"))
		return null(plan.Unknown)
	}
	name, ok := text(b.scalar(x.Args[0], sc))
	if !ok {
		b.errorf(x.Args[0].Pos(), CodeType, "", "the name of the column must be a constant text")
		return null(plan.Unknown)
	}
	if sc.rel != nil {
		if c := sc.rel.find(name); c != nil {
			return ref(c.Column)
		}
	}
	return b.scalar(x.Args[1], sc)
}

func (b *binder) isColumn(f *function, x *syntax.Call, sc *scope) plan.Expr {
	if len(x.Args) == 1 {
		if name, ok := text(b.scalar(x.Args[0], sc)); ok {
			return &plan.Const{T: plan.Bool, Value: sc.rel != nil && sc.rel.find(name) != nil}
		}
	}
	b.errorf(x.Pos(), CodeType, "", "%s() takes the name of a column as a constant text", f.name)
	return null(plan.Bool)
}

func (b *binder) packAll(x *syntax.Call, sc *scope) plan.Expr {
	c := &plan.Call{Func: "bag_pack", T: plan.Dynamic}
	if len(x.Args) == 1 {
		if k := constant(b.scalar(x.Args[0], sc)); k != nil && k.Value == true {
			c.Func = "__bag_pack_nonempty"
		}
	}
	if sc.rel == nil {
		b.errorf(x.Pos(), CodeType, "", "pack_all() needs a row")
		return null(plan.Dynamic)
	}
	for _, f := range sc.rel.columns() {
		c.Args = append(c.Args, &plan.Const{T: plan.String, Value: f.Name}, ref(f))
	}
	return c
}

// binAuto is bin with the size, and bin_at with the start, that the query's set statements give.
func (b *binder) binAuto(f *function, x *syntax.Call, sc *scope) plan.Expr {
	args := b.args(x, sc)
	if b.choose(f, x, args) == nil {
		return null(plan.Unknown)
	}
	size, at := sc.env.lookup("set query_bin_auto_size"), sc.env.lookup("set query_bin_auto_at")
	if size == nil {
		b.errorf(x.Pos(), CodeType, "write `set query_bin_auto_size=1h;` before the query, or use bin()", "bin_auto() does not know the size of a bin")
		return null(args[0].Type())
	}
	if at != nil {
		return b.invoke(b.functions.scalar["bin_at"], x, []plan.Expr{args[0], size.expr, at.expr})
	}
	return b.invoke(b.functions.scalar["bin"], x, []plan.Expr{args[0], size.expr})
}

// windowCall binds a function of neighbouring rows.
func (b *binder) windowCall(f *function, x *syntax.Call, sc *scope) plan.Expr {
	args := b.args(x, sc)
	sig := b.choose(f, x, args)
	if sig == nil {
		return null(plan.Unknown)
	}
	if sc.window == nil || sc.rel == nil {
		b.errorf(x.Pos(), CodeType, "compute it with extend first", "%s() cannot be used here", f.name)
		return null(plan.Unknown)
	}
	if !sc.rel.serial {
		b.errorf(x.Pos(), CodeType, "put `sort by` or `serialize` before it", "%s() needs rows in a defined order", f.name)
		return null(plan.Unknown)
	}
	*sc.window = true
	t := b.returns(f, sig, x, args)
	args = b.adapt(sig, args)
	name := f.canonical
	if (name == "prev" || name == "next") && len(args) == 3 {
		args[2] = b.convert(args[2], t)
	}
	return &plan.Window{Func: name, Args: args, T: t}
}

// ingestionTime is the time a row arrived, where the table keeps it, else unknown.
func (b *binder) ingestionTime(x *syntax.Call, sc *scope) plan.Expr {
	if sc.rel != nil {
		for _, name := range []string{"IngestTime", "IngestionTime", "TimeGenerated", "Timestamp"} {
			if f := sc.rel.find(name); f != nil && f.Type == plan.DateTime {
				return ref(f.Column)
			}
		}
	}
	return null(plan.DateTime)
}
