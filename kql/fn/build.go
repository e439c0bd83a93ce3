package fn

import "github.com/bartizan-sec/bartizan/kql/plan"

// Array is the dynamic array of the values.
func Array(values []Value) any {
	out := make([]any, len(values))
	for i, v := range values {
		out[i] = treeOf(v)
	}
	return encode(out)
}

// Bag is the dynamic property bag of the values; keys and values go together.
func Bag(keys []string, values []Value) any {
	out := newBag(len(keys))
	for i, k := range keys {
		out.set(k, treeOf(values[i]))
	}
	return encode(out)
}

// Elements are the elements of a dynamic array as values of their own; false when v is no array.
func Elements(v Value) ([]Value, bool) {
	l, ok := treeOf(v).([]any)
	if !ok {
		return nil, false
	}
	out := make([]Value, len(l))
	for i, e := range l {
		switch x := e.(type) {
		case []any, *bag:
			out[i] = Value{T: plan.Dynamic, V: encode(x)}
		default:
			out[i] = scalarOf(x)
		}
	}
	return out, true
}

// Text is tostring().
func Text(v Value) string { return text(v) }

// Compare orders two values of one type, null first; values without an order are equal.
func Compare(a, b Value) int {
	switch {
	case a.Null() && b.Null():
		return 0
	case a.Null():
		return -1
	case b.Null():
		return 1
	}
	n, _ := compare(unwrap(a), unwrap(b))
	return n
}

// JSON is a value as JSON text, as it stands inside a dynamic; "null" for null.
func JSON(v Value) string {
	if s, ok := encode(treeOf(v)).(string); ok {
		return s
	}
	return "null"
}
