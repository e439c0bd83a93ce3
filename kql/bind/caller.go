package bind

import (
	"strings"

	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/syntax"
)

// caller binds the functions that say who asks, and where. A host that tells nothing (Options.Principal) gets empty texts.
func (b *binder) caller(f *function, x *syntax.Call, sc *scope) plan.Expr {
	args := b.matchArgs(f, x, b.args(x, sc))
	str := func(s string) *plan.Const { return &plan.Const{T: plan.String, Value: s} }
	switch f.name {
	case "current_principal":
		return str(b.opt.Principal)
	case "current_database":
		return str(b.opt.Database)
	case "current_cluster_endpoint":
		return str("")
	case "current_principal_details":
		var j strings.Builder
		j.WriteString(`{"UserPrincipalName":`)
		syntax.WriteJSONString(&j, b.opt.Principal)
		j.WriteString(`}`)
		return &plan.Const{T: plan.Dynamic, Value: j.String()}
	}
	// current_principal_is_member_of: of the groups named, only the principal itself is known
	var terms []plan.Expr
	for _, a := range args {
		for _, e := range b.listItem(a) {
			terms = append(terms, &plan.Call{Func: "=~", T: plan.Bool, Args: []plan.Expr{b.asText(e), str(b.opt.Principal)}})
		}
	}
	none := &plan.Const{T: plan.Bool, Value: false}
	if len(terms) == 0 || b.opt.Principal == "" {
		return none
	}
	return &plan.Call{Func: "or", T: plan.Bool, Args: append(terms, none)}
}

// dataSize is the size of values as the language counts it: numbers and times by their width, texts by their bytes.
func (b *binder) dataSize(f *function, x *syntax.Call, sc *scope) plan.Expr {
	var values []plan.Expr
	for _, a := range x.Args {
		w, ok := a.(*syntax.Wildcard)
		if !ok {
			values = append(values, b.scalar(a, sc))
			continue
		}
		if sc.rel == nil {
			b.errorf(a.Pos(), CodeType, "", "%s(*) needs a row", f.name)
			continue
		}
		for _, c := range sc.rel.columns() {
			if matchPattern(w.Pattern, c.Name) {
				values = append(values, ref(c))
			}
		}
	}
	fixed := int64(0)
	var sum plan.Expr
	for _, v := range values {
		switch v.Type() {
		case plan.Bool:
			fixed++
		case plan.Int:
			fixed += 4
		case plan.Long, plan.Real, plan.DateTime, plan.TimeSpan:
			fixed += 8
		case plan.GUID, plan.Decimal:
			fixed += 16
		default:
			size := &plan.Call{Func: "string_size", T: plan.Long, Args: []plan.Expr{b.asText(v)}}
			if sum == nil {
				sum = size
			} else {
				sum = &plan.Call{Func: "+", T: plan.Long, Args: []plan.Expr{sum, size}}
			}
		}
	}
	k := &plan.Const{T: plan.Long, Value: fixed}
	if sum == nil {
		return k
	}
	return &plan.Call{Func: "+", T: plan.Long, Args: []plan.Expr{sum, k}}
}
