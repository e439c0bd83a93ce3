package api

import (
	"reflect"

	"github.com/danielgtaylor/huma/v2"
)

// schemaOf returns the OpenAPI schema of a type, for operations that write their answers by themselves.
func schemaOf[T any](r huma.Registry) *huma.Schema { return r.Schema(reflect.TypeFor[T](), true, "") }
