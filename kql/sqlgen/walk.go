package sqlgen

import "github.com/bartizan-sec/bartizan/kql/plan"

// hasSubquery reports whether the expression reads a relation.
func hasSubquery(e plan.Expr) bool {
	found := false
	plan.WalkExpr(e, func(e plan.Expr) {
		switch e.(type) {
		case *plan.Scalar, *plan.InQuery:
			found = true
		}
	})
	return found
}
