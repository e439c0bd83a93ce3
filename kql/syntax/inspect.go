package syntax

import "reflect"

// Inspect calls visit for a statement, operator or expression and, where it says true, for all that is inside of it, in order of place.
func Inspect(n any, visit func(n any) bool) {
	if n != nil {
		inspect(reflect.ValueOf(n), visit)
	}
}

func inspect(v reflect.Value, visit func(n any) bool) {
	switch v.Kind() {
	case reflect.Interface:
		if !v.IsNil() {
			inspect(v.Elem(), visit)
		}
	case reflect.Pointer:
		if v.IsNil() || v.Elem().Kind() != reflect.Struct {
			return
		}
		if v.Type() == reflect.TypeFor[*Source]() || !visit(v.Interface()) {
			return
		}
		inspect(v.Elem(), visit)
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); v.Type().Field(i).IsExported() {
				switch f.Kind() {
				case reflect.Interface, reflect.Pointer, reflect.Struct, reflect.Slice:
					inspect(f, visit)
				}
			}
		}
	case reflect.Slice:
		switch v.Type().Elem().Kind() {
		case reflect.Interface, reflect.Pointer, reflect.Struct, reflect.Slice:
			for i := range v.Len() {
				inspect(v.Index(i), visit)
			}
		}
	}
}
