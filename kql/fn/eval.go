package fn

import (
	"fmt"

	"github.com/bartizan-sec/bartizan/kql/plan"
)

// Env gives the values of the columns an expression refers to.
type Env interface {
	Column(id plan.ColumnID) (any, bool)
}

// Row is an Env over the cells of one row.
type Row struct {
	Index map[plan.ColumnID]int
	Cells []any
}

// Column implements Env.
func (r Row) Column(id plan.ColumnID) (any, bool) {
	i, ok := r.Index[id]
	if !ok || i >= len(r.Cells) {
		return nil, false
	}
	return r.Cells[i], true
}

// NotScalarError says that an expression needs rows: a subquery, a window function, or a column where there is none.
type NotScalarError struct{ What string }

func (e *NotScalarError) Error() string { return e.What + " cannot be used here" }

// Eval computes an expression. env may be nil for expressions without columns.
func (l *Library) Eval(e plan.Expr, env Env) (Value, error) {
	switch x := e.(type) {
	case *plan.Const:
		return constValue(x), nil
	case *plan.ColRef:
		if env != nil {
			if v, ok := env.Column(x.ID); ok {
				return Value{T: x.T, V: v}, nil
			}
		}
		return Value{}, &NotScalarError{What: "a column"}
	case *plan.Case:
		for i, w := range x.Whens {
			v, err := l.Eval(w, env)
			if err != nil {
				return Value{}, err
			}
			if b, _ := v.V.(bool); b {
				return l.as(x.Thens[i], env, x.T)
			}
		}
		if x.Else == nil {
			return nullOf(x.T), nil
		}
		return l.as(x.Else, env, x.T)
	case *plan.Call:
		f, ok := l.table[x.Func]
		if !ok {
			return Value{}, &UnknownError{Name: x.Func}
		}
		args := make([]Value, len(x.Args))
		for i, a := range x.Args {
			v, err := l.Eval(a, env)
			if err != nil {
				return Value{}, err
			}
			args[i] = v
		}
		return l.run(f, x.Func, x.T, args)
	}
	return Value{}, &NotScalarError{What: fmt.Sprintf("%T", e)}
}

func (l *Library) as(e plan.Expr, env Env, t plan.Type) (Value, error) {
	v, err := l.Eval(e, env)
	if err != nil {
		return Value{}, err
	}
	return Convert(v, t), nil
}

func constValue(c *plan.Const) Value {
	v := Value{T: c.T, V: c.Value}
	switch x := c.Value.(type) {
	case nil:
		return nullOf(c.T)
	case int:
		v.V = int64(x)
	case int32:
		v.V = int64(x)
	}
	if c.T == plan.Real {
		if n, ok := v.V.(int64); ok {
			v.V = float64(n)
		}
	}
	return v
}

func nullOf(t plan.Type) Value {
	if t == plan.String {
		return Value{T: t, V: ""}
	}
	return Value{T: t}
}

// Constant reports whether the expression has no column, subquery or function that gives something else each time.
func Constant(e plan.Expr) bool {
	switch x := e.(type) {
	case *plan.Const:
		return true
	case *plan.Call:
		if x.Func == "rand" || x.Func == "new_guid" || !Has(x.Func) {
			return false
		}
		for _, a := range x.Args {
			if !Constant(a) {
				return false
			}
		}
		return true
	case *plan.Case:
		for _, list := range [][]plan.Expr{x.Whens, x.Thens} {
			for _, a := range list {
				if !Constant(a) {
					return false
				}
			}
		}
		return x.Else == nil || Constant(x.Else)
	}
	return false
}
