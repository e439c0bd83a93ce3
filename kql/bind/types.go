package bind

import (
	"github.com/bartizan-sec/bartizan/kql/plan"
	"github.com/bartizan-sec/bartizan/kql/syntax"
)

// typeOf maps a type's name, synonyms included, to the type.
func typeOf(name string) (plan.Type, bool) {
	switch syntax.CanonicalType(name) {
	case "bool":
		return plan.Bool, true
	case "int":
		return plan.Int, true
	case "long":
		return plan.Long, true
	case "real":
		return plan.Real, true
	case "decimal":
		return plan.Decimal, true
	case "string":
		return plan.String, true
	case "datetime":
		return plan.DateTime, true
	case "timespan":
		return plan.TimeSpan, true
	case "dynamic":
		return plan.Dynamic, true
	case "guid":
		return plan.GUID, true
	}
	return plan.Unknown, false
}

func numeric(t plan.Type) bool {
	return t == plan.Int || t == plan.Long || t == plan.Real || t == plan.Decimal
}

// loose types fit anywhere: a dynamic value is converted where it is used, an unknown one has been complained about.
func loose(t plan.Type) bool { return t == plan.Dynamic || t == plan.Unknown }

// widest is the type that two numbers are computed in.
func widest(a, b plan.Type) plan.Type {
	if a == plan.Decimal || b == plan.Decimal {
		return plan.Decimal
	}
	return max(a, b)
}

// fits says whether an argument of type t may stand for a parameter of the kind.
func fits(t plan.Type, kind string) bool {
	if t == plan.Unknown {
		return true
	}
	switch kind {
	case "any", "common", "type", "table":
		return true
	case "number":
		return numeric(t) || t == plan.Dynamic
	case "integer":
		return t == plan.Int || t == plan.Long || t == plan.Dynamic
	case "numbool":
		return numeric(t) || t == plan.Bool || t == plan.Dynamic
	case "array", "bag":
		return t == plan.Dynamic
	case "stringdyn", "stringarr":
		return t == plan.String || t == plan.Dynamic
	case "intarr":
		return t == plan.Int || t == plan.Long || t == plan.Dynamic
	case "notdyn", "notreal", "orderable":
		return true
	case "summable":
		return numeric(t) || t == plan.DateTime || t == plan.TimeSpan || t == plan.Dynamic
	}
	want, _ := typeOf(kind)
	switch {
	case t == want || t == plan.Dynamic:
		return true
	case want == plan.Long:
		return t == plan.Int
	case want == plan.Int:
		return t == plan.Long
	case want == plan.Real, want == plan.Decimal:
		return numeric(t)
	}
	return false
}

// exact says whether an argument fits without conversion; such a signature is preferred.
func exact(t plan.Type, kind string) bool {
	if want, ok := typeOf(kind); ok {
		return t == want
	}
	switch kind {
	case "number", "integer", "summable", "numbool", "intarr":
		return fits(t, kind) && t != plan.Dynamic && t != plan.Unknown
	}
	return fits(t, kind)
}

// convert makes a conversion explicit.
func (b *binder) convert(e plan.Expr, to plan.Type) plan.Expr {
	from := e.Type()
	if from == to || to == plan.Unknown {
		return e
	}
	if c, ok := e.(*plan.Const); ok {
		if f := foldConversion(c, to); f != nil {
			return f
		}
	}
	if to == plan.Dynamic {
		return &plan.Call{Func: "__dynamic", Args: []plan.Expr{e}, T: to}
	}
	return &plan.Call{Func: "to" + to.String(), Args: []plan.Expr{e}, T: to}
}

func foldConversion(c *plan.Const, to plan.Type) *plan.Const {
	if c.Value == nil {
		return &plan.Const{T: to}
	}
	switch v := c.Value.(type) {
	case int64:
		switch {
		case c.T == plan.Int && to == plan.Long, c.T == plan.Long && to == plan.Int && v == int64(int32(v)):
			return &plan.Const{T: to, Value: v}
		case numeric(c.T) && to == plan.Real:
			return &plan.Const{T: to, Value: float64(v)}
		}
	}
	return nil
}

// common is the one type that the branches of case, coalesce, max_of and their kin get.
func common(types []plan.Type) (plan.Type, bool) {
	t := plan.Unknown
	for _, u := range types {
		switch {
		case u == plan.Unknown || u == t:
		case t == plan.Unknown:
			t = u
		case numeric(t) && numeric(u):
			t = widest(t, u)
		case t == plan.Dynamic || u == plan.Dynamic:
			t = plan.Dynamic
		default:
			return t, false
		}
	}
	return t, true
}

// commonNotDynamic is common, except that dynamic gives way to the other type (iff, case).
func commonNotDynamic(types []plan.Type) (plan.Type, bool) {
	var scalars []plan.Type
	for _, t := range types {
		if t != plan.Dynamic {
			scalars = append(scalars, t)
		}
	}
	if t, ok := common(scalars); !ok || t != plan.Unknown {
		return t, ok
	}
	return common(types)
}
