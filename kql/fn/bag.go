package fn

import (
	"slices"
	"strconv"
	"strings"

	"github.com/bartizan-sec/bartizan/kql/plan"
)

func bagFunctions() map[string]impl {
	return map[string]impl{
		"bag_pack": bagPack, "pack": bagPack, "pack_dictionary": bagPack,
		"__bag_pack_nonempty": packNonEmpty,
		"bag_keys": func(c *call) any {
			b, ok := c.dyn(0).(*bag)
			if !ok {
				return nil
			}
			return tree{strs(b.keys)}
		},
		"bag_has_key": func(c *call) any {
			b, ok := c.dyn(0).(*bag)
			if !ok {
				return nil
			}
			k := c.str(1)
			if steps, ok := jsonPath(k); ok {
				_, found := walk(b, steps)
				return found
			}
			_, found := b.get(k)
			return found
		},
		"bag_merge": func(c *call) any {
			out := newBag(8)
			for i := range c.args {
				b, ok := c.dyn(i).(*bag)
				if !ok {
					if c.null(i) {
						continue
					}
					return nil
				}
				for _, k := range b.keys {
					if _, has := out.get(k); !has {
						out.set(k, b.vals[k])
					}
				}
			}
			return tree{out}
		},
		"bag_remove_keys": func(c *call) any {
			b, ok := c.dyn(0).(*bag)
			if !ok {
				return nil
			}
			for _, k := range c.operands(1) {
				name := treeText(k)
				if steps, ok := jsonPath(name); ok && len(steps) > 0 {
					if parent, found := walk(b, steps[:len(steps)-1]); found {
						if pb, ok := parent.(*bag); ok && steps[len(steps)-1].name != "" {
							pb.drop(steps[len(steps)-1].name)
						}
					}
					continue
				}
				b.drop(name)
			}
			return tree{b}
		},
		"bag_set_key": bagSetKey,
		"bag_zip": func(c *call) any {
			keys, ok1 := c.list(0)
			vals, ok2 := c.list(1)
			if !ok1 || !ok2 {
				return nil
			}
			out := newBag(len(keys))
			for i, k := range keys {
				name, ok := k.(string)
				if !ok {
					continue
				}
				if i < len(vals) {
					out.set(name, vals[i])
				} else {
					out.set(name, nil)
				}
			}
			return tree{out}
		},
		"__elements":  elements,
		"treepath":    func(c *call) any { return treePaths(c.dyn(0)) },
		"extractjson": extractJSON, "extract_json": extractJSON,
	}
}

func bagPack(c *call) any {
	out := newBag(len(c.args) / 2)
	for i := 0; i+1 < len(c.args); i += 2 {
		out.set(c.str(i), c.dyn(i+1))
	}
	return tree{out}
}

// __bag_pack_nonempty(key, value, …) leaves null and empty values out.
func packNonEmpty(c *call) any {
	out := newBag(len(c.args) / 2)
	for i := 0; i+1 < len(c.args); i += 2 {
		if !c.empty(i + 1) {
			out.set(c.str(i), c.dyn(i+1))
		}
	}
	return tree{out}
}

func bagSetKey(c *call) any {
	b, ok := c.dyn(0).(*bag)
	if !ok {
		if !c.null(0) {
			return nil
		}
		b = newBag(1)
	}
	steps, ok := jsonPath(c.str(1))
	if !ok {
		b.set(c.str(1), c.dyn(2))
		return tree{b}
	}
	at := b
	for i, s := range steps {
		if s.name == "" {
			return nil
		}
		if i == len(steps)-1 {
			at.set(s.name, c.dyn(2))
			break
		}
		next, ok := at.vals[s.name].(*bag)
		if !ok {
			next = newBag(1)
			at.set(s.name, next)
		}
		at = next
	}
	return tree{b}
}

// step is one step of a JSON path: a slot by name or an element by number.
type step struct {
	name string
	n    int
}

// jsonPath reads "$.a['b c'][0].d". It fails for text that is no path.
func jsonPath(p string) ([]step, bool) {
	if !strings.HasPrefix(p, "$") {
		return nil, false
	}
	p = p[1:]
	var out []step
	for p != "" {
		switch {
		case strings.HasPrefix(p, "['"), strings.HasPrefix(p, `["`):
			q := p[1:2]
			end := strings.Index(p[2:], q+"]")
			if end < 0 {
				return nil, false
			}
			out = append(out, step{name: p[2 : 2+end]})
			p = p[2+end+2:]
		case p[0] == '[':
			end := strings.IndexByte(p, ']')
			if end < 0 {
				return nil, false
			}
			n, err := strconv.Atoi(strings.TrimSpace(p[1:end]))
			if err != nil {
				return nil, false
			}
			out = append(out, step{n: n})
			p = p[end+1:]
		case p[0] == '.':
			p = p[1:]
			if strings.HasPrefix(p, "[") {
				continue
			}
			end := strings.IndexAny(p, ".[")
			if end < 0 {
				end = len(p)
			}
			if end == 0 {
				return nil, false
			}
			out = append(out, step{name: p[:end]})
			p = p[end:]
		default:
			return nil, false
		}
	}
	return out, true
}

func walk(v any, steps []step) (any, bool) {
	for _, s := range steps {
		switch x := v.(type) {
		case *bag:
			next, ok := x.get(s.name)
			if s.name == "" || !ok {
				return nil, false
			}
			v = next
		case []any:
			n := s.n
			if n < 0 {
				n += len(x)
			}
			if s.name != "" || n < 0 || n >= len(x) {
				return nil, false
			}
			v = x[n]
		default:
			return nil, false
		}
	}
	return v, true
}

// extract_json(path, text [, type])
func extractJSON(c *call) any {
	steps, ok := jsonPath(c.str(0))
	if !ok {
		return nil
	}
	var v any
	if c.arg(1).T == plan.Dynamic {
		v = c.dyn(1)
	} else if v, ok = parseJSON(c.str(1)); !ok {
		return nil
	}
	v, ok = walk(v, steps)
	if !ok {
		return nil
	}
	return tree{v}
}

func treePaths(v any) any {
	var out []any
	seen := map[string]bool{}
	var visit func(prefix string, v any)
	add := func(p string) {
		if !seen[p] {
			seen[p] = true
			out = append(out, p)
		}
	}
	visit = func(prefix string, v any) {
		switch x := v.(type) {
		case *bag:
			for _, k := range x.keys {
				p := prefix + "['" + k + "']"
				add(p)
				visit(p, x.vals[k])
			}
		case []any:
			p := prefix + "[0]"
			if len(x) > 0 {
				add(p)
			}
			for _, e := range x {
				visit(p, e)
			}
		}
	}
	visit("", v)
	if out == nil {
		return nil
	}
	return tree{out}
}

// sortedTree is v with the keys of its bags in order.
func sortedTree(v any) any {
	switch x := v.(type) {
	case *bag:
		out := newBag(len(x.keys))
		for _, k := range slices.Sorted(slices.Values(x.keys)) {
			out.set(k, sortedTree(x.vals[k]))
		}
		return out
	case []any:
		out := make([]any, len(x))
		for i, e := range x {
			out[i] = sortedTree(e)
		}
		return out
	}
	return v
}

// __elements(value, kind) is what mv-expand makes rows of, as an array: the elements of an array, single-slot bags (or [key, value] pairs) of a bag, or
// the value itself.
func elements(c *call) any {
	switch x := c.dyn(0).(type) {
	case nil:
		return nil
	case []any:
		return tree{x}
	case *bag:
		out := make([]any, len(x.keys))
		for i, k := range x.keys {
			if c.str(1) == "array" {
				out[i] = []any{k, x.vals[k]}
				continue
			}
			one := newBag(1)
			one.set(k, x.vals[k])
			out[i] = one
		}
		return tree{out}
	default:
		return tree{[]any{x}}
	}
}
