package bind

import (
	"strconv"
	"strings"

	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/syntax"
)

// plugin binds a plugin that the host computes.
func (b *binder) plugin(r *relation, f *function, op *syntax.Evaluate, env *environment) *relation {
	params := &plan.Plugin{Name: f.name}
	l := &plan.Local{Op: "evaluate " + f.name, Inputs: []plan.Node{nil}, Params: params}
	sc := &scope{env: env, rel: r}
	for _, a := range op.Call.Args {
		x := a
		if n, ok := x.(*syntax.Named); ok && len(n.Names) == 1 {
			x = n.X
		}
		if b.isTabular(x, env, r) {
			l.Inputs = append(l.Inputs, projectFields(b.visible(b.table(x, env))))
			params.Args = append(params.Args, nil)
			continue
		}
		if l, ok := x.(*syntax.Literal); ok && l.Raw == "~" {
			params.Args = append(params.Args, nil)
			continue
		}
		params.Args = append(params.Args, b.scalar(x, sc))
	}
	var fields []field
	add := func(name string, t plan.Type) { fields = append(fields, field{Column: b.column(name, t)}) }
	// arg names and types the column that argument i shows
	arg := func(i int) {
		if i < len(op.Call.Args) && params.Args[i] != nil {
			add(b.resultName(op.Call.Args[i], sc, "Column"+itoa(i+1)), params.Args[i].Type())
		}
	}
	rest := func(from int) {
		for i := from; i < len(op.Call.Args); i++ {
			arg(i)
		}
	}
	l.Inputs[0] = projectFields(r) // now, as an open relation has got the columns that the arguments name
	if least, most := f.arguments(); len(params.Args) < least || len(params.Args) > most {
		b.errorf(op.Call.Pos(), CodeType, strings.Join(f.text, " or "), "%s() does not take %d %s", f.name, len(params.Args), plural(len(params.Args), "argument"))
		return b.broken()
	}
	switch f.name {
	case "sliding_window_counts":
		arg(1)
		rest(6)
		add("Count", plan.Long)
		add("Dcount", plan.Long)
	case "activity_counts_metrics":
		arg(1)
		rest(5)
		for _, n := range []string{"count", "dcount", "new_dcount", "aggregated_dcount"} {
			add(n, plan.Long)
		}
	case "active_users_count":
		arg(1)
		rest(8)
		add("dcount", plan.Long)
	case "activity_engagement":
		arg(1)
		rest(6)
		add("dcount_activities_inner", plan.Long)
		add("dcount_activities_outer", plan.Long)
		add("activity_ratio", plan.Real)
	case "activity_metrics":
		arg(1)
		rest(5)
		add("dcount_values", plan.Long)
		add("dcount_newvalues", plan.Long)
		add("retention_rate", plan.Real)
		add("churn_rate", plan.Real)
	case "session_count":
		arg(1)
		rest(6)
		add("count_sessions", plan.Long)
	case "rows_near", "preview":
		for _, fd := range r.fields {
			fields = append(fields, field{Column: b.column(fd.Name, fd.Type), hidden: fd.hidden})
		}
	case "dcount_intersect":
		for _, fd := range r.columns() {
			add(fd.Name, fd.Type)
		}
		for i := range op.Call.Args {
			add("s"+itoa(i), plan.Long)
		}
	case "rolling_percentile":
		arg(2)
		rest(5)
		if len(op.Call.Args) > 4 {
			add("rolling_"+numberText(params.Args[4])+"_percentile_"+b.impliedName(op.Call.Args[0], sc)+"_"+numberText(params.Args[1]), params.Args[0].Type())
		}
	case "autocluster", "basket":
		add("SegmentId", plan.Long)
		add("Count", plan.Long)
		add("Percent", plan.Real)
		for _, c := range b.patternColumns(r, params, 1) {
			add(c.Name, c.Type)
		}
	case "diffpatterns":
		add("SegmentId", plan.Long)
		add("CountA", plan.Long)
		add("CountB", plan.Long)
		for _, n := range []string{"PercentA", "PercentB", "PercentDiffAB"} {
			add(n, plan.Real)
		}
		for _, c := range b.patternColumns(r, params, 0, 3) {
			add(c.Name, c.Type)
		}
	case "new_activity_metrics":
		name := b.resultName(op.Call.Args[min(1, len(op.Call.Args)-1)], sc, "Column2")
		t := plan.DateTime
		if len(params.Args) > 1 && params.Args[1] != nil {
			t = params.Args[1].Type()
		}
		add("from_"+name, t)
		add("to_"+name, t)
		from := 5
		if len(params.Args) > 5 && (params.Args[5] == nil && len(l.Inputs) == 1 || params.Args[5] != nil && isConstant(params.Args[5])) {
			params.Conditions, from = 1, 6
		}
		rest(from)
		for _, n := range []string{"dcount_new_values", "dcount_retained_values", "dcount_churn_values"} {
			add(n, plan.Long)
		}
		add("retention_rate", plan.Real)
		add("churn_rate", plan.Real)
	case "sequence_detect":
		for k := 3; k < len(params.Args) && params.Args[k] != nil && params.Args[k].Type() == plan.Bool; k++ {
			params.Conditions++
		}
		if params.Conditions == 0 {
			b.errorf(op.Call.Pos(), CodeType, f.text[0], "sequence_detect() needs at least one condition after its windows")
			return b.broken()
		}
		rest(3 + params.Conditions)
		line := b.resultName(op.Call.Args[0], sc, "Column1")
		for k := range params.Conditions {
			add(b.resultName(op.Call.Args[3+k], sc, "Expr"+itoa(k+1))+"_"+line, params.Args[0].Type())
		}
		span := plan.TimeSpan
		if numeric(params.Args[0].Type()) {
			span = params.Args[0].Type()
		}
		add("Duration", span)
	case "funnel_sequence":
		return b.funnel(r, params, l, op, sc)
	case "funnel_sequence_completion":
		arg(1)
		arg(5)
		add("Period", plan.TimeSpan)
		add("dcount", plan.Long)
		if len(params.Args) == 8 {
			params.Args[5] = b.asText(params.Args[5])
			fields[1].Type = plan.String
		}
	default:
		b.errorf(op.Call.Pos(), CodeUnsupported, "", "plugin %s() %s", f.name, refusal(f.name))
		return b.broken()
	}
	for _, fd := range fields {
		l.Cols = append(l.Cols, fd.Column)
	}
	return &relation{node: l, fields: fields}
}

// arguments bounds the number of arguments.
func (f *function) arguments() (least, most int) {
	least = 1 << 20
	for i := range f.sigs {
		lo, hi := f.sigs[i].arity()
		least, most = min(least, lo), max(most, hi)
	}
	return least, most
}

// refusal says why a plugin does not run here.
func refusal(name string) string {
	switch name {
	case "python", "r", "csharp":
		return "runs a program of another language, which is not possible here"
	case "infer_storage_schema", "infer_storage_schema_with_suggestions", "external_datatable":
		return "reads outside storage, which is not possible here; use externaldata"
	case "estimate_rows_count", "execute_show_command", "execute_query", "identity_v3":
		return "asks a cluster, of which there is none here"
	}
	return "calls an outside service, which is not possible here"
}

// isConstant says whether an expression has the same value for every row.
func isConstant(e plan.Expr) bool {
	fixed := true
	plan.WalkExpr(e, func(e plan.Expr) {
		switch e.(type) {
		case *plan.ColRef, *plan.Window:
			fixed = false
		}
	})
	return fixed
}

// patternColumns notes the columns among whose values patterns are looked for: all but those that the given arguments name.
func (b *binder) patternColumns(r *relation, p *plan.Plugin, except ...int) []plan.Column {
	left := map[plan.ColumnID]bool{}
	for _, i := range except {
		if i < len(p.Args) {
			if c, ok := p.Args[i].(*plan.ColRef); ok {
				left[c.ID] = true
			}
		}
	}
	var out []plan.Column
	for _, c := range r.columns() {
		if !left[c.ID] {
			out = append(out, c)
			p.Columns = append(p.Columns, c.ID)
		}
	}
	return out
}

// funnel binds funnel_sequence, which has three results: by the states before and after the sequence, by that before, by that after.
func (b *binder) funnel(r *relation, params *plan.Plugin, l *plan.Local, op *syntax.Evaluate, sc *scope) *relation {
	params.Args[6] = b.asText(params.Args[6])
	line := b.resultName(op.Call.Args[1], sc, "Column2")
	input := b.share("funnel_sequence", &relation{node: l.Inputs[0], fields: r.fields}, true)
	var first *relation
	for part, columns := range [][]string{{"prev", "next"}, {"prev"}, {"next"}} {
		in := input()
		at := map[plan.ColumnID]plan.Expr{}
		for i, f := range r.fields {
			at[f.ID] = ref(in.fields[i].Column)
		}
		p := &plan.Plugin{Name: params.Name, Part: part}
		for _, a := range params.Args {
			p.Args = append(p.Args, replaceColumns(a, at))
		}
		out := &relation{}
		x := &plan.Local{Op: l.Op, Inputs: []plan.Node{in.node}, Params: p}
		add := func(name string, t plan.Type) {
			c := b.column(name, t)
			x.Cols, out.fields = append(x.Cols, c), append(out.fields, field{Column: c})
		}
		add(line, params.Args[1].Type())
		for _, n := range columns {
			add(n, plan.String)
		}
		add("dcount", plan.Long)
		add("samples", plan.Dynamic)
		out.node = x
		b.branches = append(b.branches, Result{Name: "Table_" + itoa(part+1), Root: x, Columns: out.columns()})
		if part == 0 {
			first = out
		}
	}
	return first
}

// replaceColumns puts other expressions in the place of columns.
func replaceColumns(e plan.Expr, at map[plan.ColumnID]plan.Expr) plan.Expr {
	list := func(in []plan.Expr) []plan.Expr {
		out := make([]plan.Expr, len(in))
		for i, a := range in {
			out[i] = replaceColumns(a, at)
		}
		return out
	}
	switch x := e.(type) {
	case *plan.ColRef:
		if y, ok := at[x.ID]; ok {
			return y
		}
	case *plan.Call:
		return &plan.Call{Func: x.Func, Args: list(x.Args), T: x.T}
	case *plan.Case:
		c := &plan.Case{Whens: list(x.Whens), Thens: list(x.Thens), T: x.T}
		if x.Else != nil {
			c.Else = replaceColumns(x.Else, at)
		}
		return c
	}
	return e
}

// numberText writes a constant number as part of a name.
func numberText(e plan.Expr) string {
	if c := constant(e); c != nil {
		switch v := c.Value.(type) {
		case int64:
			return strconv.FormatInt(v, 10)
		case float64:
			return strconv.FormatFloat(v, 'f', -1, 64)
		}
	}
	return ""
}
