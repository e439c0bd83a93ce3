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
	l := &plan.Local{Op: "evaluate " + f.name, Inputs: []plan.Node{projectFields(r)}, Params: params}
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
	case "autocluster", "basket", "diffpatterns":
		add("SegmentId", plan.Long)
		if f.name == "diffpatterns" {
			for _, n := range []string{"CountA", "CountB"} {
				add(n, plan.Long)
			}
			for _, n := range []string{"PercentA", "PercentB", "PercentDiffAB"} {
				add(n, plan.Real)
			}
		} else {
			add("Count", plan.Long)
			add("Percent", plan.Real)
		}
		for _, c := range r.columns() {
			if f.name == "diffpatterns" && len(op.Call.Args) > 0 && b.impliedName(op.Call.Args[0], sc) == c.Name {
				continue
			}
			add(c.Name, plan.String)
		}
	default:
		if len(op.Columns) == 0 {
			b.errorf(op.Call.Pos(), CodeUnsupported, "", "plugin %s() is not supported", f.name)
			return b.broken()
		}
		b.errorf(op.Call.Pos(), CodeUnsupported, "", "plugin %s() is not supported", f.name)
		for _, d := range op.Columns {
			t, _ := typeOf(d.Type)
			add(d.Name, t)
		}
	}
	for _, fd := range fields {
		l.Cols = append(l.Cols, fd.Column)
	}
	return &relation{node: l, fields: fields}
}

// numberText writes a constant number as part of a name.
func numberText(e plan.Expr) string {
	if c := constant(e); c != nil {
		switch v := c.Value.(type) {
		case int64:
			return strconv.FormatInt(v, 10)
		case float64:
			return strings.ReplaceAll(strconv.FormatFloat(v, 'f', -1, 64), ".", "_")
		}
	}
	return ""
}

// enrichment describes a function of the security schema that adds columns to rows.
type enrichment struct {
	columns []plan.Column
	note    string
}

func tableFunctionNames() []string {
	return []string{"FileProfile", "DeviceFromIP", "AssignedIPAddresses", "SeenBy"}
}

// tableFunction says whether a name is one of the functions of the security schema.
func (b *binder) tableFunction(name string) bool {
	return contains(tableFunctionNames(), name)
}

func enrichmentOf(name string) enrichment {
	col := func(t plan.Type, names ...string) []plan.Column {
		var out []plan.Column
		for _, n := range names {
			out = append(out, plan.Column{Name: n, Type: t})
		}
		return out
	}
	join := func(lists ...[]plan.Column) []plan.Column {
		var out []plan.Column
		for _, l := range lists {
			out = append(out, l...)
		}
		return out
	}
	switch name {
	case "FileProfile":
		return enrichment{note: "there is no source of file reputation: ProfileAvailability is `Missing`", columns: join(
			col(plan.String, "SHA1", "SHA256", "MD5"), col(plan.Int, "FileSize", "GlobalPrevalence"), col(plan.DateTime, "GlobalFirstSeen", "GlobalLastSeen"),
			col(plan.String, "Signer", "Issuer", "SignerHash"), col(plan.Bool, "IsCertificateValid", "IsRootSignerMicrosoft"), col(plan.String, "SignatureState"),
			col(plan.Bool, "IsExecutable"), col(plan.String, "ThreatName", "Publisher", "SoftwareName", "ProfileAvailability"))}
	case "DeviceFromIP":
		return enrichment{note: "addresses are not resolved to devices here: DeviceId is empty", columns: col(plan.String, "IP", "DeviceId")}
	case "AssignedIPAddresses":
		return enrichment{note: "assigned addresses are not known here: the table is empty", columns: join(
			col(plan.DateTime, "Timestamp"), col(plan.String, "IPAddress", "IPType"), col(plan.Int, "NetworkAdapterType"), col(plan.Dynamic, "ConnectedNetworks"))}
	case "SeenBy":
		return enrichment{note: "discovery between devices is not recorded here: the table is empty", columns: col(plan.String, "DeviceId")}
	}
	return enrichment{}
}

// enrich binds the functions of the security schema with their documented columns. Their sources are not part of the store, so values are null, as the
// functions themselves give for what they do not know.
func (b *binder) enrich(x *syntax.Call, env *environment, r *relation) *relation {
	name := x.Name.Text
	e := enrichmentOf(name)
	sc := &scope{env: env, rel: r}
	for _, a := range x.Args {
		if _, ok := a.(*syntax.Wildcard); !ok {
			b.scalar(a, sc)
		}
	}
	b.warnf(x.Pos(), CodeUnsupported, "", "%s(): %s", name, e.note)
	if r == nil || name == "AssignedIPAddresses" || name == "SeenBy" {
		v := &plan.Values{}
		out := &relation{node: v}
		for _, c := range e.columns {
			c = b.column(c.Name, c.Type)
			v.Cols = append(v.Cols, c)
			out.fields = append(out.fields, field{Column: c})
		}
		return out
	}
	p := &projection{}
	for _, f := range r.fields {
		p.add(f, ref(f.Column))
	}
	for _, c := range e.columns {
		if p.used[c.Name] {
			continue
		}
		var v plan.Expr = null(c.Type)
		if c.Name == "ProfileAvailability" {
			v = &plan.Const{T: plan.String, Value: "Missing"}
		}
		b.put(p, c.Name, v, false)
	}
	return b.projected(r, p, false)
}
