// Package fn computes KQL scalar functions on KQL values in Go. It is the reference for what a function means: engines call it through user-defined
// functions for everything that their SQL cannot say, constants are folded with it, and operators that the host computes evaluate their expressions
// with it.
//
//	lib := fn.New(fn.Options{Now: ticks})
//	v, err := lib.Call("strcat", plan.String, args)
//
// A value is bool, int64 (int, long, and datetime and timespan as 100 ns ticks), float64, string (string, guid in lower case, decimal as text, dynamic as
// JSON text) or nil for null. Strings are never null.
package fn

import (
	"fmt"
	"sort"
	"sync"

	"github.com/bartizan-sec/bartizan/kql/plan"
)

// Value is a KQL value and its static type.
type Value struct {
	T plan.Type
	V any
}

// Null reports whether the value is null. A string never is.
func (v Value) Null() bool { return v.V == nil && v.T != plan.String }

// Options are what functions depend on beside their arguments.
type Options struct {
	// Now is the query's time in ticks.
	Now int64
}

// Library evaluates functions. It keeps a bounded cache of compiled patterns and is safe for concurrent use.
type Library struct {
	opt   Options
	table map[string]impl
	regex regexCache
	terms termCache
	// shapes are parsed GeoJSON arguments.
	shapes shapeCache
}

// New returns a Library.
func New(opt Options) *Library {
	return &Library{opt: opt, table: functions()}
}

// impl computes one call. It returns a value of the call's type, nil for null, a tree for dynamic results, or an error.
type impl func(c *call) any

// tree is a dynamic result that has not been written as JSON yet.
type tree struct{ v any }

// call is one evaluation.
type call struct {
	lib  *Library
	name string
	args []Value
	t    plan.Type
}

// functions returns the table of all implementations by canonical name.
var functions = sync.OnceValue(func() map[string]impl {
	m := make(map[string]impl, 512)
	for _, group := range []map[string]impl{
		operatorFunctions(), matchFunctions(), convertFunctions(), textFunctions(), regexFunctions(), timeFunctions(), calendarFunctions(),
		arrayFunctions(), bagFunctions(), setFunctions(), mathFunctions(), binaryFunctions(), ipFunctions(), ipMatchFunctions(), parseFunctions(), urlFunctions(),
		agentFunctions(), hashFunctions(), encodeFunctions(), seriesFunctions(), seriesFitFunctions(), unitFunctions(), sketchFunctions(), kvFunctions(), geoFunctions(), miscFunctions(),
	} {
		for name, f := range group {
			if _, dup := m[name]; dup {
				panic("fn: " + name + " is defined twice")
			}
			m[name] = f
		}
	}
	return m
})

// Has reports whether the function is implemented.
func Has(name string) bool {
	_, ok := functions()[name]
	return ok
}

// UnknownError says that a function has no implementation.
type UnknownError struct{ Name string }

func (e *UnknownError) Error() string {
	return fmt.Sprintf("the function %s is not implemented", e.Name)
}

// Call evaluates the named function to a value of type t.
func (l *Library) Call(name string, t plan.Type, args []Value) (Value, error) {
	f, ok := l.table[name]
	if !ok {
		return Value{}, &UnknownError{Name: name}
	}
	return l.run(f, name, t, args)
}

func (l *Library) run(f impl, name string, t plan.Type, args []Value) (v Value, err error) {
	c := call{lib: l, name: name, args: args, t: t}
	out := f(&c)
	switch x := out.(type) {
	case error:
		return Value{}, fmt.Errorf("%s: %w", name, x)
	case tree:
		if t == plan.Dynamic || t == plan.Unknown {
			return Value{T: t, V: encode(x.v)}, nil
		}
		return Convert(Value{T: plan.Dynamic, V: encode(x.v)}, t), nil
	case int:
		out = int64(x)
	}
	return Value{T: t, V: normal(out, t)}, nil
}

// normal brings a result to the Go type that values of t have.
func normal(v any, t plan.Type) any {
	switch t {
	case plan.String:
		if v == nil {
			return ""
		}
		if s, ok := v.(string); ok {
			return s
		}
		return text(Value{T: kindOf(v), V: v})
	case plan.Real:
		if n, ok := v.(int64); ok {
			return float64(n)
		}
	case plan.Int:
		if n, ok := v.(int64); ok {
			return int64(int32(n))
		}
		if f, ok := v.(float64); ok {
			return realToLong(f)
		}
	case plan.Long, plan.DateTime, plan.TimeSpan:
		if f, ok := v.(float64); ok {
			return realToLong(f)
		}
	}
	return v
}

func kindOf(v any) plan.Type {
	switch v.(type) {
	case bool:
		return plan.Bool
	case int64:
		return plan.Long
	case float64:
		return plan.Real
	case string:
		return plan.String
	}
	return plan.Dynamic
}

// Argument access. The forms without ok are for arguments whose nulls have been dealt with.

func (c *call) n() int { return len(c.args) }

func (c *call) null(i int) bool { return i >= len(c.args) || c.args[i].Null() }

func (c *call) anyNull() bool {
	for _, a := range c.args {
		if a.Null() {
			return true
		}
	}
	return false
}

// str is the argument as text, "" when it is missing or null.
func (c *call) str(i int) string {
	if i >= len(c.args) {
		return ""
	}
	if s, ok := c.args[i].V.(string); ok && c.args[i].T != plan.Dynamic {
		return s
	}
	return text(c.args[i])
}

func (c *call) long(i int) (int64, bool) {
	if i >= len(c.args) {
		return 0, false
	}
	switch x := c.args[i].V.(type) {
	case int64:
		return x, true
	case float64:
		n, ok := realToLong(x).(int64)
		return n, ok
	case nil:
		return 0, false
	}
	n, ok := Convert(c.args[i], plan.Long).V.(int64)
	return n, ok
}

// longOr is the argument, or def when it is missing or null.
func (c *call) longOr(i int, def int64) int64 {
	if n, ok := c.long(i); ok {
		return n
	}
	return def
}

func (c *call) real(i int) (float64, bool) {
	if i >= len(c.args) {
		return 0, false
	}
	switch x := c.args[i].V.(type) {
	case float64:
		return x, true
	case int64:
		return float64(x), true
	case nil:
		return 0, false
	}
	f, ok := Convert(c.args[i], plan.Real).V.(float64)
	return f, ok
}

func (c *call) boolean(i int) bool {
	if i >= len(c.args) {
		return false
	}
	b, _ := Convert(c.args[i], plan.Bool).V.(bool)
	return b
}

// dyn is the argument as a tree, whatever its type.
func (c *call) dyn(i int) any {
	if i >= len(c.args) {
		return nil
	}
	return treeOf(c.args[i])
}

func (c *call) list(i int) ([]any, bool) {
	l, ok := c.dyn(i).([]any)
	return l, ok
}

// treeOf is a value as it stands inside a dynamic: times as text, decimals and guids too.
func treeOf(v Value) any {
	if v.V == nil {
		if v.T == plan.String {
			return ""
		}
		return nil
	}
	switch v.T {
	case plan.Dynamic:
		s, _ := v.V.(string)
		return decode(s)
	case plan.DateTime, plan.TimeSpan:
		return text(v)
	}
	return v.V
}

// Names lists the implemented functions.
func Names() []string {
	table := functions()
	out := make([]string, 0, len(table))
	for name := range table {
		out = append(out, name)
	}
	sort.Strings(out)
	return out
}

// arg is the argument, null when it is missing.
func (c *call) arg(i int) Value {
	if i < len(c.args) {
		return c.args[i]
	}
	return Value{}
}
