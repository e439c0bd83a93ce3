// Package duckdb runs compiled KQL on DuckDB: it registers the functions that DuckDB's SQL lacks, executes plans, computes the operators that are
// computed in Go, and returns rows in KQL's types.
//
//	err := duckdb.Register(conn)                      // once for each opened database
//	res, err := duckdb.Run(ctx, db, program, options) // many times
package duckdb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/bartizan-sec/bartizan/kql/fn"
	"github.com/bartizan-sec/bartizan/kql/plan"
)

// returns maps the user-defined functions to the KQL types they return. A call is kql_text('strcat|string|string,long', a, b): the first argument names
// the function, its result and the types of its arguments, so one function for each physical type is enough.
var returns = [...]struct {
	name string
	t    duckdb.Type
}{
	{"kql_bool", duckdb.TYPE_BOOLEAN},
	{"kql_int", duckdb.TYPE_INTEGER},
	{"kql_long", duckdb.TYPE_BIGINT},
	{"kql_real", duckdb.TYPE_DOUBLE},
	{"kql_text", duckdb.TYPE_VARCHAR},
}

// Register adds the functions to the database that conn is connected to.
func Register(conn *sql.Conn) error {
	lib := &calls{lib: fn.New(fn.Options{})}
	for _, r := range returns {
		for _, volatile := range []bool{false, true} {
			name := r.name
			if volatile {
				name += "_each"
			}
			if err := duckdb.RegisterScalarUDF(conn, name, &udf{calls: lib, t: r.t, volatile: volatile}); err != nil {
				return fmt.Errorf("kql: registering %s: %w", name, err)
			}
		}
	}
	return nil
}

// calls resolves the first argument of the functions; the number of different ones is bounded by the text of queries, and the cache is emptied when full.
type calls struct {
	lib *fn.Library
	mu  sync.RWMutex
	m   map[string]*target
}

const callCache = 4096

type target struct {
	name string
	t    plan.Type
	args []plan.Type
}

func (c *calls) get(key string) (*target, error) {
	c.mu.RLock()
	t := c.m[key]
	c.mu.RUnlock()
	if t != nil {
		return t, nil
	}
	t, err := parseKey(key)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m == nil || len(c.m) >= callCache {
		c.m = map[string]*target{}
	}
	c.m[key] = t
	return t, nil
}

// parseKey reads name|result|argument,argument…
func parseKey(key string) (*target, error) {
	parts := strings.Split(key, "|")
	if len(parts) != 3 {
		return nil, fmt.Errorf("kql: malformed call %q", key)
	}
	t := &target{name: parts[0]}
	var ok bool
	if t.t, ok = typeNamed(parts[1]); !ok {
		return nil, fmt.Errorf("kql: malformed call %q", key)
	}
	if parts[2] == "" {
		return t, nil
	}
	for _, a := range strings.Split(parts[2], ",") {
		x, ok := typeNamed(a)
		if !ok {
			return nil, fmt.Errorf("kql: malformed call %q", key)
		}
		t.args = append(t.args, x)
	}
	return t, nil
}

func typeNamed(s string) (plan.Type, bool) {
	for t := plan.Unknown; t <= plan.GUID; t++ {
		if t.String() == s {
			return t, true
		}
	}
	return plan.Unknown, false
}

type udf struct {
	calls    *calls
	t        duckdb.Type
	volatile bool
}

// Config implements duckdb.ScalarFunc.
func (u *udf) Config() duckdb.ScalarFuncConfig {
	text, err1 := duckdb.NewTypeInfo(duckdb.TYPE_VARCHAR)
	result, err2 := duckdb.NewTypeInfo(u.t)
	anything, err3 := duckdb.NewTypeInfo(duckdb.TYPE_ANY)
	if err := errors.Join(err1, err2, err3); err != nil {
		return duckdb.ScalarFuncConfig{}
	}
	return duckdb.ScalarFuncConfig{
		InputTypeInfos: []duckdb.TypeInfo{text}, VariadicTypeInfo: anything, ResultTypeInfo: result, Volatile: u.volatile, SpecialNullHandling: true,
	}
}

// Executor implements duckdb.ScalarFunc.
func (u *udf) Executor() duckdb.ScalarFuncExecutor {
	return duckdb.ScalarFuncExecutor{RowContextExecutor: u.call}
}

func (u *udf) call(ctx context.Context, in []driver.Value) (out any, err error) {
	// The engine looks for a cancellation between chunks only, and a chunk of costly calls can take long.
	if ctx != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	defer func() {
		// A panic would cross C frames and end the process.
		if r := recover(); r != nil {
			err = fmt.Errorf("kql: internal error in a function: %v", r)
		}
	}()
	key, ok := in[0].(string)
	if !ok {
		return nil, errors.New("kql: a call without a name")
	}
	t, err := u.calls.get(key)
	if err != nil {
		return nil, err
	}
	if len(t.args) != len(in)-1 {
		return nil, fmt.Errorf("kql: %s has %d arguments, not %d", t.name, len(in)-1, len(t.args))
	}
	args := make([]fn.Value, len(t.args))
	for i := range args {
		args[i] = fn.Value{T: t.args[i], V: fromEngine(in[i+1])}
	}
	v, err := u.calls.lib.Call(t.name, t.t, args)
	if err != nil {
		return nil, err
	}
	return u.toEngine(v.V), nil
}

// fromEngine brings what the driver gives to the Go types of KQL values.
func fromEngine(v any) any {
	switch x := v.(type) {
	case int32:
		return int64(x)
	case float32:
		return float64(x)
	case []byte:
		return string(x)
	case int8:
		return int64(x)
	case int16:
		return int64(x)
	}
	return v
}

func (u *udf) toEngine(v any) any {
	if n, ok := v.(int64); ok && u.t == duckdb.TYPE_INTEGER {
		return int32(n)
	}
	return v
}
